//! Stream in, stream out: the fold over the rules. No side effects, no cluster, no clock.

mod assemble;
mod gather;
mod lean;
mod opt_outs;
mod outcome;
mod pieces;
mod turns;

pub use outcome::{Action, At, Change, Note, Outcome, Refusal};
pub use pieces::Pieces;

use crate::mask::Masked;
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::rules::Rule;
use crate::scene::{Object, ObjectId, Scene};
use shared::manifest::{Dialect, FILENAME_ANNOTATION, PlanError, Stream};
use shared::marks;
use std::collections::BTreeMap;

/// How a run goes about its memory. What comes out is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of servers' documents, with what is added to them, that are held whole at a time.
    pub whole: usize,
    /// Whether the edits are kept once they are made and proven: a filter needs them no more.
    pub edits: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self { whole: 256 << 10, edits: true }
    }
}

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
    memory: Memory,
) -> Result<Outcome<'a>, Refusal> {
    let mut scene = gather::scene(stream, dialect, memory)?;
    let (mut changes, mut notes) = (Vec::new(), opt_outs::notes(&scene, rules));
    let (mut pieces, mut new) = (Pieces::of(stream), Vec::new());
    let turns = turns::deal(stream, &mut scene, memory);
    for turn in 0..turns {
        if turns > 1 {
            turns::begin(stream, &mut scene, turn)?;
        }
        for rule in rules {
            for proposal in (rule.propose)(&scene, policy) {
                take(rule.head.id, proposal, &mut scene, &mut changes, &mut notes)?;
            }
        }
        mark(&mut scene, &changes)?;
        assemble::edited(stream, &mut scene, &mut pieces)?;
        assemble::added(&scene, &mut pieces, &mut new)?;
        turns::end(&mut scene, turns > 1, memory);
    }
    pieces.add(new);
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
            scene.objects.push(Object { source, turn: scene.turn, ..Object::new(id, None, value) });
            changes.push(Change { rule, object: id, action: Action::Added { beside }, path: String::new(), why });
        }
        Proposal::Set { object, path, wish, why } => {
            edit(rule, scene, changes, object, path, why, |object, at| {
                if object.plan.get(at) == Some(&wish) {
                    return Ok(None);
                }
                let old = object.plan.get(at).map(|old| Masked::of(object, at, old));
                let new = Masked::of(object, at, &wish);
                Ok(object.plan.set(at, wish)?.then_some(Action::Set { old, new }))
            })?;
        }
        Proposal::Insert { object, path, index, item, why } => {
            edit(rule, scene, changes, object, path, why, |object, at| {
                let action = Action::Inserted { index, item: Masked::of(object, &format!("{at}/{index}"), &item) };
                object.plan.insert(at, index, item)?;
                Ok(Some(action))
            })?;
        }
        Proposal::Remove { object, path, why } => {
            edit(rule, scene, changes, object, path, why, |object, at| {
                let old = object.plan.get(at).map(|old| Masked::of(object, at, old));
                object.plan.remove(at)?;
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
    make: impl FnOnce(&mut Object, &str) -> Result<Option<Action>, PlanError>,
) -> Result<(), Refusal> {
    let turn = scene.turn;
    let Some(object) = scene.objects.get_mut(id) else { return Ok(()) };
    let fail = |object: String, error| Refusal::Plan { rule, object, error };
    if object.turn < turn {
        let reason = "its turn is over, which is a defect of the rule".to_owned();
        return Err(fail(object.label(), PlanError { path, reason }));
    }
    let action = make(object, &path).map_err(|error| fail(object.label(), error))?;
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

/// Names the rules on the metadata of each object of this turn that they changed. Never on a pod template: that would roll
/// pods for a word.
fn mark(scene: &mut Scene, changes: &[Change]) -> Result<(), Refusal> {
    let mut by_object: BTreeMap<ObjectId, Vec<&str>> = BTreeMap::new();
    let is_due = |id: ObjectId| scene.objects.get(id).is_some_and(|o| scene.is_due(o));
    for change in changes.iter().filter(|c| is_due(c.object)) {
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
