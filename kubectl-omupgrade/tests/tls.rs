//! A handshake with a real TLS server: what its certificates say, and what is said of them.
#![allow(clippy::unwrap_used)]

use kubectl_omupgrade::adapters::tls::shake;
use kubectl_omupgrade::diagnose::edges::{Edge, Soundness, judge};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/tls").join(name)).unwrap()
}

#[tokio::test]
async fn a_handshake_shows_the_chain() {
    let chain = vec![CertificateDer::from(file("leaf.der")), CertificateDer::from(file("ca.der"))];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(file("leaf-key.der")));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(theirs));
    let seen = shake(ours, "opensearch").await.unwrap();
    drop(server);
    let own = &seen[0];
    assert_eq!((own.issuer.as_str(), seen[1].subject.as_str()), ("CN=test CA", "CN=test CA"));
    assert!(own.subject.contains("CN=opensearch") && own.subject.contains("O=omupgrade tests"), "{}", own.subject);
    assert_eq!(own.names, ["opensearch", "*.data.svc", "127.0.0.1"]);

    let edge = |host: &str| Edge { name: "e".to_owned(), host: host.to_owned(), chain: seen.clone(), unseen: None };
    let before = own.ends - jiff::SignedDuration::from_hours(24 * 400);
    let judged = |host: &str, at| judge(&edge(host), at).soundness;
    let valid = before.max(own.begins);
    assert_eq!(judged("other", valid), Soundness::Broken);
    assert_eq!(judged("opensearch", own.ends + jiff::SignedDuration::from_hours(1)), Soundness::Broken);
    assert_eq!(judged("opensearch", own.ends - jiff::SignedDuration::from_hours(24)), Soundness::Soon);
}

#[tokio::test]
async fn who_speaks_no_tls_is_not_seen() {
    let (ours, theirs) = tokio::io::duplex(1024);
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let mut theirs = theirs;
        let _ = theirs.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let why = shake(ours, "opensearch").await.unwrap_err();
    assert!(why.starts_with("shaking hands: "), "{why}");
}
