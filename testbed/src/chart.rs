//! Wraps a recorded post-renderer stream as a chart that helm can install, byte for byte. It never interprets the objects.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::failure::Failure;
use crate::say;

/// The annotation by which Helm 4 remembers a document's template.
const FILENAME: &str = "postrenderer.helm.sh/postrender-filename:";

/// Reads the stream and writes the chart.
pub fn write(from: &Path, out: &Path) -> Result<()> {
    let stream = fs::read_to_string(from).with_context(|| format!("cannot read the stream {}", from.display()))?;
    if out.exists() {
        bail!(Failure::new(format!("{} exists already", out.display()), format!("rm -r {}", out.display())));
    }
    let chart = wrap(&stream)?;
    for (file, content) in &chart.files {
        let path = out.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    say::step(&format!("{} {} with {} documents", chart.name, chart.version, chart.documents));
    say::answer(&out.display().to_string());
    Ok(())
}

/// A chart in memory.
#[derive(Debug, Default)]
struct Chart {
    name: String,
    version: String,
    documents: usize,
    files: Vec<(String, String)>,
}

/// One document and the template that it came from (`openmetadata/templates/service.yaml`).
#[derive(Debug, PartialEq, Eq)]
struct Document {
    template: String,
    text: String,
}

fn wrap(stream: &str) -> Result<Chart> {
    let documents = if stream.contains(FILENAME) { helm4(stream)? } else { helm3(stream)? };
    let Some((name, _)) = documents.first().and_then(|document| document.template.split_once('/')) else {
        bail!(Failure::new("the stream holds no document of a chart", "testbed chart --from STREAM --out DIR"));
    };
    // The chart's own label says which version was rendered.
    let label = format!("helm.sh/chart: {name}-");
    let version = stream.lines().find_map(|line| line.trim().strip_prefix(&label)).unwrap_or("0.0.0");
    let mut chart =
        Chart { name: name.to_owned(), version: version.to_owned(), documents: documents.len(), files: Vec::new() };
    let head = format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"{version}\"\n");
    chart.files.push(("Chart.yaml".to_owned(), head));
    for document in &documents {
        // What `.Files.Get` brings is not read as a template, so nothing in it needs escaping.
        let inner = document.template.split_once('/').map_or("templates/stream.yaml", |(_, inner)| inner);
        let inner = if inner.starts_with("templates/") { inner.to_owned() } else { format!("templates/{inner}") };
        let kept = inner.replacen("templates/", "files/", 1);
        if let Some((_, content)) = chart.files.iter_mut().find(|(file, _)| *file == kept) {
            content.push_str("---\n");
            content.push_str(&document.text);
        } else {
            chart.files.push((inner, format!("{{{{ .Files.Get \"{kept}\" }}}}")));
            chart.files.push((kept, document.text.clone()));
        }
    }
    Ok(chart)
}

/// Helm 3 begins every document with `---` and the template's path in a comment.
fn helm3(stream: &str) -> Result<Vec<Document>> {
    const BEGIN: &str = "---\n# Source: ";
    let Some(rest) = stream.strip_prefix(BEGIN) else {
        bail!(Failure::new(
            "the stream has neither Helm 3's `# Source:` comments nor Helm 4's file name annotations",
            "helm template NAME CHART | testbed chart --from /dev/stdin --out DIR",
        ));
    };
    Ok(rest
        .split("\n---\n# Source: ")
        .filter_map(|part| part.split_once('\n'))
        .map(|(template, text)| Document { template: template.to_owned(), text: ended(text) })
        .collect())
}

/// Helm 4 writes the template's path as an annotation, which is not the document's own.
fn helm4(stream: &str) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for part in stream.split("\n---\n") {
        let part = part.strip_prefix("---\n").unwrap_or(part);
        let lines: Vec<&str> = part.lines().collect();
        let Some(at) = lines.iter().position(|line| line.trim_start().starts_with(FILENAME)) else {
            if part.contains(FILENAME) {
                bail!(Failure::new(
                    "a document has its file name annotation in a flow mapping, which is not taken apart here",
                    "testbed chart --from HELM3_STREAM --out DIR",
                ));
            }
            continue;
        };
        let template = lines[at].split_once(FILENAME).map_or("", |(_, path)| path).trim().trim_matches(['\'', '"']);
        let alone = is_alone(&lines, at);
        let text = lines.iter().enumerate().filter(|(index, _)| *index != at && !(alone && index + 1 == at));
        let text: Vec<&str> = text.map(|(_, line)| *line).collect();
        documents.push(Document { template: template.to_owned(), text: ended(&text.join("\n")) });
    }
    Ok(documents)
}

/// Whether the annotation is the only one, so that its parent's line goes as well.
fn is_alone(lines: &[&str], at: usize) -> bool {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let first = at > 0 && lines[at - 1].trim() == "annotations:";
    let last = lines.get(at + 1).is_none_or(|next| depth(next) < depth(lines[at]));
    first && last
}

fn ended(text: &str) -> String {
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(chart: &'a Chart, name: &str) -> &'a str {
        chart.files.iter().find(|(file, _)| file == name).map(|(_, content)| content.as_str()).unwrap()
    }

    #[test]
    fn a_helm3_stream_keeps_its_bytes_and_braces() {
        let stream = "---\n# Source: om/templates/a.yaml\nkind: A\nhelm.sh/chart: om-1.2.3\nx: '{{ y }}'\n\
                      ---\n# Source: om/templates/b.yaml\nkind: B\n---\n# Source: om/templates/a.yaml\nkind: C\n";
        let chart = wrap(stream).unwrap();
        assert_eq!((chart.name.as_str(), chart.version.as_str(), chart.documents), ("om", "1.2.3", 3));
        assert_eq!(file(&chart, "files/a.yaml"), "kind: A\nhelm.sh/chart: om-1.2.3\nx: '{{ y }}'\n---\nkind: C\n");
        assert_eq!(file(&chart, "templates/a.yaml"), "{{ .Files.Get \"files/a.yaml\" }}");
    }

    #[test]
    fn a_helm4_stream_loses_only_the_annotation() {
        let stream = "kind: A\nmetadata:\n  name: a\n  annotations:\n    \
                      postrenderer.helm.sh/postrender-filename: 'om/templates/a.yaml'\nspec: {}\n---\nkind: B\nmetadata:\n  \
                      annotations:\n    keep: me\n    postrenderer.helm.sh/postrender-filename: 'om/templates/b.yaml'\n";
        let chart = wrap(stream).unwrap();
        assert_eq!(file(&chart, "files/a.yaml"), "kind: A\nmetadata:\n  name: a\nspec: {}\n");
        assert_eq!(file(&chart, "files/b.yaml"), "kind: B\nmetadata:\n  annotations:\n    keep: me\n");
    }

    #[test]
    fn other_text_is_refused() {
        assert!(wrap("kind: A\n").is_err());
        assert!(wrap("").is_err());
    }
}
