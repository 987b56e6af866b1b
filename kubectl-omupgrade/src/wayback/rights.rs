//! What a user has to be allowed so that helm can go back: read off both manifests. Asks nobody.

use super::Look;
use crate::facts::{Driver, Release};
use crate::preview::{Object, objects};
use std::collections::BTreeSet;
use std::fmt;

/// A right that helm needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The verb of the API.
    pub verb: &'static str,
    /// The group; empty for the core.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
}

/// What a user may do, as the API server lists it.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// The verbs.
    pub verbs: Vec<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
}

/// Kinds of no namespace.
const CLUSTER_WIDE: &[&str] = &["ClusterRole", "ClusterRoleBinding"];

/// Kinds whose resource is known. Of others nothing is asked: a name that was guessed would be refused.
const KINDS: &[(&str, &str, &str)] = &[
    ("", "ConfigMap", "configmaps"),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "Secret", "secrets"),
    ("", "Service", "services"),
    ("", "ServiceAccount", "serviceaccounts"),
    ("apps", "DaemonSet", "daemonsets"),
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("batch", "CronJob", "cronjobs"),
    ("batch", "Job", "jobs"),
    ("networking.k8s.io", "Ingress", "ingresses"),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "Role", "roles"),
    ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
];

impl Need {
    /// Whether one of these rules allows it. One for certain names is taken for all of them: what is not sure is no lack.
    pub fn is_met(&self, rules: &[Rule]) -> bool {
        let holds = |all: &[String], one: &str| all.iter().any(|name| name == "*" || name == one);
        rules
            .iter()
            .any(|r| holds(&r.verbs, self.verb) && holds(&r.groups, self.group) && holds(&r.resources, self.resource))
    }

    /// The resource as kubectl takes it: `deployments.apps`.
    pub fn kind(&self) -> String {
        if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.kind())
    }
}

/// What helm will surely ask for: its own storage, and of the chart's objects what it reads, changes, makes and deletes.
/// None where a manifest cannot be read.
pub fn needs(look: &Look) -> BTreeSet<Need> {
    let mut out = BTreeSet::new();
    let own = &look.current.namespace;
    let storage = match look.current.revision.driver {
        Driver::Secrets => "secrets",
        Driver::ConfigMaps => "configmaps",
    };
    for verb in ["get", "list", "create", "update"] {
        out.insert(Need { verb, group: "", resource: storage, namespace: own.clone() });
    }
    let read = |release: &Release| objects(release.manifest.expose()?, own).ok();
    let (Some(now), Some(then)) = (read(&look.current), read(&look.target)) else { return out };
    // Applied on the server every object is sent; else those that differ.
    let sent = |release: &Release| release.revision.apply_method.as_deref() == Some("ssa");
    let all = look.helm >= 4 && sent(&look.current) && sent(&look.target);
    let mut add = |object: &Object, verb: &'static str| {
        let known = KINDS.iter().find(|(group, kind, _)| *group == object.group && *kind == object.kind);
        if let Some((group, _, resource)) = known {
            let namespace = match object.namespace.as_str() {
                _ if CLUSTER_WIDE.contains(&object.kind.as_str()) => String::new(),
                "" => own.clone(),
                other => other.to_owned(),
            };
            out.insert(Need { verb, group, resource, namespace });
        }
    };
    for object in &then {
        add(object, "get");
        match now.iter().find(|o| o.is_same(object)) {
            Some(before) if all || before.value != object.value => add(object, "patch"),
            Some(_) => {}
            None => add(object, "create"),
        }
    }
    // Helm 3 only logs a delete that fails, and both leave alone what is to be kept.
    let keep = "/metadata/annotations/helm.sh~1resource-policy";
    let keeps = |o: &Object| o.value.pointer(keep).is_some_and(|v| v == "keep") || look.kept.contains(&o.label());
    let gone = now.iter().filter(|o| !then.iter().any(|t| t.is_same(o)) && !keeps(o));
    gone.filter(|_| look.helm >= 4).for_each(|object| add(object, "delete"));
    out
}
