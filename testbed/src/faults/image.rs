//! A Deployment whose image no registry has. It never touches an image.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Scene;

const DEPLOYMENT: &str = "openmetadata";
const CONTAINER: &str = "openmetadata";
/// Where the right image is kept until it comes back.
const KEPT: &str = "omupgrade.dev/testbed-fault-image";
/// Who changes it.
const MANAGER: &str = "testbed-fault";
/// No release has this number.
const MISSING: &str = "0.0.0";

/// New pods wait for an image that nobody has; old ones serve.
pub fn miss(scene: &Scene, _: &str) -> Result<()> {
    let deployment = read(scene)?;
    let image = image(&deployment).context("the Deployment has no server")?;
    // A second strike must not keep the wrong image as the right one.
    if deployment["metadata"]["annotations"][KEPT].is_string() {
        return Ok(());
    }
    let name = image.rsplit_once(':').map_or(image, |(name, _)| name);
    change(scene, &json!(image), &format!("{name}:{MISSING}"))
}

/// The image is what it was.
pub fn find(scene: &Scene) -> Result<()> {
    let deployment = read(scene)?;
    let Some(kept) = deployment["metadata"]["annotations"][KEPT].as_str() else { return Ok(()) };
    // Somebody may have brought the release to another one since.
    let now = image(&deployment).unwrap_or_default();
    change(scene, &Value::Null, if now.ends_with(&format!(":{MISSING}")) { kept } else { now })
}

fn read(scene: &Scene) -> Result<Value> {
    let words = ["get", "deployment", DEPLOYMENT, "-o", "json"];
    let text = scene.kubectl("reading the Deployment").args(words).text()?;
    serde_json::from_str(&text).context("kubectl printed no JSON")
}

fn image(deployment: &Value) -> Option<&str> {
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array()?;
    containers.iter().find(|container| container["name"] == CONTAINER)?["image"].as_str()
}

fn change(scene: &Scene, kept: &Value, image: &str) -> Result<()> {
    let patch = json!({
        "metadata": { "annotations": { KEPT: kept } },
        "spec": { "template": { "spec": { "containers": [{ "name": CONTAINER, "image": image }] } } },
    });
    let words = ["patch", "deployment", DEPLOYMENT, "--field-manager", MANAGER, "-p", &patch.to_string()];
    scene.kubectl("changing the Deployment's image").args(words).run()?;
    disown(scene)
}

/// Helm 4 would refuse to change what somebody else owns; nobody shall own it. The controllers write meanwhile, and the
/// owners may stand in another order by then: it is tried again.
fn disown(scene: &Scene) -> Result<()> {
    for _ in 0..10 {
        if disown_once(scene).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(300));
    }
    disown_once(scene)
}

fn disown_once(scene: &Scene) -> Result<()> {
    let words = ["get", "deployment", DEPLOYMENT, "--show-managed-fields", "-o", "json"];
    let text = scene.kubectl("reading the Deployment's owners").args(words).text()?;
    let deployment: Value = serde_json::from_str(&text).context("kubectl printed no JSON")?;
    let owners = deployment["metadata"]["managedFields"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(at) = owners.iter().position(|owner| owner["manager"] == MANAGER) else { return Ok(()) };
    let place = format!("/metadata/managedFields/{at}");
    let patch = json!([
        { "op": "test", "path": format!("{place}/manager"), "value": MANAGER },
        { "op": "remove", "path": place },
    ]);
    let words = ["patch", "deployment", DEPLOYMENT, "--type=json", "-p", &patch.to_string()];
    scene.kubectl("leaving the Deployment to helm").args(words).run()
}
