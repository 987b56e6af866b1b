//! Tells by their names which literals in commands, arguments and annotations are secrets. A secret without a name that
//! says so cannot be told from other words.

/// What the name of a secret holds, in lower case and without its `-`, `_` and `.`.
const SECRET: &[&str] = &["password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "credential"];

/// What names a place or a rule and no secret, though it has one of those words in it.
const ABOUT: &[&str] = &["file", "path", "name", "ref", "policy", "type", "url", "enabled", "key"];

/// Whether a name (of an option, a variable, an annotation) says that its value is a secret.
pub fn names_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let plain = plain.as_str();
    let is_reference = name.contains(['$', '{', '(']);
    let is_about =
        ABOUT.iter().any(|word| plain.ends_with(word)) && !plain.ends_with("apikey") && !plain.ends_with("privatekey");
    SECRET.iter().any(|word| plain.contains(word)) && !is_about && !is_reference
}

/// Whether a text holds a secret written out: `NAME=VALUE`, `NAME: VALUE` or `--NAME VALUE` under such a name, or a URL
/// with a password. What only refers to one (`$NAME`, `$(NAME)`) is none.
pub fn holds_secret(text: &str) -> bool {
    secrets(text).next().is_some()
}

/// The words with or before a secret.
pub fn secrets(text: &str) -> impl Iterator<Item = &str> {
    let mut words = text.split(|c: char| c.is_whitespace() || c == ';').peekable();
    std::iter::from_fn(move || {
        let word = words.next()?;
        let (name, value) = word.split_once(['=', ':']).unwrap_or((word, ""));
        let next = if value.is_empty() && (word.starts_with('-') || word.ends_with(':')) { words.peek() } else { None };
        let is_secret = names_secret(name) && is_literal(next.copied().unwrap_or(value));
        Some((is_secret || has_login(word)).then_some(word))
    })
    .flatten()
}

/// Whether the item behind `item` in a list of arguments is a secret.
pub fn is_option_of_secret(item: &str) -> bool {
    item.starts_with('-') && !item.contains(['=', ' ']) && names_secret(item)
}

fn is_literal(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    !value.is_empty() && !value.starts_with(['$', '-', '<', '|', '/', '\\', '%', '`'])
}

/// `scheme://user:password@host`.
fn has_login(word: &str) -> bool {
    let login = word.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'));
    login.and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, password)| is_literal(password))
}

#[cfg(test)]
mod tests {
    use super::{holds_secret, names_secret};

    #[test]
    fn secrets_are_told_by_their_names() {
        for text in [
            "--password=hush",
            "mysql --user om --password hush",
            "DB_PASSWORD=hush ./run.sh",
            "PGPASSWORD='hush' psql",
            "curl -H 'X-Api-Key: k' -u a https://om:hush@host/x",
            "Authorization-Token:hush",
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in [
            "./bootstrap/openmetadata-ops.sh migrate",
            "PGPASSWORD=\"$DB_USER_PASSWORD\" psql",
            "--password=$(DB_PASSWORD)",
            "--password-file=/run/p",
            "https://host/path@x:y",
            "a token is asked for",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
        assert!(!names_secret("meta.helm.sh/release-name") && names_secret("team.example/api-token"));
    }
}
