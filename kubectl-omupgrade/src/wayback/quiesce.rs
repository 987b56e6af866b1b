//! What has to stand still while a database is restored: every workload whose image could migrate or write.

use super::counts::Live;
use crate::preview::{Object, servers};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is scaled to zero and suspended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiesce {
    /// Kind and name, with the counts of now.
    pub workloads: BTreeMap<String, u64>,
    /// Of these, whose count the revision's manifest does not name: helm leaves them at zero.
    pub unnamed: Vec<String>,
    /// `CronJob`s that start the server's image.
    pub schedules: Vec<String>,
    /// The images that could migrate or write, without tag and digest.
    pub images: Vec<String>,
}

/// The image without tag and digest: every version of it could migrate.
pub fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let path = name.rfind('/').map_or(0, |at| at + 1);
    name.get(path..).and_then(|last| last.find(':')).and_then(|at| name.get(..path + at)).unwrap_or(name)
}

/// What of an image names its version: its tag, else its digest. It is the same behind a registry that an admission webhook
/// writes into pods.
pub fn version(image: &str) -> &str {
    let rest = image.get(repository(image).len()..).unwrap_or_default();
    let (tag, digest) = rest.split_once('@').unwrap_or((rest, ""));
    if tag.is_empty() { digest } else { tag.trim_start_matches(':') }
}

/// The versions of these images, given without tag and digest, in the workloads of a manifest.
pub fn versions(manifest: &[Object], images: &[String]) -> BTreeSet<String> {
    let all = manifest.iter().flat_map(|object| pod_images(&object.value));
    let ours = all.filter(|image| images.iter().any(|i| i == repository(image)));
    ours.map(|image| version(image).to_owned()).collect()
}

/// Finds it: by the images of the servers of both revisions, in every workload of them.
pub(super) fn quiesce(now: &[Object], then: &[Object], live: &[Live]) -> Quiesce {
    let all = || now.iter().chain(then);
    let both: Vec<Object> = all().cloned().collect();
    let images: BTreeSet<String> = servers(&both).iter().map(|s| repository(&s.image).to_owned()).collect();
    let uses = |object: &Object| pod_images(&object.value).iter().any(|i| images.contains(repository(i)));
    let touched: BTreeSet<String> = all().filter(|o| uses(o)).map(Object::label).collect();
    let named = |label: &str| {
        let object = then.iter().find(|o| o.label() == label);
        object.is_some_and(|o| o.value.pointer("/spec/replicas").is_some_and(Value::is_number))
    };
    let workloads: BTreeMap<String, u64> =
        live.iter().filter(|l| touched.contains(&l.label())).map(|l| (l.label(), l.replicas)).collect();
    Quiesce {
        unnamed: workloads.keys().filter(|label| !named(label)).cloned().collect(),
        schedules: touched.iter().filter_map(|label| label.strip_prefix("CronJob/")).map(str::to_owned).collect(),
        images: images.into_iter().collect(),
        workloads,
    }
}

/// The images of a workload's or `CronJob`'s pods.
fn pod_images(workload: &Value) -> Vec<&str> {
    let spec =
        workload.pointer("/spec/template/spec").or_else(|| workload.pointer("/spec/jobTemplate/spec/template/spec"));
    let list = |key: &str| spec.and_then(|s| s.get(key)?.as_array()).into_iter().flatten();
    list("initContainers").chain(list("containers")).filter_map(|c| c.get("image")?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::{repository, version};

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(repository("registry:5000/a/server:1.2@sha256:00"), "registry:5000/a/server");
        assert_eq!(repository("registry:5000/a/server"), "registry:5000/a/server");
        assert_eq!(repository("server:1"), "server");
    }

    #[test]
    fn a_version_is_the_same_behind_another_registry() {
        for (image, named) in [
            ("server:1.2", "1.2"),
            ("registry:5000/a/server:1.2@sha256:00", "1.2"),
            ("mirror/registry:5000/a/server@sha256:00", "sha256:00"),
            ("registry:5000/a/server", ""),
        ] {
            assert_eq!(version(image), named, "{image}");
        }
    }
}
