//! Which listeners of a Gateway carry a route, and under which names: of the Gateway API (`HTTPRoute`), and of Istio
//! (`VirtualService`). Pure.

use super::places::{Place, speaks};
use crate::preview::Object;
use serde_json::Value;

/// The API group of the Gateway API, and the one of Istio.
pub const GATEWAY_API: &str = "gateway.networking.k8s.io";
/// The API group of Istio.
pub const ISTIO: &str = "networking.istio.io";

/// A Gateway that a route names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// [`GATEWAY_API`] or [`ISTIO`].
    pub group: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The listener that is meant, where one is.
    section: Option<String>,
    /// The port that is meant, where one is.
    port: Option<u64>,
}

impl Parent {
    /// Whether an object of a manifest is it; `own` is the release's namespace.
    pub fn is(&self, object: &Object, own: &str) -> bool {
        let namespace = if object.namespace.is_empty() { own } else { &object.namespace };
        (object.group.as_str(), object.kind.as_str(), namespace, object.name.as_str())
            == (self.group, "Gateway", self.namespace.as_str(), self.name.as_str())
    }
}

fn text<'a>(value: &'a Value, at: &str) -> Option<&'a str> {
    value.pointer(at).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, at: &str) -> &'a [Value] {
    value.pointer(at).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn texts<'a>(value: &'a Value, at: &str) -> Vec<&'a str> {
    list(value, at).iter().filter_map(Value::as_str).collect()
}

/// The Gateways that a route names; `own` is the release's namespace. None for another kind of object.
pub fn parents(route: &Object, own: &str) -> Vec<Parent> {
    let here = if route.namespace.is_empty() { own } else { &route.namespace };
    match (route.group.as_str(), route.kind.as_str()) {
        (GATEWAY_API, "HTTPRoute") => list(&route.value, "/spec/parentRefs")
            .iter()
            // A Service may be a parent, too.
            .filter(|of| {
                text(of, "/kind").unwrap_or("Gateway") == "Gateway"
                    && text(of, "/group").unwrap_or(GATEWAY_API) == GATEWAY_API
            })
            .filter_map(|of| {
                Some(Parent {
                    group: GATEWAY_API,
                    namespace: text(of, "/namespace").unwrap_or(here).to_owned(),
                    name: text(of, "/name")?.to_owned(),
                    section: text(of, "/sectionName").map(str::to_owned),
                    port: of.get("port").and_then(Value::as_u64),
                })
            })
            .collect(),
        // `mesh` stands for the traffic between pods.
        (ISTIO, "VirtualService") => texts(&route.value, "/spec/gateways")
            .into_iter()
            .filter(|of| *of != "mesh")
            .map(|of| {
                let (namespace, name) = of.split_once('/').unwrap_or((here, of));
                let (namespace, name) = (namespace.to_owned(), name.to_owned());
                Parent { group: ISTIO, namespace, name, section: None, port: None }
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The places at which a Gateway carries a route over TLS.
pub fn carried(route: &Object, parent: &Parent, gateway: &Value) -> Vec<Place> {
    let meant = |listener: &&Value| {
        let port = port(listener);
        let section = parent.section.as_deref().is_none_or(|section| text(listener, "/name") == Some(section));
        section && (parent.port.is_none() || parent.port == port) && speaks(listener)
    };
    let listeners = if parent.group == ISTIO { "/spec/servers" } else { "/spec/listeners" };
    list(gateway, listeners).iter().filter(meant).flat_map(|listener| of_listener(route, parent, listener)).collect()
}

fn port(listener: &Value) -> Option<u64> {
    listener.pointer("/port/number").or(listener.get("port")).and_then(Value::as_u64)
}

fn of_listener(route: &Object, parent: &Parent, listener: &Value) -> Vec<Place> {
    let port = port(listener).and_then(|port| u16::try_from(port).ok()).unwrap_or(443);
    let (of_route, of_gateway): (Vec<&str>, Vec<&str>) = if parent.group == ISTIO {
        // A name may begin with the namespace whose routes may take it.
        let hosts = texts(listener, "/hosts").into_iter().map(|host| host.rsplit('/').next().unwrap_or(host));
        (texts(&route.value, "/spec/hosts"), hosts.collect())
    } else {
        (texts(&route.value, "/spec/hostnames"), text(listener, "/hostname").into_iter().collect())
    };
    let secrets = secrets(parent, listener);
    let place = |host: &str, unseen: Option<String>| {
        let whose = format!("{} {}, Gateway {}/{}", route.kind, route.name, parent.namespace, parent.name);
        let name = format!("{whose}{secrets}, https://{host}:{port}");
        Place { name, host: host.to_owned(), port, unseen, ..Place::default() }
    };
    match names(&of_route, &of_gateway) {
        Names::Of(all) => all.into_iter().map(|host| place(host, None)).collect(),
        Names::Stars => {
            vec![Place {
                host: String::new(),
                ..place("*", Some("it names no host that could be asked for".to_owned()))
            }]
        }
        Names::Nobody => Vec::new(),
    }
}

/// The Secrets with a listener's certificates, for people.
fn secrets(parent: &Parent, listener: &Value) -> String {
    let of_istio = text(listener, "/tls/credentialName").map(str::to_owned);
    let of_api = list(listener, "/tls/certificateRefs").iter().filter_map(|of| {
        Some(format!("{}/{}", text(of, "/namespace").unwrap_or(&parent.namespace), text(of, "/name")?))
    });
    let all: Vec<String> = of_istio.into_iter().chain(of_api).collect();
    if all.is_empty() { String::new() } else { format!(", Secret {}", all.join(", ")) }
}

/// Under which names a listener carries a route.
enum Names<'a> {
    /// Under these.
    Of(Vec<&'a str>),
    /// Only under such with a star.
    Stars,
    /// Under none: it is another listener's.
    Nobody,
}

/// The names that both have; who names none takes all.
fn names<'a>(of_route: &[&'a str], of_gateway: &[&'a str]) -> Names<'a> {
    let taken = |name: &str, by: &[&str]| by.is_empty() || by.iter().any(|pattern| covers(pattern, name));
    let both = |own: &[&'a str], others: &[&str]| -> Vec<&'a str> {
        own.iter().copied().filter(|name| taken(name, others)).collect()
    };
    let mut all = both(of_route, of_gateway);
    all.extend(both(of_gateway, of_route));
    if all.is_empty() && !(of_route.is_empty() && of_gateway.is_empty()) {
        return Names::Nobody;
    }
    let mut out: Vec<&str> = Vec::new();
    for name in all.into_iter().filter(|name| !name.contains('*')) {
        if !out.contains(&name) {
            out.push(name);
        }
    }
    if out.is_empty() { Names::Stars } else { Names::Of(out) }
}

/// Whether a pattern takes a name: a star stands for any number of labels, unlike in a certificate.
fn covers(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    match pattern.strip_prefix('*') {
        Some(rest) => name.ends_with(rest),
        None => name == pattern,
    }
}

/// A route whose Gateway could not be seen.
pub fn unseen(route: &Object, parent: &Parent, why: &str) -> Place {
    let name = format!("{} {}, Gateway {}/{}", route.kind, route.name, parent.namespace, parent.name);
    Place { name, unseen: Some(why.to_owned()), ..Place::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::objects;

    fn of(text: &str) -> Vec<Object> {
        objects(text, "data").unwrap()
    }

    fn said(route: &Object, gateway: &Object) -> Vec<(String, Option<String>)> {
        let parents = parents(route, "data");
        let parent = parents.iter().find(|parent| parent.is(gateway, "data"));
        let places = parent.map(|parent| carried(route, parent, &gateway.value)).unwrap_or_default();
        places.into_iter().map(|place| (place.name, place.unseen)).collect()
    }

    const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: infra}\nspec:\n  listeners:\n\
        \x20 - {name: plain, port: 80, protocol: HTTP}\n\
        \x20 - {name: https, port: 443, hostname: '*.example', tls: {certificateRefs: [{name: star}]}}\n\
        \x20 - {name: other, port: 8443, hostname: om.else, tls: {certificateRefs: [{name: else, namespace: certs}]}}\n---\n";

    fn route(parent: &str, hosts: &str) -> String {
        format!(
            "{GATEWAY}apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: om}}\n\
             spec: {{parentRefs: [{{name: edge, namespace: infra{parent}}}], hostnames: {hosts}}}\n"
        )
    }

    #[test]
    fn an_http_route_is_carried_by_the_listeners_of_its_gateway() {
        let first = |text: &str| {
            let all = of(text);
            said(&all[1], &all[0]).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            first(&route("", "[a.om.example, om.else]")),
            [
                "HTTPRoute om, Gateway infra/edge, Secret infra/star, https://a.om.example:443",
                "HTTPRoute om, Gateway infra/edge, Secret certs/else, https://om.else:8443",
            ]
        );
        assert_eq!(first(&route(", sectionName: other", "[om.example, om.else]")).len(), 1);
        assert_eq!(first(&route(", port: 80", "[om.example]")).len(), 0);
        // A route without names has those of the listener.
        assert_eq!(
            first(&route(", port: 8443", "[]")),
            ["HTTPRoute om, Gateway infra/edge, Secret certs/else, https://om.else:8443"]
        );
        assert_eq!(first(&route("", "[elsewhere.org]")).len(), 0);
        let all = of(&route(", sectionName: https", "[]"));
        let stars = said(&all[1], &all[0]);
        assert!(stars.len() == 1 && stars[0].1.is_some(), "{stars:?}");
    }

    #[test]
    fn a_virtual_service_is_carried_by_the_servers_of_its_gateways() {
        let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: istio-system}\nspec:\n  servers:\n\
            \x20 - {port: {number: 80, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}\n\
            \x20 - {port: {number: 443, protocol: HTTPS}, hosts: ['data/*.example', other.org], tls: {mode: SIMPLE, credentialName: cert}}\n---\n\
            apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: om}\nspec: {hosts: [om.example], gateways: [mesh, istio-system/gw]}\n---\n\
            apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: inner}\nspec: {hosts: [om]}\n";
        let all = of(text);
        let om = said(&all[1], &all[0]);
        assert_eq!(
            om,
            [("VirtualService om, Gateway istio-system/gw, Secret cert, https://om.example:443".to_owned(), None)]
        );
        assert!(parents(&all[2], "data").is_empty());
    }

    #[test]
    fn a_gateway_without_a_namespace_is_in_the_route_s() {
        let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: om, namespace: web}\nspec: {hosts: [a.b], gateways: [gw]}\n";
        assert_eq!(parents(&of(text)[0], "data")[0].namespace, "web");
        let service = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: om}\nspec: {parentRefs: [{kind: Service, group: '', name: om}]}\n";
        assert!(parents(&of(service)[0], "data").is_empty());
    }
}
