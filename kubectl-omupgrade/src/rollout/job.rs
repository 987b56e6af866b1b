//! Jobs of a release: hooks, migrations, our backups. `CronJobs'` runs are not part of a rollout.

use super::pod;
use super::scene::Scene;
use super::span::span;
use super::tree::{Cause, Health, Kind, Node, Why};
use crate::facts::Job;
use shared::marks;

/// A Job's node; none for one that a `CronJob` made, or that ended well before the newest revision.
pub fn node(scene: &Scene<'_>, job: &Job) -> Option<Node> {
    if job.meta.owner.is_some() {
        return None;
    }
    // A backup that no hook makes is beside the release: it may be made at any time, and nothing waits for it.
    let aside = job.role.as_deref() == Some(marks::ROLE_BACKUP) && job.events.is_empty();
    let revision = scene.facts.release.value().and_then(|r| r.revision.updated);
    let (Some(made), Some(revised)) = (job.meta.created, revision) else { return Some(build(scene, job, !aside)) };
    // Helm stores a revision before its hooks run, and in whole seconds the two can be equal.
    let of_this_revision = made.as_second() >= revised.as_second() - 1;
    if !of_this_revision && job.active == 0 {
        return None;
    }
    Some(build(scene, job, of_this_revision && !aside))
}

fn build(scene: &Scene<'_>, job: &Job, counts: bool) -> Node {
    let title = title(job);
    let mut node = Node::new(Kind::Job, &job.meta.name, Health::Working, "");
    if job.holds("Complete").is_some() {
        node.health = Health::Done;
        let took = job.started.zip(job.completed).map(|(a, b)| format!(" in {}", span(a, b))).unwrap_or_default();
        node.words = format!("{title}done{took}");
        return node;
    }
    let pods = scene.pods(&job.meta.uid);
    node.children = pods.iter().map(|p| pod::node(scene, p)).collect();
    if let Some(failed) = job.holds("Failed") {
        let health = if counts { Health::Failed } else { Health::Idle };
        node.words = format!("{title}failed");
        node.because(health, why_failed(scene, job, &failed.reason, &failed.message));
        node.health = health;
        return node;
    }
    node.since = job.started;
    node.words = format!("{title}running");
    if !counts {
        node.health = Health::Idle;
    }
    node
}

/// What the Job is there for.
fn title(job: &Job) -> String {
    match (job.role.as_deref(), job.events.is_empty()) {
        (Some(role), false) => format!("{role}, {} hook: ", job.events.join(" and ")),
        (Some(role), true) => format!("{role}: "),
        (None, false) => format!("{} hook: ", job.events.join(" and ")),
        (None, true) => String::new(),
    }
}

fn why_failed(scene: &Scene<'_>, job: &Job, reason: &str, message: &str) -> Why {
    let what = match reason {
        "DeadlineExceeded" => {
            let after = job.deadline.map(|s| format!(" of {s} s")).unwrap_or_default();
            format!("it was ended at its deadline{after}")
        }
        _ if message.is_empty() => format!("it failed ({reason})"),
        _ => format!("it failed: {}", message.trim_end_matches('.')),
    };
    let missing = missing_claim(scene, job);
    let end = scene.pods(&job.meta.uid).into_iter().rev().find_map(last_words);
    let text = match (&missing, end) {
        (Some(claim), _) => format!("{what}; the volume claim {claim} does not exist"),
        (None, Some(words)) if reason == "BackoffLimitExceeded" => format!("it failed: {words}"),
        (None, Some(words)) => format!("{what}: {words}"),
        (None, None) => what,
    };
    let hint = match missing {
        Some(claim) => super::causes::scheduling::make_claim(scene, &claim),
        None if text.contains("claim is full") => {
            format!("{} --keep-last 3 --dry-run    # or enlarge the claim", scene.command("backup prune"))
        }
        None => scene.kubectl(&format!("logs job/{} --all-containers", job.meta.name)),
    };
    let cause = if job.role.as_deref() == Some(marks::ROLE_BACKUP) || !job.events.is_empty() {
        Cause::Hook
    } else {
        Cause::Refused
    };
    Why::new(cause, text).hint(hint)
}

/// A claim that the Job mounts and the namespace does not have. Unknown claims are not missing.
fn missing_claim(scene: &Scene<'_>, job: &Job) -> Option<String> {
    let claims = scene.facts.claims.value()?;
    job.claims.iter().find(|name| !claims.iter().any(|c| c.meta.name == **name)).cloned()
}

/// What the pod's failed container said at its end.
fn last_words(pod: &crate::facts::Pod) -> Option<String> {
    pod.containers.iter().find_map(|c| match &c.state {
        crate::facts::State::Terminated(end) if end.exit != 0 && !end.message.is_empty() => Some(essence(&end.message)),
        _ => None,
    })
}

/// How many lines of a pod's last words are told; the log has all of them. Chosen: a client's error and its reasons.
const LINES: usize = 4;

/// The beginning of what was said, without the statement at which a client stood: `pg_dump`'s are of forty lines.
fn essence(words: &str) -> String {
    let told = words.trim().lines().take_while(|line| !line.contains("detail: Query was:"));
    told.take(LINES).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::essence;

    #[test]
    fn statements_of_a_client_are_left_to_the_log() {
        let words = "pg_dump failed with 1: pg_dump: error: query failed\nthe connection broke\npg_dump: detail: Query was: SELECT 1\nFROM x\n";
        assert_eq!(essence(words), "pg_dump failed with 1: pg_dump: error: query failed\nthe connection broke");
        assert_eq!(essence("1\n2\n3\n4\n5"), "1\n2\n3\n4");
        assert_eq!(essence("the claim is full\n"), "the claim is full");
    }
}
