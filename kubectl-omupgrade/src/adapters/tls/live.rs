//! What leads to a release and stands in no manifest of it: Ingresses and routes of its namespace, and the Gateways that carry
//! routes. Reads only; an API that the cluster does not serve holds none.

use super::places::Place;
use super::routes::{GATEWAY_API, ISTIO, Parent};
use crate::adapters::cluster::{Cluster, Refused};
use crate::preview::Object;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use std::collections::BTreeSet;

/// What leads to a Service: group, kind, its plural, versions of its API, newest first; and where it names the Service, each
/// step of the way the elements of a list.
struct Way {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    versions: &'static [&'static str],
    to: &'static [&'static [&'static str]],
}

const KINDS: &[Way] = &[
    Way {
        group: "networking.k8s.io",
        kind: "Ingress",
        plural: "ingresses",
        versions: &["v1"],
        to: &[&["/spec/rules", "/http/paths", "/backend/service/name"], &["/spec/defaultBackend/service/name"]],
    },
    Way {
        group: "route.openshift.io",
        kind: "Route",
        plural: "routes",
        versions: &["v1"],
        to: &[&["/spec/to/name"], &["/spec/alternateBackends", "/name"]],
    },
    Way {
        group: GATEWAY_API,
        kind: "HTTPRoute",
        plural: "httproutes",
        versions: &["v1", "v1beta1"],
        to: &[&["/spec/rules", "/backendRefs", "/name"]],
    },
    Way {
        group: ISTIO,
        kind: "VirtualService",
        plural: "virtualservices",
        versions: &["v1", "v1beta1", "v1alpha3"],
        to: &[
            &["/spec/http", "/route", "/destination/host"],
            &["/spec/tls", "/route", "/destination/host"],
            &["/spec/tcp", "/route", "/destination/host"],
        ],
    },
];

/// What of the release's namespace leads to one of its Services and is not in its manifest, and the kinds of which that could
/// not be seen.
pub async fn leading_to(cluster: &Cluster, manifest: &[Object]) -> (Vec<Object>, Vec<Place>) {
    let services: BTreeSet<&str> =
        manifest.iter().filter(|o| o.kind == "Service" && o.group.is_empty()).map(|o| o.name.as_str()).collect();
    let (mut found, mut unseen) = (Vec::new(), Vec::new());
    if services.is_empty() {
        return (found, unseen);
    }
    for kind in KINDS {
        match of_kind(cluster, kind).await {
            Ok(all) => found.extend(all.into_iter().filter(|object| {
                let leads = kind.to.iter().flat_map(|way| named(&object.value, way));
                let leads = leads.into_iter().any(|name| services.contains(service(&name, &cluster.namespace)));
                leads && !manifest.iter().any(|known| known.is_same(object))
            })),
            Err(refused) => {
                let name = format!("what of the kind {} leads to the release", kind.kind);
                unseen.push(Place { name, unseen: Some(refused.to_string()), ..Place::default() });
            }
        }
    }
    (found, unseen)
}

/// The Service that a host means: `om`, `om.data`, `om.data.svc.cluster.local`; empty for one of another namespace.
fn service<'a>(host: &'a str, own: &str) -> &'a str {
    let mut words = host.split('.');
    let (name, namespace) = (words.next().unwrap_or_default(), words.next());
    if namespace.is_none_or(|namespace| namespace == own) { name } else { "" }
}

/// The names at the end of a way through lists.
fn named(value: &Value, way: &[&str]) -> Vec<String> {
    match way {
        [] => Vec::new(),
        [last] => value.pointer(last).and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
        [first, rest @ ..] => {
            let items = value.pointer(first).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            items.iter().flat_map(|item| named(item, rest)).collect()
        }
    }
}

async fn of_kind(cluster: &Cluster, kind: &Way) -> Result<Vec<Object>, Refused> {
    for version in kind.versions {
        let served =
            cluster.within(cluster.client.list_api_group_resources(&format!("{}/{version}", kind.group))).await;
        match served {
            Ok(list) if list.resources.iter().any(|resource| resource.name == kind.plural) => {}
            // An older version of it may be served.
            Ok(_) => continue,
            Err(refused) if refused.is_absent() => continue,
            Err(refused) => return Err(refused),
        }
        let api = api(cluster, &cluster.namespace, (kind.group, version, kind.kind), kind.plural);
        let object = |live: DynamicObject| {
            let name = live.metadata.name.clone()?;
            let value = serde_json::to_value(live).ok()?;
            let (group, kind) = (kind.group.to_owned(), kind.kind.to_owned());
            Some(Object { group, kind, namespace: String::new(), name, value })
        };
        return cluster.each(&api, ListParams::default(), object).await;
    }
    Ok(Vec::new())
}

fn api(
    cluster: &Cluster,
    namespace: &str,
    (group, version, kind): (&str, &str, &str),
    plural: &str,
) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    Api::namespaced_with(cluster.client.clone(), namespace, &resource)
}

/// A Gateway as it is, or why it was not seen.
pub async fn gateway(cluster: &Cluster, parent: &Parent) -> Result<Value, String> {
    let versions = KINDS.iter().find(|kind| kind.group == parent.group).map_or(&[][..], |kind| kind.versions);
    for version in versions {
        let api = api(cluster, &parent.namespace, (parent.group, version, "Gateway"), "gateways");
        match cluster.within(api.get(&parent.name)).await {
            Ok(found) => return serde_json::to_value(found).map_err(|e| e.to_string()),
            Err(refused) if refused.is_absent() => {}
            Err(refused) => return Err(refused.to_string()),
        }
    }
    Err("it is not there".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_leads_to_a_service_is_found_at_the_end_of_its_way() {
        let of = |kind: &str, value: Value| -> Vec<String> {
            let kind = KINDS.iter().find(|k| k.kind == kind).unwrap();
            kind.to.iter().flat_map(|way| named(&value, way)).collect()
        };
        let backend = json!({"backend": {"service": {"name": "om"}}});
        assert_eq!(of("Ingress", json!({"spec": {"rules": [{"http": {"paths": [backend]}}]}})), ["om"]);
        assert_eq!(of("Ingress", json!({"spec": {"defaultBackend": {"service": {"name": "om"}}}})), ["om"]);
        let two = json!({"spec": {"to": {"name": "om"}, "alternateBackends": [{"name": "b"}]}});
        assert_eq!(of("Route", two), ["om", "b"]);
        let route = json!({"spec": {"rules": [{"backendRefs": [{"name": "a"}, {"name": "om"}]}, {}]}});
        assert_eq!(of("HTTPRoute", route), ["a", "om"]);
        let mesh = json!({"spec": {"http": [{"route": [{"destination": {"host": "om.data.svc.cluster.local"}}]}]}});
        let hosts = of("VirtualService", mesh);
        assert_eq!(hosts.iter().map(|host| service(host, "data")).collect::<Vec<_>>(), ["om"]);
        assert_eq!(service("om.other.svc", "data"), "");
    }
}
