//! What is looked at of the whole cluster: nodes with their images, and all pods' requests. Often forbidden.

use super::listed;
use crate::adapters::cluster::Cluster;
use crate::checks::Seen;
use k8s_openapi::api::core::v1::{Container, Node, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;

/// Nodes and pods, each or why not.
pub struct Whole {
    /// The nodes.
    pub nodes: Result<Vec<Node>, String>,
    /// The pods of all namespaces, with what is reckoned with.
    pub pods: Result<Vec<Pod>, String>,
}

/// Looks.
pub async fn look(cluster: &Cluster) -> Whole {
    let (nodes, pods) = tokio::join!(
        listed(cluster, Api::<Node>::all(cluster.client.clone()), Clone::clone),
        listed(cluster, Api::<Pod>::all(cluster.client.clone()), reckoned),
    );
    Whole { nodes, pods }
}

/// What is reckoned with of a pod: a cluster holds many thousands, and most of each is of no concern.
fn reckoned(pod: &Pod) -> Pod {
    let asks = |c: &Container| Container { resources: c.resources.clone(), ..Container::default() };
    let spec = |s: &PodSpec| PodSpec {
        node_name: s.node_name.clone(),
        containers: s.containers.iter().map(asks).collect(),
        init_containers: s.init_containers.as_ref().map(|all| all.iter().map(asks).collect()),
        ..PodSpec::default()
    };
    let status = |s: &PodStatus| PodStatus { phase: s.phase.clone(), ..PodStatus::default() };
    Pod {
        metadata: ObjectMeta { labels: pod.metadata.labels.clone(), ..ObjectMeta::default() },
        spec: pod.spec.as_ref().map(spec),
        status: pod.status.as_ref().map(status),
    }
}

impl Whole {
    /// The image of the target, where a node holds it.
    pub fn images(&self, image: &Result<String, String>) -> Seen<Vec<String>> {
        let (nodes, wanted) = match (&self.nodes, image) {
            (Ok(nodes), Ok(image)) => (nodes, image),
            (Err(reason), _) | (_, Err(reason)) => return Seen::Unknown(reason.clone()),
        };
        let names =
            nodes.iter().filter_map(|n| n.status.as_ref()?.images.as_ref()).flatten().filter_map(|i| i.names.as_ref());
        // A node adds the registry that a short name stands for.
        let same = |name: &&String| *name == wanted || name.ends_with(&format!("/{wanted}"));
        let mut found: Vec<String> = names.flatten().filter(same).cloned().collect();
        found.sort();
        found.dedup();
        Seen::Known(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::precheck::read;
    use serde_json::json;

    #[test]
    fn less_of_a_pod_is_reckoned_alike() {
        let pod: Pod = serde_json::from_value(
            json!({"metadata": {"name": "p", "labels": {"app": "om"}, "annotations": {"a": "b"}},
            "spec": {"nodeName": "a", "containers": [{"name": "c", "env": [{"name": "A", "value": "b"}],
                "resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}}}]},
            "status": {"phase": "Running", "message": "m"}}),
        )
        .unwrap();
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "a"}, "status": {
            "allocatable": {"cpu": "2", "memory": "8Gi", "pods": "9"}, "conditions": [{"type": "Ready", "status": "True"}]}}))
        .unwrap();
        let wanted: PodSpec =
            serde_json::from_value(json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "other"}}}]}}}))
            .unwrap();
        let nodes = [node];
        let room = |pod: &Pod| read::room(&wanted, &[], Some(&nodes), Some(std::slice::from_ref(pod)));
        let less = reckoned(&pod);
        assert_eq!((room(&less), room(&less).full), (room(&pod), 1));
        let near = serde_json::from_value(
            json!({"metadata": {"labels": {"app": "other"}}, "spec": {"nodeName": "a", "containers": []}}),
        )
        .unwrap();
        assert_eq!((room(&reckoned(&near)), room(&reckoned(&near)).unfit), (room(&near), 1));
        assert!(less.metadata.annotations.is_none() && less.spec.unwrap().containers[0].env.is_none());
    }
}
