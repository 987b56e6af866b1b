//! Which names an index and an alias may have. It never looks at what is there.
//!
//! Source: the reference of "create index" of both, and Elasticsearch's `MetadataCreateIndexService.validateIndexOrAliasName`.

use super::answers::refusal;
use crate::http::Answer;

/// Refuses a name that no index may have.
pub fn check_index(name: &str) -> Result<(), Answer> {
    let wrong = wrong(name).or_else(|| name.chars().any(char::is_uppercase).then_some("must be lowercase"));
    wrong.map_or(Ok(()), |wrong| {
        Err(refusal("invalid_index_name_exception", &format!("Invalid index name [{name}], {wrong}")))
    })
}

/// Refuses an alias that no index may have, or that is an index's own name.
pub fn check_alias(name: &str, is_taken: impl Fn(&str) -> bool) -> Result<(), Answer> {
    let taken = "an index or data stream exists with the same name as the alias";
    wrong(name).or_else(|| is_taken(name).then_some(taken)).map_or(Ok(()), |wrong| {
        Err(refusal("invalid_alias_name_exception", &format!("Invalid alias name [{name}], {wrong}")))
    })
}

fn wrong(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > 255 {
        return Some("must not be empty, nor longer than 255 bytes");
    }
    if name.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':']) {
        return Some("must not contain the following characters [ , \", *, \\, <, |, ,, >, /, ?, #, :]");
    }
    if name.starts_with(['_', '-', '+']) {
        return Some("must not start with '_', '-', or '+'");
    }
    matches!(name, "." | "..").then_some("must not be '.' or '..'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_reference() {
        for name in ["table_search_index", "om_table.1-2", ".hidden"] {
            assert!(check_index(name).is_ok(), "{name}");
        }
        for name in ["BAD name,*", "Upper", "_x", "-x", "+x", ".", "..", "", "a:b", "a#b", "a/b"] {
            assert_eq!(check_index(name).unwrap_err().status, 400, "{name}");
        }
        assert!(check_alias("Upper", |_| false).is_ok());
        assert!(check_alias("taken", |name| name == "taken").is_err());
    }
}
