//! The end of a pod: it goes on serving until everyone knows that it goes, then finishes what it serves.

use super::Settings;
use crate::defaults::SHUTDOWN_SECONDS;
use crate::proposal::Proposal;
use crate::scene::Object;
use serde_json::{Value, json};
use shared::component;

const GRACE: &str = "/spec/template/spec/terminationGracePeriodSeconds";

/// The pause before the stop, and the time for both.
pub fn propose(server: &Object, settings: &Settings) -> Vec<Proposal> {
    let pause = u64::from(settings.pre_stop_seconds);
    let needed = pause + u64::from(SHUTDOWN_SECONDS);
    let mut out = Vec::new();
    match server.get(GRACE).and_then(Value::as_u64) {
        None => {
            let wish = needed.max(settings.termination_grace_period_seconds.into());
            out.push(Proposal::set(server, GRACE, wish, "a stopping pod has time to finish what it serves"));
        }
        Some(own) if pause > 0 && own < needed && !pauses_already(server, settings) => {
            let text = format!(
                "terminationGracePeriodSeconds {own} is kept as set; it leaves no room for a pause of {pause} s before \
                 the stop, so none is added: {needed} would"
            );
            out.push(Proposal::kept(server, text));
            return out;
        }
        Some(_) => {}
    }
    out.extend(pre_stop(server, settings));
    out
}

fn lifecycle(server: &Object) -> Option<String> {
    Some(format!("/spec/template/spec/containers/{}/lifecycle", component::serving_index(server.value())?))
}

fn command(settings: &Settings) -> Value {
    json!(["sleep", settings.pre_stop_seconds.to_string()])
}

fn pauses_already(server: &Object, settings: &Settings) -> bool {
    let standing = lifecycle(server).and_then(|path| server.get(&format!("{path}/preStop/exec/command")));
    standing == Some(&command(settings))
}

fn pre_stop(server: &Object, settings: &Settings) -> Option<Proposal> {
    if settings.pre_stop_seconds == 0 || pauses_already(server, settings) {
        return None;
    }
    let Some(path) = lifecycle(server) else {
        let text = "which container serves cannot be told, so no pause before the stop is added";
        return Some(Proposal::notice(server, text));
    };
    let path = format!("{path}/preStop");
    if server.get(&path).is_some_and(|v| !v.is_null()) {
        return Some(Proposal::kept(server, "its preStop hook is kept as set"));
    }
    if !has_shell(server) {
        let text = "its image is not the one that migrates, so it may have no `sleep`: no pause before the stop is \
                    added, and requests may fail while a pod stops";
        return Some(Proposal::notice(server, text));
    }
    let wish = json!({"exec": {"command": command(settings)}});
    Some(Proposal::set(server, path, wish, "a stopping pod serves until Services and ingresses have dropped it"))
}

/// Whether the serving container runs the server's own image: the migration's, which runs a shell script there, or
/// `…/server`, where the chart has no migration container.
fn has_shell(server: &Object) -> bool {
    let serving = component::serving_index(server.value())
        .and_then(|i| server.list("/spec/template/spec/containers").get(i)?.get("image")?.as_str());
    let migrates = component::migration_container(server.value()).and_then(|c| c.get("image")?.as_str());
    serving.is_some_and(|image| migrates.map_or(component::image_base(image) == "server", |m| m == image))
}
