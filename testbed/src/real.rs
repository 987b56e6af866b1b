//! The real server in place of the stand-in, where its image can be pulled: one setting, `OM_SERVER_IMAGE`. It never pulls anything itself.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, bail};

use crate::failure::Failure;

/// The real image's repository, if the suite is to run against it (`docker.getcollate.io/openmetadata/server`).
pub fn image() -> Option<String> {
    env::var("OM_SERVER_IMAGE").ok().filter(|image| !image.is_empty())
}

/// A search that the real server can use, as pods reach it; the stand-in for search is none.
pub fn search() -> Option<String> {
    env::var("OM_SEARCH_HOST").ok().filter(|host| !host.is_empty())
}

/// Where the cluster's folder remembers for which server it was started.
pub const KEPT: &str = "server";

/// For which server the environment is, in words.
pub fn settings() -> String {
    match (image(), search()) {
        (None, None) => "the stand-in".to_owned(),
        (image, search) => {
            format!("OM_SERVER_IMAGE={} OM_SEARCH_HOST={}", image.unwrap_or_default(), search.unwrap_or_default())
        }
    }
}

/// Who resolves the name of that search for pods: this machine's own resolvers, if it is a name and not an address.
pub fn resolvers() -> Result<Option<String>> {
    let Some(host) = search().filter(|host| host.parse::<IpAddr>().is_err()) else { return Ok(None) };
    let found = reachable(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    if found.is_empty() {
        bail!(Failure::new(
            format!("OM_SEARCH_HOST is the name {host}, and this machine has no resolver that pods could ask"),
            format!("export OM_SEARCH_HOST=ADDRESS (getent ahostsv4 {host})"),
        ));
    }
    Ok(Some(found))
}

/// The resolvers that a pod reaches too: none on loopback.
fn reachable(resolv: &str) -> String {
    let addresses =
        resolv.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<Ipv4Addr>().ok());
    let words: Vec<String> =
        addresses.filter(|address| !address.is_loopback()).map(|address| address.to_string()).collect();
    words.join(" ")
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
    use super::{reachable, registry};

    #[test]
    fn a_resolver_on_loopback_is_of_no_use_to_pods() {
        assert_eq!(
            reachable("search x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n nameserver 192.0.2.2\n"),
            "192.0.2.1 192.0.2.2"
        );
        assert_eq!(reachable("nameserver ::1\n"), "");
    }

    #[test]
    fn a_registry_has_a_dot_or_a_port() {
        assert_eq!(registry("docker.getcollate.io/openmetadata/server"), "docker.getcollate.io");
        assert_eq!(registry("localhost:5000/server"), "localhost:5000");
        assert_eq!(registry("openmetadata/server"), "docker.io");
    }
}
