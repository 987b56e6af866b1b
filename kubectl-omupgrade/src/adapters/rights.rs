//! What the user may do: asked of the API server, which answers for whoever asks. Writes nothing.

use super::cluster::Cluster;
use crate::wayback::{Need, Rule};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

/// The rules for a namespace, and whether they are all: some authorizers cannot list theirs. None where they cannot be told.
pub async fn rules(cluster: &Cluster, namespace: &str) -> Option<(Vec<Rule>, bool)> {
    let api: Api<SelfSubjectRulesReview> = Api::all(cluster.client.clone());
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) },
        ..SelfSubjectRulesReview::default()
    };
    let status = cluster.within(api.create(&PostParams::default(), &review)).await.ok()?.status?;
    let rule = |rule: k8s_openapi::api::authorization::v1::ResourceRule| Rule {
        verbs: rule.verbs,
        groups: rule.api_groups.unwrap_or_default(),
        resources: rule.resources.unwrap_or_default(),
    };
    Some((status.resource_rules.into_iter().map(rule).collect(), !status.incomplete))
}

/// Whether the API server says for certain that the user may not.
pub async fn is_denied(cluster: &Cluster, need: &Need) -> bool {
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let attributes = ResourceAttributes {
        verb: Some(need.verb.to_owned()),
        group: Some(need.group.to_owned()),
        resource: Some(need.resource.to_owned()),
        namespace: Some(need.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let answer = cluster.within(api.create(&PostParams::default(), &review)).await;
    let status = answer.ok().and_then(|review| review.status);
    status.is_some_and(|status| !status.allowed && status.evaluation_error.is_none())
}
