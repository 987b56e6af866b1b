//! The verb `rbac`: prints the least Role that a verb needs. Asks no cluster.

use crate::cli::flags::Output;
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use clap::ValueEnum;
use std::fmt::Write;

/// The least rights that a verb needs, as YAML for `kubectl apply -f -`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The verb.
    #[arg(value_enum)]
    pub verb: Verb,
    /// The name of the Role; without it omupgrade-VERB, so that the Roles of two verbs stand side by side.
    #[arg(long, value_parser = role)]
    pub name: Option<String>,
}

/// A Role's name as the API server takes one: a piece of a path.
fn role(text: &str) -> Result<String, String> {
    let outside = |c: char| matches!(c, '/' | '%') || c.is_control();
    match text.chars().find(|c| outside(*c)) {
        _ if matches!(text, "" | "." | "..") => {
            Err("a Role needs a name: omupgrade, or none for omupgrade-VERB".to_owned())
        }
        Some(c) => Err(format!("a Role's name holds no {c:?}")),
        None => Ok(text.to_owned()),
    }
}

/// A namespace as the API server takes one.
fn is_namespace(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 63 && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// A verb that needs rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verb {
    /// Looks only.
    Status,
    /// `status --probe`: looks, and starts a Pod that asks the database.
    StatusProbe,
    /// `status --record`: the same, and adds to the journal.
    StatusRecord,
    /// Looks, and asks database and search engine by short-lived Pods.
    Precheck,
    /// What `precheck` reads in the namespace where the server starts ingestion, where that is another: for that one.
    PrecheckIngestion,
    /// Looks, reads logs, asks the database by a short-lived Pod.
    Diagnose,
    /// The same, and asks the server through a forwarded port.
    Validate,
    /// Reads Helm's storage and the journal.
    History,
    /// Takes the Lease away.
    Unlock,
    /// Drives helm: it also needs all rights on what the chart holds. `backup restore` needs the same.
    Rollback,
    /// Runs Jobs and Pods beside the server.
    Backup,
}

/// API group, resources, verbs, and what for.
type Row = (&'static str, &'static str, &'static str, &'static str);

const LOOK: &[Row] = &[
    ("apps", "deployments, statefulsets, daemonsets, replicasets", "get, list, watch", "the tree"),
    ("", "pods, events", "get, list, watch", "the tree, and why it is stuck"),
    ("batch", "jobs", "get, list, watch", "hooks and backups"),
    ("", "pods/log", "get", "how far a migration is; last lines of what failed"),
    ("", "secrets", "get, list, watch", "Helm's revisions, the journal; `status RELEASE` alone also does without"),
    ("", "configmaps", "get, list, watch", "optional: Helm's revisions, where it keeps them there"),
    ("", "persistentvolumeclaims, resourcequotas", "get, list, watch", "optional: claims and quotas in the causes"),
    ("policy", "poddisruptionbudgets", "get, list, watch", "optional: budgets in the causes"),
    ("autoscaling", "horizontalpodautoscalers", "get, list, watch", "optional: autoscalers"),
];

const HISTORY: &[Row] = &[
    ("", "secrets", "get, list", "Helm's revisions, the journal"),
    ("", "configmaps", "get, list", "Helm's revisions, where it keeps them there"),
    ("coordination.k8s.io", "leases", "get", "who holds the lock"),
];

const LOCK: &[Row] = &[("coordination.k8s.io", "leases", "get, create, update", "the lock of the release")];

const JOURNAL: &[Row] = &[("", "secrets", "create, update", "the journal")];

const ADDS: &[Row] = &[("", "secrets", "create", "the journal: records are added and never changed")];

const ARMED: &[Row] = &[("", "pods", "list, delete", "Pods of a restore that wait or work")];

const ROLL_BACK: &[Row] = &[
    ("apps", "deployments/scale, statefulsets/scale", "patch", "the counts that an autoscaler chose are put back"),
    ("", "secrets", "create, update, delete", "Helm's revisions, the journal"),
    ("batch", "cronjobs", "list, patch", "a restore suspends those that start the server's image"),
    ("", "persistentvolumeclaims", "get", "the claim with the backups"),
];

const FLUX: &[Row] = &[
    (
        "helm.toolkit.fluxcd.io",
        "helmreleases",
        "get",
        "optional: whether Flux, where it owns the release, is suspended",
    ),
    ("kustomize.toolkit.fluxcd.io", "kustomizations", "get", "optional: the same"),
];

const PRECHECK: &[Row] = &[
    ("batch", "cronjobs", "get, list", "ingestion's images"),
    ("", "configmaps", "get, list", "drift"),
    ("", "serviceaccounts", "get", "optional: drift, and the Secrets that the image is pulled with"),
    ("networking.k8s.io", "ingresses, networkpolicies", "get", "optional: drift"),
];

const INGESTION: &[Row] = &[
    ("batch", "jobs, cronjobs", "list", "what of ingestion runs, and its images"),
    ("", "pods", "list", "the same, of what the operator starts without Jobs"),
];

const ALL_PODS: Row = ("", "pods", "list", "optional, cluster-wide: whether a node has room for one more pod");

const PROBE: &[Row] = &[(
    "",
    "pods",
    "create, delete",
    "the probe beside the server, the steps of a restore; without both leave it out and add --no-probe",
)];

const FORWARD: &[Row] =
    &[("", "pods/portforward", "create, get", "the server's API, certificates; leave it out with --openmetadata")];

const EDGES: &[Row] = &[
    ("", "services", "get", "optional: certificates behind Services"),
    ("networking.k8s.io", "ingresses", "list", "optional: certificates of what leads to the release"),
    ("route.openshift.io", "routes", "list", "optional: the same, of OpenShift"),
    ("gateway.networking.k8s.io", "httproutes", "list", "optional: the same, of the Gateway API"),
    ("networking.istio.io", "virtualservices", "list", "optional: the same, of Istio"),
];

/// A Gateway lies where those who run it want it.
const GATEWAYS: &[Row] = &[
    ("gateway.networking.k8s.io", "gateways", "get", "optional, cluster-wide: the Gateways that carry HTTPRoutes"),
    ("networking.istio.io", "gateways", "get", "optional, cluster-wide: the Gateways that carry VirtualServices"),
];

const SERVICES: &[Row] =
    &[("", "services", "get", "optional: the search engine behind a Service; without it a Pod asks")];

const BESIDE: &[Row] =
    &[("", "pods/portforward", "create, get", "optional: the search engine, Airflow's version, the server's API")];

const RECORD: &[Row] = &[("", "secrets", "create", "optional: the journal, for --record")];

const NODES: Row = ("", "nodes", "get, list, watch", "optional, cluster-wide: whether a node is cordoned");

const DEFINITIONS: Row = (
    "apiextensions.k8s.io",
    "customresourcedefinitions",
    "get",
    "cluster-wide: whether objects of one would be deleted",
);

const BACK_UP: &[Row] = &[
    (
        "",
        "secrets",
        "get, list, create, update, delete",
        "Helm's revisions, keys for the record, the journal, the Job's files",
    ),
    ("", "configmaps", "get, list", "Helm's revisions, where it keeps them there; records of snapshots"),
    ("", "configmaps", "create, patch", "snapshot and bring-back only: the record"),
    ("", "persistentvolumeclaims", "get, create", "the claim with the backups"),
    ("batch", "jobs", "get, create, delete", "the Job that dumps"),
    ("", "pods", "get, list, create, delete", "the Job's pod, Pods that read the claim, image digests"),
    ("", "pods/log", "get", "progress, the record, why it failed"),
    ("", "pods/exec", "get, create", "export and import only: files through the Pod that holds the claim"),
];

const CLASSES: Row = (
    "storage.k8s.io",
    "storageclasses",
    "list",
    "optional, cluster-wide: whether volumes outlive their claims, and whether a claim waits for its first pod",
);

/// Rows of a verb that looks once.
fn once(rows: &[Row]) -> Vec<Row> {
    rows.iter().map(|&(group, kinds, verbs, why)| (group, kinds, verbs.trim_end_matches(", watch"), why)).collect()
}

impl Verb {
    /// Whether it follows what happens.
    fn watches(self) -> bool {
        matches!(self, Self::Status | Self::StatusProbe | Self::StatusRecord | Self::Rollback)
    }

    /// Whether it looks at nodes, which lie in no namespace.
    fn looks_at_nodes(self) -> bool {
        !matches!(self, Self::History | Self::Unlock | Self::Backup | Self::PrecheckIngestion)
    }

    fn rows(self) -> Vec<Row> {
        let rows = self.all();
        if self.watches() { rows } else { once(&rows) }
    }

    fn all(self) -> Vec<Row> {
        match self {
            Self::Status => LOOK.to_vec(),
            Self::StatusProbe => [LOOK, PROBE].concat(),
            Self::StatusRecord => [LOOK, PROBE, ADDS].concat(),
            Self::Precheck => [LOOK, PROBE, PRECHECK, SERVICES, BESIDE, FLUX].concat(),
            Self::PrecheckIngestion => INGESTION.to_vec(),
            Self::Diagnose => [LOOK, PROBE, FORWARD, EDGES].concat(),
            Self::Validate => [LOOK, PROBE, FORWARD, SERVICES, RECORD].concat(),
            Self::History => HISTORY.to_vec(),
            Self::Unlock => [HISTORY, LOCK, JOURNAL, ARMED].concat(),
            Self::Rollback => [LOOK, LOCK, ROLL_BACK, PROBE, FLUX].concat(),
            Self::Backup => [BACK_UP, LOCK].concat(),
        }
    }
}

/// Runs it.
#[allow(clippy::unused_async)] // all verbs are called alike
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    // As everywhere: an empty one is none.
    let namespace = session.flags.namespace.as_deref().filter(|name| !name.is_empty());
    if let Some(wrong) = namespace.filter(|name| !is_namespace(name)) {
        let words = format!("--namespace: {wrong:?} is no namespace: small letters, digits and dashes, 63 at most");
        return Err(Failure::usage(words).into());
    }
    let text = manifest(args, namespace);
    say::output(&if session.output() == Output::Json { json(&text)? } else { text })?;
    Ok(Exit::Done)
}

/// The same as a Kubernetes List, which `kubectl apply -f -` takes as well; JSON has no comments.
fn json(text: &str) -> anyhow::Result<String> {
    let items: Vec<serde_json::Value> = serde_saphyr::from_multiple(text)?;
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}

fn manifest(args: &Args, namespace: Option<&str>) -> String {
    let verb = args.verb.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
    let mut out = match args.verb {
        Verb::PrecheckIngestion => {
            "# What `kubectl omupgrade precheck` needs where ingestion runs, and no more.\n".to_owned()
        }
        _ => format!("# What `kubectl omupgrade {verb}` needs, and no more.\n"),
    };
    if args.verb == Verb::Rollback {
        out.push_str("# helm itself needs all rights on every kind that the chart holds, in addition.\n");
    }
    // A name may mean something else to YAML: `a: b`, `on`, `7`.
    let scalar = |text: &str| shared::manifest::document(&text.into()).trim_end().to_owned();
    let named = args.name.clone().unwrap_or_else(|| format!("omupgrade-{verb}"));
    let name = scalar(&named);
    let place = namespace.map(|n| format!("  namespace: {}\n", scalar(n))).unwrap_or_default();
    let _ =
        write!(out, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {name}\n{place}rules:\n");
    for row in args.verb.rows() {
        rule(&mut out, row);
    }
    if args.verb.looks_at_nodes() {
        let _ = write!(
            out,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {}\nrules:\n",
            scalar(&format!("{named}-nodes"))
        );
        let nodes = if args.verb.watches() { vec![NODES] } else { once(&[NODES]) };
        for row in nodes {
            rule(&mut out, row);
        }
        if args.verb == Verb::Precheck {
            rule(&mut out, ALL_PODS);
            rule(&mut out, CLASSES);
        }
        if args.verb == Verb::Diagnose {
            for row in GATEWAYS {
                rule(&mut out, *row);
            }
        }
        if args.verb == Verb::Rollback {
            rule(&mut out, DEFINITIONS);
        }
    }
    if args.verb == Verb::Backup {
        let _ = write!(
            out,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {}\nrules:\n",
            scalar(&format!("{named}-classes"))
        );
        rule(&mut out, CLASSES);
    }
    out
}

fn rule(out: &mut String, (group, resources, verbs, what): Row) {
    let _ = write!(out, "# {what}\n- apiGroups: [\"{group}\"]\n  resources: [{resources}]\n  verbs: [{verbs}]\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_role() {
        for verb in Verb::value_variants() {
            let text = manifest(&Args { verb: *verb, name: None }, Some("data"));
            let all: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
            let role = &all[0];
            assert_eq!(role["kind"], "Role");
            let name = format!("omupgrade-{}", verb.to_possible_value().unwrap().get_name());
            assert_eq!(role["metadata"]["name"], name.as_str());
            assert!(all[1..].iter().all(|of| of["metadata"]["name"].as_str().unwrap().starts_with(&name)), "{text}");
            let writes = text.contains("create");
            assert_eq!(writes, !matches!(verb, Verb::Status | Verb::History | Verb::PrecheckIngestion), "{verb:?}");
            assert_eq!(text.contains("nodes"), verb.looks_at_nodes(), "{verb:?}");
            let list: serde_json::Value = serde_json::from_str(&json(&text).unwrap()).unwrap();
            assert_eq!(list["items"].as_array(), Some(&all), "{verb:?}");
        }
    }

    /// Any name that the API server takes is a string, and the same, in what is printed.
    #[test]
    fn names_are_what_was_asked_for() {
        for name in ["omupgrade", "a: b", "on", "7", "-", "#x", "{a}", "a #b", "'", "\"", "null", "system:om", "[]"] {
            assert_eq!(role(name).as_deref(), Ok(name));
            for verb in [Verb::Status, Verb::Backup] {
                let text = manifest(&Args { verb, name: Some(name.to_owned()) }, Some("1e3"));
                let all: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
                assert_eq!(all[0]["metadata"]["name"], name);
                assert_eq!(all[0]["metadata"]["namespace"], "1e3");
                let whole = all[1]["metadata"]["name"].as_str().unwrap();
                assert!(whole.strip_prefix(name).is_some_and(|rest| matches!(rest, "-nodes" | "-classes")), "{whole}");
            }
        }
        for wrong in ["", ".", "..", "a/b", "50%", "a\nb"] {
            assert!(role(wrong).is_err(), "{wrong:?}");
        }
        assert!(is_namespace("data-1") && !is_namespace("a: b") && !is_namespace("-x") && !is_namespace("Data"));
    }

    /// A Lease is never deleted or patched, a record of the journal never changed, and no Secret is patched.
    #[test]
    fn no_verb_has_a_right_that_it_does_not_use() {
        for verb in Verb::value_variants() {
            for (_, resources, verbs, _) in verb.rows() {
                assert!(verb.watches() || !verbs.contains("watch"), "{verb:?}: {resources}: {verbs}");
                let unused: &[&str] = match resources {
                    "leases" => &["patch", "delete"],
                    "secrets" if *verb == Verb::StatusRecord => &["update", "patch", "delete"],
                    "secrets" => &["patch"],
                    _ => &[],
                };
                assert!(!unused.iter().any(|right| verbs.contains(right)), "{verb:?}: {resources}: {verbs}");
            }
        }
    }
}
