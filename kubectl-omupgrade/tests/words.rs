//! What the verbs that ask no cluster say, as somebody types them: names that YAML would misread, and answers for programs.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod typed;

use serde_json::Value;
use typed::run;

#[test]
fn a_role_has_the_name_that_was_asked_for_or_none_is_printed() {
    for name in ["a: b", "on", "7"] {
        let (code, yaml, said) = run(&["rbac", "status", "--name", name, "-n", "7"]);
        let all: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
        assert_eq!(
            (code, &all[0]["metadata"]["name"], &all[0]["metadata"]["namespace"]),
            (0, &name.into(), &"7".into()),
            "{said}"
        );
        let (_, json, _) = run(&["rbac", "status", "--name", name, "-n", "7", "-o", "json"]);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["items"], Value::Array(all));
    }
    for (args, place) in [
        (vec!["--name", "a/b"], "'a/b' for '--name <NAME>'"),
        (vec!["--name", ""], "for '--name <NAME>'"),
        (vec!["--name", "a\nb"], "for '--name <NAME>'"),
        (vec!["-n", "a: b"], "--namespace: \"a: b\" is no namespace"),
    ] {
        let (code, out, said) = run(&[vec!["rbac", "backup"], args].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        assert!(said.contains(place), "{said}");
    }
    assert!(!run(&["rbac", "status", "-n", ""]).1.contains("namespace:"), "as everywhere, an empty one is none");
}

#[test]
fn schemas_are_listed_and_printed_for_programs() {
    let (code, json, _) = run(&["schema", "-o", "json"]);
    let list: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &list["schema"]), (0, &"omupgrade.io/schemas/v1".into()));
    let (_, text, _) = run(&["schema"]);
    let names: Vec<&str> = list["schemas"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"confirm/v1") && names.contains(&"completion/v1"), "{names:?}");
    assert_eq!(text.lines().map(|line| line.split_whitespace().next().unwrap()).collect::<Vec<_>>(), names);
    let schema: Value = serde_json::from_str(&run(&["schema", "confirm/v1"]).1).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&run(&["schema", "confirm/v1", "-o", "json"]).1).unwrap(), schema);
    assert_eq!(serde_saphyr::from_str::<Value>(&run(&["schema", "confirm/v1", "-o", "yaml"]).1).unwrap(), schema);
}

#[test]
fn completion_says_where_the_link_is() {
    let folder = tempfile::tempdir().unwrap();
    let (code, json, said) = run(&["completion", "--dir", folder.path().to_str().unwrap(), "-o", "json"]);
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &answer["schema"], &answer["onPath"]), (0, &"omupgrade.io/completion/v1".into(), &false.into()));
    assert!(std::path::Path::new(answer["link"].as_str().unwrap()).exists());
    assert!(said.contains("is not on the PATH"), "{said}");
}
