//! Fitting words into columns. Knows nothing of colours.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks `text` at spaces into lines of at most `width` columns; a longer word stays whole. Control characters are left
/// out, as in [`clip`].
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let plain: String = paragraph.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
        for word in plain.split_whitespace() {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Breaks a line at spaces into lines of at most `width` columns; those after the first stand two columns further in. A
/// line that fits stays as it is.
pub fn hanging(line: &str, width: usize) -> Vec<String> {
    if line.width() <= width {
        return vec![line.to_owned()];
    }
    let indent = line.len() - line.trim_start().len();
    let first = " ".repeat(indent);
    let parts = wrap(line, width.saturating_sub(indent + 2).max(20)).into_iter().enumerate();
    parts.map(|(i, part)| format!("{first}{}{part}", if i == 0 { "" } else { "  " })).collect()
}

/// Cuts `text` to `width` columns, with an ellipsis where something was lost. Control characters are left out: logs
/// hold them, and a terminal obeys them.
pub fn clip(text: &str, width: usize) -> String {
    let clean: String = text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect();
    if clean.width() <= width {
        return clean;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in clean.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns + 1 > width {
            break;
        }
        used += columns;
        out.push(c);
    }
    out.push('…');
    out
}

/// What others wrote in one line: its ends of lines become spaces, other control characters are left out.
pub fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    clip(&lines.collect::<Vec<_>>().join(" "), usize::MAX)
}

/// Cuts out the middle of a name that is wider than `width` columns: its ends tell names apart.
pub fn middle(name: &str, width: usize) -> String {
    let all: Vec<char> = name.chars().collect();
    if all.len() <= width || width < 5 {
        return name.to_owned();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    let (start, end) = (all.get(..head).unwrap_or_default(), all.get(all.len() - tail..).unwrap_or_default());
    format!("{}…{}", start.iter().collect::<String>(), end.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(hanging("  - one two three four five six", 24), ["  - one two three four", "    five six"]);
        assert_eq!(hanging("a  b", 24), ["a  b"]);
        assert_eq!(clip("a\x1b[2Jb\tc", 20), "a[2Jb c");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(one_line("one:\r\n\t* a\x1b[2Jb\n\nend\n"), "one: * a[2Jb end");
        assert_eq!(middle("openmetadata-7d9f8c6b5d-abcde", 13), "openme…-abcde");
    }
}
