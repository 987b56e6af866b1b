//! Images that do not come. An image that is not there, or that may not be pulled, fails at the second try; a registry
//! that cannot be reached may come back.

use crate::facts::{Container, Pod, State, Status};
use crate::rollout::same_image::is_same_image;
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Health, Why};

/// Why a container's image is not there; none where it waits for something else.
pub fn of_container(scene: &Scene<'_>, pod: &Pod, c: &Container) -> Option<(Health, Why)> {
    let State::Waiting { reason, message } = &c.state else { return None };
    let image = &c.image;
    if reason == "InvalidImageName" {
        let text = format!("`{image}` is no name of an image");
        return Some((Health::Failed, Why::new(Cause::Image, text)));
    }
    if !matches!(reason.as_str(), "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "RegistryUnavailable") {
        return None;
    }
    // The back-off message of older kubelets says nothing; the event before it does.
    let event = scene.container_warning(&pod.meta.uid, &c.name, &["Failed"]);
    let said = event.map(|e| e.message.as_str()).filter(|m| m.contains("pull"));
    let detail = if says_why(message) { message.as_str() } else { said.unwrap_or(message) };
    let (definite, words) = read(&nameless(detail, image), reason);
    let health = if definite && reason != "ErrImagePull" { Health::Failed } else { Health::Blocked };
    let missing = definite && words.contains("does not exist");
    if let Some(why) = missing.then(|| beside_helm(scene, image, &words)).flatten() {
        return Some((health, why));
    }
    let hint = if missing {
        format!(
            "helm get values {} -n {} --all    # which tag and repository it names",
            scene.facts.name, scene.facts.namespace
        )
    } else {
        scene.kubectl(&format!("describe pod {}", pod.meta.name))
    };
    let why = Why::new(Cause::Image, format!("the image {image} {words}")).hint(hint);
    Some((health, why))
}

/// That helm installed another image where this one is asked for: somebody set this one beside it, and no value of the release names
/// it. Both ways out of that.
fn beside_helm(scene: &Scene<'_>, image: &str, words: &str) -> Option<Why> {
    let facts = scene.facts;
    // Of a revision that helm did not finish nobody knows what of it came to be.
    let release = facts.release.value().filter(|r| r.revision.status == Status::Deployed)?;
    let asking = facts.workloads.items().iter().find(|w| w.image == image)?;
    let own = release.images.get(&asking.label()).filter(|own| !is_same_image(own, image))?;
    let (revision, chart) = (&release.revision, &release.revision.chart);
    // What kubectl set belongs to kubectl: a server-side apply would stop at it.
    let conflicts = if revision.apply_method.as_deref() == Some("ssa") { " --force-conflicts" } else { "" };
    let (name, namespace, number) = (&facts.name, &facts.namespace, revision.number);
    let text = format!(
        "the image {image} {words}; helm's revision {number} has {own}: it was set beside helm, not by the values image.repository and image.tag"
    );
    let back = format!("helm rollback {name} {number} -n {namespace}{conflicts}    # back to that image");
    let keep = format!(
        "helm upgrade {name} open-metadata/{} --version {} -n {namespace} -f values.yaml{conflicts}    # or another one that stays: image.tag in your own values.yaml, and your --post-renderer",
        chart.name, chart.version
    );
    Some(Why::new(Cause::Image, text).hint(back).or(keep))
}

/// A message without the image's name: digests and tags hold numbers that read like an answer's.
fn nameless(detail: &str, image: &str) -> String {
    let named = |word: &str| word.contains('/') && (word.contains(':') || word.contains('@')) && !word.contains("://");
    let bare = detail.replace(image, "");
    bare.split(' ').filter(|word| !named(word.trim_matches(['"', ',', ':']))).collect::<Vec<_>>().join(" ")
}

fn says_why(message: &str) -> bool {
    read(message, "").0 || ["timeout", "refused", "no such host", "x509"].iter().any(|w| message.contains(w))
}

/// Whether it is definite, and in words.
fn read(detail: &str, reason: &str) -> (bool, String) {
    let lower = detail.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    if reason == "ErrImageNeverPull" {
        (true, "is not on the node, and its pull policy is Never".to_owned())
    } else if any(&[
        "no such host",
        "timeout",
        "connection refused",
        "connection reset",
        "eof",
        "503",
        "502",
        "429",
        "toomanyrequests",
    ]) {
        (false, format!("cannot be pulled now, its registry does not answer: {}", last(detail)))
    } else if any(&["may require", "does not exist or"]) {
        // Docker's registry says the same of both, so that nobody can guess names.
        (
            true,
            "does not exist in its registry, or may not be pulled (are name, tag and pull secrets right?)".to_owned(),
        )
    } else if any(&["not found", "manifest unknown", "does not exist", "name unknown"]) {
        (true, "does not exist in its registry".to_owned())
    } else if any(&["unauthorized", "denied", "forbidden", "401", "403", "no basic auth"]) {
        (true, "may not be pulled: its registry refuses (are the pull secrets right?)".to_owned())
    } else {
        (false, format!("cannot be pulled: {}", last(detail)))
    }
}

/// The end of a long chain of errors.
fn last(detail: &str) -> String {
    let parts: Vec<&str> = detail.split(": ").collect();
    let from = parts.len().saturating_sub(2);
    parts.get(from..).unwrap_or_default().join(": ").trim().trim_end_matches('.').to_owned()
}
