//! Pods.

use super::meta::{conditions, meta, time};
use crate::facts::{Container, Pod, Probe, Role, State, Terminated};
use k8s_openapi::api::core::v1::{
    Container as ApiContainer, ContainerState, ContainerStateTerminated, ContainerStatus, Pod as ApiPod, PodSpec,
    Probe as ApiProbe,
};
use shared::component;

/// A pod.
pub fn pod(from: &ApiPod) -> Pod {
    let spec = from.spec.clone().unwrap_or_default();
    let status = from.status.clone().unwrap_or_default();
    let migrates = migration_container(&spec);
    let inits = spec.init_containers.iter().flatten().map(|c| {
        let role = if c.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
        (c, role, status.init_container_statuses.as_deref().unwrap_or_default())
    });
    let mains =
        spec.containers.iter().map(|c| (c, Role::Main, status.container_statuses.as_deref().unwrap_or_default()));
    let containers = inits.chain(mains).map(|(c, role, statuses)| {
        let status = statuses.iter().find(|s| s.name == c.name);
        container(c, role, status, migrates.as_deref() == Some(&c.name))
    });
    Pod {
        containers: containers.collect(),
        claims: claims(&spec),
        meta: meta(&from.metadata),
        phase: status.phase.unwrap_or_default(),
        reason: status.reason.unwrap_or_default(),
        message: status.message.unwrap_or_default(),
        node: spec.node_name,
        conditions: conditions!(status.conditions),
    }
}

/// The volume claims that a pod mounts.
pub fn claims(spec: &PodSpec) -> Vec<String> {
    let volumes = spec.volumes.iter().flatten();
    volumes.filter_map(|v| v.persistent_volume_claim.as_ref()).map(|c| c.claim_name.clone()).collect()
}

/// The name of the container that migrates the database.
fn migration_container(spec: &PodSpec) -> Option<String> {
    let likely = |c: &ApiContainer| {
        c.name.contains("migrat") || c.command.iter().chain(&c.args).flatten().any(|w| w.contains("migrate"))
    };
    // Most pods of a cluster migrate nothing: do not build the tree for them.
    if !spec.init_containers.iter().flatten().any(likely) {
        return None;
    }
    let value = serde_json::json!({"spec": {"template": {"spec": spec}}});
    component::migration_container(&value)?.get("name")?.as_str().map(str::to_owned)
}

/// The name of the container that migrates and is no init container: a Job's that somebody made for it.
pub fn migrating_main(spec: &PodSpec) -> Option<String> {
    let line = |c: &ApiContainer| c.command.iter().chain(&c.args).flatten().cloned().collect::<Vec<_>>().join(" ");
    let migrates = |line: &str| line.contains("openmetadata-ops.sh") && line.contains("migrate");
    spec.containers.iter().find(|c| migrates(&line(c))).map(|c| c.name.clone())
}

fn container(from: &ApiContainer, role: Role, status: Option<&ContainerStatus>, migrates: bool) -> Container {
    let probes =
        [("startup", &from.startup_probe), ("readiness", &from.readiness_probe), ("liveness", &from.liveness_probe)];
    Container {
        name: from.name.clone(),
        role,
        image: from.image.clone().unwrap_or_default(),
        migrates,
        state: status.and_then(|s| s.state.as_ref()).map_or(State::Unsaid, state),
        last: status.and_then(|s| s.last_state.as_ref()?.terminated.as_ref()).map(terminated),
        ready: status.is_some_and(|s| s.ready),
        started: status.and_then(|s| s.started),
        restarts: status.map_or(0, |s| s.restart_count),
        probes: probes.into_iter().filter_map(|(kind, p)| Some(probe(kind, p.as_ref()?))).collect(),
    }
}

fn state(from: &ContainerState) -> State {
    if let Some(ended) = &from.terminated {
        State::Terminated(terminated(ended))
    } else if let Some(running) = &from.running {
        State::Running { since: time(running.started_at.as_ref()) }
    } else if let Some(waiting) = &from.waiting {
        State::Waiting {
            reason: waiting.reason.clone().unwrap_or_default(),
            message: waiting.message.clone().unwrap_or_default(),
        }
    } else {
        State::Unsaid
    }
}

fn terminated(from: &ContainerStateTerminated) -> Terminated {
    Terminated {
        exit: from.exit_code,
        reason: from.reason.clone().unwrap_or_default(),
        message: from.message.clone().unwrap_or_default(),
        started: time(from.started_at.as_ref()),
        finished: time(from.finished_at.as_ref()),
    }
}

fn probe(kind: &str, from: &ApiProbe) -> Probe {
    let asks = if let Some(get) = &from.http_get {
        format!("GET :{}{}", super::meta::int_or_string(&get.port), get.path.as_deref().unwrap_or("/"))
    } else if let Some(socket) = &from.tcp_socket {
        format!("tcp :{}", super::meta::int_or_string(&socket.port))
    } else if let Some(grpc) = &from.grpc {
        format!("grpc :{}", grpc.port)
    } else {
        "exec".to_owned()
    };
    let period = i64::from(from.period_seconds.unwrap_or(10));
    let patience =
        i64::from(from.initial_delay_seconds.unwrap_or(0)) + period * i64::from(from.failure_threshold.unwrap_or(3));
    Probe { kind: kind.to_owned(), asks, patience }
}
