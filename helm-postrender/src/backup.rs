//! What stands between an upgrade and a lost database on this road, in words. Makes no backup and checks none: the
//! rule `backup_hook` emits the job, `kubectl omupgrade` makes and proves.

use crate::failure::Failure;
use crate::policy::{Policy, Profile};
use crate::proposal::Level;
use crate::receipt;
use crate::rules::backup_hook;
use crate::scene::{Object, Scene};
use crate::transform::{Action, Note, Outcome};
use shared::manifest::Dialect;
use shared::marks;
use std::collections::BTreeSet;

/// The rule that emits the job.
const RULE: &str = backup_hook::RULE.head.id;

/// The state of the backup on this road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A hook in the output makes one.
    Hook,
    /// A receipt stands for a proven one.
    Receipt,
    /// The operator said that none is wanted here.
    Off,
    /// Nothing holds one.
    None,
}

/// The state, and what to know of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Backup {
    /// The state.
    pub state: State,
    /// The state as a sentence.
    pub text: String,
    /// The roads on which no backup is proven, as far as they start from here.
    pub unproven: Vec<String>,
}

/// Where this run stands. `namespace` is what the caller names, with which a receipt was compared.
pub fn situation(outcome: &Outcome<'_>, policy: &Policy, namespace: Option<&str>) -> Backup {
    let dialect = outcome.scene.dialect;
    let (state, text) = state(outcome, policy, dialect, namespace);
    let say = |roads: &[&str]| roads.iter().map(|r| (*r).to_owned()).collect();
    let unproven = match state {
        State::Hook => say(&[
            "`helm install`, and the first `helm upgrade --install`, onto a database that already holds data: a pre-upgrade hook does not run then",
            "`helm upgrade --no-hooks`: helm leaves the backup out and does not say so",
            "Flux, Argo CD and other tools that apply what helm renders: they run hooks by rules of their own (use `--profile gitops`)",
        ]),
        State::Receipt => say(&[
            "the receipt tells what `kubectl omupgrade backup` proved when it was made; a filter cannot look at the backup itself",
        ]),
        State::Off => say(&["here: the backup is switched off"]),
        State::None => say(&["here: whoever applies the output has to make a backup first"]),
    };
    Backup { state, text, unproven }
}

fn state(outcome: &Outcome<'_>, policy: &Policy, dialect: Dialect, namespace: Option<&str>) -> (State, String) {
    if let Some(receipt) = &policy.receipt {
        let unchecked = namespace.is_none() && receipt::unnamed(&outcome.scene);
        let checked = if unchecked {
            format!("; namespace {}: not checked, the stream names none", receipt.namespace)
        } else {
            String::new()
        };
        let text = format!(
            "proven before this run: {} of {}, made {} (its receipt holds until {}){checked}",
            receipt.backup, receipt.release, receipt.made, receipt.expires
        );
        return (State::Receipt, text);
    }
    if hooked(outcome, policy) {
        return (State::Hook, "a pre-upgrade hook makes one before anything is applied".to_owned());
    }
    if !wanted(&outcome.scene, policy) {
        let by = if policy.profile == Profile::Gitops {
            "the profile gitops"
        } else {
            "`--backup=off`, the policy or an annotation"
        };
        return (State::Off, format!("none from here: switched off by {by}"));
    }
    let text = match dialect {
        Dialect::Plain => "none from here: no helm reads this stream back, so a hook would not be one",
        Dialect::Helm3 => "none from here: helm 3 cannot run a hook that a post-renderer adds",
        Dialect::Helm4 => "none from here: no hook could be made (see what backup_hook says)",
    };
    (State::None, text.to_owned())
}

/// The servers that want a backup: the policy for them says so, and they do not opt out with a reason.
fn wanting<'a>(scene: &'a Scene, policy: &'a Policy) -> impl Iterator<Item = &'a Object> {
    scene.servers().filter(|s| policy.on(s).backup_hook.enabled && s.opt_out(RULE).is_none())
}

fn wanted(scene: &Scene, policy: &Policy) -> bool {
    wanting(scene, policy).next().is_some()
}

/// Whether every server that wants one has a hook in the output: added beside it now, or by an earlier pass. The same
/// server twice in a stream is one: helm applies the last.
fn hooked(outcome: &Outcome<'_>, policy: &Policy) -> bool {
    let scene = &outcome.scene;
    let identity = |o: &Object| (o.namespace().map(str::to_owned), o.name().to_owned());
    let added = outcome.changes.iter().filter_map(|c| match c.action {
        Action::Added { beside } if c.rule == RULE => scene.objects.get(beside),
        _ => None,
    });
    let now: BTreeSet<_> = added.map(identity).collect();
    let earlier: BTreeSet<&str> = scene
        .of_kind("Job")
        .filter(|job| job.annotation("helm.sh/hook").is_some())
        .filter(|job| job.was_changed_by(RULE))
        .filter_map(|job| job.get("/metadata/labels")?.get(marks::RELEASE)?.as_str())
        .collect();
    let has = |s: &Object| now.contains(&identity(s)) || scene.release(s).is_some_and(|r| earlier.contains(r));
    wanted(scene, policy) && wanting(scene, policy).all(has)
}

/// What to say of a filter run whose stream carries no helm's marks and was not called plain: behind another
/// post-renderer helm's marks are lost, and with them the refusal that Helm 3 would get.
pub fn unmarked(outcome: &Outcome<'_>, policy: &Policy, backup: &Backup) -> Option<Note> {
    let alone = outcome.scene.dialect == Dialect::Plain && backup.state == State::None;
    (alone && wanted(&outcome.scene, policy)).then(|| Note {
        rule: RULE,
        object: None,
        level: Level::Warning,
        text: "taken for a plain render, so no backup stands before what is applied; behind another post-renderer put \
               helm-postrender first, for a plain render say `--dialect plain` or `--profile gitops`"
            .to_owned(),
    })
}

/// A filter run that wants a backup and has none is refused: Helm 3 cannot run a hook from here, and a job that gates
/// nothing would be worse than none; under Helm 4 a warning would be swallowed.
///
/// # Errors
/// Then.
pub fn allowed(outcome: &Outcome<'_>, policy: &Policy, backup: &Backup) -> Result<(), Failure> {
    let receipt = "or make one with `kubectl omupgrade backup RELEASE --to VERSION`, and pass the receipt that it prints: `export OMUPGRADE_RECEIPT=FILE`";
    let gitops = "for a render that no helm installs, such as Flux or Argo CD: `--profile gitops`";
    if backup.state != State::None || !wanted(&outcome.scene, policy) {
        return Ok(());
    }
    match outcome.scene.dialect {
        Dialect::Plain => Ok(()),
        Dialect::Helm3 => Err(Failure::refused(
            "no backup stands before this upgrade, and helm 3 cannot run a hook that a post-renderer adds",
        )
        .hint("use helm 4, where the backup runs as a pre-upgrade hook: `HELM_PLUGINS=\"$(helm-postrender plugin-dir)\" helm upgrade …`")
        .hint("or dump the database yourself and go on with `--post-renderer-args --backup=off` (in a pipe, where no helm calls, `--backup=off`; `helm template` and dry runs need no dump)")
        .hint(receipt)
        .hint(gitops)),
        Dialect::Helm4 => {
            let why = outcome.notes.iter().find(|n| n.rule == RULE && n.level == Level::Warning);
            let why = why.map_or("no backup hook could be made", |n| n.text.as_str());
            Err(Failure::refused(format!("no backup stands before this upgrade: {why}"))
                .hint("dump the database yourself and go on with `--post-renderer-args --backup=off` (`helm template` and dry runs need no dump)")
                .hint(receipt)
                .hint(gitops))
        }
    }
}
