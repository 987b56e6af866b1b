//! Reads what only Secrets hold and a database does not: the Fernet key, JWT keys. Gives their fingerprints, and their
//! content only for the Secret that keeps them; nothing of it is shown.

use super::cluster::Cluster;
use crate::facts::Secret as Masked;
use crate::preview::Object;
use crate::wayback::keys::{Known, Stands};
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;
use sha2::Sha256;
use shared::backup::Keys;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// By name: `env/FERNET_KEY`, `file/VOLUME/FILE`.
    pub content: BTreeMap<String, Masked<Vec<u8>>>,
    /// Where each stands.
    pub stands: BTreeMap<String, Stands>,
    /// Secrets that could not be read, with the reason.
    pub unread: Vec<String>,
    /// Of these, the first whose every key becomes a variable: it may hold any of them.
    pub any: Option<String>,
    /// What was found before such a one, which would win over it: not known to be what the server gets.
    doubtful: BTreeSet<String>,
}

/// Reads the Secrets that a server's pod refers to: those that `rendered` brings along from there, all others from the
/// cluster.
pub async fn read(cluster: &Cluster, server: &Value, rendered: &[Object]) -> Found {
    let mut reader = Reader { cluster, rendered, known: BTreeMap::new(), found: Found::default() };
    let spec = server.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let containers = [list(spec, "initContainers"), list(spec, "containers")].concat();
    for source in containers.iter().flat_map(|c| list(c, "envFrom")) {
        if let Some(name) = source.pointer("/secretRef/name").and_then(Value::as_str) {
            let secret = reader.secret(name).await;
            if secret.refused {
                reader.found.any.get_or_insert_with(|| name.to_owned());
                reader.found.doubtful.extend(reader.found.content.keys().cloned());
            }
            for key in secret.data.keys() {
                reader.found.put(&format!("env/{key}"), name, key, &secret);
            }
        }
    }
    // `env` wins over `envFrom`.
    for entry in containers.iter().flat_map(|c| list(c, "env")) {
        let Some(name) = entry.get("name").and_then(Value::as_str) else { continue };
        if let Some(value) = entry.get("value").and_then(Value::as_str).filter(|_| is_key(name)) {
            let text = ByteString(value.as_bytes().to_vec());
            let plain = Content { data: [(name.to_owned(), text)].into(), rendered: true, ..Content::default() };
            reader.found.put(&format!("env/{name}"), "", name, &plain);
        }
        let reference = |key: &str| entry.pointer(&format!("/valueFrom/secretKeyRef/{key}")).and_then(Value::as_str);
        if let (Some(object), Some(key)) = (reference("name"), reference("key")) {
            let secret = reader.secret(object).await;
            reader.found.put(&format!("env/{name}"), object, key, &secret);
        }
    }
    for volume in list(spec, "volumes") {
        if let (Some(name), Some(object)) =
            (volume.get("name").and_then(Value::as_str), volume.pointer("/secret/secretName").and_then(Value::as_str))
        {
            let secret = reader.secret(object).await;
            for key in secret.data.keys() {
                reader.found.put(&format!("file/{name}/{key}"), object, key, &secret);
            }
        }
    }
    reader.found
}

impl Found {
    /// Whether this one was read, and is what the server gets.
    pub fn holds(&self, name: &str) -> bool {
        self.content.get(name).is_some_and(|c| c.expose().is_some_and(|c| !c.is_empty()))
            && !self.doubtful.contains(name)
    }

    fn put(&mut self, name: &str, object: &str, key: &str, from: &Content) {
        let name = name.to_owned();
        if from.refused {
            self.doubtful.insert(name.clone());
        }
        if let Some(bytes) = from.data.get(key) {
            self.content.insert(name.clone(), Masked::new(bytes.0.clone()));
            self.doubtful.remove(&name);
            let (secret, key) = (object.to_owned(), key.to_owned());
            let live = Stands::Cluster { secret, key, since: from.since };
            self.stands.insert(name, if from.rendered { Stands::Manifest } else { live });
        }
    }
}

/// A Secret's content, or that it may not be read; one that is not there is empty.
#[derive(Clone, Default)]
struct Content {
    data: BTreeMap<String, ByteString>,
    rendered: bool,
    refused: bool,
    since: Option<Timestamp>,
}

struct Reader<'a> {
    cluster: &'a Cluster,
    rendered: &'a [Object],
    known: BTreeMap<String, Content>,
    found: Found,
}

impl Reader<'_> {
    async fn secret(&mut self, name: &str) -> Content {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let rendered = self.rendered.iter().find(|o| o.kind == "Secret" && o.namespace.is_empty() && o.name == name);
        let content = match rendered {
            Some(object) => Content { data: data_of(&object.value), rendered: true, ..Content::default() },
            None => match self.cluster.within(self.cluster.api::<Secret>().get(name)).await {
                Ok(secret) => Content {
                    since: unchanged_since(&secret),
                    data: secret.data.unwrap_or_default(),
                    ..Content::default()
                },
                Err(refused) if refused.is_absent() => Content::default(),
                Err(refused) => {
                    self.found.unread.push(format!("{name}: {refused}"));
                    Content { refused: true, ..Content::default() }
                }
            },
        };
        self.known.insert(name.to_owned(), content.clone());
        content
    }
}

/// A rendered Secret's content, as the API server takes it: `stringData` wins over `data`.
fn data_of(secret: &Value) -> BTreeMap<String, ByteString> {
    let texts = |key: &str| secret.get(key).and_then(Value::as_object).into_iter().flatten();
    let decoded = texts("data").filter_map(|(key, value)| {
        let text: String = value.as_str()?.split_whitespace().collect();
        Some((key.clone(), ByteString(base64::engine::general_purpose::STANDARD.decode(text).ok()?)))
    });
    let plain = texts("stringData").filter_map(|(k, v)| Some((k.clone(), ByteString(v.as_str()?.as_bytes().to_vec()))));
    decoded.chain(plain).collect()
}

/// The last change that the API server remembers; none where it was told to forget them.
fn unchanged_since(secret: &Secret) -> Option<Timestamp> {
    let writes = secret.metadata.managed_fields.as_deref().filter(|all| !all.is_empty())?;
    let times: Option<Vec<Timestamp>> = writes.iter().map(|w| w.time.as_ref().map(|t| t.0)).collect();
    times?.into_iter().chain(secret.metadata.creation_timestamp.as_ref().map(|t| t.0)).max()
}

/// Whether a name is of a key: long and random, so that its fingerprint tells nobody what it is. A password may be
/// guessed, and is left out.
fn is_key(name: &str) -> bool {
    let name = name.to_uppercase();
    !name.ends_with("_PATH") && (name.contains("FERNET") || name.contains("PRIVATE_KEY") || name.ends_with("_KEY"))
}

/// The fewest bytes of a key in a file: what is shorter may be guessed.
const LONG: usize = 32;

/// Whether a mounted file is a key, by its name and length. A Secret's other files (passwords, tokens, truststores) are
/// none: a fingerprint whose salt lies beside it would let a weak one be guessed.
fn is_key_file(name: &str, bytes: &[u8]) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending).to_lowercase();
    bytes.len() >= LONG && (matches!(ending.as_str(), "pem" | "der" | "key") || is_key(file))
}

/// Fingerprints of the keys under this salt.
pub fn fingerprints(found: &Found, salt: &[u8]) -> Keys {
    let mut keys = Keys { salt: hex(salt), hmac: BTreeMap::new() };
    for (name, content) in found.content.iter().filter(|(name, _)| !found.doubtful.contains(*name)) {
        let Some(bytes) = content.expose() else { continue };
        if !(if name.starts_with("file/") { is_key_file(name, bytes) } else { is_key(name) }) {
            continue;
        }
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(salt) {
            mac.update(name.as_bytes());
            mac.update(&[0]);
            mac.update(bytes);
            keys.hmac.insert(name.clone(), hex(&mac.finalize().into_bytes()));
        }
    }
    keys
}

/// What a comparison needs of them.
pub fn known(found: &Found, salt: &[u8]) -> Known {
    Known { hmac: fingerprints(found, salt).hmac, stands: found.stands.clone(), any: found.any.clone() }
}

/// The salt of a record.
pub fn salt_of(keys: &Keys) -> Option<Vec<u8>> {
    let pairs = keys.salt.as_bytes().chunks(2);
    let salt: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    salt.filter(|salt| !salt.is_empty())
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
            content: [
                ("env/FERNET_KEY", key),
                ("env/DB_USER_PASSWORD", "pw"),
                ("file/jwt/private.der", "a key that is long enough, as they are"),
                ("file/db/password", "a password that is long enough, which few are"),
                ("file/db/pin.key", "1234"),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Masked::new(value.as_bytes().to_vec())))
            .collect(),
            ..Found::default()
        };
        let one = fingerprints(&found("a"), b"salt");
        assert_eq!(one.hmac.keys().collect::<Vec<_>>(), ["env/FERNET_KEY", "file/jwt/private.der"]);
        assert_eq!(one, fingerprints(&found("a"), b"salt"));
        assert_ne!(one.hmac["env/FERNET_KEY"], fingerprints(&found("b"), b"salt").hmac["env/FERNET_KEY"]);
        assert_ne!(one.hmac["env/FERNET_KEY"], fingerprints(&found("a"), b"other").hmac["env/FERNET_KEY"]);
    }
}
