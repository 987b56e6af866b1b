//! The strategy of the server's Deployment: how many pods may migrate at the same time.

use super::{Settings, Shape, obstacles};
use crate::proposal::Proposal;
use crate::replicas::Replicas;
use crate::scene::{Object, Scene};
use serde_json::{Value, json};
use shared::component;

const PATH: &str = "/spec/strategy";

const ONE_A_NODE: &str =
    "its anti-affinity allows one pod a node, so the extra pod of an update waits for ever where no node is free";

/// How old and new pods will follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// New ones come while old ones serve.
    Rolling,
    /// New ones come after the last old one went.
    Recreate,
    /// It cannot be told whether a new one can start beside an old one.
    Unclear,
}

/// Looks at the strategy of `server`, which has `pods`.
pub fn propose(scene: &Scene, server: &Object, settings: &Settings, pods: Replicas<'_>) -> (Follows, Vec<Proposal>) {
    let recreates = server.text("/spec/strategy/type") == Some("Recreate");
    match settings.strategy {
        Shape::Leave if recreates => (Follows::Recreate, Vec::new()),
        Shape::Leave => (Follows::Rolling, left(server, pods).into_iter().collect()),
        Shape::Recreate => {
            let wish = json!({"type": "Recreate"});
            (Follows::Recreate, vec![Proposal::set(server, PATH, wish, "the policy asks for it")])
        }
        Shape::Rolling if recreates => {
            let text = "its strategy Recreate is kept as set: nothing serves while the new pod migrates";
            (Follows::Recreate, vec![Proposal::kept(server, text)])
        }
        Shape::Rolling => rolling(scene, server, pods),
    }
}

fn rolling(scene: &Scene, server: &Object, pods: Replicas<'_>) -> (Follows, Vec<Proposal>) {
    let obstacles = obstacles::certain(scene, server);
    if !obstacles.is_empty() {
        let text = format!(
            "a new pod may not start beside an old one: {}. Its update is left as it is and may wait for ever; set \
             rollout.strategy: recreate in the policy if so",
            obstacles.join(", ")
        );
        let mut proposals = vec![Proposal::warning(server, text)];
        proposals.extend(left(server, pods));
        return (Follows::Unclear, proposals);
    }
    let one_a_node = obstacles::one_pod_a_node(server);
    let mut proposals = if one_a_node && pods.least < 2 {
        // Its only pod cannot go first either.
        let mut proposals = vec![Proposal::warning(server, format!("{ONE_A_NODE}; its update is left as it is"))];
        proposals.extend(left(server, pods));
        proposals
    } else {
        amended(server, pods, one_a_node)
    };
    proposals.extend(unknown_claims(scene, server));
    (Follows::Rolling, proposals)
}

/// What a strategy that is left as it is lets happen.
fn left(server: &Object, pods: Replicas<'_>) -> Option<Proposal> {
    component::migration_container(server.value())?;
    let n = pods.most.max(1);
    let [surge, unavailable] = Side::both(server, n);
    let at_once = surge.pods.unwrap_or(n.div_ceil(4)).saturating_add(unavailable.pods.unwrap_or(n / 4));
    let text = format!("{}: it needs maxSurge 1 and maxUnavailable 0", parallel(n, at_once));
    (at_once > 1).then(|| Proposal::warning(server, text))
}

/// The claims that a new pod may not get, where the stream cannot tell.
fn unknown_claims(scene: &Scene, server: &Object) -> Vec<Proposal> {
    let notice = |claim: &str| {
        let text = format!(
            "it mounts the claim `{claim}`, whose access mode is not in this stream: if `kubectl get pvc {claim}` says \
             RWO, a new pod waits for the old one's volume for ever; set rollout.strategy: recreate in the policy then"
        );
        Proposal::notice(server, text)
    };
    obstacles::unknown_claims(scene, server).into_iter().map(notice).collect()
}

/// One of the two fields of a rolling update.
struct Side {
    field: &'static str,
    given: Option<Value>,
    /// As many pods; absent fields and such as cannot be read have none.
    pods: Option<u64>,
}

impl Side {
    /// maxSurge and maxUnavailable for so many `pods`.
    fn both(server: &Object, pods: u64) -> [Self; 2] {
        [Self::read(server, "maxSurge", pods, true), Self::read(server, "maxUnavailable", pods, false)]
    }

    fn read(server: &Object, field: &'static str, pods: u64, up: bool) -> Self {
        let given = server.get(&format!("{PATH}/rollingUpdate/{field}")).filter(|v| !v.is_null()).cloned();
        Self { field, pods: given.as_ref().and_then(|v| resolve(v, pods, up)), given }
    }

    /// Whether it is 0 for any number of pods, not only rounded down to it.
    fn is_zero(&self) -> bool {
        self.given.as_ref().and_then(|v| resolve(v, 100, true)) == Some(0)
    }

    fn is_unreadable(&self) -> bool {
        self.given.is_some() && self.pods.is_none()
    }
}

/// A count or a percentage of `pods`, as Kubernetes resolves it.
fn resolve(value: &Value, pods: u64, up: bool) -> Option<u64> {
    if let Some(count) = value.as_u64() {
        return Some(count);
    }
    let percent: u64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
    let hundredths = percent.saturating_mul(pods);
    Some(if up { hundredths.div_ceil(100) } else { hundredths / 100 })
}

fn amended(server: &Object, pods: Replicas<'_>, one_a_node: bool) -> Vec<Proposal> {
    let n = pods.most.max(1);
    let [surge, unavailable] = Side::both(server, n);
    if [&surge, &unavailable].iter().any(|side| side.is_unreadable()) {
        let text = "its maxSurge or maxUnavailable is neither a number nor a percentage: the API refuses it";
        return vec![Proposal::warning(server, text)];
    }
    let is_safe = surge.pods.zip(unavailable.pods).is_some_and(|(s, u)| s.saturating_add(u) <= 1);
    // No room for one pod more, on purpose or on the nodes: then one old pod goes first. Both 0 the API refuses.
    let makes_room = one_a_node && !is_safe && !surge.is_zero() && !unavailable.is_zero();
    let in_place = makes_room || (surge.is_zero() && !unavailable.is_zero());
    let wish = if in_place { [0, 1] } else { [1, 0] };
    let room = format!("{ONE_A_NODE}: one old pod goes first");
    let unset = if makes_room { room.clone() } else { unset(n) };
    if surge.given.is_none() && unavailable.given.is_none() {
        let [surge, unavailable] = wish;
        let wish =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
        return vec![Proposal::set(server, PATH, wish, unset)];
    }
    let at_once = surge.pods.unwrap_or(wish[0]).saturating_add(unavailable.pods.unwrap_or(wish[1]));
    let broken = at_once > 1 || (surge.is_zero() && unavailable.is_zero());
    let mut out = Vec::new();
    for (side, wish) in [&surge, &unavailable].into_iter().zip(wish) {
        let path = format!("{PATH}/rollingUpdate/{}", side.field);
        if side.given.is_none() {
            out.push(Proposal::set(server, path, wish, unset.as_str()));
        } else if broken && side.given != Some(json!(wish)) {
            let why = match side.field {
                "maxSurge" if makes_room => room.clone(),
                _ if at_once > 1 => parallel(n, at_once),
                _ => "both may not be 0".to_owned(),
            };
            out.push(Proposal::set(server, path, wish, why));
        }
    }
    if !broken {
        out.extend(kept(server, [&surge, &unavailable], n));
    }
    if one_a_node && !in_place {
        out.push(Proposal::notice(server, format!("{ONE_A_NODE}; maxSurge 0 and maxUnavailable 1 need none")));
    }
    out
}

/// Why a field that nobody set is set. Kubernetes' default is 25 % for both.
fn unset(pods: u64) -> String {
    let default = pods.div_ceil(4) + pods / 4;
    if default > 1 {
        format!("by Kubernetes' default, {}", parallel(pods, default))
    } else {
        "new pods come one at a time, and no old one goes before its successor is ready".to_owned()
    }
}

fn parallel(pods: u64, at_once: u64) -> String {
    format!("with {pods} pods {at_once} new ones would migrate at the same time, without a lock")
}

fn kept(server: &Object, sides: [&Side; 2], pods: u64) -> Option<Proposal> {
    let ours = [json!(1), json!(0)];
    let differs = sides.iter().zip(&ours).any(|(side, our)| side.given.as_ref().is_some_and(|v| v != our));
    let words: Vec<String> =
        sides.iter().filter_map(|s| Some(format!("{} {}", s.field, plain(s.given.as_ref()?)))).collect();
    let several = sides.iter().any(|s| s.given.as_ref().is_some_and(Value::is_string));
    let limit = if several { ", with more pods several would" } else { "" };
    let s = if pods == 1 { "" } else { "s" };
    let are = if words.len() == 1 { "is" } else { "are" };
    let words = words.join(" and ");
    let text = format!("its {words} {are} kept as set: with {pods} pod{s} one migrates at a time{limit}");
    differs.then(|| Proposal::kept(server, text))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
