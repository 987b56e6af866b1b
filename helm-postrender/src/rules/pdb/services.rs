//! Services whose selector catches pods that are not the server's. Reported, never changed: a Service's selector is
//! the chart's, and traffic hangs on it.

use crate::pods::{Pods, names};
use crate::proposal::Proposal;
use crate::replicas::Namespace;
use crate::scene::{Object, Scene};
use crate::selector::Selector;
use serde_json::Value;
use std::collections::HashMap;

/// Where a Service sends to: a port by name, or by number.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Target<'a> {
    Name(&'a str),
    Number,
}

/// What there is to say of a Service.
#[derive(Debug, Clone)]
enum Catch {
    /// Foreign pods that no request reaches.
    Silent(String),
    /// Foreign pods that get requests meant for the server.
    Reached(String),
}

/// What is to be said of the Services of a scene.
pub fn look(scene: &Scene, pods: &Pods<'_>) -> Vec<Proposal> {
    // A stream of many releases has many equal Services.
    let mut known: HashMap<_, Option<Catch>> = HashMap::new();
    let mut proposals = Vec::new();
    for service in scene.of_kind("Service").filter(|s| scene.is_due(s)) {
        let Some(selector) = service.get("/spec/selector").and_then(Value::as_object).and_then(Selector::of_labels)
        else {
            continue;
        };
        let targets: Vec<Target<'_>> = service.list("/spec/ports").iter().map(target).collect();
        let caught = known
            .entry((Namespace::of(service), selector, targets))
            .or_insert_with_key(|(_, selector, targets)| caught(service, selector, targets, pods));
        proposals.extend(caught.as_ref().map(|c| said(service, c)));
    }
    proposals
}

fn target(port: &Value) -> Target<'_> {
    port.get("targetPort").and_then(Value::as_str).map_or(Target::Number, Target::Name)
}

fn caught(service: &Object, selector: &Selector<'_>, targets: &[Target<'_>], pods: &Pods<'_>) -> Option<Catch> {
    // An empty selector of a Service selects nothing.
    if selector.is_empty() {
        return None;
    }
    let selected = pods.selected(Namespace::of(service), selector);
    let server = selected.iter().flat_map(|(class, _)| &class.owners).find(|o| o.is_server)?;
    let foreign = pods.foreign(service, selector, server);
    let reached: Vec<&Object> = foreign.iter().copied().filter(|o| is_reached(targets, o)).collect();
    match (foreign.is_empty(), reached.is_empty()) {
        (true, _) => None,
        (_, true) => Some(Catch::Silent(names(&foreign))),
        (_, false) => Some(Catch::Reached(names(&reached))),
    }
}

fn said(service: &Object, caught: &Catch) -> Proposal {
    match caught {
        Catch::Silent(names) => {
            let text = format!(
                "its selector also selects the pods of {names}; they have no port of the name it sends to, so no request \
                 reaches them"
            );
            Proposal::kept(service, text)
        }
        Catch::Reached(names) => {
            let text = format!(
                "its selector also selects the pods of {names}, and requests for the server reach them; give those pods \
                 other labels"
            );
            Proposal::notice(service, text)
        }
    }
}

/// Whether a Service sends to the pods of an object: by number to every pod, by name to those that have the port.
fn is_reached(targets: &[Target<'_>], object: &Object) -> bool {
    let Some(template) = object.template_path() else { return false };
    let containers = object.list(&format!("{template}/spec/containers"));
    let named = |name: &str| {
        let ports = containers.iter().filter_map(|c| c.get("ports")?.as_array()).flatten();
        ports.filter_map(|p| p.get("name")?.as_str()).any(|n| n == name)
    };
    targets.iter().any(|target| match target {
        Target::Name(name) => named(name),
        Target::Number => true,
    })
}
