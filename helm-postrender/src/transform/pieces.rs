//! The new stream, built in memory and written at the very end. What stays is the input's own bytes; of what is new,
//! every line is held once, however many servers get it: the guard's script alone is longer than most Deployments.

use indexmap::IndexSet;
use shared::manifest::{Edited, Part, Stream};
use std::borrow::Cow;

/// The new stream in pieces, one a document.
#[derive(Debug)]
pub struct Pieces<'a> {
    pieces: Vec<Piece<'a>>,
    /// Every new line, with its line break.
    lines: IndexSet<Box<str>>,
}

#[derive(Debug)]
enum Piece<'a> {
    Old(&'a str),
    Made(Box<[Stretch<'a>]>),
}

#[derive(Debug)]
enum Stretch<'a> {
    Old(&'a str),
    /// Indices of lines.
    New(Box<[u32]>),
}

impl<'a> Pieces<'a> {
    /// A stream as it stands.
    pub fn of(stream: &Stream<'a>) -> Self {
        Self { pieces: stream.documents.iter().map(|d| Piece::Old(d.text)).collect(), lines: IndexSet::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// A piece's text; nothing past the last one.
    pub fn get(&self, index: usize) -> Cow<'a, str> {
        match self.pieces.get(index) {
            None => Cow::Borrowed(""),
            Some(Piece::Old(text)) => Cow::Borrowed(text),
            Some(Piece::Made(stretches)) => {
                let parts = || stretches.iter().flat_map(|s| self.parts(s));
                let mut text = String::with_capacity(parts().map(str::len).sum());
                parts().for_each(|p| text.push_str(p));
                Cow::Owned(text)
            }
        }
    }

    fn parts<'s>(&'s self, stretch: &'s Stretch<'a>) -> impl Iterator<Item = &'s str> {
        let (old, new) = match stretch {
            Stretch::Old(text) => (Some(*text), &[][..]),
            Stretch::New(lines) => (None, lines.as_ref()),
        };
        let line = |i: &u32| self.lines.get_index(*i as usize).map_or("", AsRef::as_ref);
        old.into_iter().chain(new.iter().map(line))
    }

    /// Every piece's text in order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'a, str>> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The whole new stream.
    pub fn text(&self) -> String {
        self.iter().collect()
    }

    /// Puts an edited text in the place of the piece at `index`.
    pub fn put(&mut self, index: usize, edited: &Edited<'a>) {
        let stretches = edited.parts().map(|part| match part {
            Part::Old(text) => Stretch::Old(text),
            Part::New(text) => Stretch::New(self.known(text)),
        });
        let made = Piece::Made(stretches.collect());
        if let Some(piece) = self.pieces.get_mut(index) {
            *piece = made;
        }
    }

    /// A new text's lines, each known from now on.
    fn known(&mut self, text: &str) -> Box<[u32]> {
        let number = |line: &str| {
            let index = self.lines.get_index_of(line).unwrap_or_else(|| self.lines.insert_full(line.into()).0);
            u32::try_from(index).unwrap_or(u32::MAX)
        };
        text.split_inclusive('\n').map(number).collect()
    }

    /// Holds a new document until it is known where it goes.
    pub fn made(&mut self, text: &str) -> New {
        New(self.known(text))
    }

    /// Puts new documents at the end, or before a last document whose missing line break could be part of its value.
    pub fn add(&mut self, new: Vec<New>) {
        if new.is_empty() {
            return;
        }
        let mut new: Vec<Piece<'a>> = new.into_iter().map(|n| Piece::Made([Stretch::New(n.0)].into())).collect();
        let last = self.pieces.len().saturating_sub(1);
        let end = self.get(last);
        if end.is_empty() || end.ends_with('\n') {
            self.pieces.append(&mut new);
            return;
        }
        let end = end.strip_prefix(BOM).unwrap_or(&end);
        let separator = (!end.starts_with("---")).then_some(Piece::Old("---\n"));
        // A byte order mark stays the first thing of the stream.
        if let (Some(only), Some(first)) = (self.pieces.first_mut().filter(|_| last == 0), new.first_mut())
            && only.without_mark()
        {
            first.with_mark();
        }
        self.pieces.splice(last..last, new.into_iter().chain(separator));
    }
}

impl Piece<'_> {
    /// Takes a byte order mark off; says whether there was one.
    fn without_mark(&mut self) -> bool {
        let text = match self {
            Self::Old(text) => Some(text),
            Self::Made(stretches) => match stretches.first_mut() {
                Some(Stretch::Old(text)) => Some(text),
                _ => None,
            },
        };
        let Some(text) = text else { return false };
        let rest = text.strip_prefix(BOM);
        *text = rest.unwrap_or(text);
        rest.is_some()
    }

    /// Puts a byte order mark before a new document.
    fn with_mark(&mut self) {
        if let Self::Made(stretches) = self {
            let rest = std::mem::take(stretches);
            *stretches = std::iter::once(Stretch::Old(BOM)).chain(rest).collect();
        }
    }
}

/// A new document that has no place yet.
#[derive(Debug)]
pub struct New(Box<[u32]>);

/// The byte order mark.
const BOM: &str = "\u{feff}";
