//! What is looked at of the whole cluster: nodes with their images, and all pods' requests. Often forbidden.

use super::listed;
use crate::adapters::cluster::Cluster;
use crate::checks::Seen;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use shared::component::image_tag;

/// Nodes and pods, each or why not.
pub struct Whole {
    /// The nodes.
    pub nodes: Result<Vec<Node>, String>,
    /// The pods of all namespaces.
    pub pods: Result<Vec<Pod>, String>,
}

/// Looks.
pub async fn look(cluster: &Cluster) -> Whole {
    let (nodes, pods) = tokio::join!(
        listed(cluster, Api::<Node>::all(cluster.client.clone()), Clone::clone),
        listed(cluster, Api::<Pod>::all(cluster.client.clone()), Clone::clone),
    );
    Whole { nodes, pods }
}

/// The same image of another version: a tag or a digest gives way.
pub fn of_version(image: &str, to: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let repository = image_tag(name).and_then(|tag| name.strip_suffix(&format!(":{tag}")));
    format!("{}:{to}", repository.unwrap_or(name))
}

impl Whole {
    /// The image of the target, where a node holds it. `image`: the one that serves.
    pub fn images(&self, image: &Result<String, String>, to: &str) -> Seen<Vec<String>> {
        let (nodes, image) = match (&self.nodes, image) {
            (Ok(nodes), Ok(image)) => (nodes, image),
            (Err(reason), _) | (_, Err(reason)) => return Seen::Unknown(reason.clone()),
        };
        let wanted = of_version(image, to);
        let names =
            nodes.iter().filter_map(|n| n.status.as_ref()?.images.as_ref()).flatten().filter_map(|i| i.names.as_ref());
        // A node adds the registry that a short name stands for.
        let same = |name: &&String| **name == wanted || name.ends_with(&format!("/{wanted}"));
        let mut found: Vec<String> = names.flatten().filter(same).cloned().collect();
        found.sort();
        found.dedup();
        Seen::Known(found)
    }
}

#[cfg(test)]
mod tests {
    use super::of_version;

    #[test]
    fn a_tag_or_a_digest_gives_way() {
        for image in [
            "r:5000/om/server:1.12.14",
            "r:5000/om/server",
            "r:5000/om/server@sha256:00",
            "r:5000/om/server:1@sha256:00",
        ] {
            assert_eq!(of_version(image, "1.13.1"), "r:5000/om/server:1.13.1");
        }
    }
}
