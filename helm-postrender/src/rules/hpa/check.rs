//! Autoscalers that the stream already has: what would keep them from working, and what they would do.

use super::Settings;
use super::handover::hand_over;
use super::requests::{Measured, measured, missing};
use crate::pods::{Pods, names};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::replicas::{Autoscalers, bounds};
use crate::scene::{Object, Scene};
use crate::selector::Selector;
use serde_json::Value;

/// The only autoscaler of a server.
pub fn autoscaler(
    pods: &Pods<'_>,
    settings: &Settings,
    server: &Object,
    autoscaler: &Object,
    server_side: bool,
) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = version(autoscaler).into_iter().collect();
    let (least, most) = bounds(autoscaler);
    if least > most {
        let text = format!(
            "minReplicas {least} is above maxReplicas {most}, and the API refuses the autoscaler: correct one of them"
        );
        proposals.push(Proposal::warning(autoscaler, text));
        return proposals;
    }
    let least = match lifted(settings, autoscaler, least, most) {
        (least, Some(proposal)) => {
            proposals.push(proposal);
            least
        }
        (least, None) => least,
    };
    proposals.extend(hand_over(server, least, most, server_side));
    let measured = measured(autoscaler);
    let lacking = missing(server, &measured);
    if !lacking.is_empty() {
        let text = format!(
            "cannot scale as it is set: it measures in percent of the requests, and these containers of the server have \
             none: {}; set resources.requests in the chart's values",
            lacking.join(", ")
        );
        proposals.push(Proposal::warning(autoscaler, text));
    }
    proposals.extend(foreign(pods, server, autoscaler, &measured));
    proposals.extend(leaps(autoscaler, least, most));
    proposals
}

fn version(autoscaler: &Object) -> Option<Proposal> {
    let gone = match autoscaler.text("/apiVersion")? {
        "autoscaling/v2beta1" => "1.25",
        "autoscaling/v2beta2" => "1.26",
        _ => return None,
    };
    let text = format!(
        "{} is gone since Kubernetes {gone}, which refuses the autoscaler: take a chart that renders autoscaling/v2",
        autoscaler.text("/apiVersion").unwrap_or_default()
    );
    Some(Proposal::warning(autoscaler, text))
}

/// The minimum as it is or as the policy wishes it, with what is to be done or said.
fn lifted(settings: &Settings, autoscaler: &Object, least: u64, most: u64) -> (u64, Option<Proposal>) {
    let wish = u64::from(settings.min_replicas);
    if settings.add && least < wish && wish <= most {
        let why = "the policy asks for at least as many";
        return (wish, Some(Proposal::set(autoscaler, "/spec/minReplicas", wish, why)));
    }
    if settings.add && least < wish {
        let text = format!("the policy asks for at least {wish} pods, above its maxReplicas {most}: raise that first");
        return (least, Some(Proposal::warning(autoscaler, text)));
    }
    let text = "goes down to 1 pod: while that one is moved to another node nobody serves; set minReplicas 2";
    (least, (least < 2).then(|| Proposal::notice(autoscaler, text)))
}

/// Pods in the average that are not the server's.
pub fn foreign(pods: &Pods<'_>, server: &Object, about: &Object, measured: &[Measured<'_>]) -> Option<Proposal> {
    let selector = Selector::read(server.get("/spec/selector")?)?;
    let mut foreign = pods.foreign(server, &selector, server);
    // Helm's test pod is there for seconds, and nobody upgrades meanwhile.
    foreign.retain(|o| o.annotation("helm.sh/hook") != Some("test"));
    if foreign.is_empty() {
        return None;
    }
    let lacking: Vec<&Object> = foreign.iter().copied().filter(|o| !missing(o, measured).is_empty()).collect();
    let text = if lacking.is_empty() {
        format!(
            "the pods of {} have the labels of the server's selector, so they are in the average while they run; no rule \
             can change that selector",
            names(&foreign)
        )
    } else {
        format!(
            "the pods of {} have the labels of the server's selector but no resource requests, so the server is not \
             scaled while they run: give them resources.requests",
            names(&lacking)
        )
    };
    Some(Proposal::notice(about, text))
}

/// Scaling up by several pods at once, which all migrate.
fn leaps(autoscaler: &Object, least: u64, most: u64) -> Option<Proposal> {
    let is_slow = |policy: &Value| {
        policy.get("type").and_then(Value::as_str) == Some("Pods")
            && policy.get("value").and_then(Value::as_u64) == Some(1)
    };
    let policies = autoscaler.list("/spec/behavior/scaleUp/policies");
    let slow = (!policies.is_empty() && policies.iter().all(is_slow))
        || autoscaler.text("/spec/behavior/scaleUp/selectPolicy") == Some("Disabled");
    let text = "may add several pods at once, each of which runs the migration as it starts; set \
                behavior.scaleUp.policies to one pod per 120 s";
    (most.saturating_sub(least) > 1 && !slow).then(|| Proposal::notice(autoscaler, text))
}

/// Workloads other than the server whose `replicas` stand beside an autoscaler: reported, since it is not known what
/// their charts mean by it.
pub fn others(scene: &Scene, policy: &Policy, autoscalers: &Autoscalers<'_>) -> Vec<Proposal> {
    if autoscalers.is_empty() {
        return Vec::new();
    }
    let beside = |w: &&Object| w.get("/spec/replicas").and_then(Value::as_u64).is_some_and(|r| r > 0);
    let foreign = scene.workloads().filter(beside).filter(|w| {
        let settings = &policy.on(w).hpa;
        settings.enabled && settings.apply.is_server(scene.dialect)
    });
    let scaled = foreign.filter(|w| autoscalers.on(w).next().is_some());
    let other = scaled.filter(|w| scene.is_due(w) && !w.is_server);
    let text = "replicas stands beside an autoscaler: server-side apply fails by conflict once it scaled; leave replicas \
                out in the values of its chart";
    other.map(|w| Proposal::notice(w, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_that_no_api_takes_end_nothing() {
        let autoscaler = Object::new(0, None, json!({"kind": "HorizontalPodAutoscaler"}));
        assert!(leaps(&autoscaler, u64::MAX, u64::MAX).is_none());
        assert!(leaps(&autoscaler, 1, 2).is_none() && leaps(&autoscaler, 1, 3).is_some());
    }
}
