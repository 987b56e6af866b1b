//! What the server keeps encrypted in its database, with the configured key: Fernet tokens behind `fernet:`. It never logs a secret.
//!
//! Source: the server's `Fernet.java` (prefix; the key in either base64 alphabet; several keys between commas, of which
//! the first encrypts and any may decrypt) and the Fernet specification (AES-128-CBC, HMAC-SHA256, version byte 0x80).

use std::time::{SystemTime, UNIX_EPOCH};

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const PREFIX: &str = "fernet:";
const VERSION: u8 = 0x80;
/// Version and moment stand before the initial vector, the signature behind everything.
const VECTOR_AT: usize = 9;
const TEXT_AT: usize = VECTOR_AT + 16;
const SIGNATURE: usize = 32;

/// The configured keys.
pub struct Secrets {
    keys: Vec<[u8; 32]>,
}

impl Secrets {
    /// The keys of `FERNET_KEY`.
    pub fn new(keys: &str) -> Result<Self> {
        let keys = keys.split(',').filter(|key| !key.trim().is_empty()).map(key).collect::<Result<_>>()?;
        Ok(Self { keys })
    }

    /// As the database keeps it; without a key as it is.
    pub fn encrypt(&self, secret: &str) -> Result<String> {
        let Some(key) = self.keys.first() else { return Ok(secret.to_owned()) };
        let (signing, encrypting) = key.split_at(16);
        let mut vector = [0; 16];
        getrandom::fill(&mut vector).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut token = vec![VERSION];
        token.extend(now.to_be_bytes());
        token.extend(vector);
        let cipher = cbc::Encryptor::<Aes128>::new_from_slices(encrypting, &vector)?;
        token.extend(cipher.encrypt_padded_vec::<Pkcs7>(secret.as_bytes()));
        token.extend(mac(signing, &token)?.finalize().into_bytes());
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE.encode(token)))
    }

    /// The secret itself, if one of the keys made it.
    pub fn decrypt(&self, kept: &str) -> Result<String> {
        let Some(token) = kept.strip_prefix(PREFIX) else { return Ok(kept.to_owned()) };
        let token = BASE64_URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).context("a secret that is no token")?;
        ensure!(token.len() > TEXT_AT + SIGNATURE && token[0] == VERSION, "a secret that is no token");
        let (signed, signature) = token.split_at(token.len() - SIGNATURE);
        for key in &self.keys {
            let (signing, encrypting) = key.split_at(16);
            if mac(signing, signed)?.verify_slice(signature).is_ok() {
                let cipher = cbc::Decryptor::<Aes128>::new_from_slices(encrypting, &signed[VECTOR_AT..TEXT_AT])?;
                let text = cipher.decrypt_padded_vec::<Pkcs7>(&signed[TEXT_AT..]);
                let text = text.map_err(|_| anyhow::anyhow!("a secret with wrong padding"))?;
                return String::from_utf8(text).context("a secret that is no text");
            }
        }
        // As the library words it that the server uses (com.macasaet.fernet, assumption: not run).
        bail!("Encryption key does not match: Signature does not match.")
    }
}

fn mac(key: &[u8], text: &[u8]) -> Result<Hmac<Sha256>> {
    Ok(Hmac::<Sha256>::new_from_slice(key)?.chain_update(text))
}

fn key(text: &str) -> Result<[u8; 32]> {
    let text = text.trim().replace('/', "_").replace('+', "-");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).context("FERNET_KEY is no base64")?;
    <[u8; 32]>::try_from(bytes).map_err(|bytes| anyhow::anyhow!("FERNET_KEY has {} bytes, not 32", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chart's default key, and the specification's.
    const CHART: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";
    const SPECIFIED: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    #[test]
    fn the_specifications_own_token_opens() {
        let token = "fernet:gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        assert_eq!(Secrets::new(SPECIFIED).unwrap().decrypt(token).unwrap(), "hello");
    }

    #[test]
    fn only_a_key_that_is_configured_opens_what_another_closed() {
        let kept = Secrets::new(CHART).unwrap().encrypt("a token").unwrap();
        assert!(kept.starts_with(PREFIX) && !kept.contains("token"));
        assert_eq!(Secrets::new(&format!("{SPECIFIED},{CHART}")).unwrap().decrypt(&kept).unwrap(), "a token");
        assert!(Secrets::new(SPECIFIED).unwrap().decrypt(&kept).unwrap_err().to_string().contains("does not match"));
    }

    #[test]
    fn without_a_key_nothing_is_encrypted_and_nothing_opens() {
        let none = Secrets::new("").unwrap();
        assert_eq!(none.encrypt("plain").unwrap(), "plain");
        assert!(none.decrypt(&Secrets::new(CHART).unwrap().encrypt("x").unwrap()).is_err());
        assert!(Secrets::new("short").is_err());
    }
}
