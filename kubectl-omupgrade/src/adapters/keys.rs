//! Reads what only Secrets hold and a database does not: the Fernet key, JWT keys. Gives their fingerprints, and their
//! content only for the Secret that keeps them; nothing of it is shown.

use super::cluster::Cluster;
use crate::facts::Secret as Masked;
use hmac::{Hmac, KeyInit, Mac};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;
use sha2::Sha256;
use shared::backup::Keys;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// By name: `env/FERNET_KEY`, `file/VOLUME/FILE`.
    pub content: BTreeMap<String, Masked<Vec<u8>>>,
    /// Secrets that could not be read, with the reason.
    pub unread: Vec<String>,
}

/// Reads the Secrets that a server's pod refers to.
pub async fn read(cluster: &Cluster, server: &Value) -> Found {
    let mut found = Found::default();
    let mut known: BTreeMap<String, Option<BTreeMap<String, ByteString>>> = BTreeMap::new();
    let spec = server.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let containers = [list(spec, "initContainers"), list(spec, "containers")].concat();
    for container in &containers {
        for source in list(container, "envFrom") {
            if let Some(name) = source.pointer("/secretRef/name").and_then(Value::as_str) {
                let data = secret(cluster, name, &mut known, &mut found.unread).await;
                for (key, bytes) in data {
                    found.content.insert(format!("env/{key}"), Masked::new(bytes.0));
                }
            }
        }
    }
    // `env` wins over `envFrom`.
    for entry in containers.iter().flat_map(|c| list(c, "env")) {
        let Some(name) = entry.get("name").and_then(Value::as_str) else { continue };
        if let Some(value) = entry.get("value").and_then(Value::as_str).filter(|_| is_key(name)) {
            found.content.insert(format!("env/{name}"), Masked::new(value.as_bytes().to_vec()));
        }
        let reference = |key: &str| entry.pointer(&format!("/valueFrom/secretKeyRef/{key}")).and_then(Value::as_str);
        if let (Some(object), Some(key)) = (reference("name"), reference("key")) {
            let mut data = secret(cluster, object, &mut known, &mut found.unread).await;
            if let Some(bytes) = data.remove(key) {
                found.content.insert(format!("env/{name}"), Masked::new(bytes.0));
            }
        }
    }
    for volume in list(spec, "volumes") {
        if let (Some(name), Some(object)) =
            (volume.get("name").and_then(Value::as_str), volume.pointer("/secret/secretName").and_then(Value::as_str))
        {
            for (key, bytes) in secret(cluster, object, &mut known, &mut found.unread).await {
                found.content.insert(format!("file/{name}/{key}"), Masked::new(bytes.0));
            }
        }
    }
    found
}

async fn secret(
    cluster: &Cluster,
    name: &str,
    known: &mut BTreeMap<String, Option<BTreeMap<String, ByteString>>>,
    unread: &mut Vec<String>,
) -> BTreeMap<String, ByteString> {
    if !known.contains_key(name) {
        let data = match cluster.within(cluster.api::<Secret>().get(name)).await {
            Ok(secret) => Some(secret.data.unwrap_or_default()),
            Err(refused) if refused.is_absent() => None,
            Err(refused) => {
                unread.push(format!("{name}: {refused}"));
                None
            }
        };
        known.insert(name.to_owned(), data);
    }
    known.get(name).cloned().flatten().unwrap_or_default()
}

/// Whether a name is of a key: long and random, so that its fingerprint tells nobody what it is. A password may be
/// guessed, and is left out.
fn is_key(name: &str) -> bool {
    let name = name.to_uppercase();
    !name.ends_with("_PATH") && (name.contains("FERNET") || name.contains("PRIVATE_KEY") || name.ends_with("_KEY"))
}

/// Fingerprints of the keys under this salt.
pub fn fingerprints(found: &Found, salt: &[u8]) -> Keys {
    let mut keys = Keys { salt: hex(salt), hmac: BTreeMap::new() };
    for (name, content) in &found.content {
        let (Some(bytes), true) = (content.expose(), name.starts_with("file/") || is_key(name)) else { continue };
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(salt) {
            mac.update(name.as_bytes());
            mac.update(&[0]);
            mac.update(bytes);
            keys.hmac.insert(name.clone(), hex(&mac.finalize().into_bytes()));
        }
    }
    keys
}

/// A salt that nobody had before.
pub fn salt() -> Result<[u8; 16], String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| format!("no random numbers: {e}"))?;
    Ok(salt)
}

/// In hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_and_passwords_left_out() {
        let found = |key: &str| Found {
            content: [("env/FERNET_KEY", key), ("env/DB_USER_PASSWORD", "pw"), ("file/jwt/private.der", "x")]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Masked::new(value.as_bytes().to_vec())))
                .collect(),
            unread: Vec::new(),
        };
        let one = fingerprints(&found("a"), b"salt");
        assert_eq!(one.hmac.keys().collect::<Vec<_>>(), ["env/FERNET_KEY", "file/jwt/private.der"]);
        assert_eq!(one, fingerprints(&found("a"), b"salt"));
        assert_ne!(one.hmac["env/FERNET_KEY"], fingerprints(&found("b"), b"salt").hmac["env/FERNET_KEY"]);
        assert_ne!(one.hmac["env/FERNET_KEY"], fingerprints(&found("a"), b"other").hmac["env/FERNET_KEY"]);
    }
}
