//! Six edits as rules make them, and the check that everything else stayed.
#![allow(dead_code)] // each test takes what it needs

use serde_json::json;
use shared::manifest::{Plan, PlanError};

pub struct Edit {
    pub name: &'static str,
    pub make: fn(&mut Plan) -> Result<(), PlanError>,
}

const POD: &str = "/spec/template/spec";

pub const EDITS: &[Edit] = &[
    Edit { name: "strategy", make: |p| p.set("/spec/strategy/rollingUpdate/maxUnavailable", json!(0)).map(drop) },
    Edit {
        name: "startup",
        make: |p| {
            let probe = json!({"httpGet": {"path": "/healthcheck", "port": "http-admin"}, "periodSeconds": 10, "failureThreshold": 60});
            p.set(&format!("{POD}/containers/0/startupProbe"), probe).map(drop)
        },
    },
    Edit {
        name: "path",
        make: |p| p.set(&format!("{POD}/containers/0/livenessProbe/httpGet/path"), json!("/ping")).map(drop),
    },
    Edit {
        name: "init",
        make: |p| {
            let script = "set -eu\n# a comment: not one\nif true; then\n  echo \"y\"\nfi\n";
            let item = json!({"name": "guard", "image": "postgres:17", "command": ["/bin/sh", "-c", script], "env": [{"name": "A", "value": "yes"}]});
            p.insert(&format!("{POD}/initContainers"), 0, item)
        },
    },
    Edit { name: "annotation", make: |p| p.set("/metadata/annotations/omupgrade.io~1rules", json!("on")).map(drop) },
    Edit { name: "replicas", make: |p| p.set("/spec/replicas", json!(3)).map(drop) },
];

/// That the old lines, less a few that edits concern, still stand in their order among the new ones.
pub fn lines_kept(old: &str, new: &str, edits: usize) -> Result<(), String> {
    let diff = similar::TextDiff::from_lines(old, new);
    let gone = diff.iter_all_changes().filter(|c| c.tag() == similar::ChangeTag::Delete).count();
    if gone > edits { Err(format!("{gone} lines changed by {edits} edits")) } else { Ok(()) }
}
