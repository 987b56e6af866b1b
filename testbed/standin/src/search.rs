//! The server's side of search: indices, aliases, documents, questions over HTTP. It never answers from the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::Agent;

use crate::entities::{Indexed, Kind};
use crate::era::Era;

const PATIENCE: Duration = Duration::from_secs(5);

/// Where search is and what stands before its names.
#[derive(Debug, Clone)]
pub struct Search {
    base: String,
    alias: String,
    agent: Agent,
    era: Era,
    lost: Arc<AtomicBool>,
}

impl Search {
    /// Asks nothing yet. `alias` is the cluster's, with which several servers share one search.
    pub fn new(base: &str, alias: &str, era: Era) -> Self {
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        let alias = if alias.is_empty() { String::new() } else { format!("{alias}_") };
        Self { base: base.to_owned(), alias, agent: config.build().into(), era, lost: Arc::default() }
    }

    /// An ordered fault: nothing is answered as long as this holds.
    pub fn lose(&self, lost: bool) {
        self.lost.store(lost, Ordering::Relaxed);
    }

    /// Whether it answers at all.
    pub fn is_available(&self) -> bool {
        self.call("GET", "", None).is_ok_and(|(status, _)| status == 200)
    }

    /// Whether an index, or an alias of that name, is there.
    pub fn has(&self, name: &str) -> bool {
        self.call("GET", &format!("{}/_count", self.named(name)), None).is_ok_and(|(status, _)| status == 200)
    }

    /// How many documents an index has.
    pub fn count(&self, name: &str) -> Result<u64> {
        let said = self.done("GET", &format!("{}/_count", self.named(name)), None)?;
        said["count"].as_u64().context("search counts no documents")
    }

    /// A question, and the answer as it is; a refusal too.
    pub fn ask(&self, index: &str, question: &Value) -> Result<(u16, Value)> {
        self.call("POST", &format!("{}/_search", self.named(index)), Some(question.to_string().as_bytes()))
    }

    /// Makes an index where it is missing, and adds what its mapping lacks where it is there.
    pub fn ensure(&self, kind: &Indexed) -> Result<()> {
        if self.has(kind.index) {
            let path = format!("{}/_mapping", self.named(kind.index));
            return self.done("PUT", &path, Some(mapping(self.era).to_string().as_bytes())).map(drop);
        }
        self.create(kind, &self.named(kind.index), true)
    }

    /// One document, written at once.
    pub fn put(&self, kind: &Indexed, document: &Value) -> Result<()> {
        self.bulk(&self.named(kind.index), std::slice::from_ref(document))
    }

    /// Fills an index anew. Newer servers build one beside it and then swap the aliases, so that nobody finds it empty.
    pub fn rebuild(&self, kind: &Indexed, moment: u64, documents: &[Value]) -> Result<()> {
        let name = self.named(kind.index);
        if !self.era.stages_indices() {
            if self.has(kind.index) {
                self.done("DELETE", &name, None)?;
            }
            self.create(kind, &name, true)?;
            return self.bulk(&name, documents);
        }
        let staged = format!("{name}_rebuild_{moment}");
        self.create(kind, &staged, false)?;
        self.bulk(&staged, documents)?;
        let mut actions: Vec<Value> =
            self.behind(&name)?.into_iter().map(|old| json!({ "remove_index": { "index": old } })).collect();
        let aliases = kind.aliases.iter().map(|alias| self.named(alias)).chain([name]);
        actions.extend(aliases.map(|alias| json!({ "add": { "index": staged, "alias": alias } })));
        self.done("POST", "_aliases", Some(json!({ "actions": actions }).to_string().as_bytes())).map(drop)
    }

    /// The indices that a name stands for.
    fn behind(&self, name: &str) -> Result<Vec<String>> {
        let (status, said) = self.call("GET", name, None)?;
        ensure!(status == 200 || status == 404, "search said {status}: {said}");
        Ok(if status == 404 {
            Vec::new()
        } else {
            said.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
        })
    }

    fn create(&self, kind: &Indexed, name: &str, live: bool) -> Result<()> {
        let aliases: serde_json::Map<String, Value> =
            kind.aliases.iter().filter(|_| live).map(|alias| (self.named(alias), json!({}))).collect();
        let body = json!({ "mappings": mapping(self.era), "aliases": aliases });
        self.done("PUT", name, Some(body.to_string().as_bytes())).map(drop)
    }

    fn bulk(&self, index: &str, documents: &[Value]) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let line = |document: &Value| format!("{}\n{document}\n", json!({ "index": { "_id": document["id"] } }));
        let body: String = documents.iter().map(line).collect();
        let said = self.done("POST", &format!("{index}/_bulk"), Some(body.as_bytes()))?;
        ensure!(said["errors"] == false, "search refused documents: {said}");
        Ok(())
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.alias)
    }

    fn done(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Value> {
        let (status, said) = self.call(method, path, body)?;
        ensure!(status < 300, "search said {status} to {method} {path}: {said}");
        Ok(said)
    }

    fn call(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<(u16, Value)> {
        ensure!(!self.lost.load(Ordering::Relaxed), "search does not answer: ordered fault");
        let url = format!("{}/{path}", self.base);
        let answer = match (method, body) {
            ("GET", _) => self.agent.get(&url).call(),
            ("DELETE", _) => self.agent.delete(&url).call(),
            ("PUT", body) => self.agent.put(&url).content_type("application/json").send(body.unwrap_or_default()),
            ("POST", body) => self.agent.post(&url).content_type("application/json").send(body.unwrap_or_default()),
            _ => bail!("no such method: {method}"),
        };
        let mut answer = answer.with_context(|| format!("search does not answer at {}", self.base))?;
        let text = answer.body_mut().read_to_string().context("search's answer is cut off")?;
        Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}

/// What every index has; a field came with 1.12. Assumption: real mappings are far longer.
fn mapping(era: Era) -> Value {
    let mut mapping = json!({ "properties": {
        "id": { "type": "keyword" }, "name": { "type": "text" }, "displayName": { "type": "text" },
        "fullyQualifiedName": { "type": "keyword" }, "description": { "type": "text" },
        "deleted": { "type": "boolean" }, "updatedAt": { "type": "date" }, "entityType": { "type": "keyword" },
    }});
    if era.has_entity_status() {
        mapping["properties"]["entityStatus"] = json!({ "type": "keyword" });
    }
    mapping
}

/// An entity as search keeps it: without secrets.
pub fn document(kind: &Kind, mut entity: Value) -> Value {
    entity["entityType"] = json!(kind.name);
    if let Some(fields) = entity.as_object_mut() {
        fields.retain(|name, _| name != "authenticationMechanism" && name != "openMetadataServerConnection");
    }
    entity
}
