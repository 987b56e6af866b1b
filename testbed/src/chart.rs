//! Wraps a recorded post-renderer stream as a chart that helm can install: one numbered file for each document, with its bytes. It never interprets the objects.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use regex::Regex;
use serde_json::{Value, json};
use shared::manifest::{self, Dialect, Document, FILENAME_ANNOTATION, Plan, Stream};

use crate::failure::Failure;
use crate::say;

/// Reads the stream and writes the chart; nothing is written of a stream that cannot be wrapped whole.
pub fn write(from: &Path, out: &Path) -> Result<()> {
    let stream = fs::read(from).with_context(|| format!("cannot read the stream {}", from.display()))?;
    if out.exists() {
        bail!(Failure::new(format!("{} exists already", out.display()), format!("rm -r {}", out.display())));
    }
    let chart = wrap(&stream).with_context(|| format!("cannot wrap {}", from.display()))?;
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

fn wrap(stream: &[u8]) -> Result<Chart> {
    let stream = Stream::split(stream)?;
    let mut documents = Vec::new();
    for document in stream.documents.iter().filter(|document| !document.is_blank()) {
        documents.push((document, read(document)?));
    }
    let Some((dialect, source)) = documents.iter().find_map(|(document, value)| told(document, value)) else {
        bail!(Failure::new(
            "no document has Helm 3's `# Source:` comment or Helm 4's file name annotation",
            "helm template NAME CHART > STREAM; testbed chart --from STREAM --out DIR",
        ));
    };
    let name = source.split('/').next().unwrap_or_default().to_owned();
    if matches!(name.as_str(), "" | "." | "..") {
        let what = format!("the path of the first template ({source:?}) begins with no chart's name");
        bail!(Failure::new(what, "mend the path in the stream: CHART/templates/NAME.yaml"));
    }
    let version = documents.iter().find_map(|(_, value)| version(&name, value)).unwrap_or_else(|| "0.0.0".to_owned());
    let head = json!({ "apiVersion": "v2", "name": name, "version": version, "appVersion": version });
    let mut files = vec![("Chart.yaml".to_owned(), manifest::document(&head))];
    let count = documents.len();
    for (number, (document, value)) in (1..).zip(documents) {
        let text =
            if dialect == Dialect::Helm4 { without_annotation(document, value)? } else { document.text.to_owned() };
        // Numbers, because a template's own name may lead anywhere, and helm renders nothing of `_*` and `NOTES.txt`.
        let kept = format!("files/{number:04}.yaml");
        // What `.Files.Get` brings is not read as a template, so nothing in it needs escaping.
        files.push((format!("templates/{number:04}.yaml"), format!("{{{{ .Files.Get \"{kept}\" }}}}")));
        files.push((kept, bare(&text)));
    }
    Ok(Chart { name, version, documents: count, files })
}

/// Which Helm marked the document, and the path of its template.
fn told(document: &Document<'_>, value: &Value) -> Option<(Dialect, String)> {
    if let Some(path) = value["metadata"]["annotations"][FILENAME_ANNOTATION].as_str() {
        return Some((Dialect::Helm4, path.to_owned()));
    }
    let path = document.text.lines().find_map(|line| line.strip_prefix("# Source: "))?;
    Some((Dialect::Helm3, path.to_owned()))
}

/// The version that was rendered, by the chart's own label, in which `_` stands for `+`.
fn version(name: &str, value: &Value) -> Option<String> {
    let label = value["metadata"]["labels"]["helm.sh/chart"].as_str()?;
    let version = label.strip_prefix(name)?.strip_prefix('-')?.replace('_', "+");
    // Helm loads no chart whose version is none.
    let semver = Regex::new(r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$").ok()?;
    semver.is_match(&version).then_some(version)
}

fn read(document: &Document<'_>) -> Result<Value> {
    manifest::read(document.text).map_err(|error| {
        let place = error.place.below(document.line);
        let what = format!("document {} cannot be read: {} at {place}", document.number, error.reason);
        Failure::new(what, "mend the stream at that line, or record it again").into()
    })
}

/// The document without what Helm 4 put into it, and without a mapping that then holds nothing.
fn without_annotation(document: &Document<'_>, value: Value) -> Result<String> {
    let annotations = value["metadata"]["annotations"].as_object();
    let path = match annotations.map(|annotations| (annotations.len(), annotations.contains_key(FILENAME_ANNOTATION))) {
        Some((1, true)) => "/metadata/annotations".to_owned(),
        Some((_, true)) => format!("/metadata/annotations/{}", manifest::escape(FILENAME_ANNOTATION)),
        _ => return Ok(document.text.to_owned()),
    };
    let mut plan = Plan::new(value);
    plan.remove(&path)?;
    manifest::edit(document.text, plan.operations()).map_err(|error| {
        let place = error.place.below(document.line);
        let what = format!(
            "document {}: its file name annotation cannot be taken off at {place}: {}",
            document.number, error.reason
        );
        Failure::new(what, "testbed chart --from HELM3_STREAM --out DIR").into()
    })
}

/// The text without the marker that begins it: one file holds one document.
fn bare(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let text = text.strip_prefix("---").map_or(text, |rest| {
        let rest = rest.trim_start_matches([' ', '\t', '\r']);
        rest.strip_prefix('\n').unwrap_or(rest)
    });
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(chart: &'a Chart, name: &str) -> &'a str {
        chart.files.iter().find(|(file, _)| file == name).map(|(_, content)| content.as_str()).unwrap()
    }

    /// What the files hold, in order.
    fn contents(stream: &str) -> Vec<String> {
        let chart = wrap(stream.as_bytes()).unwrap();
        let kept: Vec<String> =
            chart.files.into_iter().filter(|(file, _)| file.starts_with("files/")).map(|(_, text)| text).collect();
        assert_eq!(kept.len(), chart.documents);
        kept
    }

    fn refusal(stream: &str) -> String {
        format!("{:#}", wrap(stream.as_bytes()).unwrap_err())
    }

    #[test]
    fn a_helm3_stream_keeps_its_bytes_and_braces() {
        let labels = "metadata: {labels: {helm.sh/chart: \"om-1.2.3_4\"}}";
        let stream = format!(
            "---\n# Source: om/templates/a.yaml\nkind: A\n{labels}\nx: '{{{{ y }}}}'\n\
             ---\n# Source: om/templates/b.yaml\nkind: B\n---\n# Source: om/templates/a.yaml\nkind: C\n"
        );
        let chart = wrap(stream.as_bytes()).unwrap();
        assert_eq!((chart.name.as_str(), chart.version.as_str(), chart.documents), ("om", "1.2.3+4", 3));
        let first = format!("# Source: om/templates/a.yaml\nkind: A\n{labels}\nx: '{{{{ y }}}}'\n");
        assert_eq!(file(&chart, "files/0001.yaml"), first);
        assert_eq!(file(&chart, "files/0003.yaml"), "# Source: om/templates/a.yaml\nkind: C\n");
        assert_eq!(file(&chart, "templates/0001.yaml"), "{{ .Files.Get \"files/0001.yaml\" }}");
    }

    #[test]
    fn a_helm4_stream_loses_only_the_annotation() {
        let stream = "kind: A\nmetadata:\n  name: a\n  annotations:\n    \
                      postrenderer.helm.sh/postrender-filename: 'om/templates/a.yaml'\nspec: {}\n---\nkind: B\nmetadata:\n  \
                      annotations:\n    keep: me\n    postrenderer.helm.sh/postrender-filename: 'om/templates/b.yaml'\n\
                      ---\nkind: C\nmetadata: {annotations: {keep: me, postrenderer.helm.sh/postrender-filename: om/c}}\n\
                      ---\nkind: D\n";
        let [first, second, third, fourth]: [String; 4] = contents(stream).try_into().unwrap();
        assert_eq!(first, "kind: A\nmetadata:\n  name: a\nspec: {}\n");
        assert_eq!(second, "kind: B\nmetadata:\n  annotations:\n    keep: me\n");
        assert_eq!(third, "kind: C\nmetadata: {annotations: {keep: me}}\n");
        assert_eq!(fourth, "kind: D\n", "a document without the annotation stays");
    }

    #[test]
    fn every_document_comes_out_whatever_parts_it() {
        assert_eq!(
            contents("---\n# Source: om/a\nkind: A\n--- \nkind: B\n--- # next\nkind: C\n---\n# nothing\n").len(),
            3
        );
        assert_eq!(
            contents("---\r\n# Source: om/a\r\nkind: A\r\n---\r\nkind: B\r\n"),
            ["# Source: om/a\r\nkind: A\r\n", "kind: B\r\n"]
        );
    }

    #[test]
    fn a_templates_name_leads_nowhere() {
        for path in ["om/../../pwned.yaml", "om//etc/x.yaml", "om/templates/_h.yaml", "om/NOTES.txt", "om/a\"b.yaml"] {
            let helm3 = format!("---\n# Source: {path}\nkind: A\n");
            let helm4 =
                format!("kind: A\nmetadata:\n  annotations:\n    postrenderer.helm.sh/postrender-filename: '{path}'\n");
            for stream in [helm3, helm4] {
                let files = wrap(stream.as_bytes()).unwrap().files;
                let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["Chart.yaml", "templates/0001.yaml", "files/0001.yaml"], "{path}");
            }
        }
    }

    #[test]
    fn an_odd_chart_name_makes_a_readable_chart() {
        let chart = wrap(b"---\n# Source: my chart: x/a.yaml\nkind: A\n").unwrap();
        assert_eq!(manifest::read(file(&chart, "Chart.yaml")).unwrap()["name"], "my chart: x");
    }

    #[test]
    fn words_of_helm_4_in_a_helm_3_stream_are_words() {
        for eol in ["\n", "\r\n"] {
            let stream = "---\n# Source: om/a.yaml\nkind: ConfigMap\ndata:\n  a: |\n    \
                          postrenderer.helm.sh/postrender-filename: 'x/y.yaml'\n"
                .replace('\n', eol);
            assert_eq!(contents(&stream), [stream.split_once(eol).unwrap().1]);
        }
    }

    #[test]
    fn other_text_is_refused_with_its_place() {
        assert!(refusal("kind: A\n").contains("Helm 3's"));
        assert!(refusal("").contains("Helm 3's"));
        assert!(refusal("---\n# Source: ../a.yaml\nkind: A\n").contains("no chart's name"));
        let text = refusal("---\n# Source: om/a\nkind: A\n---\nkind: [\n");
        assert!(text.starts_with("document 2 cannot be read: ") && text.contains("line "), "{text}");
    }
}
