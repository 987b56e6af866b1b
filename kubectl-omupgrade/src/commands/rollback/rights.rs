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

/// The rights that helm will need and that the user surely lacks.
pub(super) async fn missing(cluster: &Cluster, look: &Look) -> Vec<Need> {
    let needs = needs(look);
    let namespaces: BTreeSet<&String> = needs.iter().map(|need| &need.namespace).collect();
    let mut open: Vec<&Need> = Vec::new();
    for namespace in namespaces.into_iter().take(NAMESPACES) {
        let Some(rules) = rights::rules(cluster, namespace).await else { continue };
        open.extend(needs.iter().filter(|need| &need.namespace == namespace && !need.is_met(&rules)));
    }
    open.truncate(ONE_BY_ONE);
    let denied = join_all(open.iter().map(|need| rights::is_denied(cluster, need))).await;
    open.into_iter().zip(denied).filter(|(_, denied)| *denied).map(|(need, _)| need.clone()).collect()
}

/// In words.
pub(super) fn words(missing: &[Need]) -> String {
    let lacks: Vec<String> = missing.iter().map(ToString::to_string).collect();
    format!("helm would fail half-way: this user may not {}", lacks.join(", "))
}

/// The refusal: a Role with what is missing, per namespace.
pub(super) fn refusal(missing: &[Need]) -> Failure {
    let namespaces: BTreeSet<&String> = missing.iter().map(|need| &need.namespace).collect();
    let refused = Failure::refused(format!("{}; nothing was done", words(missing)));
    let hinted = namespaces.into_iter().fold(refused, |refused, namespace| {
        let of: Vec<&Need> = missing.iter().filter(|need| &need.namespace == namespace).collect();
        let verbs: BTreeSet<&str> = of.iter().map(|need| need.verb).collect();
        let kinds: BTreeSet<String> = of.iter().map(|need| need.kind()).collect();
        let (verbs, kinds) = (verbs.into_iter().collect::<Vec<_>>(), kinds.into_iter().collect::<Vec<_>>());
        refused.hint(format!(
            "kubectl create role omupgrade-helm -n {namespace} --verb={} --resource={}    # then a RoleBinding, and the same command again",
            verbs.join(","),
            kinds.join(",")
        ))
    });
    hinted.hint("kubectl omupgrade rbac rollback    # what omupgrade itself needs beside it")
}
