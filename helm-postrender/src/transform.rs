//! Stream in, stream out: the fold over the rules. No side effects, no cluster, no clock.

mod assemble;
mod gather;
mod outcome;

pub use outcome::{Action, At, Change, Note, Outcome, Refusal};

use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::rules::Rule;
use crate::scene::{Object, Scene};
use shared::manifest::{Dialect, FILENAME_ANNOTATION, Plan, Stream};
use shared::marks;

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
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
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
    if let Some(reason) = about.and_then(|id| scene.objects.get(id)).and_then(|o| opt_out(o, rule)) {
        let text = format!("left alone as its annotation {}{rule} asks: {reason}", marks::SKIP_PREFIX);
        let note = Note { rule, object: about, level: crate::proposal::Level::Kept, text };
        if !notes.contains(&note) {
            notes.push(note);
        }
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
                let old = plan.get(at).cloned();
                Ok(plan.set(at, wish.clone())?.then_some(Action::Set { old, new: wish.clone() }))
            })?;
        }
        Proposal::Insert { object, path, index, item, why } => {
            edit(rule, scene, changes, object, path, why, |plan, at| {
                plan.insert(at, index, item.clone())?;
                Ok(Some(Action::Inserted { index, item: item.clone() }))
            })?;
        }
        Proposal::Remove { object, path, why } => {
            edit(rule, scene, changes, object, path, why, |plan, at| {
                let old = plan.get(at).cloned();
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
    let at = format!("{}{path}", object.prefix);
    let made = make(&mut object.plan, &at).map_err(|e| Refusal::Plan { rule, object: object.label(), error: e })?;
    if let Some(action) = made {
        changes.push(Change { rule, object: id, action, path, why });
    }
    Ok(())
}

/// The template name under which a rule's new object is listed, in the folder of the object that it serves.
fn template_beside(source: &str, rule: &str) -> Option<String> {
    let (folder, _) = source.rsplit_once('/')?;
    Some(format!("{folder}/omupgrade-{}.yaml", rule.replace('_', "-")))
}

/// The reason with which an object keeps `rule` away, if it does. An empty reason counts: the wish is plain, the
/// report then says that no reason is given.
fn opt_out(object: &Object, rule: &str) -> Option<String> {
    let reason = object.annotation(&format!("{}{rule}", marks::SKIP_PREFIX))?;
    Some(if reason.trim().is_empty() { "(no reason given)".to_owned() } else { reason.to_owned() })
}

/// Names the rules on the metadata of each object that they changed. Never on a pod template: that would roll
/// pods for a word.
fn mark(scene: &mut Scene, changes: &[Change]) -> Result<(), Refusal> {
    for object in &mut scene.objects {
        let old = object.annotation(marks::RULES).unwrap_or_default().to_owned();
        let mut names: Vec<&str> = old.split(',').filter(|n| !n.is_empty()).collect();
        for change in changes.iter().filter(|c| c.object == object.id) {
            if !names.contains(&change.rule) {
                names.push(change.rule);
            }
        }
        if names.join(",") != old {
            let path = format!("{}/metadata/annotations/{}", object.prefix, shared::manifest::escape(marks::RULES));
            let names = names.join(",");
            object.plan.set(&path, names.into()).map_err(|e| Refusal::Plan {
                rule: "mark",
                object: object.label(),
                error: e,
            })?;
        }
    }
    Ok(())
}
