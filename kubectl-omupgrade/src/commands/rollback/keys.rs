//! Asks whether the revision that a restore leads to runs with the keys that the backup was made under. Reads Secrets and
//! shows nothing of them.

use crate::adapters::cluster::Cluster;
use crate::adapters::{keys, secrets};
use crate::facts::Release;
use crate::preview::{objects, servers};
use crate::verdict::from_before;
use crate::wayback::keys::{Answer, Compared, FERNET, Sides, compare};
use crate::wayback::objections::Clues;
use crate::wayback::{Look, moments};
use shared::backup::{Held, Record};
use std::collections::BTreeMap;

/// Compares them, and gathers what helps where they are not the same.
pub(super) async fn compared(
    cluster: &Cluster,
    look: &Look,
    record: &Record,
    stay: bool,
) -> anyhow::Result<(Compared, Clues)> {
    let recorded = record.of.as_ref().map(|of| &of.keys);
    let salt = recorded.and_then(keys::salt_of);
    // Without a salt of the record's its fingerprints tell nothing; a fresh one serves for a comparison of revisions.
    let fingerprints = recorded.filter(|_| salt.is_some()).map(|k| k.hmac.clone()).unwrap_or_default();
    let salt = match salt {
        Some(salt) => salt,
        None => keys::salt().map_err(anyhow::Error::msg)?.to_vec(),
    };
    // Where the revision stays no helm brings its Secrets again: the servers start with those that are there.
    let target = found(cluster, &look.target, !stay).await;
    let moments = moments(&look.history);
    let own = record.release == look.current.name && record.namespace == look.current.namespace;
    let served = look.history.iter().find(|r| own && from_before(record, r.revision.number, &moments));
    let served = match served {
        Some(release) => Some((release.revision.number, keys::known(&found(cluster, release, true).await, &salt))),
        None => None,
    };
    let mut sides =
        Sides { record: fingerprints, target: keys::known(&target, &salt), served, made: record.started.parse().ok() };
    let answer = compare(&sides);
    let mut clues = Clues::default();
    if matches!(answer.fernet, Answer::Same(_)) {
        return Ok((answer, clues));
    }
    clues.stands = target.stands.get(FERNET).cloned();
    match record.of.as_ref().and_then(|of| of.secrets.as_ref()) {
        Some(Held::Secret(name)) => clues.held = Some((name.clone(), secrets::is_there(cluster, name).await)),
        Some(Held::Encrypted(_)) => clues.encrypted = true,
        _ => {}
    }
    for release in look.history.iter().filter(|r| r.revision.number != look.target.revision.number) {
        sides.target = keys::known(&found(cluster, release, true).await, &salt);
        if matches!(compare(&sides).fernet, Answer::Same(_)) {
            clues.same_in.push(release.revision.number);
        }
    }
    Ok((answer, clues))
}

/// The keys that a revision's server runs with, `fresh` with the Secrets that its manifest brings along; nothing where it
/// holds no server.
async fn found(cluster: &Cluster, release: &Release, fresh: bool) -> keys::Found {
    let text = release.manifest.expose().map_or("", String::as_str);
    let all = objects(text, &release.namespace).unwrap_or_default();
    let by_label: BTreeMap<String, _> = all.iter().map(|o| (o.label(), o)).collect();
    match servers(&all).first().and_then(|s| by_label.get(&s.label)) {
        Some(server) => keys::read(cluster, &server.value, if fresh { &all } else { &[] }).await,
        None => keys::Found::default(),
    }
}
