//! Paints frames over each other on a terminal. Writes only what the frame is, once per frame, so that nothing flickers.

use crate::view::{Line, styled};
use std::fmt::Write as _;
use std::io::Write;

/// A place on the terminal that is painted again and again.
#[derive(Debug, Default)]
pub struct Canvas {
    shown: Vec<Line>,
}

/// Begin and end of a synchronised update: terminals that know it show the whole frame at once, others ignore it.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

impl Canvas {
    /// Paints `lines` over the frame before; at most as many as the terminal has rows. False when the terminal is gone.
    pub fn paint(&mut self, mut lines: Vec<Line>) -> bool {
        let (columns, rows) = size();
        fit(&mut lines, rows.saturating_sub(1).max(4));
        if lines == self.shown {
            return true;
        }
        let text = frame(&self.shown, &lines, columns);
        self.shown = lines;
        // Cursor movements are not colour: anstream would strip them together.
        let mut raw = std::io::stdout().lock();
        raw.write_all(text.as_bytes()).and_then(|()| raw.flush()).is_ok()
    }

    /// Leaves the frame and starts below it; the last frame is written whole.
    pub fn finish(&mut self, lines: &[Line]) -> bool {
        let text = frame(&self.shown, lines, size().0);
        self.shown = Vec::new();
        let mut raw = std::io::stdout().lock();
        raw.write_all(text.as_bytes()).and_then(|()| raw.flush()).is_ok()
    }
}

/// The columns and rows of the terminal as it is now.
fn size() -> (usize, usize) {
    terminal_size::terminal_size_of(std::io::stdout()).map_or((80, 24), |(w, h)| (usize::from(w.0), usize::from(h.0)))
}

/// The rows that lines take on a terminal that is so wide now. One that became narrower since wraps what was painted for
/// more columns.
fn height(lines: &[Line], columns: usize) -> usize {
    lines.iter().map(|line| line.width().div_ceil(columns.max(1)).max(1)).sum()
}

/// Keeps the top and the end (the verdict) of a frame that is too long.
fn fit(lines: &mut Vec<Line>, rows: usize) {
    if lines.len() <= rows {
        return;
    }
    let tail = (rows / 3).max(2);
    let head = rows - tail - 1;
    let hidden = lines.len() - head - tail;
    let text = format!("… {hidden} more lines (without --watch, all are shown)");
    lines.splice(head..head + hidden, [Line::of(text, crate::view::Tone::Quiet)]);
}

fn frame(before: &[Line], lines: &[Line], columns: usize) -> String {
    let mut text = String::from(BEGIN);
    if !before.is_empty() {
        let _ = write!(text, "\x1b[{}F", height(before, columns));
    }
    let painted = if colour() { styled(lines) } else { crate::view::plain(lines) };
    for line in painted.lines() {
        text.push_str(line);
        text.push_str("\x1b[K\n");
    }
    text.push_str("\x1b[J");
    text.push_str(END);
    text
}

fn colour() -> bool {
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    choice != anstream::ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Tone;

    #[test]
    fn a_long_frame_keeps_its_ends() {
        let mut lines: Vec<Line> = (0..100).map(|i| Line::of(i.to_string(), Tone::Plain)).collect();
        fit(&mut lines, 10);
        assert_eq!(lines.len(), 10);
        assert_eq!(lines.first(), Some(&Line::of("0", Tone::Plain)));
        assert_eq!(lines.last(), Some(&Line::of("99", Tone::Plain)));
    }

    #[test]
    fn goes_up_by_what_was_shown() {
        let one = vec![Line::of("a", Tone::Plain)];
        assert!(!frame(&[], &one, 80).contains("\x1b[1F"));
        assert!(frame(&one, &one, 80).contains("\x1b[1F"));
    }

    #[test]
    fn a_terminal_that_became_narrower_keeps_nothing_of_the_frame_before() {
        let of = |text: &str| Line::of(text, Tone::Plain);
        let wide = [of(&"a".repeat(80)), of(""), of(&"b".repeat(81)), of("é日本"), of(&"c".repeat(120))];
        let up = |columns| {
            let text = frame(&wide, &[of("a")], columns);
            text.strip_prefix(BEGIN).and_then(|rest| rest.split_once('F')).unwrap().0.to_owned()
        };
        assert_eq!([up(120), up(80), up(40), up(4)], ["\x1b[5", "\x1b[7", "\x1b[10", "\x1b[74"]);
        assert_eq!(up(0), "\x1b[287", "a terminal that tells no width ends nothing");
        // All below is taken away, whatever is painted in its place.
        assert!(frame(&wide, &[of("a")], 40).ends_with(&format!("\x1b[K\n\x1b[J{END}")));
    }
}
