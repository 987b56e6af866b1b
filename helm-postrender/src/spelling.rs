//! What a mistyped name most likely means. Suggests, never decides.

/// The candidate that a mistyped word most likely means.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |w: &str| w.to_lowercase().replace(['_', '-', ' '], "");
    let near = |c: &&str| strsim::damerau_levenshtein(&bare(word), &bare(c));
    let best = candidates.into_iter().min_by_key(near)?;
    (near(&best) <= 1 + word.chars().count() / 4).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["schemaGuard", "rollout", "probes", "pdb"];
        assert_eq!(closest("schema_guard", names), Some("schemaGuard"));
        assert_eq!(closest("rolout", names), Some("rollout"));
        assert_eq!(closest("Probe", names), Some("probes"));
        assert_eq!(closest("database", names), None);
        assert_eq!(closest("", []), None);
    }
}
