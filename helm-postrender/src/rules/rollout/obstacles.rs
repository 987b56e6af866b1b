//! What keeps a new pod from starting beside an old one.

use crate::replicas::Namespace;
use crate::scene::{Object, Scene};
use crate::selector::{Label, Match, Selector};
use serde_json::Value;

/// What stands in the way, in words; empty where nothing does.
pub fn certain(scene: &Scene, server: &Object) -> Vec<String> {
    let mut out = Vec::new();
    if server.get("/spec/template/spec/hostNetwork").and_then(Value::as_bool) == Some(true) {
        out.push("it uses the host's network".to_owned());
    }
    let containers = ["containers", "initContainers"].map(|list| server.list(&format!("/spec/template/spec/{list}")));
    let ports = containers.into_iter().flatten().filter_map(|c| c.get("ports")?.as_array()).flatten();
    for port in ports.filter_map(|p| p.get("hostPort")?.as_u64()).filter(|p| *p != 0) {
        out.push(format!("it takes port {port} of its host"));
    }
    for volume in server.list("/spec/template/spec/volumes") {
        if let Some(kind) = single_disk(volume) {
            out.push(format!("its volume `{}` ({kind}) is for one node", name(volume)));
        }
        if let Some((claim, Access::OneNode)) = claim(scene, server, volume) {
            out.push(format!("its claim `{claim}` is for one node (ReadWriteOnce)"));
        }
    }
    out
}

/// The claims whose access mode is not in the stream.
pub fn unknown_claims<'a>(scene: &'a Scene, server: &'a Object) -> Vec<&'a str> {
    let volumes = server.list("/spec/template/spec/volumes");
    let claims = volumes.iter().filter_map(|volume| claim(scene, server, volume));
    claims.filter(|(_, access)| *access == Access::Unknown).map(|(name, _)| name).collect()
}

/// Whether a new pod may not stand on the node of an old one: then the extra pod of an update needs a free one.
pub fn one_pod_a_node(server: &Object) -> bool {
    let rules = "/spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let on_node = |rule: &&Value| rule.get("topologyKey").and_then(Value::as_str) == Some("kubernetes.io/hostname");
    let own = |key: &str| {
        let value = server.pod_labels().and_then(|labels| labels.get(key)?.as_str());
        value.map_or(Label::Absent, Label::Is)
    };
    let keeps_off_own = |rule: &Value| {
        let selector = rule.get("labelSelector").and_then(Selector::read);
        selector.is_some_and(|s| s.matches(own) == Match::Yes)
    };
    // Pods of one revision keep off each other then, an old and a new one do not.
    let by_revision = |rule: &Value| {
        let keys = rule.get("matchLabelKeys").and_then(Value::as_array);
        keys.is_some_and(|keys| keys.iter().any(|key| key == "pod-template-hash"))
    };
    server.list(rules).iter().filter(on_node).any(|rule| keeps_off_own(rule) && !by_revision(rule))
}

#[derive(Debug, PartialEq, Eq)]
enum Access {
    Shared,
    OneNode,
    Unknown,
}

/// The claim that a volume names, and who may mount it: the stream knows it where the claim is rendered with it.
fn claim<'a>(scene: &'a Scene, server: &Object, volume: &'a Value) -> Option<(&'a str, Access)> {
    let source = volume.get("persistentVolumeClaim")?;
    let name = source.get("claimName")?.as_str()?;
    let rendered = scene
        .of_kind("PersistentVolumeClaim")
        .find(|c| c.name() == name && Namespace::of(server).may_be(c.namespace()))
        .map(|c| c.list("/spec/accessModes"));
    let has = |modes: &[Value], mode: &str| modes.iter().any(|m| m.as_str() == Some(mode));
    let read_only = source.get("readOnly").and_then(Value::as_bool) == Some(true);
    let access = match rendered {
        Some(modes) if has(modes, "ReadWriteMany") || (read_only && has(modes, "ReadOnlyMany")) => Access::Shared,
        Some(modes) if has(modes, "ReadWriteOnce") || has(modes, "ReadWriteOncePod") => Access::OneNode,
        Some(_) | None => Access::Unknown,
    };
    Some((name, access))
}

/// A disk named in the pod itself that only one node can write.
fn single_disk(volume: &Value) -> Option<&'static str> {
    let kinds =
        ["awsElasticBlockStore", "azureDisk", "cinder", "fc", "gcePersistentDisk", "iscsi", "rbd", "vsphereVolume"];
    let kind = kinds.into_iter().find(|kind| volume.get(kind).is_some_and(Value::is_object))?;
    let read_only = volume.get(kind)?.get("readOnly").and_then(Value::as_bool) == Some(true);
    (!read_only).then_some(kind)
}

fn name(volume: &Value) -> &str {
    volume.get("name").and_then(Value::as_str).unwrap_or_default()
}
