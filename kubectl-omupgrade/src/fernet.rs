//! Opens what an OpenMetadata server keeps encrypted in its database, with the server's own key. Pure; shows neither key
//! nor content.
//!
//! Sources: the server's `Fernet.java` (the prefix; keys between commas, of which any may have closed it, in either
//! alphabet of base64) and the Fernet specification (AES-128-CBC, HMAC-SHA256, version byte 0x80).

use crate::facts::Secret;
use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "fernet:";
const VERSION: u8 = 0x80;
/// Version and moment stand before the initial vector, the signature behind everything.
const VECTOR_AT: usize = 9;
const TEXT_AT: usize = VECTOR_AT + 16;
const SIGNATURE: usize = 32;

/// What `kept` holds, opened with one of the keys of `FERNET_KEY`.
pub fn open(keys: &str, kept: &str) -> Result<Secret<String>, &'static str> {
    let token = kept.trim().strip_prefix(PREFIX).ok_or("it is not encrypted with the Fernet key")?;
    let token = decoded(token).ok_or("it is no Fernet token")?;
    if token.len() <= TEXT_AT + SIGNATURE || token.first() != Some(&VERSION) {
        return Err("it is no Fernet token");
    }
    let (signed, signature) = token.split_at(token.len() - SIGNATURE);
    let (vector, text) = (&signed[VECTOR_AT..TEXT_AT], &signed[TEXT_AT..]);
    for key in keys.split(',').filter_map(decoded).filter(|key| key.len() == 32) {
        let (signing, closing) = key.split_at(16);
        let signs = Hmac::<Sha256>::new_from_slice(signing)
            .is_ok_and(|mac| mac.chain_update(signed).verify_slice(signature).is_ok());
        if !signs {
            continue;
        }
        let cipher = cbc::Decryptor::<Aes128>::new_from_slices(closing, vector).map_err(|_| "its key does not fit")?;
        let text = cipher.decrypt_padded_vec::<Pkcs7>(text).map_err(|_| "it is damaged")?;
        return String::from_utf8(text).map(Secret::new).map_err(|_| "it is no text");
    }
    Err("the release's Fernet key does not open it: it was closed with another one")
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().replace('/', "_").replace('+', "-");
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own example.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str =
        "fernet:gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    /// The chart's key.
    const OTHER: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

    #[test]
    fn only_the_key_that_closed_it_opens_it() {
        let opened = |keys: &str, kept: &str| open(keys, kept).map(|s| s.expose().cloned().unwrap());
        assert_eq!(opened(KEY, TOKEN).as_deref(), Ok("hello"));
        assert_eq!(opened(&format!("{OTHER}, {KEY}"), TOKEN).as_deref(), Ok("hello"));
        assert!(opened(OTHER, TOKEN).unwrap_err().contains("another one"));
        assert!(opened("", TOKEN).is_err() && opened("short", TOKEN).is_err());
        for wrong in ["", "hello", "fernet:", "fernet:gAAA", &TOKEN[..TOKEN.len() - 9], "secret:/a/b"] {
            assert!(opened(KEY, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_opened_is_not_shown() {
        assert!(!format!("{:?}", open(KEY, TOKEN)).contains("hello"));
    }
}
