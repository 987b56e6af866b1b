//! Takes secrets out of text: those that are known to be secret, and what looks like one. It would rather hide too much.

use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What stands for a secret.
pub const HIDDEN: &str = "(hidden)";

/// Known secrets from here on are hidden wherever they stand, also inside of other words.
pub const ANYWHERE: usize = 6;
/// From here on they are hidden where they stand alone. Shorter ones stand in every text, and tell as little.
const SHORTEST: usize = 3;

/// From so many letters on the beginning of a known secret is hidden at the end of a text that was cut.
const BEGINNING: usize = 4;

/// Words that looks themselves are written in: engines, kinds, states. One alone tells nothing, whatever is secret
/// somewhere; with one hidden nobody could read the look any more.
const OWN_WORDS: &str = "\
    postgresql mysql elasticsearch opensearch secrets configMaps deployed superseded failed uninstalled uninstalling \
    pending-install pending-upgrade pending-rollback unknown init sidecar main unsaid server operator database search \
    airflow other Deployment StatefulSet DaemonSet ReplicaSet";

/// How secrets look where nobody told us of them. The group `keep` stays.
const LOOKS: &[&str] = &[
    // a private key, in one line or in many
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(-----END [A-Z ]*PRIVATE KEY-----|\z)",
    // a JSON web token
    r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*)?",
    // Authorization: Bearer …, Basic …
    r"(?i)(?<keep>\b(bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}",
    // a password in an address
    r#"(?<keep>[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:]*:)[^\s/"'<>]+@"#,
    // password=…, "token": "…", --api-key …
    r#"(?i)(?<keep>[A-Za-z0-9_.-]*(password|passwd|passphrase|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|fernet[_.-]?key|credentials?|pwd)[A-Za-z0-9_.-]*["']?\s*[=:]\s*["']?)[^\s"',;&})\]]{3,}"#,
    r#"(?i)(?<keep>\s--?[a-z-]*(password|token|secret|key)[= ])[^\s"']{3,}"#,
    // keys of cloud providers
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(ghp|gho|ghs|github_pat|glpat|xox[abpr])[_-][A-Za-z0-9_-]{10,}",
];

/// Takes secrets out.
#[derive(Debug)]
pub struct Redactor {
    /// Known secrets as they are: what was cut may end in the beginning of one.
    secrets: Vec<String>,
    known: Option<Regex>,
    alone: Option<Regex>,
    looks: Vec<Regex>,
    random: Regex,
}

impl Redactor {
    /// One that knows these secrets; `public` are names that are said everywhere and hide nothing.
    pub fn new(known: impl IntoIterator<Item = String>, public: &BTreeSet<String>) -> Result<Self, String> {
        let (mut anywhere, mut alone): (BTreeSet<String>, BTreeSet<String>) = Default::default();
        for secret in known {
            // A file's lines are said one by one.
            let lines = secret.lines().map(|l| l.trim().trim_matches('"').to_owned());
            for line in lines.filter(|l| l.len() >= SHORTEST && !public.contains(l)) {
                let among = if line.len() < ANYWHERE || is_name(&line) { &mut alone } else { &mut anywhere };
                among.insert(encoded(&line));
                among.insert(line);
            }
        }
        let compile = |p: &str| RegexBuilder::new(p).size_limit(1 << 28).build().map_err(|e| e.to_string());
        let any_of = |all: BTreeSet<String>| {
            let mut all: Vec<String> = all.into_iter().collect();
            all.sort_by_key(|s| std::cmp::Reverse(s.len()));
            let pattern = all.iter().map(|s| regex::escape(s)).collect::<Vec<_>>().join("|");
            if all.is_empty() { Ok(None) } else { compile(&pattern).map(Some) }
        };
        Ok(Self {
            secrets: anywhere.iter().chain(&alone).cloned().collect(),
            known: any_of(anywhere)?,
            alone: any_of(alone)?,
            looks: LOOKS.iter().map(|p| compile(p)).collect::<Result<_, _>>()?,
            random: compile(r"[A-Za-z0-9+/_=-]{20,}")?,
        })
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        let mut out = self.without_beginnings(text);
        if let Some(known) = &self.known {
            out = known.replace_all(&out, HIDDEN).into_owned();
        }
        for look in &self.looks {
            let hide = |c: &regex::Captures<'_>| {
                let kept = c.name("keep").map_or("", |m| m.as_str());
                let end = if c.get(0).is_some_and(|m| m.as_str().ends_with('@')) { "@" } else { "" };
                format!("{kept}{HIDDEN}{end}")
            };
            out = look.replace_all(&out, hide).into_owned();
        }
        // Last: a secret that is the word `password` would else hide what the patterns above know a password by.
        if let Some(alone) = &self.alone {
            out = without(alone, &out);
        }
        let random = |c: &regex::Captures<'_>| {
            let word = c.get(0).map_or("", |m| m.as_str());
            if is_random(word) { HIDDEN.to_owned() } else { word.to_owned() }
        };
        self.random.replace_all(&out, random).into_owned()
    }

    /// The text without the beginnings of secrets that stand where something was cut (`…`).
    fn without_beginnings(&self, text: &str) -> String {
        let Some((all, last)) = text.rsplit_once('…') else { return text.to_owned() };
        let mut out = String::with_capacity(text.len());
        for part in all.split('…') {
            let ends = |secret: &String| {
                (BEGINNING..secret.len()).rev().find(|n| secret.get(..*n).is_some_and(|begins| part.ends_with(begins)))
            };
            match self.secrets.iter().filter_map(ends).max() {
                Some(n) => out.extend([part.get(..part.len() - n).unwrap_or_default(), HIDDEN]),
                None => out.push_str(part),
            }
            out.push('…');
        }
        out + last
    }

    /// A value whose texts hold no secrets. Keys are names and stay, as does what is masked already.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) if is_own(text) => {}
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => {
                // A private key runs over several lines of a log.
                if items.iter().any(|i| i.as_str().is_some_and(|t| t.contains("PRIVATE KEY-----"))) {
                    hide_keys(items);
                }
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(map) => {
                for item in map.values_mut() {
                    self.value(item);
                }
            }
            _ => {}
        }
    }
}

/// Whether a text is a word of ours, a moment or a version, and nothing else.
fn is_own(text: &str) -> bool {
    let version = || {
        let mut numbers = text.split('.');
        numbers.by_ref().filter(|n| n.parse::<u64>().is_ok()).count() == 3 && text.matches('.').count() == 2
    };
    OWN_WORDS.split_whitespace().any(|word| word == text) || version() || text.parse::<Timestamp>().is_ok()
}

/// Text without what looks like a secret, where nothing is known of secrets: the words of a client that failed.
pub fn without_looks(text: &str) -> String {
    looking().map_or_else(|| HIDDEN.to_owned(), |redactor| redactor.text(text))
}

/// The same of every text in a value: what is left of a manifest or of values once its names told what is secret.
pub fn all_without_looks(value: &mut Value) {
    match looking() {
        Some(redactor) => redactor.value(value),
        None => *value = HIDDEN.into(),
    }
}

/// One that knows no secret.
fn looking() -> Option<&'static Redactor> {
    static LOOKING: LazyLock<Option<Redactor>> = LazyLock::new(|| Redactor::new([], &BTreeSet::new()).ok());
    LOOKING.as_ref()
}

/// A word that calls something a secret (`password`, `fernet_key`), and that patterns know a secret by.
fn is_name(word: &str) -> bool {
    let letters = word.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '-');
    let word = word.trim_end_matches('s');
    letters
        && ["password", "passwd", "passphrase", "secret", "token", "key", "credential"]
            .iter()
            .any(|w| word.ends_with(w))
}

/// The text without the words that stand alone in it.
fn without(words: &Regex, text: &str) -> String {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let (mut out, mut done) = (String::new(), 0);
    for found in words.find_iter(text) {
        let before = text.get(..found.start()).and_then(|t| t.chars().next_back());
        let after = text.get(found.end()..).and_then(|t| t.chars().next());
        out.push_str(text.get(done..found.start()).unwrap_or_default());
        out.push_str(if joins(before) || joins(after) { found.as_str() } else { HIDDEN });
        done = found.end();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Lines between the first and the last of a private key.
fn hide_keys(lines: &mut [Value]) {
    let mut inside = false;
    for line in lines {
        let Value::String(text) = line else { continue };
        let (begins, ends) = (text.contains("-----BEGIN"), text.contains("-----END"));
        inside |= begins && text.contains("PRIVATE KEY");
        if inside {
            HIDDEN.clone_into(text);
            inside = !ends;
        }
    }
}

/// Whether a long word is made by a machine to be secret: small and large letters and digits, mixed. Names of classes
/// have few changes between them, digests and identities are of one case.
fn is_random(word: &str) -> bool {
    if is_object(word) {
        return false;
    }
    let has = |f: fn(&char) -> bool| word.chars().any(|c| f(&c));
    let mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) && has(char::is_ascii_digit);
    let class = |c: char| match c {
        'a'..='z' => 0,
        'A'..='Z' => 1,
        '0'..='9' => 2,
        _ => 3,
    };
    let kinds: Vec<u8> = word.chars().map(class).collect();
    let changes = kinds.windows(2).filter(|pair| pair.first() != pair.last()).count();
    mixed && changes * 3 >= word.len()
}

/// An object as helm and kubectl name it, `Job/data/om-omupgrade-backup-1-13-1`: a kind, then names in small letters.
fn is_object(word: &str) -> bool {
    let mut parts = word.split('/');
    let kind = parts.next().unwrap_or_default();
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(|c| c.is_ascii_alphabetic());
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let names: Vec<&str> = parts.collect();
    is_kind && matches!(names.len(), 1 | 2) && names.into_iter().all(is_name)
}

fn encoded(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let public = BTreeSet::from(["openmetadata".to_owned()]);
        Redactor::new(["hunter-two".to_owned(), "openmetadata".to_owned(), "abc".to_owned()], &public).unwrap()
    }

    #[test]
    fn hides_what_is_known_and_what_looks_like_it() {
        let r = redactor();
        for (text, said) in [
            ("it said hunter-two there", "it said (hidden) there"),
            ("aHVudGVyLXR3bw== in base64", "(hidden) in base64"),
            ("Authorization: Bearer abcdef123456", "Authorization: Bearer (hidden)"),
            ("jdbc:mysql://om:geheim@db:3306/x", "jdbc:mysql://om:(hidden)@db:3306/x"),
            (r#"{"password":"geheim!"}"#, r#"{"password":"(hidden)"}"#),
            ("DB_USER_PASSWORD=geheim next", "DB_USER_PASSWORD=(hidden) next"),
            ("helm --set a --api-key geheim9 x", "helm --set a --api-key (hidden) x"),
            ("eyJhbGciOi.eyJzdWIi.c2ln done", "(hidden) done"),
            ("AKIAIOSFODNN7EXAMPLE", "(hidden)"),
            ("key jJ9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA= end", "key (hidden) end"),
            ("key Job/a1b2c3-D4e5f6/g7h8i9j0k1 end", "key (hidden) end"),
            // What was cut ends in no beginning of a secret.
            ("it said hunter-tw…", "it said (hidden)…"),
            ("it said hunt…", "it said (hidden)…"),
            ("it said hunt… and more", "it said (hidden)… and more"),
            ("it said hun…", "it said hun…"),
            ("in base64 aHVudGVy…", "in base64 (hidden)…"),
            ("it said hunter-tw", "it said hunter-tw"),
            ("nothing of the kind…", "nothing of the kind…"),
        ] {
            assert_eq!(r.text(text), said, "{text}");
        }
    }

    #[test]
    fn a_secret_that_is_a_name_or_short_is_hidden_where_it_stands_alone() {
        let known = ["openmetadata_password", "my-db-password", "password", "k4n", "secretly"].map(str::to_owned);
        let r = Redactor::new(known, &BTreeSet::new()).unwrap();
        for (text, said) in [
            ("login with openmetadata_password refused", "login with (hidden) refused"),
            ("[my-db-password]", "[(hidden)]"),
            ("password=geheim", "(hidden)=(hidden)"),
            ("pin k4n, k4n5 k4n", "pin (hidden), k4n5 (hidden)"),
            ("the Secret openmetadata-my-db-password", "the Secret openmetadata-my-db-password"),
            ("xsecretlyx", "x(hidden)x"),
        ] {
            assert_eq!(r.text(text), said);
        }
    }

    #[test]
    fn leaves_what_is_needed() {
        let r = redactor();
        for text in [
            "openmetadata-7c9d8f6b54-kq2xz is openmetadata's pod",
            "server@sha256:0f2c5a1b9d7e4f3c8a6b5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a",
            "at org.openmetadata.service.migration.mysql.v1133.MigrationWorkflowInitializer(X.java:42)",
            "4f8a2c1e-9b7d-4e6f-a5c3-1d2e3f4a5b6c",
            "There are pending migrations to be run on the database",
            "kubectl -n data get secret om-db-secret",
            "pre-upgrade hooks failed: resource Job/om-1-a-2/om-omupgrade-backup-1-13-1 not ready",
        ] {
            assert_eq!(r.text(text), text);
        }
    }

    #[test]
    fn what_a_look_is_written_in_stays_readable() {
        let known = ["postgres", "Deployment", "1.13.1", "2026-11-22", "deployed"].map(str::to_owned);
        let r = Redactor::new(known, &BTreeSet::new()).unwrap();
        let mut look = serde_json::json!([
            "postgresql",
            "Deployment",
            "1.13.1",
            "2026-11-22T10:00:00Z",
            "deployed",
            "user postgres",
            "postgres",
            "1.13.1.1",
            "81273645"
        ]);
        r.value(&mut look);
        let said = serde_json::json!([
            "postgresql",
            "Deployment",
            "1.13.1",
            "2026-11-22T10:00:00Z",
            "deployed",
            "user (hidden)",
            "(hidden)",
            "(hidden).1",
            "81273645"
        ]);
        assert_eq!(look, said);
    }

    #[test]
    fn a_clients_words_lose_what_looks_like_a_secret() {
        let said = "psql: error: connection to postgresql://om:geheim@db:5432/om failed";
        assert_eq!(without_looks(said), said.replace("geheim", HIDDEN));
    }

    #[test]
    fn a_key_over_several_lines() {
        let mut lines = serde_json::json!([
            "a",
            "-----BEGIN RSA PRIVATE KEY-----",
            "c2VjcmV0",
            "-----END RSA PRIVATE KEY-----",
            "b"
        ]);
        redactor().value(&mut lines);
        assert_eq!(lines, serde_json::json!(["a", HIDDEN, HIDDEN, HIDDEN, "b"]));
    }
}
