//! Where TLS is spoken, and what is wrong with the certificates there: expiry, chain, names. Reads no certificate
//! itself.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Days before its end at which a certificate is warned of. Chosen: certificates that renew themselves do it earlier.
const SOON: i64 = 21;

/// A place where TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    /// Who speaks: `Ingress om, https://data.example`.
    pub name: String,
    /// The name that clients ask for.
    pub host: String,
    /// The certificates as they were sent, the server's own first.
    pub chain: Vec<Certificate>,
    /// Why none were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses that it is good for.
    pub names: Vec<String>,
    /// From when.
    pub begins: Timestamp,
    /// Until when.
    pub ends: Timestamp,
}

/// How a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Soundness {
    /// As it should be.
    Sound,
    /// It was not seen.
    Unseen,
    /// It will not do for long, or not for all.
    Soon,
    /// It does not do.
    Broken,
}

/// What there is to say about an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// The edge.
    pub edge: String,
    /// The worst of it.
    pub soundness: Soundness,
    /// In words.
    pub words: Vec<String>,
}

/// Judges an edge.
pub fn judge(edge: &Edge, now: Timestamp) -> Said {
    let mut said = Said { edge: edge.name.clone(), soundness: Soundness::Sound, words: Vec::new() };
    let mut add = |soundness: Soundness, words: String| {
        said.soundness = said.soundness.max(soundness);
        said.words.push(words);
    };
    if let Some(why) = &edge.unseen {
        add(Soundness::Unseen, format!("not seen: {why}"));
    }
    for (i, c) in edge.chain.iter().enumerate() {
        let whose = if i == 0 { "it".to_owned() } else { format!("its issuer {}", c.subject) };
        let days = (c.ends.as_second() - now.as_second()).div_euclid(86_400);
        if now > c.ends {
            add(
                Soundness::Broken,
                format!(
                    "{whose} expired on {}, {} days ago",
                    date(c.ends),
                    (now.as_second() - c.ends.as_second()) / 86_400
                ),
            );
        } else if now < c.begins {
            add(Soundness::Broken, format!("{whose} is valid only from {}", date(c.begins)));
        } else if days < SOON {
            add(Soundness::Soon, format!("{whose} expires on {}, in {days} days", date(c.ends)));
        } else if i == 0 {
            add(Soundness::Sound, format!("valid until {}, issued by {}", date(c.ends), c.issuer));
        }
        if let Some(next) = edge.chain.get(i + 1)
            && next.subject != c.issuer
        {
            add(
                Soundness::Broken,
                format!("the chain breaks: {} signed it, and {} comes next", c.issuer, next.subject),
            );
        }
    }
    if let Some(own) = edge.chain.first() {
        if !edge.host.is_empty() && !own.names.iter().any(|n| covers(n, &edge.host)) {
            let names = if own.names.is_empty() { "no name".to_owned() } else { own.names.join(", ") };
            add(Soundness::Broken, format!("it is not good for {}: it names {names}", edge.host));
        }
        if edge.chain.len() == 1 && own.subject == own.issuer {
            add(Soundness::Soon, "it is signed by itself: whoever calls must be told to trust it".to_owned());
        } else if edge.chain.len() == 1 {
            add(Soundness::Soon, format!("it comes without its issuer's certificate ({})", own.issuer));
        }
    }
    said
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Whether a certificate's name is good for a host; a star stands for one label.
fn covers(name: &str, host: &str) -> bool {
    // An address has several ways to be written.
    let written = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
    if let (Some(name), Some(host)) = (written(name), written(host)) {
        return name == host;
    }
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(first, tail)| !first.is_empty() && tail == rest),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn certificate(subject: &str, issuer: &str, names: &[&str], ends: &str) -> Certificate {
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        let (subject, issuer) = (subject.to_owned(), issuer.to_owned());
        Certificate { subject, issuer, names, begins: time("2026-01-01T00:00:00Z"), ends: time(ends) }
    }

    fn said(host: &str, chain: Vec<Certificate>) -> Said {
        let edge = Edge { name: "Ingress om".to_owned(), host: host.to_owned(), chain, unseen: None };
        judge(&edge, time("2026-11-22T12:00:00Z"))
    }

    #[test]
    fn expiry_chain_and_names_are_each_seen() {
        let ca = || certificate("CN=CA", "CN=CA", &[], "2030-01-01T00:00:00Z");
        let good = |ends| certificate("CN=om", "CN=CA", &["*.example"], ends);
        assert_eq!(said("om.example", vec![good("2027-06-01T00:00:00Z"), ca()]).soundness, Soundness::Sound);
        let old = said("om.example", vec![good("2026-11-20T12:00:00Z"), ca()]);
        assert_eq!((old.soundness, old.words[0].as_str()), (Soundness::Broken, "it expired on 2026-11-20, 2 days ago"));
        let soon = said("om.example", vec![good("2026-12-02T12:00:00Z"), ca()]);
        assert_eq!((soon.soundness, soon.words[0].as_str()), (Soundness::Soon, "it expires on 2026-12-02, in 10 days"));
        assert_eq!(said("a.om.example", vec![good("2027-06-01T00:00:00Z"), ca()]).soundness, Soundness::Broken);
        let six = certificate("CN=om", "CN=CA", &["fd00::7"], "2030-01-01T00:00:00Z");
        assert_eq!(said("[fd00:0::7]", vec![six, ca()]).soundness, Soundness::Sound);
        let other = certificate("CN=other", "CN=other", &[], "2030-01-01T00:00:00Z");
        assert_eq!(said("om.example", vec![good("2027-06-01T00:00:00Z"), other]).soundness, Soundness::Broken);
        assert_eq!(said("om.example", vec![good("2027-06-01T00:00:00Z")]).soundness, Soundness::Soon);
    }
}
