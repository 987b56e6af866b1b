//! What people look at: health, disks, and lists of indices and aliases. It never changes them.
//!
//! Source: the documented answers of `_cluster/health` and `_cat`. Assumption: only columns that an upgrade asks for.

use serde_json::{Value, json};

use super::answers::no_index;
use super::settings::Moment;
use super::store::{Index, Store};
use crate::http::{Answer, Request};

/// `_cluster/health`: yellow lacks a replica, red a primary.
pub fn health(moment: &Moment, store: &Store) -> Value {
    let shards = store.find("*").unwrap_or_default().len();
    let lost = usize::from(moment.health != "green");
    let active = shards.saturating_sub(usize::from(moment.health == "red"));
    json!({
        "cluster_name": "opensearch", "status": moment.health, "timed_out": false, "number_of_nodes": 1,
        "number_of_data_nodes": 1, "active_primary_shards": active, "active_shards": active, "relocating_shards": 0,
        "initializing_shards": 0, "unassigned_shards": lost, "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": if lost == 0 { 100.0 } else { 96.0 },
    })
}

/// `_cat/indices`, as JSON or as columns.
pub fn indices(moment: &Moment, store: &Store, rest: &[&str], request: &Request) -> Answer {
    let expression = rest.first().copied().unwrap_or("*");
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let rows = names.into_iter().filter_map(|name| Some((name, store.get(name)?))).map(|(name, index)| {
        let size = format!("{}b", size(index));
        vec![
            ("health", moment.health.clone()),
            ("status", "open".to_owned()),
            ("index", name.to_owned()),
            ("uuid", format!("{:x}", md5::compute(name))[..22].to_owned()),
            ("pri", "1".to_owned()),
            ("rep", "0".to_owned()),
            ("docs.count", index.documents.len().to_string()),
            ("docs.deleted", "0".to_owned()),
            ("store.size", size.clone()),
            ("pri.store.size", size),
        ]
    });
    table(request, rows.collect())
}

/// `_cat/aliases`.
pub fn aliases(store: &Store, request: &Request) -> Answer {
    let mut rows = Vec::new();
    for name in store.find("*").unwrap_or_default() {
        for alias in store.get(name).into_iter().flat_map(|index| &index.aliases) {
            rows.push(vec![("alias", alias.clone()), ("index", name.to_owned()), ("filter", "-".to_owned())]);
        }
    }
    table(request, rows)
}

/// `_cat/allocation`: its one node, on a disk with room.
pub fn allocation(store: &Store, request: &Request) -> Answer {
    let shards = store.find("*").unwrap_or_default().len();
    let row = [("shards", shards.to_string()), ("disk.percent", "40".to_owned()), ("node", "opensearch".to_owned())];
    table(request, vec![row.into()])
}

fn size(index: &Index) -> usize {
    index.documents.values().map(|document| document.to_string().len()).sum()
}

fn table(request: &Request, rows: Vec<Vec<(&str, String)>>) -> Answer {
    if request.query.iter().any(|(name, value)| name == "format" && value == "json") {
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .map(|(name, value)| (name.to_owned(), json!(value)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            })
            .collect();
        return Answer::json(&json!(rows));
    }
    let lines: Vec<String> = rows
        .into_iter()
        .map(|row| {
            let cells: Vec<String> = row.into_iter().map(|(_, value)| value).collect();
            format!("{}\n", cells.join(" "))
        })
        .collect();
    Answer::text(&lines.concat())
}
