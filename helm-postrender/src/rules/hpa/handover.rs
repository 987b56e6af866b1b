//! `spec.replicas` beside an autoscaler: dropped, kept within its bounds, or left.

use crate::proposal::Proposal;
use crate::scene::Object;

const REPLICAS: &str = "/spec/replicas";

/// Hands `replicas` of `server` over to an autoscaler with the bounds `least` and `most`.
pub fn hand_over(server: &Object, least: u64, most: u64, server_side: bool) -> Vec<Proposal> {
    let Some(replicas) = server.get(REPLICAS).and_then(serde_json::Value::as_u64) else { return Vec::new() };
    if replicas == 0 {
        let text = "replicas 0 is left as it is set: the server is off, and its autoscaler leaves it so; give it 1 or \
                    more to start it";
        return vec![Proposal::kept(server, text)];
    }
    if server_side {
        return dropped(server);
    }
    let wish = replicas.clamp(least, most);
    if wish != replicas {
        let why = format!(
            "each helm upgrade would set the server to {replicas}, outside the {least} to {most} of its autoscaler"
        );
        return vec![Proposal::set(server, REPLICAS, wish, why)];
    }
    let text = format!(
        "replicas {replicas} stays beside the autoscaler: client-side apply would fall to 1 pod without it; each helm \
         upgrade sets the server to {replicas}, and the autoscaler corrects that; with server-side apply say `hpa.apply: \
         server` in the policy"
    );
    vec![Proposal::kept(server, text)]
}

fn dropped(server: &Object) -> Vec<Proposal> {
    let why = "its autoscaler decides the number, and server-side apply fails by conflict once it did";
    let text = "replicas is handed over to the autoscaler: if Helm 3 installed this release, this one upgrade sets the \
                server to 1 pod for a moment (`hpa.apply: client` in the policy avoids it); a `helm rollback` to a \
                revision from before needs --force-conflicts";
    vec![Proposal::remove(server, REPLICAS, why), Proposal::notice(server, text)]
}
