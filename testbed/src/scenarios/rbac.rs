//! Each verb by somebody who has a token and exactly the rights that `rbac` prints for it: it does its work. With one right less, what is missing is named.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{POSTGRES, Scenario};
use crate::say;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "rbac",
    says: "a token with what `rbac VERB` prints does the verb's work; a right that is missing is named",
    engines: POSTGRES,
    deadline: Duration::from_mins(8),
    plays_faults: false,
    more_stages: &[],
    play,
};

/// What is typed with the rights of which verb, and how it ends. `precheck` and `validate` are asked so by `before-and-after`.
const ASKED: &[(&str, &[&str])] = &[
    ("status", &["status", RELEASE]),
    ("status", &["status", RELEASE, "--watch", "--timeout", "60s"]),
    ("status-probe", &["status", RELEASE, "--probe"]),
    ("status-record", &["status", RELEASE, "--record"]),
    ("history", &["history", RELEASE]),
    ("unlock", &["unlock", RELEASE, "--reason", "tried"]),
    ("rollback", &["rollback", RELEASE, "1", "--dry-run", "--accept-unproven"]),
    ("backup", &["backup", RELEASE, "--fernet-key-held-elsewhere"]),
    ("backup", &["backup", "list", RELEASE]),
];

/// The same without one resource, and what has to be named.
const WITHOUT: &[(&str, &str, &[&str])] = &[
    ("status", "secrets", &["status", RELEASE]),
    ("status", "pods", &["status", RELEASE]),
    ("status", "deployments", &["status", RELEASE]),
    ("status", "jobs", &["status", RELEASE]),
    ("status", "persistentvolumeclaims", &["status", RELEASE]),
    ("status", "poddisruptionbudgets", &["status", RELEASE]),
    ("status", "horizontalpodautoscalers", &["status", RELEASE]),
    ("history", "leases", &["history", RELEASE]),
    ("unlock", "leases", &["unlock", RELEASE, "--reason", "tried"]),
    ("rollback", "horizontalpodautoscalers", &["rollback", RELEASE, "1", "--dry-run", "--no-probe"]),
    ("rollback", "secrets", &["rollback", RELEASE, "1", "--dry-run", "--no-probe"]),
    ("backup", "persistentvolumeclaims", &["backup", "list", RELEASE]),
    ("backup", "jobs", &["backup", RELEASE, "--fernet-key-held-elsewhere"]),
];

/// How long the API server may take to know of a changed role.
const KNOWN: Duration = Duration::from_secs(10);

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    stage.claim("testbed", "1Gi")?;
    stage.upgrade("1.12.14", 1, &["--no-hooks"])?;
    for (verb, words) in ASKED {
        let kubeconfig = account(stage, verb)?;
        allow(stage, verb, None)?;
        let (code, said) = ask(stage, &kubeconfig, words)?;
        ensure!(code == 0 && !said.contains("forbidden"), "`{}` ended with {code}:\n{said}", words.join(" "));
    }
    for (verb, resource, words) in WITHOUT {
        let kubeconfig = account(stage, verb)?;
        allow(stage, verb, Some(resource))?;
        let end = Instant::now() + KNOWN;
        loop {
            let (code, said) = ask(stage, &kubeconfig, words)?;
            if said.contains("forbidden") && said.contains(resource) {
                break;
            }
            if Instant::now() > end {
                bail!("`{}` without {resource} ended with {code} and does not name it:\n{said}", words.join(" "));
            }
        }
    }
    Ok(())
}

fn ask(stage: &Stage, kubeconfig: &str, words: &[&str]) -> Result<(i32, String)> {
    say::step(&format!("kubectl omupgrade {}", words.join(" ")));
    stage.omupgrade("asking").args(words).args(["--kubeconfig", kubeconfig]).outcome()
}

/// Of the whole cluster are some of these objects: another turn beside this one has its own.
fn name(stage: &Stage, verb: &str) -> String {
    format!("{}-{verb}", stage.namespace)
}

/// A kubeconfig with a token of a service account for this verb, which is bound to the roles that `allow` makes.
fn account(stage: &Stage, verb: &str) -> Result<String> {
    let (name, namespace) = (name(stage, verb), &stage.namespace);
    let subject = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
    let bound = |kind: &str, to: &str, role: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": role}, "subjects": subject,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": to, "name": role}})
    };
    stage.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}))?;
    stage.apply(&bound("RoleBinding", "Role", &name))?;
    for role in ["nodes", "classes"].map(|what| format!("{name}-{what}")) {
        stage.apply(&bound("ClusterRoleBinding", "ClusterRole", &role))?;
    }
    let token = stage.kubectl("asking for a token").args(["create", "token", &name]).text()?;
    let config = ["config", "view", "--raw", "--flatten", "--minify", "-o", "json"];
    let text = stage.kubectl("reading the kubeconfig").args(config).text()?;
    let mut config: Value = serde_json::from_str(&text).context("kubectl's own configuration is no JSON")?;
    config["users"][0]["user"] = json!({"token": token.trim()});
    stage.write(&format!("{verb}.kubeconfig"), &config.to_string())
}

/// Gives an account what `rbac` prints for its verb, but for one resource.
fn allow(stage: &Stage, verb: &str, without: Option<&str>) -> Result<()> {
    let printed = stage.omupgrade("printing rights").args(["rbac", verb, "--name", &name(stage, verb), "-o", "json"]);
    let mut list: Value = serde_json::from_str(&printed.text()?).context("the rights are no JSON")?;
    let roles = list["items"].as_array_mut().context("no roles are printed")?;
    let mut left_out = 0;
    for resources in roles.iter_mut().filter_map(|role| role["rules"].as_array_mut()).flatten() {
        let Some(resources) = resources["resources"].as_array_mut() else { continue };
        let all = resources.len();
        resources.retain(|resource| Some(resource.as_str().unwrap_or_default()) != without);
        left_out += all - resources.len();
    }
    // A rule of no resource is no rule.
    for role in roles.iter_mut() {
        if let Some(rules) = role["rules"].as_array_mut() {
            rules.retain(|rule| rule["resources"].as_array().is_some_and(|all| !all.is_empty()));
        }
    }
    ensure!(without.is_none() || left_out > 0, "`rbac {verb}` prints no right on {without:?}");
    stage.apply(&list)
}
