//! The real server in place of the stand-in, where its image can be pulled: one setting, `OM_SERVER_IMAGE`. It never pulls anything itself.

use std::env;

/// The real image's repository, if the suite is to run against it (`docker.getcollate.io/openmetadata/server`).
pub fn image() -> Option<String> {
    env::var("OM_SERVER_IMAGE").ok().filter(|image| !image.is_empty())
}

/// A search that the real server can use, as pods reach it; the stand-in for search is none.
pub fn search() -> Option<String> {
    env::var("OM_SEARCH_HOST").ok().filter(|host| !host.is_empty())
}

/// The registry's host in an image's name; without one it is Docker's own.
pub fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// How many times longer a Java server takes than the stand-in. Chosen.
pub const PATIENCE: u32 = 5;

#[cfg(test)]
mod tests {
    use super::registry;

    #[test]
    fn a_registry_has_a_dot_or_a_port() {
        assert_eq!(registry("docker.getcollate.io/openmetadata/server"), "docker.getcollate.io");
        assert_eq!(registry("localhost:5000/server"), "localhost:5000");
        assert_eq!(registry("openmetadata/server"), "docker.io");
    }
}
