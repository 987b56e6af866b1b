//! The server's environment, reduced: which keys it has, and the few settings whose words may be shown.

use crate::checks::precheck::{Key, Keys, MASK};
use crate::facts::Secret;
use std::collections::BTreeMap;

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

/// What the keys are.
pub fn keys(settings: &Settings) -> Keys {
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
        // Without the setting the server takes the files of its image.
        None => Key::Shipped,
        Some(None) => Key::Unread,
        Some(Some(path)) if path.is_empty() => Key::Absent,
        Some(Some(path)) if path.trim_start_matches("./") == "conf/public_key.der" => Key::Shipped,
        Some(Some(_)) => Key::Own,
    };
    Keys { fernet, jwt }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_and_not_shown() {
        let of = |pairs: &[(&str, Option<&str>)]| -> Settings {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), v.map(|v| Secret::new(v.to_owned())))).collect()
        };
        assert_eq!(keys(&of(&[])), Keys { fernet: Key::Absent, jwt: Key::Shipped });
        let own = of(&[("FERNET_KEY", Some("hunter2")), ("RSA_PUBLIC_KEY_FILE_PATH", Some("/keys/public.der"))]);
        assert_eq!(keys(&own), Keys { fernet: Key::Own, jwt: Key::Own });
        assert!(!format!("{:?}", shown(&own)).contains("hunter2"));
        let shipped =
            of(&[("FERNET_KEY", Some(SHIPPED_FERNET)), ("RSA_PUBLIC_KEY_FILE_PATH", Some("./conf/public_key.der"))]);
        assert_eq!(keys(&shipped), Keys { fernet: Key::Shipped, jwt: Key::Shipped });
        assert_eq!(keys(&of(&[("FERNET_KEY", None)])).fernet, Key::Unread);
    }
}
