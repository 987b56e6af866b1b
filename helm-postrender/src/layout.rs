//! How texts are fitted to a width. Knows no terminal and prints nothing.

use std::borrow::Cow;
use std::fmt::Write;

/// Words laid out in lines of at most `width` characters; the first starts after `first`, all others after `rest`.
/// A single word that is longer stays whole: a command or a path is there to be copied.
pub fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut bare = true;
    for word in text.split_whitespace() {
        if !bare && line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(out, "{line}");
            rest.clone_into(&mut line);
            bare = true;
        }
        if !bare {
            line.push(' ');
        }
        line.push_str(word);
        bare = false;
    }
    out + line.trim_end() + "\n"
}

/// At most `width` characters of a text's first line, with an ellipsis where something is left out.
pub fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= width {
        return Cow::Borrowed(line);
    }
    let mut out: String = line.chars().take(width.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    Cow::Owned(out)
}

/// `1 change`, `2 changes`.
pub fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::{count, shorten, wrap};

    #[test]
    fn words_are_wrapped_and_long_ones_stay_whole() {
        assert_eq!(wrap("one two three", 9, "", "  "), "one two\n  three\n");
        assert_eq!(wrap("a-command-that-is-long b", 8, "- ", "  "), "- a-command-that-is-long\n  b\n");
        assert_eq!(wrap(" ", 8, "head: ", ""), "head:\n");
    }

    #[test]
    fn texts_are_shortened_to_one_line() {
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("longer", 5), "long…");
        assert_eq!(shorten("two\nlines", 20), "two…");
        assert_eq!(shorten("é é é é", 4), "é é…");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!((count(1, "change"), count(0, "change")), ("1 change".to_owned(), "0 changes".to_owned()));
    }
}
