//! Looks at the certificates of the places where TLS is spoken: the hosts of Ingresses, Routes, Gateways and of the
//! server's settings (LDAP, mail and a `PostgreSQL` that has to speak TLS among them), straight from here; what is a Service
//! of the namespace, through a forwarded port. Routes of the Gateway API and of Istio lead to listeners of their Gateways,
//! which need not be the release's. It shakes hands, accepts whatever is shown, sends nothing.

mod live;
mod places;
mod prelude;
mod routes;

use super::cluster::{Cluster, why};
use crate::diagnose::edges::{Certificate, Edge};
use crate::facts::Release;
use crate::preview::{Object, objects};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use places::Place;
use routes::Parent;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// How long one handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The certificates of every place that the release names, and of those that lead to it.
pub async fn edges(cluster: &Cluster, release: &Release) -> Result<Vec<Edge>, String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    let mut all = objects(text, &release.namespace)?;
    let (others, unseen) = live::leading_to(cluster, &all).await;
    all.extend(others);
    let mut places = places::places(&all);
    for route in &all {
        for parent in routes::parents(route, &cluster.namespace) {
            for place in carried(cluster, &all, route, &parent).await {
                // The release may hold the Gateway as well.
                let same = |known: &Place| (&known.host, known.port) == (&place.host, place.port);
                if !places.iter().any(|known| *known == place || place.unseen.is_none() && same(known)) {
                    places.push(place);
                }
            }
        }
    }
    places.extend(unseen);
    let looked = places.into_iter().map(|place| async move {
        let seen = match &place.unseen {
            Some(why) => Err(why.clone()),
            None => tokio::time::timeout(PATIENCE, chain(cluster, &place))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let (chain, unseen) = match seen {
            Ok(chain) => (chain, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Edge { name: place.name, host: place.host, chain, unseen }
    });
    Ok(futures::future::join_all(looked).await)
}

/// Where a Gateway carries a route over TLS; that it could not be seen, where it could not.
async fn carried(cluster: &Cluster, all: &[Object], route: &Object, parent: &Parent) -> Vec<Place> {
    let gateway = match all.iter().find(|object| parent.is(object, &cluster.namespace)) {
        Some(object) => Ok(object.value.clone()),
        None => live::gateway(cluster, parent).await,
    };
    match gateway {
        Ok(gateway) => routes::carried(route, parent, &gateway),
        Err(why) => vec![routes::unseen(route, parent, &why)],
    }
}

/// The certificates that a place shows: through a Service of the namespace where its name is one's, else straight.
async fn chain(cluster: &Cluster, place: &Place) -> Result<Vec<Certificate>, String> {
    if let Some((pod, port)) = behind(cluster, &place.host, place.port).await? {
        let mut forward = cluster.api::<Pod>().portforward(&pod, &[port]).await.map_err(|e| why(&e))?;
        let stream = forward.take_stream(port).ok_or("no stream")?;
        let seen = ask(stream, place).await;
        forward.abort();
        return seen;
    }
    let at = format!("{}:{}", place.host, place.port);
    let stream = tokio::net::TcpStream::connect(&at).await.map_err(|e| format!("connecting to {at}: {e}"))?;
    ask(stream, place).await
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, place: &Place) -> Result<Vec<Certificate>, String> {
    prelude::begin(place.prelude, &mut stream).await?;
    shake(stream, &place.host).await
}

/// The Service of this namespace that a name is one's of: `opensearch`, `opensearch.data.svc`; none where it is elsewhere's.
pub(super) async fn service(cluster: &Cluster, host: &str) -> Result<Option<Service>, String> {
    let mut words = host.split('.');
    let (name, namespace) = (words.next().unwrap_or_default(), words.next());
    if namespace.is_some_and(|n| n != cluster.namespace) {
        return Ok(None);
    }
    match cluster.within(cluster.api::<Service>().get(name)).await {
        Ok(service) => Ok(Some(service)),
        Err(refused) if refused.is_absent() => Ok(None),
        Err(refused) => Err(format!("the Service {name}: {refused}")),
    }
}

/// The pod and port behind a name that is a Service's of this namespace.
pub(super) async fn behind(cluster: &Cluster, host: &str, asked: u16) -> Result<Option<(String, u16)>, String> {
    let Some(service) = service(cluster, host).await? else { return Ok(None) };
    let name = host.split('.').next().unwrap_or_default();
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
