//! Lineage: the graph around one entity. It never follows an edge further than it was asked to.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities::{self, KINDS, Kind};
use crate::http::Answer;
use crate::seed;

/// The server's own limit.
const DEEPEST: usize = 3;

/// By full name. Source of the shape: the client's `EntityLineage` (no other fields allowed).
pub fn by_name(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let Some(kind) = kind(asking.part(0)) else { return Ok(Answer::missing()) };
    graph(api, asking, kind, entities::by_name(&api.database, kind, asking.part(1))?)
}

/// By id.
pub fn by_id(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let Some(kind) = kind(asking.part(0)) else { return Ok(Answer::missing()) };
    graph(api, asking, kind, entities::by_id(&api.database, kind, asking.part(1))?)
}

/// The details of one edge. Assumption: only the path is recorded.
pub fn edge(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let (from, to) = (asking.part(0), asking.part(1));
    Ok(match edges(api, "fromId", from)?.into_iter().find(|edge| edge.1 == to) {
        Some(_) => Answer::json(&json!({ "edge": { "fromEntity": from, "toEntity": to } })),
        None => Answer::missing(),
    })
}

fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

fn graph(api: &Api, asking: &Asking<'_>, kind: &Kind, found: Option<Value>) -> Result<Answer> {
    let Some(entity) = found else {
        return Ok(Answer::error(404, &format!("{} instance for {} not found", kind.name, asking.part(1))));
    };
    let id = entity["id"].as_str().unwrap_or_default();
    let depth = |name: &str| asking.number(name, 1).map(|depth| depth.min(DEEPEST));
    let up = walk(api, "toId", id, depth("upstreamDepth")?)?;
    let down = walk(api, "fromId", id, depth("downstreamDepth")?)?;
    let mut nodes = Vec::new();
    for node in up.iter().map(|edge| &edge.0).chain(down.iter().map(|edge| &edge.1)) {
        if let Some(node) = entities::by_id(&api.database, kind, node)? {
            nodes.push(seed::reference(kind, node["fullyQualifiedName"].as_str().unwrap_or_default()));
        }
    }
    let edges = |list: Vec<(String, String)>| -> Vec<Value> {
        list.into_iter().map(|(from, to)| json!({ "fromEntity": from, "toEntity": to })).collect()
    };
    let entity = seed::reference(kind, entity["fullyQualifiedName"].as_str().unwrap_or_default());
    Ok(Answer::json(&json!({
        "entity": entity, "nodes": nodes, "upstreamEdges": edges(up), "downstreamEdges": edges(down),
    })))
}

/// Follows edges away from an entity, so many steps.
fn walk(api: &Api, mine: &str, id: &str, depth: usize) -> Result<Vec<(String, String)>> {
    let (mut found, mut front) = (Vec::new(), vec![id.to_owned()]);
    for _ in 0..depth {
        let mut next = Vec::new();
        for id in &front {
            for edge in edges(api, mine, id)? {
                next.push(if mine == "toId" { edge.0.clone() } else { edge.1.clone() });
                found.push(edge);
            }
        }
        front = next;
    }
    Ok(found)
}

/// Relation 13 is "upstream".
fn edges(api: &Api, mine: &str, id: &str) -> Result<Vec<(String, String)>> {
    let id = api.database.quote(id);
    let sql = format!("SELECT fromId, toId FROM entity_relationship WHERE relation = 13 AND {mine} = {id};");
    let rows = api.database.rows(&sql)?;
    Ok(rows.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok()).map(|[from, to]| (from, to)).collect())
}
