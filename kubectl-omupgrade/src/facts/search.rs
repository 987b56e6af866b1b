//! What is to know of a release's search engine: reads the answers to a few questions. Never asks one, and holds nothing
//! of its content but names, counts and types of fields.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked, with how little of the answer is wanted where the engine lets one say so.
pub const QUESTIONS: &[&str] = &[
    "/",
    "/_cluster/health",
    "/_cat/indices?format=json&h=index,health,docs.count",
    "/_cat/aliases?format=json&h=alias,index",
    "/_cat/allocation?format=json&h=node,disk.percent",
    "/_mapping?filter_path=*.mappings.properties.entityType,*.mappings.properties.fullyQualifiedName",
];

/// A search engine as it answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SearchEngine {
    /// `elasticsearch` or `opensearch`.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// `green`, `yellow`, `red`; empty where it does not tell.
    pub health: String,
    /// How many nodes it has.
    pub nodes: Option<u64>,
    /// Shards that lie on no node.
    pub unassigned: Option<u64>,
    /// The fullest disk of its nodes, in percent.
    pub disk_percent: Option<u64>,
    /// The server's indexes by name.
    pub indexes: BTreeMap<String, Index>,
    /// The server's aliases, and the indexes that each stands for.
    pub aliases: BTreeMap<String, BTreeSet<String>>,
    /// Questions that it did not answer, and how.
    pub unanswered: BTreeMap<String, String>,
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Index {
    /// `green`, `yellow`, `red`.
    pub health: String,
    /// Its documents, nested ones included.
    pub documents: Option<u64>,
    /// Fields that the engine guessed from a first document instead of being told; none where its mapping was not seen.
    pub guessed: Option<Vec<String>>,
}

/// Why an answer holds no search engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSearchEngine(pub String);

impl SearchEngine {
    /// Reads answers: status and body by question. `alias` stands before the names of the server's indexes.
    pub fn read(answers: &BTreeMap<String, (u16, String)>, alias: &str) -> Result<Self, NoSearchEngine> {
        let mut out = Self::default();
        let mut of = |start: &str| -> Option<Value> {
            let (question, (status, body)) = answers.iter().find(|(q, _)| path(q) == start)?;
            match (status, serde_json::from_str(body)) {
                (200..300, Ok(value)) => return Some(value),
                (200..300, Err(_)) => out.unanswered.insert(path(question).to_owned(), "no JSON".to_owned()),
                (0, _) => out.unanswered.insert(path(question).to_owned(), crate::view::clip(body.trim(), 120)),
                (status, _) => out.unanswered.insert(path(question).to_owned(), status.to_string()),
            };
            None
        };
        let (who, health) = (of("/"), of("/_cluster/health"));
        let (indexes, aliases) = (of("/_cat/indices"), of("/_cat/aliases"));
        let (allocation, mappings) = (of("/_cat/allocation"), of("/_mapping"));
        let Some(who) = who else { return Err(NoSearchEngine(refusal(out.unanswered.get("/")))) };
        (out.engine, out.version) = named(&who)?;
        if let Some(health) = health {
            out.health = text(&health, "status");
            out.nodes = health.get("number_of_nodes").and_then(Value::as_u64);
            out.unassigned = health.get("unassigned_shards").and_then(Value::as_u64);
        }
        let disks = rows(allocation.as_ref()).filter_map(|row| text(row, "disk.percent").parse::<u64>().ok());
        out.disk_percent = disks.max();
        let ours = |name: &str| is_ours(name, alias);
        for row in rows(indexes.as_ref()).filter(|row| ours(&text(row, "index"))) {
            let index = Index {
                health: text(row, "health"),
                documents: text(row, "docs.count").parse().ok(),
                guessed: mappings.as_ref().map(|all| guessed(all.get(text(row, "index")))),
            };
            out.indexes.insert(text(row, "index"), index);
        }
        for row in rows(aliases.as_ref()).filter(|row| ours(&text(row, "index"))) {
            out.aliases.entry(text(row, "alias")).or_default().insert(text(row, "index"));
        }
        Ok(out)
    }

    /// Reads the log of the Pod that asked: `== STATUS PATH` before each answer.
    pub fn parse(log: &str, alias: &str) -> Result<(Self, String), NoSearchEngine> {
        let (mut answers, mut at) = (BTreeMap::new(), String::new());
        let mut question: Option<String> = None;
        for line in log.lines() {
            let head = line.strip_prefix("== ").and_then(|rest| rest.split_once(' '));
            match head.and_then(|(status, path)| Some((status.parse::<u16>().ok()?, path))) {
                Some((_, path)) if path.starts_with("at ") => path.trim_start_matches("at ").clone_into(&mut at),
                Some((status, path)) => {
                    answers.insert(path.to_owned(), (status, String::new()));
                    question = Some(path.to_owned());
                }
                None => {
                    if let Some((_, body)) = question.as_ref().and_then(|q| answers.get_mut(q)) {
                        body.push_str(line);
                        body.push('\n');
                    }
                }
            }
        }
        Ok((Self::read(&answers, alias)?, at))
    }

    /// Aliases that stand for two indexes of one kind: an index and its rebuilt successor, or two rebuilt ones. Aliases
    /// of many kinds (`all`, `dataAsset`) rightly stand for many.
    pub fn doubled(&self) -> Vec<String> {
        let twice = |indexes: &BTreeSet<String>| {
            let kinds: Vec<&str> = indexes.iter().map(|i| kind(i)).collect();
            let hit = |index: &&String| kinds.iter().filter(|k| **k == kind(index)).count() > 1;
            indexes.iter().filter(hit).cloned().collect::<Vec<String>>()
        };
        let found = self.aliases.iter().map(|(alias, indexes)| (alias, twice(indexes)));
        found.filter(|(_, all)| !all.is_empty()).map(|(a, all)| format!("{a} → {}", all.join(" and "))).collect()
    }

    /// Rebuilt indexes that no alias stands for: what a reindex left that did not come to its end.
    pub fn left_over(&self) -> Vec<&str> {
        if self.unanswered.contains_key("/_cat/aliases") {
            return Vec::new();
        }
        let aliased = |name: &&str| self.aliases.values().any(|all| all.contains(*name));
        let rebuilt = self.indexes.keys().map(String::as_str).filter(|name| kind(name) != *name);
        rebuilt.filter(|name| !aliased(name)).collect()
    }

    /// What is odd about its aliases, in words: those that stand for two, indexes that none stands for.
    pub fn odd(&self) -> Vec<String> {
        let left = self.left_over().into_iter().map(|name| format!("{name} (no alias stands for it)"));
        self.doubled().into_iter().chain(left).collect()
    }

    /// Indexes whose mapping the engine guessed, with the fields that show it.
    pub fn drifted(&self) -> Vec<String> {
        let hit = |(name, index): (&String, &Index)| {
            let fields = index.guessed.as_ref().filter(|f| !f.is_empty())?;
            Some(format!("{name} ({})", fields.join(", ")))
        };
        self.indexes.iter().filter_map(hit).collect()
    }
}

/// The path of a question, without what it says of its answer.
fn path(question: &str) -> &str {
    question.split('?').next().unwrap_or(question)
}

fn refusal(how: Option<&String>) -> String {
    match how.map(String::as_str) {
        Some(code @ ("401" | "403")) => {
            format!("the search engine answers {code}: the server's own user may not ask it who it is")
        }
        Some(how) => format!("the search engine answers {how} to the question who it is"),
        None => "the search engine was not asked who it is".to_owned(),
    }
}

/// Engine and version, by what it says of itself.
fn named(who: &Value) -> Result<(String, String), NoSearchEngine> {
    let of = |key: &str| who.pointer(&format!("/version/{key}")).and_then(Value::as_str);
    let number =
        of("number").ok_or(NoSearchEngine("what answers is no search engine: it names no version".to_owned()))?;
    let opensearch = of("distribution") == Some("opensearch")
        || who.get("tagline").and_then(Value::as_str).is_some_and(|t| t.contains("OpenSearch"));
    let engine = if opensearch { "opensearch" } else { "elasticsearch" };
    Ok((engine.to_owned(), number.to_owned()))
}

/// Whether an index is one of this server's: several share an engine by names that begin differently.
fn is_ours(name: &str, alias: &str) -> bool {
    let own = if alias.is_empty() { Some(name) } else { name.strip_prefix(alias).and_then(|n| n.strip_prefix('_')) };
    own.is_some_and(|name| name.contains("_search_index") || name.contains("_report_data_index"))
}

/// The index that a rebuilt one stands for: `table_search_index_rebuild_1764000000000`.
fn kind(index: &str) -> &str {
    index.split_once("_rebuild").map_or(index, |(kind, _)| kind)
}

/// The fields of a mapping that the server always maps in a way that no engine guesses by itself.
fn guessed(index: Option<&Value>) -> Vec<String> {
    let field = |name: &str| index?.pointer(&format!("/mappings/properties/{name}"));
    let is_text = |f: &Value| text(f, "type") == "text";
    let mut out = Vec::new();
    // The server writes `keyword`.
    if field("entityType").is_some_and(is_text) {
        out.push("entityType".to_owned());
    }
    // The server writes `keyword`, or a text whose keyword has a normalizer.
    let bare = |f: &Value| f.pointer("/fields/keyword").is_some_and(|k| k.get("normalizer").is_none());
    if field("fullyQualifiedName").is_some_and(|f| is_text(f) && bare(f)) {
        out.push("fullyQualifiedName".to_owned());
    }
    out
}

fn rows(table: Option<&Value>) -> impl Iterator<Item = &Value> {
    table.and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"== 200 at http://opensearch:9200
== 200 /
{"cluster_name":"x","version":{"distribution":"opensearch","number":"3.3.2"},
"tagline":"The OpenSearch Project"}

== 200 /_cluster/health
{"status":"yellow","number_of_nodes":1,"unassigned_shards":4}

== 200 /_cat/indices?format=json&h=index,health,docs.count
[{"index":"om_table_search_index_rebuild_2","health":"green","docs.count":"40"},
 {"index":"om_table_search_index_rebuild_1","health":"green","docs.count":"39"},
 {"index":"om_user_search_index_rebuild_9","health":"green","docs.count":"0"},
 {"index":"om_topic_search_index","health":"green","docs.count":null},
 {"index":"other_table_search_index","health":"red","docs.count":"1"},{"index":".kibana","health":"green"}]

== 200 /_cat/aliases?format=json&h=alias,index
[{"alias":"om_table","index":"om_table_search_index_rebuild_1"},{"alias":"om_table","index":"om_table_search_index_rebuild_2"},
 {"alias":"om_all","index":"om_table_search_index_rebuild_2"},{"alias":"om_all","index":"om_topic_search_index"}]

== 403 /_cat/allocation?format=json&h=node,disk.percent
{"error":"no permissions"}

== 200 /_mapping?filter_path=*
{"om_topic_search_index":{"mappings":{"properties":{"entityType":{"type":"text"},"fullyQualifiedName":{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}}}},
 "om_table_search_index_rebuild_2":{"mappings":{"properties":{"entityType":{"type":"keyword"},"fullyQualifiedName":{"type":"text","fields":{"keyword":{"type":"keyword","normalizer":"lowercase_normalizer"}}}}}}}
"#;

    #[test]
    fn the_pods_log_is_read() {
        let (read, at) = SearchEngine::parse(LOG, "om").unwrap();
        assert_eq!(
            (read.engine.as_str(), read.version.as_str(), at.as_str()),
            ("opensearch", "3.3.2", "http://opensearch:9200")
        );
        assert_eq!(
            (read.health.as_str(), read.nodes, read.unassigned, read.disk_percent),
            ("yellow", Some(1), Some(4), None)
        );
        assert_eq!(read.indexes.len(), 4, "{:?}", read.indexes.keys());
        assert_eq!(read.doubled(), ["om_table → om_table_search_index_rebuild_1 and om_table_search_index_rebuild_2"]);
        assert_eq!(read.left_over(), ["om_user_search_index_rebuild_9"]);
        assert_eq!(read.drifted(), ["om_topic_search_index (entityType, fullyQualifiedName)"]);
        assert_eq!(read.unanswered["/_cat/allocation"], "403");
    }

    #[test]
    fn what_is_no_search_engine_is_said() {
        let said = |log: &str| SearchEngine::parse(log, "").unwrap_err().to_string();
        assert!(said("== 401 /\nno\n").contains("answers 401"));
        assert!(said("== 200 /\n<html>\n").contains("no JSON"));
        assert!(said("== 200 /\n{}\n").contains("names no version"));
        assert!(said("").contains("was not asked"));
        assert!(said("== 000 /\nConnection reset\n").contains("Connection reset"));
        let elastic = SearchEngine::parse("== 200 /\n{\"version\":{\"number\":\"8.11.4\"}}\n", "").unwrap().0;
        assert_eq!((elastic.engine.as_str(), elastic.left_over().len()), ("elasticsearch", 0));
    }
}
