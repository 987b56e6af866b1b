//! What a precheck asks the cluster's own Pods: the claim only where it is bound and there is something to compare with.

use crate::backup::world;
use crate::cluster::World;
use kubectl_omupgrade::adapters::precheck::{Look, gather};
use kubectl_omupgrade::adapters::release::find;
use kubectl_omupgrade::checks::precheck::{Facts, Tables};
use kubectl_omupgrade::facts::Fact;
use serde_json::json;
use std::path::Path;

async fn looked(world: &World, probe: bool) -> Facts {
    let cluster = world.cluster();
    let release = Box::pin(find(&cluster, Some("om"))).await.unwrap().release;
    let tables = Tables::read(|_| None).unwrap();
    let look = Look {
        asked: serde_json::from_value(json!({"to": "1.13.1"})).unwrap(),
        values: None,
        probe,
        probe_image: None,
        search_image: None,
        token_secret: None,
        ingestion_bot: false,
        registry: false,
        helm: Some(Path::new("/nonexistent/helm")),
        tables: &tables,
    };
    Box::pin(gather(&cluster, "om", &Fact::known(release, "test", jiff::Timestamp::now()), look)).await.unwrap()
}

fn claim(phase: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "om-omupgrade-backup"},
        "spec": {"resources": {"requests": {"storage": "10"}}}, "status": {"phase": phase}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_free_is_asked_of_a_claim_that_is_bound() {
    for (phase, probe, free) in [
        ("Bound", true, Ok(5)),
        // Its first Pod would bind it, and a precheck changes nothing.
        ("Pending", true, Err("not asked: the claim is not bound")),
        ("Bound", false, Err("not asked (--no-probe)")),
    ] {
        let (world, _folder) = world();
        world.put("persistentvolumeclaims", claim(phase));
        let facts = looked(&world, probe).await;
        let place = facts.backup.value().unwrap();
        assert_eq!((place.bytes, place.free.known().copied()), (Some(10), free), "{phase}");
        let mounted = world.log().iter().any(|r| r.starts_with("POST ") && r.contains("omupgrade-claim"));
        assert!(!mounted || free.is_ok(), "{phase}: {:?}", world.log());
        assert!(world.all("pods").is_empty(), "{phase}");
    }
}
