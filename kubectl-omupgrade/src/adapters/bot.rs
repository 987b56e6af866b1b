//! The ingestion bot's token, where the operator allows it: a short-lived Pod beside the server reads it out of the
//! database as it is kept there, encrypted, and it is opened here with the release's Fernet key. It needs no password and
//! no single sign-on; it is sent to the server only, and never shown.

use super::cluster::Cluster;
use super::openmetadata::Login;
use super::{keys, probe};
use crate::facts::{Release, Secret};
use crate::fernet;
use crate::preview::{objects, servers};

/// Finds it, or says why not.
pub async fn token(cluster: &Cluster, release: &Release, image: Option<&str>) -> Result<Login, String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    let all = objects(text, &release.namespace)?;
    let server = servers(&all).into_iter().next().and_then(|s| all.iter().find(|o| o.label() == s.label));
    let server = server.ok_or("the release holds no OpenMetadata server")?;
    let (kept, found) = tokio::join!(probe::bot(cluster, release, image), keys::read(cluster, &server.value, &[]));
    let kept = kept?;
    match kept.as_str() {
        "" => return Err("the database holds no token of the ingestion bot".to_owned()),
        "plain" => {
            return Err(
                "it is kept in clear in the database, and is not fetched like that: set a Fernet key".to_owned()
            );
        }
        "elsewhere" => {
            return Err("a secrets manager keeps it, not the database: give it as a Secret (--token-secret)".to_owned());
        }
        _ => {}
    }
    let key =
        found.content.get("env/FERNET_KEY").and_then(Secret::expose).and_then(|k| String::from_utf8(k.clone()).ok());
    let Some(key) = key else {
        let unread = found.unread.first().map(|u| format!(": the Secret {u}")).unwrap_or_default();
        return Err(format!("the release's Fernet key could not be read{unread}"));
    };
    let token = fernet::open(key.trim().trim_matches('"'), &kept)?;
    Ok(Login { token, from: "the ingestion bot's, out of the database".to_owned() })
}
