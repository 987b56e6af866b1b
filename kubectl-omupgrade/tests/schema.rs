//! The schemas of `-o json`, as they are documented: what they say can only grow within a version. And that every answer
//! is of the schema that it names.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use kubectl_omupgrade::commands::schema::KNOWN;
use serde_json::Value;

#[test]
fn every_schema_is_as_documented() {
    for known in KNOWN {
        insta::with_settings!({snapshot_path => "../schema", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(known.name.replace('/', "-"), known.text().unwrap());
        });
    }
}

/// Whoever reads a schema has nothing else.
#[test]
fn every_field_is_described() {
    for known in KNOWN {
        let schema: Value = serde_json::from_str(&known.text().unwrap()).unwrap();
        let defined = schema["$defs"].as_object().into_iter().flatten().map(|(_, of)| of);
        for object in defined.chain([&schema]) {
            for (name, field) in object["properties"].as_object().into_iter().flatten() {
                let told = field.get("description").is_some() || field.get("$ref").is_some();
                assert!(told || field.get("const").is_some(), "{}: {name} of {}", known.name, object["title"]);
            }
        }
    }
}

#[test]
fn names_are_versioned_and_each_its_own() {
    for (at, known) in KNOWN.iter().enumerate() {
        let (name, version) = known.name.split_once('/').unwrap();
        assert!(!name.is_empty() && version.strip_prefix('v').unwrap().parse::<u32>().is_ok(), "{}", known.name);
        assert!(KNOWN[at + 1..].iter().all(|other| other.name != known.name));
    }
}
