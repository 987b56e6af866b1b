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
