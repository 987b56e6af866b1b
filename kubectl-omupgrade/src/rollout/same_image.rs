//! Whether two names mean one image: the one that helm installed and the one that a workload asks for, which something on the
//! way may have led to another registry. Pure.

use shared::component::image_tag;

/// Whether two names mean one image. A mirror has another host, and may put parts before the path; it takes none away and
/// renames none, so the same last part under another organisation is another image. Of two digests each must be the other's;
/// one that only one of them has says nothing more than its tag.
pub fn is_same_image(one: &str, other: &str) -> bool {
    let same_content = match (digest(one), digest(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => tag(one) == tag(other),
        // Only the tag can be compared, and a name with a digest need not have one.
        _ => image_tag(one).is_some() && image_tag(one) == image_tag(other),
    };
    let (one, other) = (path(one), path(other));
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    same_content && is_end(&short, &long)
}

fn digest(image: &str) -> Option<&str> {
    image.split_once('@').map(|(_, digest)| digest)
}

fn tag(image: &str) -> &str {
    image_tag(image).unwrap_or("latest")
}

/// The parts of a name behind its host, without tag and digest.
fn path(image: &str) -> Vec<&str> {
    let name = image.split('@').next().unwrap_or(image);
    let name = image_tag(name).and_then(|tag| name.strip_suffix(tag)?.strip_suffix(':')).unwrap_or(name);
    let mut parts: Vec<&str> = name.split('/').collect();
    if parts.len() > 1 && parts.first().is_some_and(|host| is_host(host)) {
        parts.remove(0);
    }
    parts
}

/// As Docker tells a registry from an organisation.
fn is_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost"
}

/// Where Docker's registry keeps images without an organisation.
const NO_ORGANISATION: &str = "library";

/// Whether a path ends with all of another. A single part has no organisation: what stands before it may be one.
fn is_end(short: &[&str], long: &[&str]) -> bool {
    let before = long.strip_suffix(short);
    match (short.len(), before) {
        (_, Some([])) => true,
        (1, Some(before)) => before.last() == Some(&NO_ORGANISATION),
        (_, before) => before.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_image;

    const OWN: &str = "docker.getcollate.io/openmetadata/server:1.13.1";

    fn both_ways(one: &str, other: &str) -> bool {
        let same = is_same_image(one, other);
        assert_eq!(same, is_same_image(other, one), "{one} {other}");
        same
    }

    #[test]
    fn another_registry_and_parts_before_the_path_are_the_same_image() {
        for image in [
            OWN,
            "openmetadata/server:1.13.1",
            "mirror:5000/openmetadata/server:1.13.1",
            "localhost/openmetadata/server:1.13.1",
            "registry.example/mirror/openmetadata/server:1.13.1",
            "m.example/docker.getcollate.io/openmetadata/server:1.13.1",
            "mirror:5000/openmetadata/server:1.13.1@sha256:00ff",
        ] {
            assert!(both_ways(OWN, image), "{image}");
        }
        for image in ["mirror:5000/postgres:18", "docker.io/library/postgres:18", "mirror:5000/hub/library/postgres:18"]
        {
            assert!(both_ways("postgres:18", image), "{image}");
        }
        assert!(both_ways("postgres", "docker.io/library/postgres:latest"));
    }

    #[test]
    fn another_organisation_name_tag_or_digest_is_another_image() {
        for image in [
            "docker.getcollate.io/openmetdata/server:1.13.1",
            "mirror:5000/openmetadata/server:1.13.2",
            "mirror:5000/openmetadata/server",
            "mirror:5000/collate/server:1.13.1",
            "mirror:5000/server:1.13.1",
            "mirror:5000/openmetadata/my-server:1.13.1",
            "mirror:5000/myopenmetadata/server:1.13.1",
            "mirror:5000/openmetadata/server@sha256:00ff",
        ] {
            assert!(!both_ways(OWN, image), "{image}");
        }
        assert!(!both_ways("postgres:18", "bitnami/postgres:18"));
        assert!(!both_ways("postgres:18", "docker.io/bitnami/postgres:18"));
        assert!(!both_ways("a/b@sha256:00ff", "a/b@sha256:00fe"));
        assert!(both_ways("a/b:1@sha256:00ff", "r.example/a/b@sha256:00ff"));
        assert!(!both_ways("postgres", "postgres@sha256:00ff"));
    }
}
