//! What the rules see: the objects of one stream as Kubernetes reads them, each with the plan made for it so far.
//!
//! Read-only for rules. Holds no text and knows nothing of a cluster.

use serde_json::Value;
use shared::component::{self, Component};
use shared::manifest::{Dialect, Plan};
use shared::marks;
use shared::versions::Version;
use std::collections::{HashMap, HashSet};

/// The index of an object in its scene.
pub type ObjectId = usize;

/// One Kubernetes object: a document, or an item of a `List`.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its index in the scene.
    pub id: ObjectId,
    /// The index of the document that holds it; `None` for one that a rule added.
    pub document: Option<usize>,
    /// The JSON Pointer from the document to the object: empty, or `/items/N` in a `List`. The plan's paths start at
    /// the object.
    pub prefix: String,
    /// The template that it came from, where the stream says.
    pub source: Option<String>,
    /// Whether it is a workload of the `OpenMetadata` server. Read once: out of its turn it holds too little to tell.
    pub is_server: bool,
    /// Whether the same server stands earlier in the stream, as a stream may hold an object twice.
    pub is_double: bool,
    /// The turn in which rules look at it.
    pub turn: usize,
    /// How many edits its document got, once they are made.
    pub edits: usize,
    /// The object's value with all edits so far, and those edits.
    pub plan: Plan,
}

/// Deployments, StatefulSets and DaemonSets: what a rollout rolls.
fn is_workload(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
}

impl Object {
    /// An object of a document, or one that a rule added.
    pub fn new(id: ObjectId, document: Option<usize>, value: Value) -> Self {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        let is_server = is_workload(kind) && component::of(&value) == Component::Server;
        let (prefix, source, plan) = (String::new(), None, Plan::new(value));
        Self { id, document, prefix, source, is_server, is_double: false, turn: 0, edits: 0, plan }
    }

    /// The object as it is now.
    pub fn value(&self) -> &Value {
        self.plan.value()
    }

    /// What stands at a JSON Pointer below the object.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.plan.get(path)
    }

    /// The string at a JSON Pointer.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The list at a JSON Pointer; absent and null read as empty.
    pub fn list(&self, path: &str) -> &[Value] {
        self.get(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// `kind`, or nothing.
    pub fn kind(&self) -> &str {
        self.text("/kind").unwrap_or_default()
    }

    /// `metadata.name`, or nothing.
    pub fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// `metadata.namespace` where the manifest names one; two objects without are in the same.
    pub fn namespace(&self) -> Option<&str> {
        self.text("/metadata/namespace")
    }

    /// An annotation of the object itself.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.get("/metadata/annotations")?.get(key)?.as_str()
    }

    /// Whether the object carries a rule's mark: from an earlier pass, and what the rule makes stands in it.
    pub fn was_changed_by(&self, rule: &str) -> bool {
        self.annotation(marks::RULES).is_some_and(|rules| rules.split(',').any(|r| r == rule))
    }

    /// The reason with which the object keeps a rule away (`skip.omupgrade.io/RULE: REASON`). A blank one does not
    /// count, nor a bare `true` or `false`: who switches a safeguard off says why.
    pub fn opt_out(&self, rule: &str) -> Option<&str> {
        let reason = self.annotation(&format!("{}{rule}", marks::SKIP_PREFIX))?.trim();
        let switch = shared::manifest::plain_scalar(&reason.to_ascii_lowercase());
        let words = reason.chars().filter(|c| c.is_alphanumeric()).count();
        (words > 2 && switch.is_string()).then_some(reason)
    }

    /// `Kind/name`, as messages and policy files name it.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// The JSON Pointer to the pod template, for the kinds that have one.
    pub fn template_path(&self) -> Option<&'static str> {
        match self.kind() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => Some("/spec/template"),
            "CronJob" => Some("/spec/jobTemplate/spec/template"),
            "Pod" => Some(""),
            _ => None,
        }
    }

    /// The pod template's labels; none for kinds without pods.
    pub fn pod_labels(&self) -> Option<&serde_json::Map<String, Value>> {
        self.get(&format!("{}/metadata/labels", self.template_path()?))?.as_object()
    }
}

/// A whole stream.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Who rendered it.
    pub dialect: Dialect,
    /// Its objects in stream order, then those that rules added.
    pub objects: Vec<Object>,
    /// The turn that it is now.
    pub turn: usize,
    /// Where the Secrets stand among the objects, by name: a stream of many releases has many.
    secrets: HashMap<String, Vec<ObjectId>>,
    /// Secrets without anything that a rule reads, by name and namespace.
    others: HashSet<(String, Option<String>)>,
}

impl Scene {
    /// A scene of these objects.
    pub fn new(dialect: Dialect, mut objects: Vec<Object>) -> Self {
        let mut secrets: HashMap<String, Vec<ObjectId>> = HashMap::new();
        for object in objects.iter().filter(|o| o.kind() == "Secret") {
            secrets.entry(object.name().to_owned()).or_default().push(object.id);
        }
        let mut seen = HashSet::new();
        let servers = objects.iter().filter(|o| o.is_server);
        let doubles = servers.filter(|o| !seen.insert((o.kind(), o.namespace(), o.name()))).map(|o| o.id);
        for id in doubles.collect::<Vec<_>>() {
            objects[id].is_double = true;
        }
        Self { dialect, objects, turn: 0, secrets, others: HashSet::new() }
    }

    /// The same with Secrets of which only the names are known.
    #[must_use]
    pub fn with_other_secrets(mut self, others: HashSet<(String, Option<String>)>) -> Self {
        self.others = others;
        self
    }

    /// Whether it is this object's turn: rules propose for it now, and only now it is sure to be whole.
    pub fn is_due(&self, object: &Object) -> bool {
        object.turn == self.turn
    }

    /// The servers whose turn it is. What a rule has to ask: each server has one turn.
    pub fn due_servers(&self) -> impl Iterator<Item = &Object> {
        self.servers().filter(|s| self.is_due(s))
    }

    /// The objects of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |o| o.kind() == kind)
    }

    /// The Secrets of one name, of whatever namespace.
    pub fn secrets(&self, name: &str) -> impl DoubleEndedIterator<Item = &Object> {
        let ids = self.secrets.get(name).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.objects.get(*id))
    }

    /// Whether the stream has a Secret of this name in `namespace` that holds nothing a rule reads.
    pub fn has_other_secret(&self, name: &str, namespace: Option<&str>) -> bool {
        self.others.contains(&(name.to_owned(), namespace.map(str::to_owned)))
    }

    /// Deployments, StatefulSets and DaemonSets: what a rollout rolls.
    pub fn workloads(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|o| is_workload(o.kind()))
    }

    /// The `OpenMetadata` server's workloads (one, in every chart seen; several in a stream of several releases).
    pub fn servers(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|o| o.is_server)
    }

    /// The release that an object belongs to: its `app.kubernetes.io/instance` label, on itself or its pods.
    pub fn release<'a>(&self, object: &'a Object) -> Option<&'a str> {
        let key = "app.kubernetes.io/instance";
        let own = object.get("/metadata/labels").and_then(|l| l.get(key));
        own.or_else(|| object.pod_labels()?.get(key))?.as_str()
    }

    /// The version that a server is rendered to run, and where that was read: the tag of the migration
    /// container's image, else the version label, else the chart label.
    pub fn target(&self, server: &Object) -> Option<(Version, &'static str)> {
        let tag = component::migration_container(server.value())
            .and_then(|c| c.get("image")?.as_str())
            .and_then(component::image_tag);
        let label = |key: &str| server.get("/metadata/labels")?.get(key)?.as_str();
        let version = |text: Option<&str>| text.and_then(Version::parse);
        version(tag)
            .map(|v| (v, "image tag"))
            .or_else(|| version(label("app.kubernetes.io/version")).map(|v| (v, "app.kubernetes.io/version label")))
            .or_else(|| {
                let chart = label("helm.sh/chart")?.rsplit_once('-')?.1;
                version(Some(chart)).map(|v| (v, "helm.sh/chart label"))
            })
    }
}
