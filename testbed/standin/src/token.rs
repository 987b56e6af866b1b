//! Tokens that say who asks: JSON Web Tokens, signed with a key of the image as the real one is by default. It never checks a password.
//!
//! Source: which paths need one and that a bot's is kept in the database, facts 4.1 and 4.3; a moment for its end and none for
//! a bot's, facts 10.3. Assumptions: the claims' names, an hour for a person's, and HMAC instead of RSA, since nobody but this
//! server checks the signature.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

// The real image signs by RSA with key files of its own (`./conf/*.der`); every image here has the same key too.
const KEY: &[u8] = b"the stand-in's key, which guards nothing but test data";
/// How long a person's token lives, in seconds; a bot's never ends.
pub const HOUR: u64 = 3600;

/// A token for a user, until a moment in seconds.
pub fn issue(user: &str, bot: bool, expires: Option<u64>) -> Result<String> {
    let kind = if bot { "BOT" } else { "OM_USER" };
    let mut claims = json!({
        "iss": "open-metadata.org", "sub": user, "email": format!("{user}@open-metadata.org"),
        "isBot": bot, "tokenType": kind, "iat": now(),
    });
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({ "typ": "JWT", "alg": "HS256" })), encode(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac(&signed)?.finalize().into_bytes());
    Ok(format!("{signed}.{signature}"))
}

/// Who a token says asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The user's name.
    pub name: String,
    /// Whether it is a program.
    pub bot: bool,
}

/// Whose token it is, if it is a token, of this key, and not over.
pub fn read(token: &str) -> Result<Who> {
    let (signed, signature) = token.rsplit_once('.').context("Invalid token")?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).context("Invalid token")?;
    mac(signed)?.verify_slice(&signature).map_err(|_| anyhow::anyhow!("Invalid token"))?;
    let claims = signed.split_once('.').map_or("", |(_, claims)| claims);
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
    ensure!(claims["exp"].as_u64().is_none_or(|expires| expires > now()), "Expired token!");
    let name = claims["sub"].as_str().context("Invalid token, claim sub is missing")?.to_owned();
    Ok(Who { name, bot: claims["isBot"] == true })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    millis() / 1000
}

/// Milliseconds since 1970.
pub fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

fn mac(text: &str) -> Result<Hmac<Sha256>> {
    Ok(Hmac::<Sha256>::new_from_slice(KEY)?.chain_update(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user_until_it_is_over() {
        let who = |name: &str, bot| Who { name: name.to_owned(), bot };
        assert_eq!(read(&issue("admin", false, Some(now() + HOUR)).unwrap()).unwrap(), who("admin", false));
        assert_eq!(read(&issue("ingestion-bot", true, None).unwrap()).unwrap(), who("ingestion-bot", true));
        assert_eq!(read(&issue("admin", false, Some(now() - 1)).unwrap()).unwrap_err().to_string(), "Expired token!");
    }

    #[test]
    fn a_changed_token_is_none() {
        let token = issue("viewer", false, None).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        assert!(read(&format!("e30.{rest}")).is_err());
        assert!(read("").is_err());
    }
}
