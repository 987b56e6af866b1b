//! The image that the target would run.

use super::values::{MASK, Values};
use shared::component::image_tag;

/// By the values, where they name a repository; else the one that serves, of the target's version.
pub fn target(values: Option<&Values>, serving: &str, to: &str) -> String {
    let named = values.and_then(|v| v.text("image.repository")).filter(|name| !name.is_empty() && *name != MASK);
    of_version(named.unwrap_or(serving), to)
}

/// Whether a node asks the registry even where it holds the image: by the values, else by what runs; none where neither
/// tells.
pub fn always_pulled(values: Option<&Values>, live: &str) -> Option<bool> {
    let named = values.and_then(|v| v.text("image.pullPolicy")).filter(|policy| !policy.is_empty() && *policy != MASK);
    let policy = named.unwrap_or(live);
    (!policy.is_empty()).then(|| policy == "Always")
}

/// The same image of another version: a tag or a digest gives way.
fn of_version(image: &str, to: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let repository = image_tag(name).and_then(|tag| name.strip_suffix(&format!(":{tag}")));
    format!("{}:{to}", repository.unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tag_or_a_digest_gives_way() {
        for image in [
            "r:5000/om/server:1.12.14",
            "r:5000/om/server",
            "r:5000/om/server@sha256:00",
            "r:5000/om/server:1@sha256:00",
        ] {
            assert_eq!(target(None, image, "1.13.1"), "r:5000/om/server:1.13.1");
        }
    }

    #[test]
    fn the_values_name_another_repository_than_the_one_that_serves() {
        let of = |repository: &str| {
            let values = Values(json!({"image": {"repository": repository}}));
            target(Some(&values), "old/server:1.12.14", "1.13.1")
        };
        assert_eq!(of("new:5000/om/server"), "new:5000/om/server:1.13.1");
        assert_eq!((of(""), of(MASK)), ("old/server:1.13.1".to_owned(), "old/server:1.13.1".to_owned()));
    }
}
