//! A line of an answer: words with the tone they are said in. 16 colours, so that every terminal has them.

use super::text::clip;
use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// How words are said. Colour repeats what a sign or word says already: without colour nothing is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal writes.
    Plain,
    /// The name of a thing.
    Name,
    /// Beside the point.
    Quiet,
    /// Well.
    Good,
    /// It moves.
    Busy,
    /// Look here.
    Warn,
    /// Broken.
    Bad,
    /// A command to type.
    Command,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Name => Style::new().bold(),
            Self::Quiet => AnsiColor::BrightBlack.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Busy => AnsiColor::Cyan.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Command => AnsiColor::Blue.on_default(),
        }
    }
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(String, Tone)>);

impl Line {
    /// A line of one tone.
    pub fn of(text: impl Into<String>, tone: Tone) -> Self {
        Self(vec![(text.into(), tone)])
    }

    /// The same with more words.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>, tone: Tone) -> Self {
        self.0.push((text.into(), tone));
        self
    }

    /// Its columns.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| text.width()).sum()
    }

    /// The same, cut to `width` columns.
    #[must_use]
    pub fn clipped(&self, width: usize) -> Self {
        let mut left = width;
        let mut spans = Vec::new();
        for (text, tone) in &self.0 {
            let text = clip(text, left);
            left = left.saturating_sub(text.width());
            spans.push((text, *tone));
            if left == 0 {
                break;
            }
        }
        Self(spans)
    }
}

/// Text without what a terminal would obey: names and commands can hold words of others, too.
fn shown(text: &str) -> Cow<'_, str> {
    let control = |c: char| c.is_control();
    if text.contains(control) { Cow::Owned(text.replace(control, " ")) } else { Cow::Borrowed(text) }
}

/// Lines without colour.
pub fn plain(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let text: String = line.0.iter().map(|(text, _)| shown(text)).collect();
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// Lines with colour. Whoever prints strips it where none is wanted.
pub fn styled(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        for (text, tone) in &line.0 {
            let style = tone.style();
            let _ = write!(out, "{style}{}{style:#}", shown(text));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown() {
        let line = [Line::of("psql -h \u{1b}]0;x\u{7}host\n", Tone::Plain)];
        assert_eq!(plain(&line), "psql -h  ]0;x host\n");
        assert!(!styled(&line).contains("\u{1b}]"));
    }
}
