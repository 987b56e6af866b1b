//! What stands against a restore, found before its first write: no right to make databases, no room, a schema that the
//! server does not know, another Fernet key.

use super::Refusal;
use super::found::Found;
use super::keys::{Answer, Stands};
use super::restore::{Road, Wanted};
use crate::backup::bytes as size;
use shared::versions::Version;
use std::collections::{BTreeMap, BTreeSet};

/// What stands against it, found before the first write.
pub fn objections(found: &Found, wanted: &Wanted, namespace: &str, command: &str) -> Vec<Refusal> {
    let mut out = Vec::new();
    if found.road == Road::InPlace && !wanted.in_place {
        out.push(Refusal {
            why: format!(
                "the restore cannot be made beside: {}. In place the database is emptied first, and a failure leaves it empty",
                found.because
            ),
            hints: vec![
                format!("{command} --admin-secret NAME    # a Secret with username and password of one who may create databases"),
                format!("{command} --in-place"),
            ],
        });
    }
    let need = found.dump_needs();
    if wanted.dump
        && let Some(free) = found.claim_free_bytes.filter(|free| *free < need)
    {
        out.push(Refusal {
            why: format!(
                "the claim {} has {} free, too little to dump the database as it is now (about {})",
                wanted.claim,
                size(free),
                size(need)
            ),
            hints: vec![
                format!(
                    "kubectl edit persistentvolumeclaim {} -n {namespace}    # more storage, where its class allows it",
                    wanted.claim
                ),
                format!("{command} --no-dump    # what was written since the backup is then only in the old database"),
            ],
        });
    }
    out
}

/// Against a schema that the server would not know: it would start on it quietly, or stop at its guard.
pub fn of_schema(found: &Found, revision: u64, reach: Option<Version>, command: &str) -> Option<Refusal> {
    let head = Version::parse(&found.record.schema_head)?;
    let reach = reach.filter(|reach| head > *reach)?;
    let backup = found.record.of.as_ref().map(|of| format!(", which chart {} {} made", of.chart, of.chart_version));
    Some(Refusal {
        why: format!(
            "the backup's schema is {head}{}, newer than what the server of revision {revision} knows ({reach})",
            backup.unwrap_or_default()
        ),
        hints: vec![format!("{command}    # one from before, or go to a revision whose server knows {head}")],
    })
}

/// Against pods, each with what stops it, that run on when the servers stand at zero: the restore would wait for them, with
/// nobody serving.
pub fn of_pods(others: &[(String, String)], command: &str) -> Option<Refusal> {
    let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    let stops: BTreeSet<&String> = others.iter().map(|(_, stop)| stop).collect();
    (!names.is_empty()).then(|| Refusal {
        why: format!("pods that could migrate or write do not end when the servers go to zero: {}", names.join(", ")),
        hints: stops.into_iter().cloned().chain([format!("{command}    # once they are gone")]).collect(),
    })
}

/// What else is known about the Fernet key, for the words.
#[derive(Debug, Clone, Default)]
pub struct Clues {
    /// Revisions that run with the backup's key.
    pub same_in: Vec<u64>,
    /// Where the key of the revision stands.
    pub stands: Option<Stands>,
    /// The Secret of omupgrade's that holds the backup's key, and whether it is in this namespace.
    pub held: Option<(String, bool)>,
    /// Whether it lies beside the dump, encrypted to a recipient.
    pub encrypted: bool,
}

/// Against another Fernet key, or one that is not known to be the same.
pub fn of_key(fernet: &Answer, at: At, clues: &Clues, accepted: bool) -> Option<Refusal> {
    let At { release, namespace, revision, backup, command } = at;
    let why = match fernet {
        _ if accepted => return None,
        Answer::Same(_) => return None,
        Answer::Other(because) => format!(
            "the Fernet key of revision {revision} is another one than the one of {backup} ({because}): what is encrypted in the database, passwords and tokens of services and bots, could not be read"
        ),
        Answer::Unknown(because) => format!(
            "it is not known whether revision {revision} runs with the Fernet key of {backup}: {because}; under another one what is encrypted in the database, passwords and tokens, could not be read"
        ),
    };
    let mut hints = Vec::new();
    for number in clues.same_in.iter().rev().take(2) {
        hints.push(format!(
            "kubectl omupgrade rollback {release} {number} -n {namespace} --restore --backup {backup}    # revision {number} runs with the backup's key"
        ));
    }
    match (&clues.held, &clues.stands) {
        (Some((held, true)), Some(Stands::Cluster { secret, key, .. })) => hints.push(format!(
            "kubectl patch secret {secret} -n {namespace} -p \"{{\\\"data\\\":{{\\\"{key}\\\":\\\"$(kubectl get secret {held} -n {namespace} -o jsonpath='{{.data.env\\.FERNET_KEY}}')\\\"}}}}\"    # the backup's key is in the Secret {held}; after it the same command again"
        )),
        (Some((held, true)), _) => hints.push(format!(
            "helm upgrade {release} CHART -n {namespace} --reuse-values --set-file openmetadata.config.fernetkey.value=<(kubectl get secret {held} -n {namespace} -o jsonpath='{{.data.env\\.FERNET_KEY}}' | base64 -d)    # the backup's key is in the Secret {held}; then restore under that revision"
        )),
        (Some((held, false)), _) => hints.push(format!(
            "kubectl get secrets -A --field-selector metadata.name={held}    # its env.FERNET_KEY is the backup's key; it is not in {namespace}: bring it along, as the backup"
        )),
        (None, _) if clues.encrypted => hints.push(format!(
            "kubectl omupgrade backup export {release} {backup} -n {namespace} && age --decrypt --identity KEY {backup}/secrets.age | kubectl apply -n {namespace} -f -    # makes a Secret whose env.FERNET_KEY is the backup's key; KEY is the recipient's file"
        )),
        (None, _) => {}
    }
    hints.push(format!("{command} --accept-other-fernet-key    # once you know that it is the right key, or do without what is encrypted"));
    Some(Refusal { why, hints })
}

/// Against another JWT key: the server would refuse every token that bots and users hold.
pub fn of_jwt(others: &BTreeMap<String, Answer>, at: At, accepted: bool) -> Option<Refusal> {
    let At { revision, backup, command, .. } = at;
    let mut other = others.iter().filter(|(name, answer)| is_jwt(name) && matches!(answer, Answer::Other(_)));
    let (name, _) = other.next().filter(|_| !accepted)?;
    Some(Refusal {
        why: format!(
            "{name} of revision {revision} is another key than the one of {backup}: tokens that were signed with the other one are refused, so the ingestion bot's, too, which the database holds"
        ),
        hints: vec![format!("{command} --accept-other-jwt-key    # bots and users then get new tokens")],
    })
}

/// Whether a key signs tokens, by its name.
fn is_jwt(name: &str) -> bool {
    let name = name.to_lowercase();
    ["jwt", "private", "rsa"].iter().any(|word| name.contains(word))
}

/// What a refusal speaks of.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The release.
    pub release: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The revision that will read the database.
    pub revision: u64,
    /// The backup.
    pub backup: &'a str,
    /// The command so far.
    pub command: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_that_signs_tokens_stands_against_it_and_no_other_one() {
        let at = At { release: "om", namespace: "data", revision: 3, backup: "b", command: "again" };
        let (other, unknown) = (Answer::Other("seen".to_owned()), Answer::Unknown("not seen".to_owned()));
        for (name, answer, accepted, refused) in [
            ("file/jwt/private_key.der", &other, false, true),
            ("file/keys/PRIVATE_KEY.pem", &other, false, true),
            ("env/RSA_KEY", &other, false, true),
            ("file/jwt/private_key.der", &other, true, false),
            // What is not known is the rule: most charts name none.
            ("file/jwt/private_key.der", &unknown, false, false),
            ("env/PIPELINE_SERVICE_KEY", &other, false, false),
        ] {
            let said = of_jwt(&[(name.to_owned(), answer.clone())].into(), at, accepted);
            assert_eq!(said.is_some(), refused, "{name}, {answer:?}, {accepted}");
            if let Some(said) = said {
                assert!(
                    said.why.starts_with(&format!("{name} of revision 3 is another key than the one of b")),
                    "{}",
                    said.why
                );
                assert!(said.hints[0].starts_with("again --accept-other-jwt-key "), "{:?}", said.hints);
            }
        }
        // The first that signs, whatever stands before it.
        let both = [("env/A_KEY".to_owned(), other.clone()), ("file/jwt/key.der".to_owned(), other)].into();
        assert!(of_jwt(&both, at, false).is_some_and(|said| said.why.starts_with("file/jwt/key.der")));
    }

    /// kubectl gets no object by its name from all namespaces.
    #[test]
    fn a_key_that_is_held_elsewhere_is_looked_for_by_a_command_that_works() {
        let at = At { release: "om", namespace: "data", revision: 1, backup: "b", command: "again" };
        let clues = Clues { held: Some(("omupgrade-backup-om-b".to_owned(), false)), ..Clues::default() };
        let refusal = of_key(&Answer::Unknown("no word of it".to_owned()), at, &clues, false);
        let hints = refusal.map(|refusal| refusal.hints).unwrap_or_default();
        let looks = "kubectl get secrets -A --field-selector metadata.name=omupgrade-backup-om-b    #";
        assert!(hints.first().is_some_and(|hint| hint.starts_with(looks)), "{hints:?}");
    }
}
