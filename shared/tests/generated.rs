//! The engine on generated inputs: whatever the notation, an edit means what was planned, or is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it skipped"
)]

mod edits;
mod generate;

use edits::{EDITS, lines_kept};
use proptest::prelude::*;
use shared::manifest::{Plan, Stream, edit, prove, read};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn pieces_joined_are_the_input(text in "(---|\\.\\.\\.|%YAML 1.1|# c|a: b|  ---|\r\n|\n|\\PC| ){0,40}") {
        let stream = Stream::split(text.as_bytes()).unwrap();
        prop_assert_eq!(stream.documents.iter().map(|d| d.text).collect::<String>(), text);
    }

    #[test]
    fn edits_mean_what_was_planned(text in generate::deployment(), mask in 1u8..64) {
        let Ok(value) = read(&text) else { return Ok(()) };
        let mut plan = Plan::new(value);
        for (i, e) in EDITS.iter().enumerate() {
            if mask & (1 << i) != 0 && (e.make)(&mut plan).is_err() {
                return Ok(());
            }
        }
        let new = edit(&text, plan.operations()).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prove(&text, &new, plan.value()).map_err(|e| TestCaseError::fail(format!("{e}\n{text}\n---\n{new}")))?;
        lines_kept(&text, &new, 6).map_err(|e| TestCaseError::fail(format!("{e}\n{new}")))?;
    }

    #[test]
    fn what_is_written_is_read_back(text in "\\PC{0,30}|[a-z #:\n\t'\"-]{0,40}", key in "\\PC{1,8}") {
        let value = serde_json::json!({"k": text, key.clone(): {"n": [text.clone(), {"m": text}]}});
        let written = shared::manifest::document(&value);
        prop_assert_eq!(read(&written).map_err(|e| TestCaseError::fail(format!("{e}\n{written}")))?, value);
    }

    #[test]
    fn nothing_panics(text in "([-?:,\\[\\]{}#&*!|>'\"%@`~ \n\ta-c]|- |: ){0,60}") {
        if let Ok(value) = read(&text) {
            let mut plan = Plan::new(value);
            let _ = plan.set("/metadata/annotations/a", "b".into());
            if let Ok(new) = edit(&text, plan.operations()) {
                let _ = prove(&text, &new, plan.value());
            }
        }
        for document in Stream::split(text.as_bytes()).unwrap().documents {
            let _ = (document.kind_at_a_glance(), document.is_blank(), document.source());
        }
    }
}
