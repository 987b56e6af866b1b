//! The cluster's certificates and kubeconfigs, new at every `up`. It never touches the machine's own trust store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::nodes::NODES;
use super::{NODE_ADDRESS, ports};
use crate::call::Call;
use crate::paths;

/// One certificate signed by the cluster's authority.
struct Leaf {
    file: String,
    subject: String,
    names: String,
}

/// Who talks to the API server with a kubeconfig: the file's name and the subject that RBAC knows.
const CLIENTS: [(&str, &str); 4] = [
    ("admin", "/O=system:masters/CN=admin"),
    ("controller-manager", "/CN=system:kube-controller-manager"),
    ("scheduler", "/CN=system:kube-scheduler"),
    ("proxy", "/CN=system:kube-proxy"),
];

/// Makes all keys, certificates and kubeconfigs.
pub fn make() -> Result<()> {
    let folder = paths::state("pki");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    openssl(
        &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"],
        |call| {
            call.args(["-subj", "/CN=omupgrade-testbed", "-keyout"])
                .args([key("ca")])
                .args(["-out"])
                .args([certificate("ca")])
        },
    )?;
    // Service account tokens are signed with a key that no certificate carries.
    openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"], |call| {
        call.args([key("service-account")])
    })?;
    for leaf in leaves() {
        sign(&leaf)?;
    }
    for (name, _) in CLIENTS {
        kubeconfig(name, name)?;
    }
    for node in NODES {
        kubeconfig(&format!("kubelet{}", node.mark), &format!("kubelet{}", node.mark))?;
    }
    Ok(())
}

/// The file of a certificate.
pub fn certificate(name: &str) -> PathBuf {
    paths::state(&format!("pki/{name}.crt"))
}

/// The file of a key.
pub fn key(name: &str) -> PathBuf {
    paths::state(&format!("pki/{name}.key"))
}

fn leaves() -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = CLIENTS
        .iter()
        .map(|(file, subject)| Leaf {
            file: (*file).to_owned(),
            subject: (*subject).to_owned(),
            names: format!("DNS:{file}"),
        })
        .collect();
    leaves.extend(NODES.iter().map(|node| Leaf {
        file: format!("kubelet{}", node.mark),
        subject: format!("/O=system:nodes/CN=system:node:{}", node.name),
        names: format!("DNS:{},IP:{NODE_ADDRESS},IP:127.0.0.1", node.name),
    }));
    leaves.push(Leaf {
        file: "apiserver".to_owned(),
        subject: "/CN=kube-apiserver".to_owned(),
        names: format!(
            "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
             DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:{NODE_ADDRESS}"
        ),
    });
    leaves.push(Leaf {
        file: "apiserver-to-kubelet".to_owned(),
        subject: "/O=system:masters/CN=kube-apiserver-to-kubelet".to_owned(),
        names: "DNS:apiserver".to_owned(),
    });
    leaves
}

fn sign(leaf: &Leaf) -> Result<()> {
    let Leaf { file, subject, names } = leaf;
    openssl(
        &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"],
        |call| {
            call.args(["-subj", subject, "-addext", &format!("subjectAltName={names}")])
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-CA"])
                .args([certificate("ca")])
                .args(["-CAkey"])
                .args([key("ca")])
                .args(["-keyout"])
                .args([key(file)])
                .args(["-out"])
                .args([certificate(file)])
        },
    )
}

fn openssl(words: &[&str], rest: impl FnOnce(Call) -> Call) -> Result<()> {
    let call = Call::new("openssl", "making the cluster's certificates").args(words).hint("apt-get install openssl");
    rest(call).run()
}

/// Writes a kubeconfig that points at the certificate and key of `who`.
fn kubeconfig(file: &str, who: &str) -> Result<()> {
    let text = format!(
        "apiVersion: v1
kind: Config
current-context: testbed
clusters:
- name: testbed
  cluster:
    server: https://127.0.0.1:{api}
    certificate-authority: {authority}
contexts:
- name: testbed
  context:
    cluster: testbed
    user: {who}
users:
- name: {who}
  user:
    client-certificate: {certificate}
    client-key: {key}
",
        api = ports::API,
        authority = certificate("ca").display(),
        certificate = certificate(who).display(),
        key = key(who).display(),
    );
    let path = paths::state(&format!("{file}.kubeconfig"));
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot mark {}", path.display()))
}
