//! What the opt-out annotations of a stream say: each is repeated, and one that cannot work is named.

use super::outcome::Note;
use crate::proposal::Level;
use crate::rules::{ALL, Rule};
use crate::scene::{Object, Scene};
use crate::spelling;
use shared::marks;

/// A note for each opt-out annotation on an object of the stream.
pub fn notes(scene: &Scene, rules: &[Rule]) -> Vec<Note> {
    scene.objects.iter().flat_map(|object| of(object, rules)).collect()
}

fn of(object: &Object, rules: &[Rule]) -> Vec<Note> {
    let Some(annotations) = object.get("/metadata/annotations").and_then(|a| a.as_object()) else { return Vec::new() };
    let named = annotations.keys().filter_map(|key| key.strip_prefix(marks::SKIP_PREFIX));
    named.filter_map(|name| judge(object, name, rules)).collect()
}

fn judge(object: &Object, name: &str, rules: &[Rule]) -> Option<Note> {
    let note = |rule, level, text| Some(Note { rule, object: Some(object.id), level, text });
    let annotation = format!("{}{name}", marks::SKIP_PREFIX);
    let Some(rule) = ALL.iter().find(|r| r.head.id == name) else {
        let meant = spelling::closest(name, ALL.iter().map(|r| r.head.id));
        let meant = meant.map(|m| format!("; did you mean {}{m}?", marks::SKIP_PREFIX)).unwrap_or_default();
        return note("opt-out", Level::Warning, format!("its annotation {annotation} names no rule{meant}"));
    };
    let rule = rules.iter().find(|r| r.head.id == rule.head.id)?.head.id;
    match object.opt_out(name) {
        Some(reason) => note(rule, Level::Kept, format!("left alone as its annotation {annotation} asks: {reason}")),
        None => {
            note(rule, Level::Warning, format!("its annotation {annotation} gives no reason, so it does not count"))
        }
    }
}
