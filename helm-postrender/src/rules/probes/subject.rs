//! The container that is probed: its version, its ports, its base path, as far as the manifest tells them.

use crate::proposal::Proposal;
use crate::scene::{Object, Scene};
use serde_json::{Value, json};
use shared::component;
use shared::endpoints::{self, ADMIN, Era, Get, HTTP, Port};
use shared::versions::Version;
use std::cmp::Ordering;

/// One server and its serving container.
pub struct Subject<'a> {
    /// The workload.
    pub server: &'a Object,
    /// The version that serves: of the container's own tag, else as the labels say.
    pub version: Option<Version>,
    /// What that version answers.
    pub era: Option<&'static Era>,
    origin: Option<&'static str>,
    container: &'a Value,
    path: String,
    base: Base<'a>,
}

/// `BASE_PATH`, which moves everything at the API port and nothing at the admin port.
enum Base<'a> {
    /// Absent, or written out.
    Known(&'a str),
    /// From a reference.
    Unknown,
}

impl<'a> Subject<'a> {
    /// Reads the container at `index` of `server`.
    pub fn read(scene: &Scene, server: &'a Object, index: usize) -> Option<Self> {
        let path = format!("{}/spec/containers/{index}", server.template_path()?);
        let container = server.get(&path)?;
        let tag =
            container.get("image").and_then(Value::as_str).and_then(component::image_tag).and_then(Version::parse);
        let known = tag.map(|version| (version, "image tag")).or_else(|| scene.target(server));
        let version = known.map(|(version, _)| version);
        Some(Self {
            server,
            version,
            era: version.map(endpoints::of),
            origin: known.map(|(_, origin)| origin),
            container,
            path,
            base: base(container),
        })
    }

    /// What is to be said of versions and ports.
    pub fn notes(&self) -> Vec<Proposal> {
        let mut out = Vec::new();
        let image = self.container.get("image").and_then(Value::as_str).unwrap_or("no image");
        match (self.version, self.origin) {
            (None, _) => {
                let text = format!(
                    "neither the image ({image}) nor a label names a version: the paths of its probes are left as they \
                     are. Check that this image has them"
                );
                out.push(Proposal::notice(self.server, text));
            }
            (Some(version), Some("image tag")) => out.extend(self.beside_chart(version)),
            (Some(version), origin) => {
                let text = format!(
                    "the image ({image}) has no version as its tag; {version} is taken from the {}. If the image is \
                     another version, check that it has the paths of its probes",
                    origin.unwrap_or("labels")
                );
                out.push(Proposal::notice(self.server, text));
            }
        }
        if self.port(ADMIN).is_none() {
            let text = "none of its ports is the admin port (`http-admin`, 8586): what its probes ask there is left as \
                        it is. Name the port http-admin in the container";
            out.push(Proposal::notice(self.server, text));
        }
        if matches!(self.base, Base::Unknown) {
            let text = "BASE_PATH comes from a reference, so the path of its readinessProbe is left as it is. Check \
                        that it begins with the base path";
            out.push(Proposal::notice(self.server, text));
        }
        out
    }

    /// An older tag is the most common way to an upgrade that upgrades nothing; a newer one may be a number of
    /// somebody's own.
    fn beside_chart(&self, version: Version) -> Option<Proposal> {
        let label = |key: &str| self.server.get("/metadata/labels")?.get(key)?.as_str();
        let chart = label("app.kubernetes.io/version")
            .and_then(Version::parse)
            .or_else(|| Version::parse(label("helm.sh/chart")?.rsplit_once('-')?.1))?;
        match version.cmp(&chart) {
            Ordering::Less => {
                let text = format!(
                    "the image tag {version} is older than the chart ({chart}): the server stays at {version}, and the \
                     probes are those of {version}. Remove image.tag from the values to get {chart}"
                );
                Some(Proposal::warning(self.server, text))
            }
            Ordering::Equal => None,
            Ordering::Greater => {
                let text = format!(
                    "the image tag {version} is newer than the chart ({chart}): the server becomes {version} with the \
                     manifests of {chart}. Take the chart of {version}; if {version} is a number of your own, tag the \
                     image with the OpenMetadata version in it"
                );
                Some(Proposal::notice(self.server, text))
            }
        }
    }

    /// A probe; null and `{}` count as absent: the API takes neither for one.
    pub fn probe(&self, name: &str) -> Option<&'a serde_json::Map<String, Value>> {
        self.container.get(name)?.as_object().filter(|p| !p.is_empty())
    }

    /// What stands below the container.
    pub fn get(&self, path: &str) -> Option<&'a Value> {
        self.container.pointer(&format!("/{path}"))
    }

    /// Sets something below the container.
    pub fn set(&self, path: &str, wish: impl Into<Value>, why: impl Into<String>) -> Proposal {
        Proposal::set(self.server, format!("{}/{path}", self.path), wish, why)
    }

    /// Removes something below the container.
    pub fn remove(&self, path: &str, why: &str) -> Proposal {
        Proposal::remove(self.server, format!("{}/{path}", self.path), why)
    }

    /// The `httpGet` for a request; none where the port or the base path is not known.
    pub fn request(&self, get: Get) -> Option<Value> {
        let path = match self.base {
            Base::Known(base) if get.port == HTTP => endpoints::below(base, get.path),
            Base::Unknown if get.port == HTTP => return None,
            _ => get.path.to_owned(),
        };
        Some(json!({"path": path, "port": self.port(get.port)?}))
    }

    /// How a probe names a port: by the chart's name where the container has it, else by the name or number under
    /// which the container has the port.
    fn port(&self, port: Port) -> Option<Value> {
        let named = self.ports().find(|p| p.get("name").and_then(Value::as_str) == Some(port.name));
        let found = named.or_else(|| self.ports().find(|p| number(p) == Some(port.number)))?;
        let name = found.get("name").and_then(Value::as_str);
        name.map(Value::from).or_else(|| number(found).map(Value::from))
    }

    /// Whether the container has the port that a probe names. A number needs no declaration.
    pub fn has_port(&self, port: &Value) -> bool {
        port.as_str().is_none_or(|name| self.ports().any(|p| p.get("name").and_then(Value::as_str) == Some(name)))
    }

    /// Whether a probe asks at the API port.
    pub fn asks_api(&self, name: &str) -> bool {
        let port = |way: &str| self.get(&format!("{name}/{way}/port"));
        self.is_api(port("httpGet").or_else(|| port("tcpSocket")))
    }

    /// Whether this names the API port, by name or number.
    pub fn is_api(&self, port: Option<&Value>) -> bool {
        port.is_some_and(|p| *p == HTTP.number || *p == HTTP.name || self.port(HTTP).as_ref() == Some(p))
    }

    fn ports(&self) -> impl Iterator<Item = &'a Value> {
        self.container.get("ports").and_then(Value::as_array).into_iter().flatten()
    }
}

fn number(port: &Value) -> Option<u64> {
    port.get("containerPort")?.as_u64()
}

/// Later entries win, as Kubernetes reads `env`.
fn base(container: &Value) -> Base<'_> {
    let env = container.get("env").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match env.iter().rfind(|e| e.get("name").and_then(Value::as_str) == Some("BASE_PATH")) {
        None => Base::Known(""),
        // A reference to another variable is a reference too.
        Some(entry) => match entry.get("value").and_then(Value::as_str) {
            Some(base) if !base.contains("$(") => Base::Known(base),
            None if entry.get("valueFrom").is_none() => Base::Known(""),
            _ => Base::Unknown,
        },
    }
}
