//! What stands against a way back, whatever the verdict: another owner, a helm at work, losses for good.

use super::counts::Live;
use super::{Asked, Look, plan};
use crate::facts::Status;
use crate::journal::{Outcome, open_run};
use crate::preview::Loss;
use crate::verdict::{Verdict, Way};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A reason not to go on, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refusal {
    /// In words.
    pub why: String,
    /// Commands to type.
    pub hints: Vec<String>,
}

/// Everything that stands against it.
pub(super) fn refusals(look: &Look, asked: Asked, verdict: &Verdict, losses: &[Loss]) -> Vec<Refusal> {
    let mut out = Vec::new();
    let (release, namespace) = (&look.current.name, &look.current.namespace);
    let revision = look.target.revision.number;
    if let Ok(live) = &look.live
        && let Some(refusal) = live.iter().find_map(owner)
    {
        out.push(refusal);
    }
    if let Err(reason) = &look.live {
        out.push(Refusal {
            why: format!("the workloads cannot be looked at, so neither another owner nor an autoscaler's count would be seen: {reason}"),
            hints: vec![format!("kubectl auth can-i list horizontalpodautoscalers.autoscaling -n {namespace}")],
        });
    }
    let migrating = match &look.migrating {
        Ok(pods) if pods.is_empty() => None,
        Ok(pods) => {
            Some(format!("a migration runs in {}: a way back now would kill it in its middle", pods.join(", ")))
        }
        Err(reason) => Some(format!("whether a migration runs is not known, and a way back would kill it: {reason}")),
    };
    if let Some(why) = migrating.filter(|_| !asked.restoring) {
        let mut hints = vec![format!("kubectl omupgrade status {release} -n {namespace} --watch    # until it ended")];
        hints.extend(look.migrating.iter().flatten().map(|pod| {
            format!("kubectl delete pod {pod} -n {namespace}    # only where `status {release} --probe` shows that the database does nothing for it, or its node is lost (--force)")
        }));
        out.push(Refusal { why, hints });
    }
    match look.current.revision.status {
        status if status.is_pending() && !asked.clear_pending && !ours(look) => {
            let since = look.current.revision.updated.map(|t| format!(" since {t:.0}")).unwrap_or_default();
            out.push(Refusal {
                why: format!(
                    "revision {} is {}{since}: a helm may be at work on it, or was killed at it",
                    look.current.revision.number,
                    status.word()
                ),
                hints: vec![
                    format!("kubectl omupgrade status {release} -n {namespace}    # does anything move?"),
                    format!("kubectl omupgrade rollback {release} {revision} -n {namespace} --clear-pending    # once no helm runs"),
                ],
            });
        }
        Status::Uninstalled => out.push(Refusal {
            why: format!("{release} is uninstalled; a rollback would install it again"),
            hints: vec![format!("helm history {release} -n {namespace}")],
        }),
        _ => {}
    }
    // A restore in its middle is gone on with, or given up by a person: nothing else begins over it.
    let this = plan(release, revision);
    for left in look.runs.iter().filter(|r| r.outcome == Outcome::Open && r.plan != this) {
        if !matches!(super::restore::Plan::recall(&left.remembered), Ok(None)) {
            let to = left.to.map(|n| n.to_string()).unwrap_or_default();
            out.push(Refusal {
                why: format!("the restore of `{}` was begun and did not end: the servers may be at zero, the database half-way", left.plan),
                hints: vec![
                    format!("kubectl omupgrade rollback {release} {to} -n {namespace} --restore    # goes on with it"),
                    format!("kubectl omupgrade unlock {release} -n {namespace} --reason WHY    # gives it up; `history` tells the replicas of before"),
                ],
            });
        }
    }
    for loss in losses {
        out.push(Refusal {
            why: format!("{} is not in revision {revision}, so helm would delete it: {}", loss.object, loss.what),
            hints: vec![format!("{}    # helm then leaves it alone", loss.keep)],
        });
    }
    match verdict.way {
        Way::CodeOnly => {}
        Way::Unproven if asked.accept_unproven => {}
        Way::Restore if asked.restore => {}
        // The backup itself is proven: its record is compared, and what it makes of the database.
        _ if asked.restoring || (asked.restore && asked.named) => {}
        way => {
            let reason = verdict.reasons.first().map(|r| r.text.as_str()).unwrap_or_default();
            out.push(Refusal {
                why: format!("the way back to revision {revision} is `{}`: {reason}", way.name()),
                hints: verdict.next.iter().map(|s| format!("{}    # {}", s.command, s.what)).collect(),
            });
        }
    }
    out
}

/// What the labels and annotations begin with by which GitOps tools mark what is theirs.
pub const OWNERS: &[&str] = &["helm.toolkit.fluxcd.io/", "kustomize.toolkit.fluxcd.io/", "argocd.argoproj.io/"];

/// Whether the pending revision is of a rollback of ours that was killed: going on with it clears it.
fn ours(look: &Look) -> bool {
    let left = open_run(look.runs.clone(), &plan(&look.current.name, look.target.revision.number));
    look.current.revision.status == Status::PendingRollback && left.is_some_and(|run| run.begun("helm"))
}

/// The GitOps tool that owns an object with these labels and annotations, in words.
pub fn owner_of(marks: &BTreeMap<String, String>) -> Option<String> {
    let live = Live { marks: marks.clone(), ..Live::default() };
    let why = owner(&live)?.why;
    let named = why.split_once(" belongs to ")?.1;
    Some(named.split_once(", which").map_or(named, |(name, _)| name).to_owned())
}

/// The GitOps tool that owns a workload: it would undo a rollback, or be undone by it.
fn owner(live: &Live) -> Option<Refusal> {
    let mark = |key: &str| live.marks.get(key);
    let label = live.label();
    if let Some(name) = mark("helm.toolkit.fluxcd.io/name") {
        let namespace = mark("helm.toolkit.fluxcd.io/namespace").map_or("NAMESPACE", String::as_str);
        return Some(Refusal {
            why: format!(
                "{label} belongs to Flux's HelmRelease {namespace}/{name}, which would undo this: go back in Git, or suspend it first"
            ),
            hints: vec![
                format!("flux suspend helmrelease {name} -n {namespace}    # then the same command again"),
                "git revert COMMIT".to_owned(),
            ],
        });
    }
    if let Some(name) = mark("kustomize.toolkit.fluxcd.io/name") {
        let namespace = mark("kustomize.toolkit.fluxcd.io/namespace").map_or("NAMESPACE", String::as_str);
        return Some(Refusal {
            why: format!(
                "{label} belongs to Flux's Kustomization {namespace}/{name}, which would undo this: go back in Git, or suspend it first"
            ),
            hints: vec![
                format!("flux suspend kustomization {name} -n {namespace}    # then the same command again"),
                "git revert COMMIT".to_owned(),
            ],
        });
    }
    let argo = mark("argocd.argoproj.io/tracking-id").map(|id| id.split(':').next().unwrap_or(id).to_owned());
    argo.or_else(|| mark("argocd.argoproj.io/instance").cloned()).map(|name| Refusal {
        why: format!("{label} belongs to Argo CD's application {name}, which would undo this: go back in Git or there"),
        hints: vec![format!("argocd app history {name}"), "git revert COMMIT".to_owned()],
    })
}
