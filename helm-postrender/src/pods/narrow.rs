//! Selectors that hold a server's pods and no others: which expressions they need, and the proof.

use super::{Class, Pods};
use crate::scene::Object;
use crate::selector::{Label, Match, Selector};
use serde_json::{Value, json};

const COMPONENT: &str = "app.kubernetes.io/component";

/// A selector with the expressions that keep foreign pods out.
#[derive(Debug)]
pub struct Narrowed<'a> {
    /// The whole selector.
    pub selector: Value,
    /// The expressions that it has beyond the one it was made from.
    pub added: Vec<Value>,
    /// The objects whose pods it still selects though they are not the server's.
    pub rest: Vec<&'a Object>,
    /// Whether it selects the server's own pods, surely.
    pub holds: bool,
}

/// Narrows `selector`, which stands in the namespace of `at`, to the pods of `server`.
pub fn narrow<'a>(pods: &Pods<'a>, at: &Object, selector: &Value, server: &Object) -> Option<Narrowed<'a>> {
    let class = pods.class(server)?;
    let old = selector.get("matchExpressions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let says = |e: &Value| old.iter().any(|o| o.get("key") == e.get("key") && o.get("operator") == e.get("operator"));
    let added: Vec<Value> = expressions(class, server).into_iter().filter(|e| !says(e)).collect();
    let mut selector = selector.clone();
    if !added.is_empty() {
        let all: Vec<Value> = old.iter().chain(&added).cloned().collect();
        selector.as_object_mut()?.insert("matchExpressions".to_owned(), all.into());
    }
    let (rest, holds) = {
        let read = Selector::read(&selector)?;
        (pods.foreign(at, &read, server), read.matches(|key| class.label(key)) == Match::Yes)
    };
    Some(Narrowed { selector, added, rest, holds })
}

/// What tells the server's pods from those of Jobs, `CronJob`s' too (`job-name`), of the chart's operator and of the
/// pipelines (`app.kubernetes.io/component`), and from bare ones such as helm's test pod (what only a controller
/// adds). Where the server's own pods have a component, theirs is asked for; a `job-name` of theirs cannot tell
/// anything and is left out.
fn expressions(class: &Class<'_>, server: &Object) -> Vec<Value> {
    let expression = |key: &str| match class.label(key) {
        Label::Absent => Some(json!({"key": key, "operator": "DoesNotExist"})),
        Label::Is(value) if key == COMPONENT => Some(json!({"key": key, "operator": "In", "values": [value]})),
        _ => None,
    };
    let controller = match server.kind() {
        "Deployment" => Some("pod-template-hash"),
        "StatefulSet" => Some("statefulset.kubernetes.io/pod-name"),
        _ => None,
    };
    ["job-name", COMPONENT]
        .into_iter()
        .filter_map(expression)
        .chain(controller.map(|key| json!({"key": key, "operator": "Exists"})))
        .collect()
}
