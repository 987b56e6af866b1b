//! A safe face for libyaml's event parser. The only file in the workspace that holds `unsafe`.
//!
//! Why libyaml: Helm decodes with go-yaml, a port of it, so it accepts and refuses what Helm does; and it tells a
//! plain scalar from a quoted one, which serde's data model does not.

#![allow(unsafe_code)]

use super::error::{Place, ReadError};
use libyaml_rs as sys;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// What libyaml saw, with the place where it starts.
#[derive(Debug)]
pub struct Event {
    /// What it is.
    pub data: Data,
    /// Where it starts.
    pub place: Place,
}

/// The kinds of event.
#[derive(Debug)]
#[allow(missing_docs)] // the YAML specification's own words
pub enum Data {
    DocumentStart,
    StreamEnd,
    Alias(String),
    Scalar {
        anchor: Option<String>,
        tag: Option<String>,
        value: String,
        plain: bool,
    },
    SequenceStart {
        anchor: Option<String>,
    },
    SequenceEnd,
    MappingStart {
        anchor: Option<String>,
    },
    MappingEnd,
    /// Stream start, document end.
    Other,
}

/// A parser over one text.
pub struct Events<'a> {
    /// Boxed because libyaml keeps a pointer to the parser in the parser.
    parser: Box<MaybeUninit<sys::yaml_parser_t>>,
    /// libyaml keeps pointers into the text as well.
    text: PhantomData<&'a str>,
}

impl<'a> Events<'a> {
    /// Starts to parse `text`.
    ///
    /// # Errors
    /// When there is no memory for the parser.
    pub fn new(text: &'a str) -> Result<Self, ReadError> {
        let mut parser = Box::new(MaybeUninit::<sys::yaml_parser_t>::uninit());
        let pointer = parser.as_mut_ptr();
        // SAFETY: `pointer` is valid for a parser and stays in its box; initialize writes all of it before the
        // other calls read it. The text outlives `Self` by the lifetime `'a`.
        unsafe {
            if sys::yaml_parser_initialize(pointer).fail {
                let place = Place { line: 1, column: 1 };
                return Err(ReadError { reason: "no memory for the YAML parser".to_owned(), place });
            }
            sys::yaml_parser_set_encoding(pointer, sys::YAML_UTF8_ENCODING);
            sys::yaml_parser_set_input_string(pointer, text.as_ptr(), text.len() as u64);
        }
        Ok(Self { parser, text: PhantomData })
    }

    /// The next event.
    ///
    /// # Errors
    /// When the text is not YAML.
    pub fn next(&mut self) -> Result<Event, ReadError> {
        let pointer = self.parser.as_mut_ptr();
        let mut event = MaybeUninit::<sys::yaml_event_t>::uninit();
        // SAFETY: the parser was initialised in `new`. A successful parse initialises the event, whose strings
        // are copied before it is deleted. After a failure no event exists and the parser is not used again by
        // the callers; libyaml would only answer with the same failure.
        unsafe {
            if (&*pointer).error != sys::YAML_NO_ERROR || sys::yaml_parser_parse(pointer, event.as_mut_ptr()).fail {
                return Err(failure(&*pointer));
            }
            let data = convert(&*event.as_ptr());
            let place = place((*event.as_ptr()).start_mark);
            sys::yaml_event_delete(event.as_mut_ptr());
            Ok(Event { data, place })
        }
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, deleted once.
        unsafe { sys::yaml_parser_delete(self.parser.as_mut_ptr()) }
    }
}

/// SAFETY: `event` must be one that `yaml_parser_parse` made and that is not deleted: then the union holds what
/// `type_` says and its pointers are null or valid.
unsafe fn convert(event: &sys::yaml_event_t) -> Data {
    // SAFETY: as above, for every access in this block.
    unsafe {
        match event.type_ {
            sys::YAML_DOCUMENT_START_EVENT => Data::DocumentStart,
            sys::YAML_STREAM_END_EVENT => Data::StreamEnd,
            sys::YAML_ALIAS_EVENT => Data::Alias(text(event.data.alias.anchor).unwrap_or_default()),
            sys::YAML_SCALAR_EVENT => {
                let scalar = &event.data.scalar;
                let length = usize::try_from(scalar.length).unwrap_or_default();
                let bytes = if scalar.value.is_null() { &[] } else { std::slice::from_raw_parts(scalar.value, length) };
                Data::Scalar {
                    anchor: text(scalar.anchor),
                    tag: text(scalar.tag),
                    // Quicker than the lossy way, which stays for what libyaml lets through.
                    value: std::str::from_utf8(bytes)
                        .map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned),
                    plain: scalar.style == sys::YAML_PLAIN_SCALAR_STYLE,
                }
            }
            sys::YAML_SEQUENCE_START_EVENT => Data::SequenceStart { anchor: text(event.data.sequence_start.anchor) },
            sys::YAML_SEQUENCE_END_EVENT => Data::SequenceEnd,
            sys::YAML_MAPPING_START_EVENT => Data::MappingStart { anchor: text(event.data.mapping_start.anchor) },
            sys::YAML_MAPPING_END_EVENT => Data::MappingEnd,
            _ => Data::Other,
        }
    }
}

/// SAFETY: `pointer` must be null or point to a NUL-terminated string.
unsafe fn text(pointer: *const u8) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as above.
    let text = unsafe { CStr::from_ptr(pointer.cast::<c_char>()) };
    Some(text.to_string_lossy().into_owned())
}

fn failure(parser: &sys::yaml_parser_t) -> ReadError {
    // SAFETY: libyaml's messages are static strings or null.
    let (problem, context) = unsafe { (text(parser.problem.cast()), text(parser.context.cast())) };
    let context = context.map(|c| format!(" {c}")).unwrap_or_default();
    let reason = format!("not valid YAML: {}{context}", problem.as_deref().unwrap_or("unreadable"));
    ReadError { reason, place: place(parser.problem_mark) }
}

fn place(mark: sys::yaml_mark_t) -> Place {
    // libyaml counts lines and columns from 0.
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_add(1);
    Place { line: number(mark.line), column: number(mark.column) }
}
