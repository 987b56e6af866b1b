//! The server's environment, reduced: which keys it has, and the few settings whose words may be shown.

use crate::checks::precheck::{Key, Keys, MASK};
use crate::facts::Secret;
use serde_json::Value;
use shared::component;
use std::collections::BTreeMap;
use std::path::Path;

/// The Fernet key that chart and compose file ship.
const SHIPPED_FERNET: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

/// Settings whose words say nothing secret.
const SHOWN: &[&str] = &[
    "SEARCH_TYPE",
    "ELASTICSEARCH_HOST",
    "ELASTICSEARCH_PORT",
    "ELASTICSEARCH_SCHEME",
    "DB_SCHEME",
    "DB_HOST",
    "DB_PORT",
    "SECRET_MANAGER",
    "PIPELINE_SERVICE_CLIENT_CLASS_NAME",
    "PIPELINE_SERVICE_CLIENT_ENABLED",
    super::ingestion::PLACE,
    "RSA_PUBLIC_KEY_FILE_PATH",
    "RSA_PRIVATE_KEY_FILE_PATH",
];

type Settings = BTreeMap<String, Option<Secret<String>>>;

/// All names, with the words of those that may be shown.
pub fn shown(settings: &Settings) -> BTreeMap<String, String> {
    let words = |name: &String, value: &Option<Secret<String>>| {
        let value = value.as_ref().and_then(|v| v.expose()).filter(|_| SHOWN.contains(&name.as_str()));
        value.cloned().unwrap_or_else(|| MASK.to_owned())
    };
    settings.iter().map(|(name, value)| (name.clone(), words(name, value))).collect()
}

/// Where a path that is relative begins, and the public key that everybody has.
const HOME: &str = "/opt/openmetadata";
const SHIPPED_JWT: &str = "/opt/openmetadata/conf/public_key.der";

/// Where something is mounted into the container that serves.
pub fn mounts(live: &Value) -> Vec<String> {
    let container = format!("/spec/template/spec/containers/{}", component::serving_index(live).unwrap_or_default());
    let all = live.pointer(&format!("{container}/volumeMounts")).and_then(Value::as_array);
    let paths = all.into_iter().flatten().filter_map(|mount| mount.get("mountPath")?.as_str());
    paths.map(|path| absolute(path.trim_end_matches('/'))).collect()
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{HOME}/{}", path.trim_start_matches("./")) }
}

/// What the keys are. `mounts` are the places of the serving container that come from outside its image, where they are
/// known.
pub fn keys(settings: &Settings, mounts: Option<&[String]>) -> Keys {
    let fernet = match settings.get("FERNET_KEY") {
        None => Key::Absent,
        Some(None) => Key::Unread,
        Some(Some(value)) => match value.expose().map(String::as_str) {
            None => Key::Unread,
            Some("") => Key::Absent,
            Some(SHIPPED_FERNET) => Key::Shipped,
            Some(_) => Key::Own,
        },
    };
    let path = |name: &str| settings.get(name).map(|v| v.as_ref().and_then(|v| v.expose()).cloned());
    let jwt = match path("RSA_PUBLIC_KEY_FILE_PATH") {
        Some(None) => Key::Unread,
        Some(Some(path)) if path.is_empty() => Key::Absent,
        // Without the setting the server takes the files of its image.
        named => {
            let path = absolute(&named.flatten().unwrap_or_else(|| SHIPPED_JWT.to_owned()));
            let below = |mount: &String| Path::new(&path).starts_with(mount);
            match mounts.map(|mounts| mounts.iter().any(below)) {
                Some(true) => Key::Own,
                Some(false) if path == SHIPPED_JWT => Key::Shipped,
                // Made into an image of one's own, or not there at all.
                _ => Key::Unread,
            }
        }
    };
    Keys { fernet, jwt }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_told_and_not_shown() {
        let of = |pairs: &[(&str, Option<&str>)]| -> Settings {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), v.map(|v| Secret::new(v.to_owned())))).collect()
        };
        let none = Some(&[][..]);
        assert_eq!(keys(&of(&[]), none), Keys { fernet: Key::Absent, jwt: Key::Shipped });
        let own = of(&[("FERNET_KEY", Some("hunter2")), ("RSA_PUBLIC_KEY_FILE_PATH", Some("/keys/public.der"))]);
        assert_eq!(keys(&own, Some(&["/keys".to_owned()])), Keys { fernet: Key::Own, jwt: Key::Own });
        assert!(!format!("{:?}", shown(&own)).contains("hunter2"));
        let shipped =
            of(&[("FERNET_KEY", Some(SHIPPED_FERNET)), ("RSA_PUBLIC_KEY_FILE_PATH", Some("./conf/public_key.der"))]);
        assert_eq!(keys(&shipped, none), Keys { fernet: Key::Shipped, jwt: Key::Shipped });
        assert_eq!(keys(&of(&[("FERNET_KEY", None)]), none).fernet, Key::Unread);
    }

    #[test]
    fn keys_are_ones_own_where_they_are_mounted() {
        let named = |path: Option<&str>| -> Settings {
            let path = path.map(|path| ("RSA_PUBLIC_KEY_FILE_PATH".to_owned(), Some(Secret::new(path.to_owned()))));
            path.into_iter().collect()
        };
        let at = |mount: &str| {
            let container = json!({"name": "om", "volumeMounts": [{"mountPath": "/tmp"}, {"mountPath": mount}]});
            mounts(&json!({"spec": {"template": {"spec": {"containers": [container]}}}}))
        };
        let jwt = |path: Option<&str>, mount: &str| keys(&named(path), Some(&at(mount))).jwt;
        // Over the files of the image.
        for path in [None, Some("./conf/public_key.der"), Some("/opt/openmetadata/conf/public_key.der")] {
            assert_eq!(jwt(path, "/opt/openmetadata/conf/"), Key::Own);
            assert_eq!(jwt(path, "/opt/openmetadata/conf/public_key.der"), Key::Own);
            assert_eq!(jwt(path, "/opt/openmetadata/conf/public"), Key::Shipped);
        }
        // Named, and nothing there comes from outside.
        assert_eq!(jwt(Some("/keys/public.der"), "/key"), Key::Unread);
        assert_eq!(jwt(Some(""), "/keys"), Key::Absent);
        assert_eq!(keys(&named(Some("./conf/public_key.der")), None).jwt, Key::Unread);
    }
}
