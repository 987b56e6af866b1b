//! Which Helm wrote a stream. Told by the caller and cross-checked against marks in the text; never guessed
//! from the environment, which is inherited and proves nothing.

use super::stream::Stream;

/// The annotation that Helm 4 puts on every document it hands to a post-renderer and takes off afterwards.
/// Source: Helm 4.3.1 `pkg/action/action.go`, `annotateAndMerge`.
pub const FILENAME_ANNOTATION: &str = "postrenderer.helm.sh/postrender-filename";

/// Who rendered the stream, and so what it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Helm 3: `# Source:` comments, hooks split off before us, hooks in our output applied as plain objects.
    Helm3,
    /// Helm 4: the file name annotation, hooks in the stream, hooks in our output are hooks.
    Helm4,
    /// Neither: a file, a GitOps render. Never a hook, never a refusal for the lack of one.
    Plain,
}

/// The dialect that the marks in the text tell: the annotation in every document that holds something is
/// Helm 4, a `# Source:` comment is Helm 3, neither is plain. A mix of the two is `None`.
pub fn detect(stream: &Stream<'_>) -> Option<Dialect> {
    let (mut annotated, mut sourced, mut bare) = (0usize, 0usize, 0usize);
    for document in &stream.documents {
        if document.text.contains(FILENAME_ANNOTATION) {
            annotated += 1;
        } else if document.text.lines().any(|l| l.starts_with("# Source: ")) {
            sourced += 1;
        } else if !document.is_blank() {
            bare += 1;
        }
    }
    match (annotated, sourced, bare) {
        (0, 0, _) => Some(Dialect::Plain),
        (0, _, _) => Some(Dialect::Helm3),
        (_, 0, 0) => Some(Dialect::Helm4),
        _ => None,
    }
}
