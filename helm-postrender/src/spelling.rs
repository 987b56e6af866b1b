//! What a mistyped name most likely means. Suggests, never decides.

/// The candidate that a mistyped word most likely means.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |w: &str| w.to_lowercase().replace(['_', '-', ' '], "");
    let near = |c: &&str| strsim::damerau_levenshtein(&bare(word), &bare(c));
    let best = candidates.into_iter().min_by_key(near)?;
    (near(&best) <= 1 + word.chars().count() / 4).then_some(best)
}
