//! Checks of who owns what: GitOps tools, drift, objects of others, API versions that went away.

use super::case::Case;
use crate::checks::{Answer, Check, Row, fail, pass, skip, unknown, warn};
use shared::versions::Dotted;

const GROUP: &str = "ownership";
const DOCS: &str = "https://helm.sh/docs/helm/helm_upgrade/";

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: DOCS, needed: false }
}

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: Row {
            needed: true,
            ..row(
                "gitops",
                "no GitOps tool would undo the upgrade",
                "Upgrade where the release is owned",
                "kubectl get deployments -n {namespace} --show-labels",
            )
        },
        ask: gitops,
    },
    Check {
        row: row(
            "drift",
            "live objects are as the release says",
            "Prerequisites: no changes by hand",
            "helm get manifest {release} -n {namespace} # put what was changed by hand into the values",
        ),
        ask: drift,
    },
    Check {
        row: row(
            "foreign-objects",
            "no object of somebody else has a name that helm-postrender adds",
            "Prerequisites: free names",
            "kubectl get all -n {namespace}",
        ),
        ask: foreign,
    },
    Check {
        row: row(
            "other-release",
            "this is the only OpenMetadata of the namespace",
            "Prerequisites: one installation a namespace",
            "helm list -n {namespace}",
        ),
        ask: lonely,
    },
    Check {
        row: Row {
            docs: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
            ..row(
                "api-removals",
                "the cluster serves every API version that the release holds",
                "Prerequisites: removed Kubernetes APIs",
                "helm get manifest {release} -n {namespace}",
            )
        },
        ask: removals,
    },
];

fn gitops(case: &Case) -> Answer {
    case.facts.owner.judge(|owner| match owner {
        None => pass("no mark of Flux or Argo CD"),
        Some(owner) => {
            let name = owner.rsplit([' ', '/']).next().unwrap_or_default();
            let next = if owner.contains("Argo") {
                format!("argocd app set {name} --sync-policy none # or change the version in its source")
            } else if owner.contains("Kustomization") {
                format!("flux suspend kustomization {name} # or change the version in its source")
            } else {
                format!("flux suspend helmrelease {name} -n {{namespace}} # or change the version in its source")
            };
            fail(format!("{owner} owns it: a `helm upgrade` beside it would be undone")).next(next)
        }
    })
}

fn drift(case: &Case) -> Answer {
    let unread = unread(&case.facts.drift_unread);
    case.facts.drift.judge(|drift| match (drift.as_slice(), &unread) {
        ([], None) => pass("no difference in what the release sets"),
        ([], Some(unread)) => unknown(format!("no difference in what could be read; {unread}")),
        (some, unread) => {
            let (shown, unread) = (first(some, "; "), unread.as_ref().map_or_else(String::new, |u| format!("; {u}")));
            let answer = warn(format!("{shown}: the upgrade would set them back{unread}"));
            let key = |path: &&String| path.starts_with("Secret/") && path.ends_with("FERNET_KEY");
            match some.iter().find(key).and_then(|path| path.split(' ').next()) {
                Some(secret) => answer.next(format!(
                    "kubectl describe {} -n {{namespace}} # two Fernet keys: only the one that wrote the database reads it; find out which before anything",
                    secret.to_lowercase()
                )),
                None => answer,
            }
        }
    })
}

/// The first of some, and how many more.
fn first(some: &[String], between: &str) -> String {
    let more = if some.len() > 5 { format!(" and {} more", some.len() - 5) } else { String::new() };
    let shown: Vec<&str> = some.iter().take(5).map(String::as_str).collect();
    format!("{}{more}", shown.join(between))
}

/// What could not be compared, and why the first of it could not.
fn unread(objects: &[String]) -> Option<String> {
    let (_, why) = objects.first()?.split_once(": ")?;
    let names: Vec<String> = objects.iter().filter_map(|o| Some(o.split_once(": ")?.0.to_owned())).collect();
    Some(format!("not read: {} ({why})", first(&names, ", ")))
}

fn foreign(case: &Case) -> Answer {
    case.facts.foreign.judge(|objects| match objects.as_slice() {
        [] => pass("none"),
        some => fail(format!("{}: helm stops at \"exists and cannot be imported\"", some.join(", "))),
    })
}

fn removals(case: &Case) -> Answer {
    let version = match case.facts.kubernetes.known() {
        Ok(version) => version,
        Err(reason) => return unknown(reason),
    };
    let Some(cluster) = Dotted::parse(version) else { return unknown(format!("the cluster calls itself `{version}`")) };
    case.facts.apis.judge(|apis| {
        let gone: Vec<String> = apis
            .iter()
            .filter_map(|(api, object)| {
                let kind = object.split('/').next().unwrap_or_default();
                let hit = case.tables.apis.iter().find(|r| r.api == *api && (r.kind.is_empty() || r.kind == kind))?;
                (cluster >= hit.removed).then(|| format!("{object} ({api}, gone with {})", hit.removed))
            })
            .collect();
        let kinds = &case.facts.kinds;
        if !kinds.gone.is_empty() {
            let words = format!("{}: helm stops at \"no matches for kind\"", kinds.gone.join(", "));
            let words = if gone.is_empty() { words } else { format!("{}; {words}", gone.join(", ")) };
            return fail(words).next("kubectl get crds # bring back the one that is gone: without it helm can neither read nor remove such an object");
        }
        if gone.is_empty() {
            return match kinds.unasked.as_slice() {
                [] => pass(format!("Kubernetes {cluster} serves all of {}", apis.len())),
                some => unknown(format!("whether it serves the kind of {}", some.join(", "))),
            };
        }
        fail(format!("{}: helm can no longer read what it applied", gone.join(", ")))
            .next("helm get manifest {release} -n {namespace} # the plugin helm-mapkubeapis rewrites it")
    })
}

fn lonely(case: &Case) -> Answer {
    case.facts.neighbours.judge(|neighbours| {
        let others: Vec<&str> = neighbours.iter().filter(|n| n.holds_openmetadata).map(|n| n.name.as_str()).collect();
        if others.is_empty() {
            return skip("no other OpenMetadata in this namespace");
        }
        warn(format!("{} holds an OpenMetadata as well: the chart's objects have fixed names", others.join(", ")))
    })
}
