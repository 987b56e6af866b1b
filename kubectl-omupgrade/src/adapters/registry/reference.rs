//! What a registry's words mean: an image's name as an address, a challenge's parts, the proxy on the way. Asks nobody.

use http::Uri;

/// An image, as its registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The registry, with its port where one stands there.
    pub registry: String,
    /// The name.
    pub name: String,
    /// A tag or a digest.
    pub version: String,
}

impl Reference {
    /// Reads it as container runtimes do.
    pub fn parse(image: &str) -> Option<Self> {
        let (name, digest) = image.split_once('@').map_or((image, None), |(n, d)| (n, Some(d)));
        let (first, rest) = name.split_once('/').unwrap_or(("", name));
        let named = first.contains(['.', ':']) || first == "localhost";
        let (registry, path) = if named { (first, rest) } else { ("docker.io", name) };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, tag),
            None => (path, "latest"),
        };
        if path.is_empty() {
            return None;
        }
        let name =
            if registry == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let fine = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let version = digest.unwrap_or(tag).to_owned();
        (fine(registry) && fine(&name) && fine(&version)).then(|| Self { registry: registry.to_owned(), name, version })
    }

    /// The address of its manifest. Without TLS on this machine only, as container runtimes have it.
    pub fn manifest(&self) -> String {
        let host = if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry };
        let scheme = if is_here(host.split(':').next().unwrap_or_default()) { "http" } else { "https" };
        format!("{scheme}://{host}/v2/{}/manifests/{}", self.name, self.version)
    }
}

/// Whether a host is this machine.
pub fn is_here(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.")
}

/// A parameter of a challenge: `Bearer realm="https://…",service="…"`.
pub fn parameter(challenge: &str, key: &str) -> Option<String> {
    let mut rest = challenge;
    while let Some(at) = rest.find(&format!("{key}=\"")) {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + key.len() + 2..];
        if before.is_none_or(|c| c == ' ' || c == ',') {
            return rest.split('"').next().map(str::to_owned);
        }
    }
    None
}

/// The proxy that the environment names for an address.
pub fn proxy(at: &Uri, variable: impl Fn(&str) -> Option<String>) -> Option<Uri> {
    let host = at.host().unwrap_or_default();
    let read = |name: &str| variable(name).or_else(|| variable(&name.to_uppercase())).filter(|v| !v.is_empty());
    let free = read("no_proxy").unwrap_or_default();
    let frees =
        |name: &str| name == "*" || host == name || host.ends_with(&format!(".{}", name.trim_start_matches('.')));
    if is_here(host) || free.split(',').map(str::trim).filter(|n| !n.is_empty()).any(frees) {
        return None;
    }
    let name = if at.scheme_str() == Some("http") { "http_proxy" } else { "https_proxy" };
    let found = read(name)?;
    if found.contains("://") { found.parse().ok() } else { format!("http://{found}").parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_as_runtimes_read_them() {
        let of = |image: &str| Reference::parse(image).map(|r| r.manifest());
        let is = |image: &str, at: &str| assert_eq!(of(image).as_deref(), Some(at), "{image}");
        is(
            "docker.getcollate.io/openmetadata/server:1.13.1",
            "https://docker.getcollate.io/v2/openmetadata/server/manifests/1.13.1",
        );
        is("openmetadata/server", "https://registry-1.docker.io/v2/openmetadata/server/manifests/latest");
        is("busybox:1", "https://registry-1.docker.io/v2/library/busybox/manifests/1");
        is("r.example:5000/a/b/c:1@sha256:00", "https://r.example:5000/v2/a/b/c/manifests/sha256:00");
        is("127.0.0.1:5000/server:1", "http://127.0.0.1:5000/v2/server/manifests/1");
        for wrong in ["", ":1", "r.example/:1", "a b:1", "x:"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_challenge_has_parts() {
        let text = r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push""#;
        assert_eq!(parameter(text, "realm").as_deref(), Some("https://auth.example/token"));
        assert_eq!(parameter(text, "scope").as_deref(), Some("repository:a/b:pull,push"));
        assert_eq!(parameter(text, "ervice"), None);
        assert_eq!(parameter("Bearer", "realm"), None);
    }

    #[test]
    fn proxies_are_those_of_the_environment() {
        let of = |at: &str, set: &[(&str, &str)]| {
            let read = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            proxy(&at.parse().unwrap(), read).map(|u| u.to_string())
        };
        let set = [("HTTPS_PROXY", "p.example:3128"), ("no_proxy", "corp.example, .lan")];
        assert_eq!(of("https://r.example/", &set).as_deref(), Some("http://p.example:3128/"));
        assert_eq!(of("https://r.corp.example/", &set), None);
        assert_eq!(of("https://r.lan/", &set), None);
        assert_eq!(of("http://127.0.0.1:5000/", &set), None);
        assert_eq!(of("https://r.example/", &[]), None);
    }
}
