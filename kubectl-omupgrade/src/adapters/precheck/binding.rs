//! Whether a claim that is not bound only waits for its first Pod: its storage class says so, and the claim's event, which
//! comes some seconds after the claim and is gone after an hour.

use super::listed;
use crate::adapters::cluster::Cluster;
use crate::facts::{Claim, Event};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;

/// The word of both, class and event.
const FIRST: &str = "WaitForFirstConsumer";

/// Whether it waits, and why that is not known.
pub type Waits = (bool, Option<String>);

/// Looks, where there is something to look for.
pub async fn look(cluster: &Cluster, claim: Option<&Claim>, events: &Result<Vec<Event>, String>) -> Waits {
    let Some(claim) = claim.filter(|claim| claim.phase == "Pending") else { return (false, None) };
    if events.iter().flatten().any(|e| e.about == claim.meta.name && e.reason == FIRST) {
        return (true, None);
    }
    let read = |class: &StorageClass| {
        (class.metadata.name.clone().unwrap_or_default(), class.volume_binding_mode.clone().unwrap_or_default())
    };
    judge(claim.class.as_deref(), listed(cluster, Api::<StorageClass>::all(cluster.client.clone()), read).await)
}

/// By the classes and how each binds. No event proves nothing: it may be gone, or not be there yet.
fn judge(class: Option<&str>, classes: Result<Vec<(String, String)>, String>) -> Waits {
    // No class: a volume that somebody makes by hand.
    let Some(class) = class.filter(|class| !class.is_empty()) else { return (false, None) };
    match classes {
        Ok(all) => (all.iter().any(|(name, binds)| name == class && binds == FIRST), None),
        Err(why) => (false, Some(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_tells_where_no_event_does() {
        let class = |name: &str, binds: &str| (name.to_owned(), binds.to_owned());
        let classes = || Ok(vec![class("local", FIRST), class("at-once", "Immediate")]);
        assert_eq!(judge(Some("local"), classes()), (true, None));
        assert_eq!(judge(Some("at-once"), classes()), (false, None));
        assert_eq!(judge(Some("gone"), classes()), (false, None));
        assert_eq!(judge(None, classes()), (false, None));
        assert_eq!(judge(Some("local"), Err("forbidden".to_owned())), (false, Some("forbidden".to_owned())));
    }
}
