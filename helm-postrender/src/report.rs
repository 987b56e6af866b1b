//! What a run says: the facts of one run as data, for the text and the JSON form alike. Prints nothing.

mod text;

pub use text::{head, text};

use crate::backup::Backup;
use crate::caller::{Told, word};
use crate::failure::{Failure, exit_code};
use crate::mask::Masked;
use crate::proposal::Level;
use crate::scene::Object;
use crate::transform::{Action, Change, Note, Outcome};
use shared::manifest::Stream;
use std::collections::BTreeMap;

/// The version of the JSON form.
const VERSION: u32 = 1;

/// The report of one run.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this form.
    pub v: u32,
    /// The exit code that goes with it.
    pub exit: u8,
    /// Why nothing was written, where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// What was found and done; absent where a run ended before that.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

/// What was found and done.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The dialect, as the command line writes it.
    pub dialect: &'static str,
    /// How it was told.
    pub dialect_by: &'static str,
    /// The servers in the stream.
    pub servers: Vec<Server>,
    /// The backup on this road.
    pub backup: Backup,
    /// How much there was and how much of it changed.
    pub summary: Summary,
    /// The objects that were changed or spoken of, in stream order.
    pub objects: Vec<Entry>,
    /// What was said of the stream as a whole.
    pub notes: Vec<Said>,
}

/// A failure, as data.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Error {
    /// What failed, while doing what.
    pub message: String,
    /// The lines at fault.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// What to do next.
    pub hints: Vec<String>,
}

/// A server in the stream.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `Kind/name`.
    pub object: String,
    /// Its release, where the stream says.
    pub release: Option<String>,
    /// Its namespace, where the stream says.
    pub namespace: Option<String>,
    /// The version that it is rendered for.
    pub target: Option<String>,
    /// Where that was read.
    pub target_from: Option<&'static str>,
}

/// Numbers of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Documents in the input.
    pub documents: usize,
    /// Documents that left byte for byte as they came.
    pub untouched: usize,
    /// Documents that were edited.
    pub touched: usize,
    /// Documents that were added.
    pub added: usize,
    /// Changes in all.
    pub changes: usize,
    /// Warnings in all.
    pub warnings: usize,
}

/// One object and what concerns it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `Kind/name`.
    pub object: String,
    /// The position of its document in the input, from 1; absent for an added one.
    pub document: Option<usize>,
    /// Its template.
    pub template: Option<String>,
    /// What was changed.
    pub changes: Vec<Done>,
    /// What was said.
    pub notes: Vec<Said>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// The rule.
    pub rule: &'static str,
    /// What was done.
    pub action: &'static str,
    /// Where: a JSON Pointer below the object.
    pub path: String,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Masked>,
    /// What stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Masked>,
    /// Why.
    pub why: String,
}

/// One note.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Said {
    /// The rule.
    pub rule: &'static str,
    /// How much it asks of the reader.
    pub level: Level,
    /// The words.
    pub text: String,
}

impl Report {
    /// Of a run that went through, or was refused after all was known.
    pub fn new(run: Run, exit: u8, failure: Option<&Failure>) -> Self {
        let exit = failure.map_or(exit, |f| exit_code(f.kind));
        Self { v: VERSION, exit, error: failure.map(Error::of), run: Some(run) }
    }

    /// Of a run that ended before anything was known.
    pub fn failed(failure: &Failure) -> Self {
        Self { v: VERSION, exit: exit_code(failure.kind), error: Some(Error::of(failure)), run: None }
    }

    /// The JSON form.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl Error {
    fn of(failure: &Failure) -> Self {
        Self { message: failure.message.clone(), excerpt: failure.excerpt.clone(), hints: failure.hints.clone() }
    }
}

impl Run {
    /// The facts of a run.
    pub fn of(stream: &Stream<'_>, outcome: &Outcome<'_>, told: Told, backup: Backup) -> Self {
        let mut about: BTreeMap<usize, (Vec<&Change>, Vec<&Note>)> = BTreeMap::new();
        outcome.changes.iter().for_each(|c| about.entry(c.object).or_default().0.push(c));
        outcome.notes.iter().for_each(|n| about.entry(n.object.unwrap_or(usize::MAX)).or_default().1.push(n));
        let object = |(id, (changes, notes))| Some(entry(outcome.scene.objects.get(id)?, changes, notes, outcome));
        let objects: Vec<Entry> = about.into_iter().filter_map(object).collect();
        let notes = outcome.notes.iter().filter(|n| n.object.is_none()).map(said).collect();
        Self {
            dialect: word(told.dialect),
            dialect_by: told.by,
            servers: servers(outcome),
            backup,
            summary: summary(stream, outcome),
            objects,
            notes,
        }
    }

    /// Every warning with the object that it is about.
    pub fn warnings(&self) -> impl Iterator<Item = (Option<&str>, &Said)> {
        let of_objects = self.objects.iter().flat_map(|o| o.notes.iter().map(|n| (Some(o.object.as_str()), n)));
        of_objects.chain(self.notes.iter().map(|n| (None, n))).filter(|(_, n)| n.level == Level::Warning)
    }
}

fn servers(outcome: &Outcome<'_>) -> Vec<Server> {
    let scene = &outcome.scene;
    let server = |o: &Object| {
        let (target, target_from) = scene.target(o).map(|(v, from)| (v.to_string(), from)).unzip();
        Server {
            object: o.label(),
            release: scene.release(o).map(str::to_owned),
            namespace: o.namespace().map(str::to_owned),
            target,
            target_from,
        }
    };
    scene.servers().map(server).collect()
}

fn summary(stream: &Stream<'_>, outcome: &Outcome<'_>) -> Summary {
    let objects = &outcome.scene.objects;
    let mut touched: Vec<usize> = objects.iter().filter(|o| o.edits > 0).filter_map(|o| o.document).collect();
    touched.dedup();
    Summary {
        documents: stream.documents.len(),
        untouched: stream.documents.len() - touched.len(),
        touched: touched.len(),
        added: objects.iter().filter(|o| o.document.is_none()).count(),
        changes: outcome.changes.len(),
        warnings: outcome.notes.iter().filter(|n| n.level == Level::Warning).count(),
    }
}

fn entry(object: &Object, changes: Vec<&Change>, notes: Vec<&Note>, outcome: &Outcome<'_>) -> Entry {
    Entry {
        object: object.label(),
        document: object.document.map(|i| i + 1),
        template: object.source.clone(),
        changes: changes.into_iter().map(|c| done(c, outcome)).collect(),
        notes: notes.into_iter().map(said).collect(),
    }
}

fn done(change: &Change, outcome: &Outcome<'_>) -> Done {
    let (action, path, old, new) = match &change.action {
        Action::Set { old, new } => ("set", change.path.clone(), old.clone(), Some(new.clone())),
        Action::Inserted { index, item } => ("insert", format!("{}/{index}", change.path), None, Some(item.clone())),
        Action::Removed { old } => ("remove", change.path.clone(), Some(old.clone()), None),
        Action::Added { beside } => {
            let beside = outcome.scene.objects.get(*beside).map(Object::label).unwrap_or_default();
            let why = format!("{} (for {beside})", change.why);
            return Done { rule: change.rule, action: "add", path: String::new(), old: None, new: None, why };
        }
    };
    Done { rule: change.rule, action, path, old, new, why: change.why.clone() }
}

fn said(note: &Note) -> Said {
    Said { rule: note.rule, level: note.level, text: note.text.clone() }
}
