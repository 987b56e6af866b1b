//! The daemons of the cluster and the words each is started with. It never starts one.

use super::certificates::{certificate, key};
use super::nodes::{FIRST, Node, SECOND};
use super::{NODE, NODE_ADDRESS, POD_RANGE, SERVICE_RANGE, ports};
use crate::paths::{self, Cache};

/// One daemon.
pub struct Component {
    /// Its name in `status` and `logs`.
    pub name: &'static str,
    /// The program that it runs.
    pub program: Program,
    /// Its arguments.
    pub arguments: fn() -> Vec<String>,
}

/// Where a daemon's program comes from.
#[derive(Debug, Clone, Copy)]
pub enum Program {
    /// Built into the cache.
    Built(&'static str),
    /// Installed on the machine.
    Installed(&'static str),
    /// A verb of this program itself.
    Own,
}

const CONTAINERD: Program = Program::Installed("/usr/bin/containerd");

/// In the order of starting; each waits for nothing but what stands before it.
pub const COMPONENTS: &[Component] = &[
    Component { name: "etcd", program: Program::Built("etcd"), arguments: etcd },
    Component { name: "registry", program: Program::Own, arguments: || vec!["serve-images".to_owned()] },
    Component { name: "containerd", program: CONTAINERD, arguments: || containerd(&FIRST) },
    Component { name: "containerd-2", program: CONTAINERD, arguments: || containerd(&SECOND) },
    Component { name: "kube-apiserver", program: Program::Built("kube-apiserver"), arguments: apiserver },
    Component {
        name: "kube-controller-manager",
        program: Program::Built("kube-controller-manager"),
        arguments: controller_manager,
    },
    Component { name: "kube-scheduler", program: Program::Built("kube-scheduler"), arguments: scheduler },
    Component { name: "kubelet", program: Program::Built("kubelet"), arguments: || kubelet(&FIRST) },
    Component { name: "kubelet-2", program: Program::Built("kubelet"), arguments: || kubelet(&SECOND) },
    Component { name: "kube-proxy", program: Program::Built("kube-proxy"), arguments: proxy },
    Component { name: "faults", program: Program::Own, arguments: || vec!["serve-faults".to_owned()] },
    Component { name: "volumes", program: Program::Own, arguments: || vec!["provision-volumes".to_owned()] },
];

impl Program {
    /// The file to run.
    pub fn path(self, cache: &Cache) -> std::io::Result<std::path::PathBuf> {
        match self {
            Self::Built(name) => Ok(cache.binary(name)),
            Self::Installed(path) => Ok(path.into()),
            Self::Own => std::env::current_exe(),
        }
    }
}

fn words<const N: usize>(words: [String; N]) -> Vec<String> {
    words.into()
}

fn file(relative: &str) -> String {
    paths::state(relative).display().to_string()
}

fn crt(name: &str) -> String {
    certificate(name).display().to_string()
}

fn pem(name: &str) -> String {
    key(name).display().to_string()
}

/// An address that only this machine reaches.
fn local(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn etcd() -> Vec<String> {
    let (clients, peers) = (local(ports::ETCD), local(ports::ETCD_PEER));
    words([
        "--name=testbed".to_owned(),
        format!("--data-dir={}", file("etcd")),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=testbed={peers}"),
        // The data lives no longer than the cluster; waiting for the disk would protect nothing.
        "--unsafe-no-fsync".to_owned(),
        "--logger=zap".to_owned(),
    ])
}

fn apiserver() -> Vec<String> {
    words([
        format!("--etcd-servers={}", local(ports::ETCD)),
        format!("--secure-port={}", ports::API),
        format!("--advertise-address={NODE_ADDRESS}"),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        format!("--cert-dir={}", file("apiserver")),
        format!("--tls-cert-file={}", crt("apiserver")),
        format!("--tls-private-key-file={}", pem("apiserver")),
        format!("--client-ca-file={}", crt("ca")),
        format!("--kubelet-certificate-authority={}", crt("ca")),
        format!("--kubelet-client-certificate={}", crt("apiserver-to-kubelet")),
        format!("--kubelet-client-key={}", pem("apiserver-to-kubelet")),
        // Otherwise logs and exec look the node's name up in a DNS that does not know it.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", pem("service-account")),
        format!("--service-account-signing-key-file={}", pem("service-account")),
        "--profiling=false".to_owned(),
    ])
}

fn controller_manager() -> Vec<String> {
    let kubeconfig = file("controller-manager.kubeconfig");
    words([
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        format!("--cert-dir={}", file("controller-manager")),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports::CONTROLLER_MANAGER),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!("--root-ca-file={}", crt("ca")),
        format!("--service-account-private-key-file={}", pem("service-account")),
        format!("--cluster-cidr={POD_RANGE}"),
        format!("--flex-volume-plugin-dir={}", file("flexvolume")),
        // Twelve seconds instead of forty until a dead node is seen: tests wait for it.
        "--node-monitor-grace-period=12s".to_owned(),
    ])
}

fn scheduler() -> Vec<String> {
    let kubeconfig = file("scheduler.kubeconfig");
    words([
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        format!("--cert-dir={}", file("scheduler")),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports::SCHEDULER),
        "--leader-elect=false".to_owned(),
    ])
}

fn containerd(node: &Node) -> Vec<String> {
    words(["--config".to_owned(), file(&format!("containerd{}.toml", node.mark))])
}

fn kubelet(node: &Node) -> Vec<String> {
    let own = |name: &str| file(&format!("kubelet{}{name}", node.mark));
    words([
        format!("--config={}", own(".yaml")),
        format!("--kubeconfig={}", own(".kubeconfig")),
        format!("--hostname-override={}", node.name),
        format!("--node-ip={NODE_ADDRESS}"),
        format!("--root-dir={}", own("")),
        format!("--cert-dir={}", own("/pki")),
    ])
}

fn proxy() -> Vec<String> {
    words([format!("--config={}", file("kube-proxy.yaml")), format!("--hostname-override={NODE}")])
}
