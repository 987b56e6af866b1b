//! Stream in, stream out: the fold over the rules. No side effects, no cluster, no clock.

mod assemble;
mod gather;
mod lean;
mod opt_outs;
mod outcome;

pub use outcome::{Action, At, Change, Note, Outcome, Refusal};

use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::rules::Rule;
use crate::scene::{Object, ObjectId, Scene};
use shared::manifest::{Dialect, FILENAME_ANNOTATION, Plan, Stream};
use shared::marks;
use std::collections::BTreeMap;

/// Runs `rules` over `stream` and returns the new stream with everything that was changed and said.
///
/// # Errors
/// When a document that a rule needs cannot be read, when a proposal cannot be made in place, or when the result
/// does not prove to be the input plus exactly the listed edits. Nothing is returned then.
pub fn transform<'a>(
    stream: &Stream<'a>,
    dialect: Dialect,
    policy: &Policy,
    rules: &[Rule],
) -> Result<Outcome<'a>, Refusal> {
    let mut scene = gather::scene(stream, dialect)?;
    let (mut changes, mut notes) = (Vec::new(), opt_outs::notes(&scene, rules));
    for rule in rules {
        for proposal in (rule.propose)(&scene, policy) {
            take(rule.head.id, proposal, &mut scene, &mut changes, &mut notes)?;
        }
    }
    mark(&mut scene, &changes)?;
    let pieces = assemble::pieces(stream, &scene)?;
    Ok(Outcome { pieces, scene, changes, notes })
}

/// Makes one proposal, unless the object opts out of the rule.
fn take(
    rule: &'static str,
    proposal: Proposal,
    scene: &mut Scene,
    changes: &mut Vec<Change>,
    notes: &mut Vec<Note>,
) -> Result<(), Refusal> {
    let about = match &proposal {
        Proposal::Set { object, .. } | Proposal::Insert { object, .. } | Proposal::Remove { object, .. } => {
            Some(*object)
        }
        Proposal::Add { beside, .. } => Some(*beside),
        Proposal::Note { .. } => None,
    };
    if about.and_then(|id| scene.objects.get(id)).is_some_and(|o| o.opt_out(rule).is_some()) {
        return Ok(());
    }
    match proposal {
        Proposal::Note { object, level, text } => notes.push(Note { rule, object, level, text }),
        Proposal::Add { beside, object: mut value, why } => {
            let id = scene.objects.len();
            let source = scene.objects.get(beside).and_then(|o| template_beside(o.source.as_deref()?, rule));
            if let (Dialect::Helm4, Some(name)) = (scene.dialect, &source)
                && let Some(metadata) = value.get_mut("metadata")
            {
                metadata["annotations"][FILENAME_ANNOTATION] = name.as_str().into();
            }
            scene.objects.push(Object { id, document: None, prefix: String::new(), source, plan: Plan::new(value) });
            changes.push(Change { rule, object: id, action: Action::Added { beside }, path: String::new(), why });
        }
        Proposal::Set { object, path, wish, why } => {
            edit(rule, scene, changes, object, path, why, |plan, at| {
                let (old, new) = (plan.get(at).map(outcome::shortened), outcome::shortened(&wish));
                Ok(plan.set(at, wish)?.then_some(Action::Set { old, new }))
            })?;
        }
        Proposal::Insert { object, path, index, item, why } => {
            edit(rule, scene, changes, object, path, why, |plan, at| {
                let action = Action::Inserted { index, item: outcome::shortened(&item) };
                plan.insert(at, index, item)?;
                Ok(Some(action))
            })?;
        }
        Proposal::Remove { object, path, why } => {
            edit(rule, scene, changes, object, path, why, |plan, at| {
                let old = plan.get(at).map(outcome::shortened);
                plan.remove(at)?;
                Ok(old.map(|old| Action::Removed { old }))
            })?;
        }
    }
    Ok(())
}

fn edit(
    rule: &'static str,
    scene: &mut Scene,
    changes: &mut Vec<Change>,
    id: usize,
    path: String,
    why: String,
    make: impl FnOnce(&mut Plan, &str) -> Result<Option<Action>, shared::manifest::PlanError>,
) -> Result<(), Refusal> {
    let Some(object) = scene.objects.get_mut(id) else { return Ok(()) };
    let action = make(&mut object.plan, &path).map_err(|e| Refusal::Plan { rule, object: object.label(), error: e })?;
    if let Some(action) = action {
        changes.push(Change { rule, object: id, action, path, why });
    }
    Ok(())
}

/// The template name under which a rule's new object is listed, in the folder of the object that it serves.
fn template_beside(source: &str, rule: &str) -> Option<String> {
    let (folder, _) = source.rsplit_once('/')?;
    Some(format!("{folder}/omupgrade-{}.yaml", rule.replace('_', "-")))
}

/// Names the rules on the metadata of each object that they changed. Never on a pod template: that would roll
/// pods for a word.
fn mark(scene: &mut Scene, changes: &[Change]) -> Result<(), Refusal> {
    let mut by_object: BTreeMap<ObjectId, Vec<&str>> = BTreeMap::new();
    for change in changes {
        by_object.entry(change.object).or_default().push(change.rule);
    }
    for (id, rules) in by_object {
        let Some(object) = scene.objects.get_mut(id) else { continue };
        let old = object.annotation(marks::RULES).unwrap_or_default().to_owned();
        let mut names: Vec<&str> = old.split(',').filter(|n| !n.is_empty()).collect();
        for rule in rules {
            if !names.contains(&rule) {
                names.push(rule);
            }
        }
        let path = format!("/metadata/annotations/{}", shared::manifest::escape(marks::RULES));
        let names = names.join(",");
        object.plan.set(&path, names.into()).map_err(|error| Refusal::Plan {
            rule: "mark",
            object: object.label(),
            error,
        })?;
    }
    Ok(())
}
