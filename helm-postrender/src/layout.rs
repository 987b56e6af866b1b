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
