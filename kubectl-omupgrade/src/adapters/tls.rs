//! Looks at the certificates of the places where TLS is spoken: the hosts of Ingresses, Routes, Gateways and of the
//! server's settings, straight from here; the search engine and what runs pipelines, through a forwarded port. It shakes hands, accepts whatever is shown, sends nothing.

use super::cluster::{Cluster, why};
use crate::diagnose::edges::{Certificate, Edge};
use crate::facts::Release;
use crate::preview::{Object, objects, servers, settings};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// How long one handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place where the release says that TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    host: String,
    port: u16,
}

/// The certificates of every place that the release names.
pub async fn edges(cluster: &Cluster, release: &Release) -> Result<Vec<Edge>, String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    let all = objects(text, &release.namespace)?;
    let places = places(&all);
    let looked = places.into_iter().map(|place| async move {
        let seen = tokio::time::timeout(PATIENCE, chain(cluster, &place)).await;
        let seen = seen.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        let (chain, unseen) = match seen {
            Ok(chain) => (chain, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Edge { name: place.name, host: place.host, chain, unseen }
    });
    Ok(futures::future::join_all(looked).await)
}

/// Ingresses, Routes and Gateways with TLS, and addresses among the server's settings that begin with https.
fn places(all: &[Object]) -> Vec<Place> {
    let mut out: Vec<Place> = Vec::new();
    let mut add = |place: Place| {
        if !place.host.is_empty() && !out.contains(&place) {
            out.push(place);
        }
    };
    for object in all {
        let list = |at: &str| object.value.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
        match object.kind.as_str() {
            "Ingress" => {
                for host in list("/spec/tls")
                    .iter()
                    .flat_map(|tls| tls.get("hosts").and_then(Value::as_array).cloned().unwrap_or_default())
                {
                    let host = host.as_str().unwrap_or_default().to_owned();
                    add(Place { name: format!("Ingress {}, https://{host}", object.name), host, port: 443 });
                }
            }
            "Route" if object.value.pointer("/spec/tls").is_some() => {
                let host = object.value.pointer("/spec/host").and_then(Value::as_str).unwrap_or_default().to_owned();
                add(Place { name: format!("Route {}, https://{host}", object.name), host, port: 443 });
            }
            // Of the Gateway API, and Istio's.
            "Gateway" => {
                for listener in list("/spec/listeners").iter().chain(&list("/spec/servers")) {
                    let text = |at: &str| listener.pointer(at).and_then(Value::as_str);
                    let port = listener.pointer("/port/number").or(listener.get("port")).and_then(Value::as_u64);
                    let named = listener.get("hosts").and_then(Value::as_array).into_iter().flatten();
                    let hosts = named.filter_map(Value::as_str).chain(text("/hostname"));
                    // A star is no name that could be asked for; without TLS nothing is to be seen.
                    for host in hosts.filter(|h| listener.get("tls").is_some() && !h.contains('*')) {
                        let (host, port) = (host.rsplit('/').next().unwrap_or(host), port.unwrap_or(443));
                        let name = format!("Gateway {}, https://{host}:{port}", object.name);
                        add(Place { name, host: host.to_owned(), port: u16::try_from(port).unwrap_or(443) });
                    }
                }
            }
            _ => {}
        }
    }
    let server = servers(all).into_iter().next().and_then(|s| all.iter().find(|o| o.label() == s.label));
    let Some(set) = server.map(|s| settings(all, s)) else { return out };
    let text = |name: &str| set.get(name).and_then(|v| v.as_ref()?.expose().cloned()).unwrap_or_default();
    if text("ELASTICSEARCH_SCHEME") == "https" {
        // Several hosts stand there with commas between them.
        for host in text("ELASTICSEARCH_HOST").split(',').map(str::trim) {
            let (host, port) = host.split_once(':').unwrap_or((host, ""));
            let port = port.parse().or_else(|_| text("ELASTICSEARCH_PORT").parse()).unwrap_or(9200);
            add(Place { name: format!("search engine, https://{host}:{port}"), host: host.to_owned(), port });
        }
    }
    let endpoint = text("PIPELINE_SERVICE_CLIENT_ENDPOINT");
    if let Some(rest) = endpoint.strip_prefix("https://") {
        let at = rest.split('/').next().unwrap_or_default();
        let at = at.rsplit('@').next().unwrap_or(at);
        let (host, port) = at.split_once(':').unwrap_or((at, "443"));
        let port = port.parse().unwrap_or(443);
        add(Place { name: format!("pipeline service, https://{host}:{port}"), host: host.to_owned(), port });
    }
    // The chart sets addresses of a login by Google also where nobody uses it.
    let alone = matches!(text("AUTHENTICATION_PROVIDER").as_str(), "" | "basic" | "ldap");
    let login = |name: &str| name.starts_with("AUTHENTICATION_") || name.starts_with("OIDC_");
    let others = set.keys().filter(|n| !(n.starts_with("PIPELINE_SERVICE_CLIENT_") || alone && login(n)));
    for name in others {
        for at in text(name).split([' ', ',', '"', '\'', '[', ']']).filter_map(|word| word.strip_prefix("https://")) {
            let at = at.split(['/', '?']).next().unwrap_or_default();
            let at = at.rsplit('@').next().unwrap_or(at);
            let (host, port) = at.split_once(':').unwrap_or((at, "443"));
            let port = port.parse().unwrap_or(443);
            add(Place { name: format!("setting {name}, https://{host}:{port}"), host: host.to_owned(), port });
        }
    }
    out
}

/// The certificates that a place shows: through a Service of the namespace where its name is one's, else straight.
async fn chain(cluster: &Cluster, place: &Place) -> Result<Vec<Certificate>, String> {
    if let Some((pod, port)) = behind(cluster, &place.host, place.port).await? {
        let mut forward = cluster.api::<Pod>().portforward(&pod, &[port]).await.map_err(|e| why(&e))?;
        let stream = forward.take_stream(port).ok_or("no stream")?;
        let seen = shake(stream, &place.host).await;
        forward.abort();
        return seen;
    }
    let at = format!("{}:{}", place.host, place.port);
    let stream = tokio::net::TcpStream::connect(&at).await.map_err(|e| format!("connecting to {at}: {e}"))?;
    shake(stream, &place.host).await
}

/// The pod and port behind a name that is a Service's of this namespace: `opensearch`, `opensearch.data.svc`.
pub(super) async fn behind(cluster: &Cluster, host: &str, asked: u16) -> Result<Option<(String, u16)>, String> {
    let mut words = host.split('.');
    let (name, namespace) = (words.next().unwrap_or_default(), words.next());
    if namespace.is_some_and(|n| n != cluster.namespace) {
        return Ok(None);
    }
    let service = match cluster.within(cluster.api::<Service>().get(name)).await {
        Ok(service) => service,
        Err(refused) if refused.is_absent() => return Ok(None),
        Err(refused) => return Err(format!("the Service {name}: {refused}")),
    };
    let spec = service.spec.unwrap_or_default();
    let wanted = spec.ports.iter().flatten().find(|p| p.port == i32::from(asked));
    let target = wanted.and_then(|p| p.target_port.clone());
    let labels: Vec<String> = spec.selector.iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
    if labels.is_empty() {
        return Err(format!("the Service {name} selects no pods"));
    }
    let pods = cluster.all(&cluster.api::<Pod>(), ListParams::default().labels(&labels.join(","))).await;
    let pods = pods.map_err(|r| format!("the pods of the Service {name}: {r}"))?;
    let running = |p: &&Pod| p.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running");
    let pod = pods.iter().find(running).ok_or(format!("no pod of the Service {name} runs"))?;
    let port = match target {
        Some(IntOrString::Int(number)) => u16::try_from(number).ok(),
        Some(IntOrString::String(named)) => pod
            .spec
            .iter()
            .flat_map(|s| &s.containers)
            .flat_map(|c| c.ports.iter().flatten())
            .find(|p| p.name.as_deref() == Some(&named))
            .and_then(|p| u16::try_from(p.container_port).ok()),
        None => None,
    };
    Ok(Some((pod.metadata.name.clone().unwrap_or_default(), port.unwrap_or(asked))))
}

/// Shakes hands and reads what is shown.
pub async fn shake<S>(stream: S, host: &str) -> Result<Vec<Certificate>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    // Some want a certificate of ours and refuse; theirs was shown before.
    let seen = connector.connect(name, stream).await.map_err(|e| format!("shaking hands: {e}"))?;
    let chain = seen.get_ref().1.peer_certificates().unwrap_or_default();
    chain.iter().map(|der| read(der)).collect()
}

/// An address as it is written; none of another length than IPv4's or IPv6's.
fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|b| std::net::Ipv4Addr::from(b).to_string());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| std::net::Ipv6Addr::from(b).to_string())).ok()
}

fn read(der: &CertificateDer<'_>) -> Result<Certificate, String> {
    let found = x509_cert::Certificate::from_der(der).map_err(|e| format!("reading a certificate: {e}"))?;
    let body = found.tbs_certificate();
    let time = |t: &x509_cert::time::Time| {
        let seconds = i64::try_from(t.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    };
    let names = body.get_extension::<SubjectAltName>().ok().flatten().map(|(_, san)| {
        san.0
            .iter()
            .filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.to_string()),
                GeneralName::IpAddress(bytes) => address(bytes.as_bytes()),
                _ => None,
            })
            .collect()
    });
    Ok(Certificate {
        subject: body.subject().to_string(),
        issuer: body.issuer().to_string(),
        names: names.unwrap_or_default(),
        begins: time(&body.validity().not_before),
        ends: time(&body.validity().not_after),
    })
}

/// Trusts whatever is shown: it is looked at, and nothing is sent.
#[derive(Debug)]
struct Anybody(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_with_tls_is_found_and_none_twice() {
        let deployment = |settings: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: om}}\nspec: {{template: {{spec: {{containers: [{{name: om, image: 'server:1', ports: [{{containerPort: 8585}}]}}],\n\
                 initContainers: [{{name: run-db-migrations, image: 'server:1', env: [{settings}]}}]}}}}}}\n"
            )
        };
        let names = |text: &str| -> Vec<String> {
            places(&objects(text, "data").unwrap()).into_iter().map(|p| p.name).collect()
        };
        let edges = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {tls: [{hosts: [om.example]}]}\n---\n\
            apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: b}\nspec: {listeners: [{hostname: gw.example, port: 8443, protocol: HTTPS, tls: {}}, {hostname: '*.example', port: 443, tls: {}}, {hostname: plain.example, port: 80}]}\n---\n\
            apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: c}\nspec: {servers: [{port: {number: 443}, hosts: [ns/mesh.example], tls: {mode: SIMPLE}}]}\n---\n";
        let set = "{name: SOME_URL, value: 'https://u:p@api.example:9443/x?y'}, {name: AUTHENTICATION_AUTHORITY, value: 'https://accounts.example'}, \
            {name: ELASTICSEARCH_SCHEME, value: https}, {name: ELASTICSEARCH_HOST, value: 'es1,es2:9201'}";
        let found = names(&format!("{edges}{}", deployment(set)));
        assert_eq!(
            found,
            [
                "Ingress a, https://om.example",
                "Gateway b, https://gw.example:8443",
                "Gateway c, https://mesh.example:443",
                "search engine, https://es1:9200",
                "search engine, https://es2:9201",
                "setting SOME_URL, https://api.example:9443",
            ]
        );
        let pipelines = "{name: PIPELINE_SERVICE_CLIENT_ENDPOINT, value: 'https://u:p@airflow.example:8443/x'}";
        assert_eq!(names(&deployment(pipelines)), ["pipeline service, https://airflow.example:8443"]);
        let single = "{name: AUTHENTICATION_PROVIDER, value: okta}, {name: AUTHENTICATION_PUBLIC_KEYS, value: '[https://login.example/keys,https://login.example/keys]'}";
        assert_eq!(names(&deployment(single)), ["setting AUTHENTICATION_PUBLIC_KEYS, https://login.example:443"]);
    }
}
