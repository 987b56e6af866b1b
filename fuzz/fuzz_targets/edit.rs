//! Any bytes: split, read, plan, edit, prove. Nothing may panic, the pieces are the input, and whatever the editor
//! returns proves.
//!
//! `cargo +nightly fuzz run edit -- -max_len=4096`

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use shared::manifest::{Plan, Stream, edit, prove, read};

fuzz_target!(|data: &[u8]| {
    let Ok(stream) = Stream::split(data) else { return };
    assert_eq!(stream.documents.iter().map(|d| d.text).collect::<String>(), stream.text);
    for document in &stream.documents {
        let glance = document.kind_at_a_glance();
        let _ = (document.is_blank(), document.source());
        let Ok(value) = read(document.text) else { continue };
        if let Some(glance) = glance {
            // A plain word can still be a boolean or a number: then it is no kind that a rule looks for.
            let kind = value.get("kind").and_then(|k| k.as_str());
            assert!(kind == Some(glance) || kind.is_none(), "{glance:?} {kind:?}");
        }
        let mut plan = Plan::new(value);
        let _ = plan.set("/metadata/annotations/a~1b", json!("yes"));
        let _ = plan.set("/spec/strategy/rollingUpdate/maxUnavailable", json!(0));
        let _ = plan.insert("/spec/list", 0, json!({"a": [1, "x\ny\n"], "b": {}}));
        let _ = plan.remove("/spec/replicas");
        if let Ok(new) = edit(document.text, plan.operations()) {
            // A refusal of the proof is an allowed end; a text that proves must be one document of that value.
            if prove(document.text, &new, plan.value()).is_ok() {
                assert!(read(&new).is_ok());
            }
        }
    }
});
