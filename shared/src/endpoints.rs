//! Ports and health paths of the server, by version, as tables: the probe rule sets them, `validate` calls them.
//!
//! Sources: `charts/openmetadata/values.yaml` and `templates/deployment.yaml` of every chart tag from
//! `openmetadata-0.0.48` to `openmetadata-1.13.1`, the server's `conf/openmetadata.yaml`, and its issue tracker.

use crate::versions::Version;

/// A port of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Its name in the chart's container and Service.
    pub name: &'static str,
    /// Its number where nobody chose another.
    pub number: u64,
}

/// User interface and API.
pub const HTTP: Port = Port { name: "http", number: 8585 };

/// Dropwizard's admin connector: its own threads, so that a busy API does not starve it, and no `BASE_PATH`.
pub const ADMIN: Port = Port { name: "http-admin", number: 8586 };

/// A GET request that answers 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Get {
    /// At which port.
    pub port: Port,
    /// Below the base path, where the port has one.
    pub path: &'static str,
}

/// Answers `pong` as long as the process serves requests, and asks nothing else. Every release has it: the admin
/// servlet of Dropwizard, which the server's configuration leaves as it is (no `adminContextPath` up to 1.12.14).
pub const PING: Get = Get { port: ADMIN, path: "/ping" };

/// Runs the registered health checks. Up to which release these ask the database is not known: some builds do
/// (OpenMetadata#4038; a `SELECT 42` with two seconds in another), so it may answer 500 while the database blinks.
pub const HEALTHCHECK: Get = Get { port: ADMIN, path: "/healthcheck" };

/// "Pure process-aliveness probe" of the API tier, without a login.
pub const HEALTH: Get = Get { port: HTTP, path: "/api/v1/system/health" };

/// The user interface's first page: what charts probed before there was [`HEALTH`].
pub const ROOT: Get = Get { port: HTTP, path: "/" };

/// The first release whose chart relies on [`HEALTH`]. It was merged on 2025-08-18 (PR#22974), a week after 1.9.0;
/// which of 1.9.1 to 1.9.6 have it is not known, and all of them have [`ROOT`].
pub const HEALTH_SINCE: Version = Version { major: 1, minor: 9, patch: 7 };

/// What the servers of one span of versions answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era {
    /// The first version of the span; the next entry's is the first after it.
    pub since: Version,
    /// Says that the process lives, and nothing about what it depends on.
    pub liveness: Get,
    /// Says that the API tier answers.
    pub readiness: Get,
    /// Says that the start is over.
    pub startup: Get,
}

/// The eras, oldest first.
pub const ERAS: &[Era] = &[
    Era { since: Version { major: 0, minor: 0, patch: 0 }, liveness: PING, readiness: ROOT, startup: HEALTHCHECK },
    Era { since: HEALTH_SINCE, liveness: PING, readiness: HEALTH, startup: HEALTHCHECK },
];

/// What a server of this version answers.
pub fn of(version: Version) -> &'static Era {
    ERAS.iter().rev().find(|era| era.since <= version).unwrap_or(&ERAS[0])
}

/// What the charts render as `livenessProbe`, of any era. Something else was written by somebody.
pub const RENDERED_LIVENESS: &[Get] = &[HEALTHCHECK, HEALTH];

/// What the charts render as `readinessProbe`, of any era.
pub const RENDERED_READINESS: &[Get] = &[ROOT, HEALTH];

/// What the charts render as `startupProbe`; those before 1.1.4 render none.
pub const RENDERED_STARTUP: &[Get] = &[HEALTHCHECK];

/// A path of the [`HTTP`] port below the server's `BASE_PATH`, with or without a slash at its end.
///
/// ```
/// use shared::endpoints::below;
/// assert_eq!(below("/metadata/", "/api/v1/system/health"), "/metadata/api/v1/system/health");
/// assert_eq!(below("/", "/"), "/");
/// ```
pub fn below(base: &str, path: &str) -> String {
    let base = base.trim_matches('/');
    if base.is_empty() { path.to_owned() } else { format!("/{base}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_finds_its_era() {
        let readiness = |text| of(Version::parse(text).unwrap()).readiness;
        assert_eq!(readiness("0.13.2"), ROOT);
        assert_eq!(readiness("1.9.6"), ROOT);
        assert_eq!(readiness("1.9.7"), HEALTH);
        assert_eq!(readiness("1.10.0"), HEALTH);
        assert_eq!(readiness("2.0.7"), HEALTH);
    }

    #[test]
    fn eras_are_in_order() {
        assert!(ERAS.is_sorted_by(|a, b| a.since < b.since));
    }
}
