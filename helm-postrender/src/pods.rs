//! The pods that the objects of a stream will have, found by label, so that a selector's pod set can be proven.
//!
//! Pods of one namespace with equal labels from equal controllers are one class: a stream of hundreds of releases
//! has few. Knows only what is in the stream: not the pods of custom kinds, nor those that run already.

pub mod narrow;

use crate::replicas::Namespace;
use crate::scene::{Object, ObjectId, Scene};
use crate::selector::{Label, Match, Selector};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Labels that a controller puts on its pods beside those of the template, with values that only the cluster knows
/// (kubernetes.io/docs/reference/labels-annotations-taints).
const ADDED: &[(Maker, &[&str])] = &[
    (Maker::Deployment, &["pod-template-hash"]),
    (
        Maker::StatefulSet,
        &["statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "controller-revision-hash"],
    ),
    (Maker::DaemonSet, &["controller-revision-hash", "pod-template-generation"]),
    (Maker::Job, &["job-name", "batch.kubernetes.io/job-name", "controller-uid", "batch.kubernetes.io/controller-uid"]),
];

/// What makes a pod, as far as its labels tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Maker {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    /// Adds no label: a bare Pod, a `ReplicaSet`, a Job with `manualSelector`.
    Other,
}

/// Pods that no selector can tell apart.
#[derive(Debug, Clone)]
pub struct Class<'a> {
    /// Its index among the classes of its stream.
    pub id: usize,
    namespace: Option<&'a str>,
    maker: Maker,
    labels: Vec<(&'a str, &'a str)>,
    /// The objects whose pods these are, each identity once.
    pub owners: Vec<&'a Object>,
}

impl Class<'_> {
    /// What is known of one label.
    pub fn label(&self, key: &str) -> Label<'_> {
        if self.maker.adds(key) {
            return Label::SomeValue;
        }
        self.labels.iter().find(|(k, _)| *k == key).map_or(Label::Absent, |(_, value)| Label::Is(value))
    }
}

impl Maker {
    fn of(object: &Object) -> Self {
        match object.kind() {
            "Deployment" => Self::Deployment,
            "StatefulSet" => Self::StatefulSet,
            "DaemonSet" => Self::DaemonSet,
            "Job" if object.get("/spec/manualSelector") == Some(&Value::Bool(true)) => Self::Other,
            "Job" | "CronJob" => Self::Job,
            _ => Self::Other,
        }
    }

    fn adds(self, key: &str) -> bool {
        ADDED.iter().any(|(maker, keys)| *maker == self && keys.contains(&key))
    }
}

/// All pods of a scene.
#[derive(Debug)]
pub struct Pods<'a> {
    classes: Vec<Class<'a>>,
    by_pair: HashMap<(&'a str, &'a str), Vec<usize>>,
    of_object: HashMap<ObjectId, usize>,
}

impl<'a> Pods<'a> {
    /// Reads all pod templates of a scene.
    pub fn of(scene: &'a Scene) -> Self {
        let mut pods = Self { classes: Vec::new(), by_pair: HashMap::new(), of_object: HashMap::new() };
        let mut known: HashMap<_, usize> = HashMap::new();
        let mut seen = HashSet::new();
        // A hook that this run adds has labels of its own and is over before any pod of the upgrade starts.
        for object in scene.objects.iter().filter(|o| o.document.is_some() && o.template_path().is_some()) {
            let (namespace, maker, labels) = (object.namespace(), Maker::of(object), labels(object));
            let class = *known.entry((namespace, maker, labels.clone())).or_insert_with(|| pods.classes.len());
            if class == pods.classes.len() {
                for pair in &labels {
                    pods.by_pair.entry(*pair).or_default().push(class);
                }
                pods.classes.push(Class { id: class, namespace, maker, labels, owners: Vec::new() });
            }
            pods.of_object.insert(object.id, class);
            // A stream may hold an object twice (Helm 4 shows hooks among the rest); it is one owner all the same.
            if seen.insert((class, object.kind(), object.name()))
                && let Some(class) = pods.classes.get_mut(class)
            {
                class.owners.push(object);
            }
        }
        pods
    }

    /// The class of an object's pods; none for kinds without pods.
    pub fn class(&self, object: &Object) -> Option<&Class<'a>> {
        self.classes.get(*self.of_object.get(&object.id)?)
    }

    /// The classes that a selector in `namespace` selects, perhaps or surely, in stream order.
    pub fn selected(&self, namespace: Namespace<'_>, selector: &Selector<'_>) -> Vec<(&Class<'a>, Match)> {
        let judge = |class: &'_ Class<'a>| {
            if namespace.may_be(class.namespace) { selector.matches(|key| class.label(key)) } else { Match::No }
        };
        let near = self.narrowest(selector);
        let all = 0..if near.is_some() { 0 } else { self.classes.len() };
        let candidates = near.unwrap_or_default().iter().copied().chain(all);
        candidates.filter_map(|i| self.classes.get(i)).map(|c| (c, judge(c))).filter(|(_, m)| *m != Match::No).collect()
    }

    /// The shortest list of classes that has every class which `selector` can select; none where all must be asked.
    fn narrowest<'s>(&'s self, selector: &'s Selector<'_>) -> Option<&'s [usize]> {
        // A value that a controller adds is in no list.
        let added = |key: &str| ADDED.iter().any(|(_, keys)| keys.contains(&key));
        let pairs = selector.equal().iter().filter(|(key, _)| !added(key));
        pairs.map(|pair| self.by_pair.get(pair).map_or(&[][..], Vec::as_slice)).min_by_key(|list| list.len())
    }

    /// The objects other than `own` whose pods a selector in the namespace of `at` selects or may select.
    pub fn foreign(&self, at: &Object, selector: &Selector<'_>, own: &Object) -> Vec<&'a Object> {
        let is_own = |o: &Object| o.id == own.id || (o.name() == own.name() && o.kind() == own.kind());
        let classes = self.selected(Namespace::of(at), selector);
        classes.iter().flat_map(|(class, _)| class.owners.iter().copied()).filter(|o| !is_own(o)).collect()
    }
}

/// The labels of an object's pods, sorted; values that are no strings are none the API takes.
fn labels(object: &Object) -> Vec<(&str, &str)> {
    let labels = object.pod_labels().into_iter().flatten();
    let mut labels: Vec<_> = labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
    labels.sort_unstable();
    labels
}

/// Objects by `Kind/name`, the first three and how many more.
pub fn names(objects: &[&Object]) -> String {
    let mut names: Vec<String> = objects.iter().take(3).map(|o| o.label()).collect();
    if objects.len() > 3 {
        names.push(format!("{} more", objects.len() - 3));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::manifest::Dialect;

    fn scene(objects: Vec<Value>) -> Scene {
        let object = |(id, value)| Object::new(id, Some(id), value);
        Scene::new(Dialect::Plain, objects.into_iter().enumerate().map(object).collect())
    }

    fn maker(kind: &str, name: &str, namespace: Option<&str>) -> Value {
        let template = json!({"metadata": {"labels": {"app": "om"}}});
        let spec = match kind {
            "CronJob" => json!({"jobTemplate": {"spec": {"template": template}}}),
            _ => json!({"template": template}),
        };
        let mut object = json!({"kind": kind, "metadata": {"name": name}, "spec": spec});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        object
    }

    /// The names of the foreign objects that a selector at the first object selects.
    fn foreign(objects: Vec<Value>, selector: &Value) -> Vec<String> {
        let scene = scene(objects);
        let pods = Pods::of(&scene);
        let own = &scene.objects[0];
        let selector = Selector::read(selector).unwrap();
        pods.foreign(own, &selector, own).iter().map(|o| o.label()).collect()
    }

    #[test]
    fn labels_that_only_a_controller_adds_are_known() {
        let all = || {
            let mut manual = maker("Job", "manual", None);
            manual["spec"]["manualSelector"] = true.into();
            let kinds = ["Deployment", "CronJob", "Job", "StatefulSet", "DaemonSet", "ReplicaSet"];
            let mut objects: Vec<Value> = kinds.iter().map(|kind| maker(kind, "x", None)).collect();
            objects.push(manual);
            objects
        };
        let with = |key: &str, operator: &str| {
            foreign(all(), &json!({"matchExpressions": [{"key": key, "operator": operator}]}))
        };
        assert_eq!(with("job-name", "Exists"), ["CronJob/x", "Job/x"]);
        assert_eq!(with("batch.kubernetes.io/job-name", "Exists"), ["CronJob/x", "Job/x"]);
        assert_eq!(with("job-name", "DoesNotExist"), ["StatefulSet/x", "DaemonSet/x", "ReplicaSet/x", "Job/manual"]);
        assert!(with("pod-template-hash", "Exists").is_empty(), "the Deployment's own");
        // A value that only the cluster knows may be the one asked for.
        assert_eq!(foreign(all(), &json!({"matchLabels": {"job-name": "x-1"}})), ["CronJob/x", "Job/x"]);
    }

    #[test]
    fn only_a_namespace_that_is_surely_another_keeps_pods_apart() {
        let app = json!({"matchLabels": {"app": "om"}});
        let at = |own, other| foreign(vec![maker("Deployment", "a", own), maker("Deployment", "b", other)], &app);
        assert_eq!(at(None, None), ["Deployment/b"]);
        assert_eq!(at(None, Some("data")), ["Deployment/b"]);
        assert_eq!(at(Some("data"), None), ["Deployment/b"]);
        assert!(at(Some("data"), Some("other")).is_empty());
    }

    #[test]
    fn an_object_that_stands_twice_is_not_foreign_to_itself() {
        let twice = vec![maker("Deployment", "a", None), maker("Deployment", "a", None)];
        assert!(foreign(twice, &json!({})).is_empty());
    }

    #[test]
    fn many_names_are_cut_short() {
        let scene = scene((0..5).map(|i| maker("Job", &i.to_string(), None)).collect());
        let all: Vec<&Object> = scene.objects.iter().collect();
        assert_eq!(names(&all[..1]), "Job/0");
        assert_eq!(names(&all[..2]), "Job/0 and Job/1");
        assert_eq!(names(&all), "Job/0, Job/1, Job/2 and 2 more");
    }
}
