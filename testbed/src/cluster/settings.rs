//! The configuration files of containerd, CNI, kubelet and kube-proxy. It never starts anything.

use std::fs;

use anyhow::{Context as _, Result};

use super::certificates::{certificate, key};
use super::nodes::{NODES, Node, TAINT};
use super::{BRIDGE, DNS_ADDRESS, NODE, POD_RANGE, ports};
use crate::images::registry;
use crate::paths::{self, STATE};
use crate::real;

/// Writes all of them.
pub fn write() -> Result<()> {
    let shared = [
        ("registries/_default/hosts.toml".to_owned(), hosts()),
        ("cni/10-testbed.conflist".to_owned(), network()),
        ("kube-proxy.yaml".to_owned(), proxy()),
        (real::KEPT.to_owned(), real::settings()),
        ("resolv.conf".to_owned(), format!("nameserver {DNS_ADDRESS}\n")),
    ];
    let of_nodes = NODES.iter().flat_map(|node| {
        [
            (format!("containerd{}.toml", node.mark), containerd(node)),
            (format!("kubelet{}.yaml", node.mark), kubelet(node)),
        ]
    });
    // The real server's registry is asked itself; everything else is built here.
    let real = real::image().map(|image| {
        let host = real::registry(&image);
        (format!("registries/{host}/hosts.toml"), format!("server = \"https://{host}\"\n"))
    });
    for (file, content) in shared.into_iter().chain(of_nodes).chain(real) {
        let path = paths::state(&file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn containerd(node: &Node) -> String {
    let mark = node.mark;
    // restrict_oom_score_adj: in a sandbox without CAP_SYS_RESOURCE every pod would fail with an EOF from a pipe.
    format!(
        r#"version = 2
root = "{STATE}/containerd{mark}/root"
state = "{STATE}/containerd{mark}/state"

[grpc]
  address = "{STATE}/containerd{mark}.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "{STATE}/containerd{mark}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "testbed/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{STATE}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{STATE}/registries"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{STATE}/runc{mark}"
"#
    )
}

fn hosts() -> String {
    let address = registry::address();
    format!("server = \"http://{address}\"\n\n[host.\"http://{address}\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

fn network() -> String {
    format!(
        r#"{{
  "cniVersion": "0.4.0",
  "name": "omupgrade-testbed",
  "plugins": [
    {{
      "type": "bridge", "bridge": "{BRIDGE}", "isGateway": true, "hairpinMode": true,
      "ipam": {{
        "type": "host-local", "dataDir": "{STATE}/cni-addresses",
        "ranges": [[{{ "subnet": "{POD_RANGE}" }}]], "routes": [{{ "dst": "0.0.0.0/0" }}]
      }}
    }}
  ]
}}
"#
    )
}

fn kubelet(node: &Node) -> String {
    let Node { mark, port, health_port, group, .. } = node;
    // Eviction and image collection by disk use are off: the machine's disk is not the test's.
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
port: {port}
healthzPort: {health_port}
registerWithTaints: {taints}
containerRuntimeEndpoint: unix://{STATE}/containerd{mark}.sock
authentication:
  anonymous: {{ enabled: false }}
  webhook: {{ enabled: true }}
  x509: {{ clientCAFile: {authority} }}
authorization: {{ mode: Webhook }}
tlsCertFile: {certificate}
tlsPrivateKeyFile: {key}
readOnlyPort: 0
clusterDomain: cluster.local
clusterDNS: [{DNS_ADDRESS}]
resolvConf: {STATE}/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /{group}
failCgroupV1: false
failSwapOn: false
podLogsDir: {STATE}/pods{mark}
volumePluginDir: {STATE}/flexvolume
serializeImagePulls: false
maxPods: 250
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {{ memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1% }}
nodeStatusUpdateFrequency: 4s
",
        authority = certificate("ca").display(),
        certificate = certificate(&format!("kubelet{mark}")).display(),
        key = key(&format!("kubelet{mark}")).display(),
        taints = if node.reserved { format!("[{{ key: {TAINT}, effect: NoSchedule }}]") } else { "[]".to_owned() },
    )
}

fn proxy() -> String {
    // Zeros in conntrack leave the kernel's settings as they are: nobody could tell what they were.
    format!(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: {POD_RANGE}
clientConnection: {{ kubeconfig: {STATE}/proxy.kubeconfig }}
hostnameOverride: {NODE}
bindAddress: 0.0.0.0
healthzBindAddress: 127.0.0.1:{health}
metricsBindAddress: 127.0.0.1:{metrics}
conntrack: {{ maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s }}
",
        health = ports::PROXY_HEALTH,
        metrics = ports::PROXY_METRICS,
    )
}
