//! Servers by turns. A stream of hundreds of releases is not held whole: rules look at some servers at a time, whole,
//! among all other objects with what concerns their neighbours; then these servers' documents are edited, proven and
//! let go. A stream of ordinary size is one turn.

use super::Memory;
use super::gather::{is_alone, length, unreadable};
use super::lean::{lean, written};
use super::outcome::Refusal;
use crate::scene::Scene;
use serde_json::Value;
use shared::manifest::{Document, Plan, Stream};

/// The most turns of servers. In each of them the rules look at the whole scene once more.
const MOST: usize = 12;

/// Deals out the turns where the servers' documents are longer than what is held whole, and says how many there are.
/// What is no server, and what shares its document with others, comes last: when all servers are as they will be.
pub fn deal(stream: &Stream<'_>, scene: &mut Scene, memory: Memory) -> usize {
    let length = |index: Option<usize>| index.and_then(|i| stream.documents.get(i)).map_or(0, length);
    let all: usize = scene.objects.iter().filter(|o| is_alone(o)).map(|o| length(o.document)).sum();
    if all <= memory.whole {
        return 1;
    }
    let share = memory.whole.max(all / MOST);
    let (mut turn, mut held) = (0, 0);
    for object in scene.objects.iter_mut().filter(|o| is_alone(o)) {
        if held + length(object.document) > share && held > 0 {
            (turn, held) = (turn + 1, 0);
        }
        held += length(object.document);
        object.turn = turn;
    }
    let last = turn + 1;
    scene.objects.iter_mut().filter(|o| !is_alone(o)).for_each(|o| o.turn = last);
    last + 1
}

/// Begins a turn of several: its servers are read whole again.
///
/// # Errors
/// When a document cannot be read, which would have shown before.
pub fn begin(stream: &Stream<'_>, scene: &mut Scene, turn: usize) -> Result<(), Refusal> {
    scene.turn = turn;
    for object in scene.objects.iter_mut().filter(|o| o.turn == turn && is_alone(o)) {
        let document: Option<&Document<'_>> = object.document.and_then(|i| stream.documents.get(i));
        let Some(document) = document else { continue };
        object.plan = Plan::new(shared::manifest::read(document.text).map_err(|e| unreadable(document, e))?);
    }
    Ok(())
}

/// Ends a turn: of its objects stays what others may ask for, and the edits where they are wanted.
pub fn end(scene: &mut Scene, several: bool, memory: Memory) {
    let turn = scene.turn;
    for object in scene.objects.iter_mut().filter(|o| o.turn == turn) {
        let (is_server, is_new) = (object.is_server, object.document.is_none());
        let make_lean = |value: &mut Value| match (several, is_new) {
            (true, true) => written(value),
            (true, false) => lean(value, is_server),
            (false, _) => {}
        };
        object.plan.close(make_lean, memory.edits);
    }
}
