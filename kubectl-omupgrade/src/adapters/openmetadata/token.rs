//! Where a token comes from: the environment, a Secret, a login. Whatever it is, it goes only to the server.
//!
//! With single sign-on nobody logs in by a password: there a bot's token is given, which needs no browser.

use super::Client;
use crate::adapters::cluster::Cluster;
use crate::facts::{NoAnswer, Secret};
use crate::failure::Failure;
use base64::Engine;
use k8s_openapi::api::core::v1::Secret as ApiSecret;
use serde_json::{Value, json};

/// The variables that are read.
const TOKEN: &str = "OMUPGRADE_TOKEN";
const EMAIL: &str = "OMUPGRADE_EMAIL";
const PASSWORD: &str = "OMUPGRADE_PASSWORD";

/// A way in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The token.
    pub token: Secret<String>,
    /// Where it is from, in words.
    pub from: String,
}

/// Finds a token: `OMUPGRADE_TOKEN`; the named Secret (`NAME` or `NAME/KEY`); `OMUPGRADE_EMAIL` and
/// `OMUPGRADE_PASSWORD`, where the server takes passwords; the Secret `RELEASE-omupgrade-token`. Without any: why.
pub async fn login(
    cluster: Option<&Cluster>,
    client: &Client,
    release: &str,
    secret: Option<&str>,
) -> anyhow::Result<Result<Login, NoAnswer>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    if let Some(named) = secret {
        let cluster = cluster.ok_or_else(|| Failure::usage("`--token-secret` needs a cluster"))?;
        return of_named(cluster, named).await.map(Ok);
    }
    if let Some(token) = variable(TOKEN) {
        return Ok(Ok(Login { token: Secret::new(token.trim().to_owned()), from: TOKEN.to_owned() }));
    }
    if let (Some(email), Some(password)) = (variable(EMAIL), variable(PASSWORD)) {
        let login = by_password(client, &email, &password).await;
        return Ok(login.map_err(|e| e.doing(&format!("logging in as {email}"))));
    }
    let usual = format!("{release}-omupgrade-token");
    if let Some(cluster) = cluster
        && let Ok(login) = of_secret(cluster, &usual).await
    {
        return Ok(Ok(login));
    }
    Ok(Err(NoAnswer::of(format!(
        "there is no token, neither {TOKEN}, nor {EMAIL} and {PASSWORD}, nor the Secret {usual}; --ingestion-bot takes the bot's out of the database"
    ))))
}

/// The token of a Secret that somebody named. It must be there: another way in would validate as somebody else.
pub async fn of_named(cluster: &Cluster, named: &str) -> anyhow::Result<Login> {
    let found = of_secret(cluster, named).await;
    found.map_err(|why| Failure::usage(format!("reading the token from the Secret {named}: {why}")).into())
}

async fn of_secret(cluster: &Cluster, named: &str) -> Result<Login, String> {
    let (name, key) = named.split_once('/').unwrap_or((named, "token"));
    let found = cluster.within(cluster.api::<ApiSecret>().get(name)).await.map_err(|r| r.to_string())?;
    let bytes = found.data.unwrap_or_default().remove(key).ok_or(format!("it has no key `{key}`"))?.0;
    let token = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?.trim().to_owned();
    if token.is_empty() {
        return Err(format!("its key `{key}` is empty"));
    }
    Ok(Login { token: Secret::new(token), from: format!("Secret {name}, key {key}") })
}

async fn by_password(client: &Client, email: &str, password: &str) -> Result<Login, NoAnswer> {
    let auth = client.json("/api/v1/system/config/auth").await?;
    let provider = auth.get("provider").and_then(Value::as_str).unwrap_or("unknown").to_owned();
    if !matches!(provider.as_str(), "basic" | "ldap") {
        return Err(NoAnswer::of(format!(
            "the server logs in by {provider}, which takes no password: give a bot's token"
        )));
    }
    let password = base64::engine::general_purpose::STANDARD.encode(password);
    let answer = client.post("/api/v1/users/login", &json!({"email": email, "password": password})).await?;
    // Newer servers send no refresh token, and an expiry that is a moment: only this field is read.
    let token = answer.get("accessToken").and_then(Value::as_str).ok_or(NoAnswer::of("no `accessToken`"))?;
    Ok(Login { token: Secret::new(token.to_owned()), from: format!("login as {email}") })
}
