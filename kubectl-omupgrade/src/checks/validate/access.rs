//! Whether who may do what is as it should be: evaluated by the server itself, for somebody who is no administrator.

use super::{Facts, either, of, row};
use crate::checks::{Answer, Check, fail, pass, skip, unknown};

const GROUP: &str = "access";
const DIAGNOSE: &str = "kubectl omupgrade diagnose {release} -n {namespace}";

/// What the policy of bots denies (`DisplayName-Deny` of `IngestionBotPolicy`).
const OF_BOTS: &str = "table EditDisplayName";

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: row(
            "policy-allows",
            GROUP,
            "a user who is no administrator may look at a table",
            "Post-upgrade validation: roles and policies",
            DIAGNOSE,
        ),
        ask: |f| either(access(f, &["table ViewBasic"], true)),
    },
    Check {
        row: row(
            "policy-denies",
            GROUP,
            "that user may not do what only administrators do",
            "Post-upgrade validation: roles and policies",
            DIAGNOSE,
        ),
        ask: |f| either(denied(f)),
    },
    Check {
        row: row("bots", GROUP, "every bot has its user", "Post-upgrade validation: bots", DIAGNOSE),
        ask: |f| either(bots(f)),
    },
];

/// What nobody but administrators may, and for a bot, which may nearly everything, what its policy denies.
fn denied(f: &Facts) -> Result<Answer, Answer> {
    let permissions = of(f, |s| &s.permissions)?;
    if !permissions.bot {
        return access(f, &["policy Create", "bot Create"], false);
    }
    match permissions.access.get(OF_BOTS).map(String::as_str) {
        Some("deny" | "notAllow" | "conditionalDeny") => access(f, &[OF_BOTS], false),
        // Older bots' policies deny nothing that is asked for here.
        _ => Err(unknown(format!(
            "{} is a bot, which may nearly everything: the token of a user or of an administrator tells more",
            permissions.user
        ))
        .next("kubectl omupgrade validate {release} -n {namespace} --token-secret NAME")),
    }
}

fn access(f: &Facts, asked: &[&str], wanted: bool) -> Result<Answer, Answer> {
    let permissions = of(f, |s| &s.permissions)?;
    let known: Vec<(&str, &String)> = asked.iter().filter_map(|a| Some((*a, permissions.access.get(*a)?))).collect();
    if known.is_empty() {
        return Err(unknown(format!("the server says nothing of {} for {}", asked.join(", "), permissions.user)));
    }
    // A condition (own entities) is no general right, and enough of one to look.
    let may = |access: &str| if wanted { matches!(access, "allow" | "conditionalAllow") } else { access == "allow" };
    let words: Vec<String> = known.iter().map(|(what, access)| format!("{what}: {access}")).collect();
    let words = format!("{}: {}", permissions.user, words.join(", "));
    Ok(if known.iter().all(|(_, access)| may(access) == wanted) { pass(words) } else { fail(words) })
}

fn bots(f: &Facts) -> Result<Answer, Answer> {
    let bots = of(f, |s| &s.bots)?;
    let broken: Vec<String> =
        bots.iter().filter_map(|b| Some(format!("{}: {}", b.name, b.lacks.as_deref()?))).collect();
    if bots.is_empty() {
        // Every installation has the ingestion bot: none is the trouble of a lost relationship.
        return Ok(fail("there is no bot, not even ingestion-bot"));
    }
    if !broken.is_empty() {
        return Ok(fail(broken.join("; ")));
    }
    let names: Vec<&str> = bots.iter().map(|b| b.name.as_str()).collect();
    Ok(if names.is_empty() { skip("none") } else { pass(names.join(", ")) })
}
