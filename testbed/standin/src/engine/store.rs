//! Indices, their aliases and documents. It never answers a request.
//!
//! Source: how aliases stand for indices in the documentation of OpenSearch and Elasticsearch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// One index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    /// What fields it has.
    pub mappings: Value,
    /// Other names.
    pub aliases: BTreeSet<String>,
    /// Documents by id.
    pub documents: BTreeMap<String, Value>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Store {
    indices: BTreeMap<String, Index>,
    file: Option<PathBuf>,
}

impl Store {
    /// What an earlier process left, or nothing.
    pub fn open(folder: Option<PathBuf>) -> Result<Self> {
        let file = folder.map(|folder| folder.join("indices.json"));
        let mut store = Self { indices: BTreeMap::new(), file };
        if let Some(text) = store.file.as_deref().and_then(|file| fs::read_to_string(file).ok()) {
            let all: Value = serde_json::from_str(&text).context("indices.json")?;
            for (name, index) in all.as_object().into_iter().flatten() {
                let words = |field: &str| index[field].as_array().into_iter().flatten().filter_map(Value::as_str);
                let documents = index["documents"].as_object().into_iter().flatten();
                store.indices.insert(
                    name.clone(),
                    Index {
                        mappings: index["mappings"].clone(),
                        aliases: words("aliases").map(str::to_owned).collect(),
                        documents: documents.map(|(id, document)| (id.clone(), document.clone())).collect(),
                    },
                );
            }
        }
        Ok(store)
    }

    /// Keeps everything for the next process.
    pub fn keep(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let all: BTreeMap<_, _> = self
            .indices
            .iter()
            .map(|(name, index)| {
                (name, json!({ "mappings": index.mappings, "aliases": index.aliases, "documents": index.documents }))
            })
            .collect();
        let draft = file.with_extension("draft");
        fs::write(&draft, serde_json::to_vec(&all)?).with_context(|| format!("cannot write {}", draft.display()))?;
        fs::rename(&draft, file).with_context(|| format!("cannot write {}", file.display()))
    }

    /// The indices that an expression names: lists, `*`, `_all`, aliases. `None` if an exact name is nobody's.
    pub fn find(&self, expression: &str) -> Option<Vec<&str>> {
        let mut found = BTreeSet::new();
        for word in expression.split(',') {
            let pattern = if word == "_all" { "*" } else { word };
            let fits = |(name, index): &(&String, &Index)| {
                fit(pattern, name) || index.aliases.iter().any(|alias| fit(pattern, alias))
            };
            let mut named = self.indices.iter().filter(fits).map(|(name, _)| name.as_str()).peekable();
            if named.peek().is_none() && !pattern.contains('*') {
                return None;
            }
            found.extend(named);
        }
        Some(found.into_iter().collect())
    }

    /// The one index that documents are written to.
    pub fn target(&mut self, name: &str) -> Option<&mut Index> {
        let name = match self.find(name)?.as_slice() {
            [one] => (*one).to_owned(),
            _ => return None,
        };
        self.indices.get_mut(&name)
    }

    /// Makes an index; false if its name is taken.
    pub fn create(&mut self, name: &str, index: Index) -> bool {
        let taken = self.find(name).is_some_and(|found| !found.is_empty());
        if !taken {
            self.indices.insert(name.to_owned(), index);
        }
        !taken
    }

    /// Removes an index.
    pub fn remove(&mut self, name: &str) -> bool {
        self.indices.remove(name).is_some()
    }

    /// One index by its own name.
    pub fn get(&self, name: &str) -> Option<&Index> {
        self.indices.get(name)
    }

    /// The same to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Index> {
        self.indices.get_mut(name)
    }
}

/// Whether a name fits a pattern whose `*` stands for anything. Each piece is taken where it first stands, so that no
/// pattern takes longer than its letters times the name's.
fn fit(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut tail) = name.strip_prefix(head) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some(at) = tail.find(piece) else { return false };
        tail = &tail[at + piece.len()..];
    }
    tail.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_patterns_lists_and_aliases_find_indices() {
        let mut store = Store::default();
        let index = |alias: &str| Index { aliases: BTreeSet::from([alias.to_owned()]), ..Index::default() };
        assert!(store.create("table_1", index("table")) && store.create("user_1", index("user")));
        assert!(!store.create("table", Index::default()), "an alias takes a name too");
        assert_eq!(store.find("table,user_*").unwrap(), ["table_1", "user_1"]);
        assert_eq!(store.find("_all").unwrap().len(), 2);
        assert_eq!(store.find("x*").unwrap(), [""; 0]);
        assert_eq!(store.find("table,x"), None);
        assert!(store.target("_all").is_none() && store.target("user").is_some());
    }

    #[test]
    fn a_pattern_fits_in_order_and_at_both_ends() {
        for (pattern, name) in
            [("*", ""), ("a*", "a"), ("*b*d", "abcd"), ("a**d", "ad"), ("a*a", "aba"), ("*ä*", "xäy")]
        {
            assert!(fit(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a*a", "a"), ("ab*bc", "abc"), ("*d*b*", "abcd"), ("*b", "abc"), ("a", "ab"), ("", "a")]
        {
            assert!(!fit(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn many_wildcards_take_no_time() {
        let began = std::time::Instant::now();
        assert!(!fit("*a*a*a*a*a*a*a*a*b", &"a".repeat(120)));
        assert!(began.elapsed() < std::time::Duration::from_secs(1));
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(Some(folder.path().to_owned())).unwrap();
        let documents = BTreeMap::from([("1".to_owned(), json!({ "name": "a" }))]);
        let index =
            Index { mappings: json!({ "properties": {} }), aliases: BTreeSet::from(["a".to_owned()]), documents };
        store.create("one", index.clone());
        store.keep().unwrap();
        assert_eq!(Store::open(Some(folder.path().to_owned())).unwrap().get("one"), Some(&index));
    }
}
