//! The ports of the cluster's daemons, but for the kubelets', which differ from node to node. It never opens one.

/// Where etcd answers the API server.
pub const ETCD: u16 = 12379;
/// Where etcd answers other members, of which there are none.
pub const ETCD_PEER: u16 = 12380;
/// Where the API server answers.
pub const API: u16 = 6443;
/// Where kube-proxy shows its metrics.
pub const PROXY_METRICS: u16 = 10249;
/// Where kube-proxy says that it lives.
pub const PROXY_HEALTH: u16 = 10256;
/// Where the controller-manager says that it lives.
pub const CONTROLLER_MANAGER: u16 = 10257;
/// Where the scheduler says that it lives.
pub const SCHEDULER: u16 = 10259;
/// Where containerd asks for images.
pub const IMAGES: u16 = 15000;
/// Where stand-ins ask for faults.
pub const FAULTS: u16 = 15001;

/// All of them.
pub const ALL: [u16; 9] =
    [ETCD, ETCD_PEER, API, PROXY_METRICS, PROXY_HEALTH, CONTROLLER_MANAGER, SCHEDULER, IMAGES, FAULTS];
