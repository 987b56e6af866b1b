//! People and programs that log in. It never answers a password or a token to anyone but an administrator.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::{Api, Asking, resources};
use crate::http::Answer;
use crate::{entities, metrics, token};

/// Who can log in with a password. Assumption: the real server looks them up in its database; here a login needs none, so
/// that a server which lost its database still tells who asks. The first is the real server's own at its first start.
const PEOPLE: &[(&str, &str, &str)] =
    &[("admin@open-metadata.org", "admin", "admin"), ("viewer@open-metadata.org", "viewer", "viewer")];

/// `{email, password}` with the password in base64. Source: the client's `LoginRequest`, the server's `JwtResponse`:
/// the expiry is a moment, not a span; the newest servers send no refresh token (facts 10.3). Assumption: here none does,
/// because since which release is not recorded, and no client may rely on one.
pub fn login(_: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let words = asking.body()?;
    let password = words["password"].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
    let person = PEOPLE
        .iter()
        .find(|(email, right, _)| words["email"] == *email && password.as_deref() == Some(right.as_bytes()));
    let Some((.., name)) = person else {
        metrics::count(&metrics::LOGIN_FAILURES);
        return Ok(Answer::error(401, "You have entered an invalid username or password."));
    };
    let expires = token::now() + token::HOUR;
    Ok(Answer::json(&json!({
        "accessToken": token::issue(name, false, Some(expires))?, "refreshToken": null,
        "tokenType": "Bearer ", "expiryDuration": expires * 1000,
    })))
}

/// Needs no token (facts 4.1). The newest servers give no refresh token (facts 10.3), so there is none to take. Assumption:
/// the status and the words.
pub fn refresh(_: &Api, _: &Asking<'_>) -> Result<Answer> {
    Ok(Answer::error(400, "Refresh token is missing or unknown"))
}

/// Whose token it is. Source: the client's `loggedInUser`, which reads a `User`.
pub fn logged_in(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let user = asking.user(&api.database)?;
    Ok(Answer::json(&resources::shown(api, entities::kind("users")?, user)?))
}

/// A bot's token, decrypted. Source: the client's `JWTAuthMechanism`.
pub fn bot_token(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let Some(user) = entities::by_id(&api.database, entities::kind("users")?, asking.part(0))? else {
        return Ok(Answer::missing());
    };
    let mut config = user["authenticationMechanism"]["config"].clone();
    let kept = config["JWTToken"].as_str().context("the user is no bot")?;
    config["JWTToken"] = json!(api.secrets.decrypt(kept)?);
    Ok(Answer::json(&config))
}
