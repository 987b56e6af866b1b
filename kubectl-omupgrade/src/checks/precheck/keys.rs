//! Checks of keys and configuration: what no dump holds and no upgrade may force.

use super::case::Case;
use super::facts::Key;
use crate::checks::{Answer, Check, Row, fail, pass, unknown, warn};

const GROUP: &str = "configuration";
const DOCS: &str = "https://docs.open-metadata.org/v1.12.x/deployment/kubernetes";

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: DOCS, needed: false }
}

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: row(
            "fernet-key",
            "the key that encrypts connections is there and your own",
            "Backup: Fernet key",
            "kubectl get secrets -n {namespace} # keep the Fernet key outside the cluster: without it no backup can be read",
        ),
        ask: fernet,
    },
    Check {
        row: row(
            "jwt-keys",
            "the keys that sign tokens are your own",
            "Backup: JWT keys",
            "helm get values {release} -n {namespace} # jwtTokenConfiguration and extraVolumes name them",
        ),
        ask: jwt,
    },
    Check {
        row: row(
            "configuration-exported",
            "the configuration can be exported",
            "Backup: Helm values and keys",
            "(umask 077 && helm get values {release} -n {namespace} -o yaml > {release}-values.yaml) # keep it outside the cluster",
        ),
        ask: exported,
    },
    Check {
        // Whoever takes the servers down for a forced migration has lost before it begins: refused.
        row: Row {
            needed: true,
            ..row(
                "no-force",
                "no migration is forced",
                "Upgrade: never migrate with --force",
                "helm get values {release} -n {namespace} # take --force out of upgradeMigrationConfigs.additionalArgs",
            )
        },
        ask: no_force,
    },
];

fn fernet(case: &Case) -> Answer {
    case.facts.keys.judge(|keys| match keys.fernet {
        Key::Own => pass("it is set, and not the one that chart and compose file ship"),
        Key::Shipped => warn("it is the one that chart and compose file ship: whoever has your dump can read it"),
        Key::Absent => fail("FERNET_KEY is not set: connections cannot be decrypted after the upgrade"),
        Key::Unread => unknown("FERNET_KEY comes from a Secret that may not be read"),
    })
}

fn jwt(case: &Case) -> Answer {
    case.facts.keys.judge(|keys| match keys.jwt {
        Key::Own => pass("they are mounted, and not those inside the image"),
        Key::Shipped => warn("they are the files inside the image, which everybody has"),
        Key::Absent => fail("no key files are named: bots could not sign in"),
        Key::Unread => unknown("where they come from is not seen: nothing is mounted there, or it could not be read"),
    })
}

fn exported(case: &Case) -> Answer {
    match (case.facts.helm.known(), case.facts.values.known()) {
        (Err(reason), _) | (_, Err(reason)) => unknown(reason),
        (Ok(helm), Ok(_)) => {
            pass(format!("revision {} with its values can be read from Helm's storage", helm.revision))
        }
    }
}

fn no_force(case: &Case) -> Answer {
    case.facts.values.judge(|values| {
        let key = "openmetadata.config.upgradeMigrationConfigs.additionalArgs";
        let old = values.is_on("openmetadata.config.upgradeMigrationConfigs.force");
        let args = values.get(key).map(ToString::to_string).unwrap_or_default();
        if old || args.contains("--force") {
            return fail("--force swallows every error of a migration and ends with 0 (roles, policies and bots were lost by it)");
        }
        pass("no --force among the arguments of the migration")
    })
}
