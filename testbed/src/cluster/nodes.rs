//! The cluster's nodes: both are this machine, each with a runtime and a kubelet of its own. It never starts one.

use super::CGROUP;

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Its name in the cluster.
    pub name: &'static str,
    /// What tells its files and components from the other's.
    pub mark: &'static str,
    /// Where its kubelet answers the API server.
    pub port: u16,
    /// Where its kubelet says that it lives.
    pub health_port: u16,
    /// The cgroup below which its pods live: a kubelet removes every group beside its own pods'.
    pub group: &'static str,
    /// Whether only pods that tolerate it come here.
    pub reserved: bool,
}

/// Where everything runs.
pub const FIRST: Node =
    Node { name: super::NODE, mark: "", port: 10250, health_port: 10248, group: CGROUP, reserved: false };

/// Where only what tolerates it runs: to be drained, cordoned and filled without harm to anything else.
pub const SECOND: Node = Node {
    name: "testbed-2",
    mark: "-2",
    port: 10350,
    health_port: 10348,
    group: "omupgrade-testbed/second",
    reserved: true,
};

/// Both.
pub const NODES: [&Node; 2] = [&FIRST, &SECOND];

/// The taint of the reserved node.
pub const TAINT: &str = "omupgrade.dev/reserved";
