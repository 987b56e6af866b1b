//! What shall change in one document, as RFC 6902 operations. Knows values only, never text.
//!
//! A [`Plan`] works on its own copy of the value, so that a later call sees what an earlier one made, and it
//! records nothing where the value is already as wished: a plan made twice is empty the second time.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::{Map, Value};

/// A plan that contradicts the document: a mapping is wished where a list stands, or the like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PlanError {
    /// The JSON Pointer of the wish.
    pub path: String,
    /// What stands against it.
    pub reason: String,
}

/// The operations for one document and the value as it will be after them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    value: Value,
    operations: Vec<PatchOperation>,
}

/// Escapes a key for use in a JSON Pointer (RFC 6901): `~` to `~0`, `/` to `~1`.
///
/// ```
/// assert_eq!(shared::manifest::escape("app.kubernetes.io/name"), "app.kubernetes.io~1name");
/// ```
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl Plan {
    /// An empty plan over a document's value.
    pub fn new(value: Value) -> Self {
        Self { value, operations: Vec::new() }
    }

    /// The value with every operation so far applied.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The operations so far, in order.
    pub fn operations(&self) -> &[PatchOperation] {
        &self.operations
    }

    /// Puts less in the place of the value, and of the operations nothing unless they are kept: for a plan that was
    /// carried out and whose document is still looked at.
    pub fn close(&mut self, make_lean: impl FnOnce(&mut Value), keep_operations: bool) {
        make_lean(&mut self.value);
        if !keep_operations {
            self.operations = Vec::new();
        }
    }

    /// What stands at a JSON Pointer now. As [`Value::pointer`], which makes a new text of every part of the path; rules
    /// ask this a hundred times for each object.
    pub fn get(&self, path: &str) -> Option<&Value> {
        if path.contains('~') || !(path.is_empty() || path.starts_with('/')) {
            return self.value.pointer(path);
        }
        path.split('/').skip(1).try_fold(&self.value, |value, part| match value {
            Value::Object(map) => map.get(part),
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Makes `path` hold `wish`, with the mappings above it where they are absent or null. A list position
    /// must exist. Returns whether anything changes.
    ///
    /// # Errors
    /// When something other than a mapping stands where one is needed.
    pub fn set(&mut self, path: &str, wish: Value) -> Result<bool, PlanError> {
        if self.get(path) == Some(&wish) {
            return Ok(false);
        }
        match (self.get(path), &wish) {
            (Some(Value::Object(_)), Value::Object(wish)) => {
                return self.set_each(path, wish.clone()).map(|()| true);
            }
            (Some(Value::Array(old)), Value::Array(wish)) if !old.is_empty() && !wish.is_empty() => {
                return self.set_items(path, old.len(), wish.clone()).map(|()| true);
            }
            _ => {}
        }
        if self.get(path).is_some() {
            self.apply(PatchOperation::Replace(ReplaceOperation { path: parse(path)?, value: wish }))?;
            return Ok(true);
        }
        // The deepest ancestor that holds something; a null one counts as absent and is replaced.
        let mut at = path;
        let mut value = wish;
        loop {
            let (parent, key) = at.rsplit_once('/').ok_or_else(|| error(path, "not a JSON Pointer"))?;
            match self.get(parent) {
                Some(Value::Object(_)) => {
                    let replace = self.get(at).is_some();
                    let path = parse(at)?;
                    self.apply(if replace {
                        PatchOperation::Replace(ReplaceOperation { path, value })
                    } else {
                        PatchOperation::Add(AddOperation { path, value })
                    })?;
                    return Ok(true);
                }
                None | Some(Value::Null) => {
                    let key = key.replace("~1", "/").replace("~0", "~");
                    value = Value::Object(Map::from_iter([(key, value)]));
                    at = parent;
                }
                Some(_) => return Err(error(parent, "a mapping is needed here, something else stands in its place")),
            }
        }
    }

    /// Makes a mapping equal to another key by key, so that what is equal is not written anew.
    fn set_each(&mut self, path: &str, wish: Map<String, Value>) -> Result<(), PlanError> {
        let Some(Value::Object(old)) = self.get(path) else { return Ok(()) };
        let gone: Vec<String> = old.keys().filter(|k| !wish.contains_key(*k)).map(|k| escape(k)).collect();
        for key in gone {
            self.remove(&format!("{path}/{key}"))?;
        }
        for (key, value) in wish {
            self.set(&format!("{path}/{}", escape(&key)), value)?;
        }
        Ok(())
    }

    /// Makes a list equal to another item by item; what it has too many goes from its end, what lacks comes there.
    fn set_items(&mut self, path: &str, length: usize, wish: Vec<Value>) -> Result<(), PlanError> {
        for index in (wish.len()..length).rev() {
            self.remove(&format!("{path}/{index}"))?;
        }
        for (index, item) in wish.into_iter().enumerate() {
            if index < length {
                self.set(&format!("{path}/{index}"), item)?;
            } else {
                self.insert(path, index, item)?;
            }
        }
        Ok(())
    }

    /// Puts `item` into the list at `path`, before position `index` (its length appends). A list that is absent
    /// or null is made.
    ///
    /// # Errors
    /// When something other than a list stands there, or the position is past its end.
    pub fn insert(&mut self, path: &str, index: usize, item: Value) -> Result<(), PlanError> {
        match self.get(path) {
            None | Some(Value::Null) if index == 0 => self.set(path, Value::Array(vec![item])).map(|_| ()),
            Some(Value::Array(list)) if index <= list.len() => {
                let path = parse(&format!("{path}/{index}"))?;
                self.apply(PatchOperation::Add(AddOperation { path, value: item }))
            }
            Some(Value::Array(_) | Value::Null) | None => Err(error(path, "the position is past the end of the list")),
            Some(_) => Err(error(path, "a list is needed here, something else stands in its place")),
        }
    }

    /// Removes what stands at `path`. Returns whether there was anything.
    ///
    /// # Errors
    /// When `path` is no JSON Pointer.
    pub fn remove(&mut self, path: &str) -> Result<bool, PlanError> {
        if self.get(path).is_none() {
            return Ok(false);
        }
        self.apply(PatchOperation::Remove(RemoveOperation { path: parse(path)? }))?;
        Ok(true)
    }

    fn apply(&mut self, operation: PatchOperation) -> Result<(), PlanError> {
        json_patch::patch(&mut self.value, std::slice::from_ref(&operation))
            .map_err(|e| error(operation.path().as_ref(), &e.to_string()))?;
        self.operations.push(operation);
        Ok(())
    }
}

fn parse(path: &str) -> Result<PointerBuf, PlanError> {
    PointerBuf::parse(path).map_err(|_| error(path, "not a JSON Pointer"))
}

fn error(path: &str, reason: &str) -> PlanError {
    PlanError { path: path.to_owned(), reason: reason.to_owned() }
}
