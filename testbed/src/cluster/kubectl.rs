//! Asks and tells the cluster through its own kubectl, as the administrator. It never uses the user's kubeconfig.

use crate::call::Call;
use crate::paths::{self, Cache};

/// A kubectl call against the testbed, while doing `doing`.
pub fn kubectl(cache: &Cache, doing: &str) -> Call {
    // The suite calls it four times a second: one thread and no garbage collection cost a third less.
    Call::new(cache.binary("kubectl"), doing)
        .env("GOMAXPROCS", "1")
        .env("GOGC", "off")
        .args(["--kubeconfig"])
        .args([paths::kubeconfig()])
}
