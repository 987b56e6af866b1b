//! The user of a registry, from the Secrets that nodes pull with. Shows none of it.

use crate::adapters::cluster::Cluster;
use crate::facts::Secret;
use base64::Engine;
use k8s_openapi::api::core::v1::Secret as ApiSecret;
use serde_json::Value;

/// A user of a registry.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Where this is from, in words.
    pub from: String,
    /// `user:password`.
    pair: Secret<String>,
}

impl Credentials {
    /// What is sent.
    pub fn basic(&self) -> Secret<String> {
        let pair = self.pair.expose().map_or("", String::as_str);
        Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
    }
}

/// The user that the first of these Secrets has for a registry, and in words which could not be read.
pub async fn of_secrets(cluster: &Cluster, names: &[String], registry: &str) -> (Option<Credentials>, String) {
    let mut unread = Vec::new();
    for name in names {
        match cluster.within(cluster.api::<ApiSecret>().get(name)).await {
            Err(refused) => unread.push(format!("the pull Secret {name}: {refused}")),
            Ok(secret) => {
                let data = secret.data.unwrap_or_default();
                let text = data.get(".dockerconfigjson").and_then(|bytes| serde_json::from_slice(&bytes.0).ok());
                if let Some(found) = text.and_then(|config| of_config(&config, registry)) {
                    let from = format!("the user of the pull Secret {name}");
                    return (Some(Credentials { from, pair: found }), String::new());
                }
            }
        }
    }
    (None, unread.join("; "))
}

/// The pair of a registry in a client's configuration. Its name stands there in several ways.
fn of_config(config: &Value, registry: &str) -> Option<Secret<String>> {
    let all = config.get("auths")?.as_object()?;
    let host = |key: &str| {
        let bare = key.trim_start_matches("https://").trim_start_matches("http://");
        let host = bare.split('/').next().unwrap_or_default();
        if matches!(host, "index.docker.io" | "registry-1.docker.io") {
            "docker.io".to_owned()
        } else {
            host.to_owned()
        }
    };
    let entry = all.iter().find(|(key, _)| host(key) == registry).map(|(_, entry)| entry)?;
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    if let Some(auth) = text("auth") {
        let bytes = base64::engine::general_purpose::STANDARD.decode(auth.trim()).ok()?;
        return String::from_utf8(bytes).ok().filter(|pair| pair.contains(':')).map(Secret::new);
    }
    Some(Secret::new(format!("{}:{}", text("username")?, text("password")?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_registry_is_found_however_it_is_written() {
        let config = json!({"auths": {
            "https://index.docker.io/v1/": {"auth": "dTpwOnc="},
            "r.example:5000": {"username": "u", "password": "hunter2"},
            "broken.example": {"auth": "!"},
        }});
        let of = |registry: &str| of_config(&config, registry).and_then(|s| s.expose().cloned());
        assert_eq!(of("docker.io").as_deref(), Some("u:p:w"));
        assert_eq!(of("r.example:5000").as_deref(), Some("u:hunter2"));
        assert_eq!((of("r.example"), of("broken.example"), of("other.example")), (None, None, None));
        let all = Credentials { from: String::new(), pair: of_config(&config, "r.example:5000").unwrap() };
        assert!(!format!("{all:?}").contains("hunter2"));
        assert_eq!(all.basic().expose().map(String::as_str), Some("Basic dTpodW50ZXIy"));
    }
}
