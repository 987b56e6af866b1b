//! Whether helm will be allowed to do its part: asked before the first write, as a helm that is refused half-way leaves the
//! release half-way. What cannot be asked stands in nobody's way.

use crate::adapters::cluster::Cluster;
use crate::adapters::rights;
use crate::failure::Failure;
use crate::wayback::{Look, Need, needs};
use futures::future::join_all;
use std::collections::BTreeSet;

/// Namespaces that are asked about at most: a chart has one, seldom two.
const NAMESPACES: usize = 4;
/// Rights that are asked for one by one at most, where the list of rules does not hold them.
const ONE_BY_ONE: usize = 40;

/// The rights that helm will need and that the user lacks.
#[derive(Debug, Default)]
pub(super) struct Missing {
    needs: Vec<Need>,
    /// Whether no authorizer was asked that may allow some names of a resource and not tell so.
    sure: bool,
}

impl Missing {
    /// Whether nothing lacks.
    pub(super) fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// Whether it surely lacks.
    pub(super) fn refuses(&self) -> bool {
        self.sure && !self.is_empty()
    }
}

/// Asks for them.
pub(super) async fn missing(cluster: &Cluster, look: &Look) -> Missing {
    let needs = needs(look);
    let namespaces: BTreeSet<&String> = needs.iter().map(|need| &need.namespace).collect();
    let mut open: Vec<&Need> = Vec::new();
    let mut sure = true;
    for namespace in namespaces.into_iter().take(NAMESPACES) {
        // Rules are listed by namespace, and those of one say nothing of the whole cluster.
        let (rules, all) = if namespace.is_empty() {
            (Vec::new(), true)
        } else {
            let Some(told) = rights::rules(cluster, namespace).await else { continue };
            told
        };
        sure &= all;
        open.extend(needs.iter().filter(|need| &need.namespace == namespace && !need.is_met(&rules)));
    }
    open.truncate(ONE_BY_ONE);
    let denied = join_all(open.iter().map(|need| rights::is_denied(cluster, need))).await;
    let denied = open.into_iter().zip(denied).filter(|(_, denied)| *denied);
    Missing { needs: denied.map(|(need, _)| need.clone()).collect(), sure }
}

/// In words.
pub(super) fn words(missing: &Missing) -> String {
    let lacks: Vec<String> = missing.needs.iter().map(ToString::to_string).collect();
    let would = if missing.sure { "would" } else { "may" };
    format!("helm {would} fail half-way: this user may not {}", lacks.join(", "))
}

/// The refusal: a Role with what is missing, per namespace.
pub(super) fn refusal(missing: &Missing) -> Failure {
    let namespaces: BTreeSet<&String> = missing.needs.iter().map(|need| &need.namespace).collect();
    let refused = Failure::refused(format!("{}; nothing was done", words(missing)));
    let hinted = namespaces.into_iter().fold(refused, |refused, namespace| {
        let of: Vec<&Need> = missing.needs.iter().filter(|need| &need.namespace == namespace).collect();
        let verbs: BTreeSet<&str> = of.iter().map(|need| need.verb).collect();
        let kinds: BTreeSet<String> = of.iter().map(|need| need.kind()).collect();
        let (verbs, kinds) = (verbs.into_iter().collect::<Vec<_>>(), kinds.into_iter().collect::<Vec<_>>());
        let (role, binding) = if namespace.is_empty() {
            ("clusterrole omupgrade-helm".to_owned(), "ClusterRoleBinding")
        } else {
            (format!("role omupgrade-helm -n {namespace}"), "RoleBinding")
        };
        refused.hint(format!(
            "kubectl create {role} --verb={} --resource={}    # then a {binding}, and the same command again",
            verbs.join(","),
            kinds.join(",")
        ))
    });
    hinted.hint("kubectl omupgrade rbac rollback    # what omupgrade itself needs beside it")
}
