//! The schema of `-o json`, as it is documented: what it says can only grow within a version.
#![allow(clippy::unwrap_used)]

use kubectl_omupgrade::checks::Report;
use kubectl_omupgrade::rollout::Rollout;

#[test]
fn status_v1_is_as_documented() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Rollout)).unwrap();
    insta::with_settings!({snapshot_path => "../schema", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("status-v1", schema);
    });
}

#[test]
fn checks_v1_is_as_documented() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap();
    insta::with_settings!({snapshot_path => "../schema", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("checks-v1", schema);
    });
}
