//! What a probe asks: a chart's words are brought to those of the version, somebody's own are kept.

use super::subject::Subject;
use crate::proposal::Proposal;
use serde_json::{Value, json};
use shared::endpoints::{self, Get};
use shared::versions::Version;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// A chart's, or ours.
    Rendered,
    /// Somebody's own.
    Own,
}

/// Brings what the probe `name` asks to `wish`, unless somebody set it on purpose.
pub fn mend(
    subject: &Subject<'_>,
    name: &str,
    wish: Option<Value>,
    rendered: &[Get],
    why: &str,
) -> (Handler, Vec<Proposal>) {
    let path = format!("{name}/httpGet");
    let Some(standing) = subject.get(&path).filter(|v| v.is_object()) else {
        return other(subject, name, wish);
    };
    if wish.as_ref() == Some(standing) {
        return (Handler::Rendered, Vec::new());
    }
    if is_rendered(standing, rendered) {
        let Some(wish) = wish else {
            return (Handler::Rendered, unreachable(subject, name, standing).into_iter().collect());
        };
        let why = moved(standing, &wish).unwrap_or_else(|| why.to_owned());
        return (Handler::Rendered, vec![subject.set(&path, wish, why)]);
    }
    if let (Some(version), Some(wish)) = (lacks(subject, name), &wish) {
        let why = has_no_health(version);
        let part =
            |key: &str| subject.set(&format!("{path}/{key}"), wish.get(key).cloned().unwrap_or_default(), why.as_str());
        // A port that is the right one under another name stays.
        let stays = subject.asks_api(name) && subject.is_api(wish.get("port"));
        let changes = if stays { vec![part("path")] } else { vec![part("path"), part("port")] };
        return (Handler::Rendered, changes);
    }
    (Handler::Own, vec![own(subject, name, standing)])
}

/// Why a chart's request changes although the version has it: its port has another name here, or its path moved.
fn moved(standing: &Value, wish: &Value) -> Option<String> {
    let [old, new] = [text(standing, "path")?, text(wish, "path")?];
    if old == new {
        return Some(format!("the container has this port as {}", text(wish, "port")?));
    }
    let base = new.strip_suffix(&old).filter(|base| !base.is_empty())?;
    Some(format!("BASE_PATH puts it below {base}"))
}

/// A probe that asks in another way, or in none.
fn other(subject: &Subject<'_>, name: &str, wish: Option<Value>) -> (Handler, Vec<Proposal>) {
    let ways = ["exec", "tcpSocket", "grpc"];
    if let Some(way) = ways.iter().find(|way| subject.get(&format!("{name}/{way}")).is_some_and(|v| !v.is_null())) {
        return (Handler::Own, vec![Proposal::kept(subject.server, format!("its {name} ({way}) is kept as set"))]);
    }
    match wish {
        // The API refuses a probe that asks nothing.
        Some(wish) => {
            (Handler::Rendered, vec![subject.set(&format!("{name}/httpGet"), wish, "a probe must ask something")])
        }
        None => (
            Handler::Rendered,
            vec![Proposal::warning(subject.server, format!("its {name} asks nothing; the API refuses it"))],
        ),
    }
}

fn own(subject: &Subject<'_>, name: &str, standing: &Value) -> Proposal {
    let kept = || Proposal::kept(subject.server, format!("its {name} ({}) is kept as set", asks(standing)));
    unreachable(subject, name, standing).unwrap_or_else(kept)
}

fn unreachable(subject: &Subject<'_>, name: &str, standing: &Value) -> Option<Proposal> {
    let text = format!(
        "its {name} ({}) names a port that the container does not have, so it can never pass: name the port in the \
         container's ports",
        asks(standing)
    );
    (!subject.has_port(standing.get("port")?)).then(|| Proposal::warning(subject.server, text))
}

fn asks(standing: &Value) -> String {
    let [path, port] = ["path", "port"].map(|key| text(standing, key));
    format!("GET {} at port {}", path.unwrap_or_else(|| "/".to_owned()), port.unwrap_or_default())
}

fn text(request: &Value, key: &str) -> Option<String> {
    request.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
}

/// Whether a chart of any era renders exactly this.
fn is_rendered(standing: &Value, rendered: &[Get]) -> bool {
    rendered.iter().any(|get| *standing == json!({"path": get.path, "port": get.port.name}))
}

/// Whether a probe asks for the health path, below whatever base path.
pub fn asks_health(subject: &Subject<'_>, name: &str) -> bool {
    let path = subject.get(&format!("{name}/httpGet/path")).and_then(Value::as_str);
    path.is_some_and(|path| path.ends_with(endpoints::HEALTH.path))
}

/// Why a version cannot be asked for the health path.
pub fn has_no_health(version: Version) -> String {
    format!("{version} has no {}", endpoints::HEALTH.path)
}

/// The version, where it does not have the health path yet that a probe asks for.
fn lacks(subject: &Subject<'_>, name: &str) -> Option<Version> {
    subject.version.filter(|version| *version < endpoints::HEALTH_SINCE && asks_health(subject, name))
}
