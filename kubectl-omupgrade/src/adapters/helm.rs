//! Drives the real `helm`, version 3 or 4. Decides nothing.

use super::cluster::{Cluster, Pointers};
use crate::facts::Driver;
use crate::failure::Failure;
use crate::redact::without_looks;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::process::Command;

/// A helm that was found and asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helm {
    /// The program.
    pub program: PathBuf,
    /// Its version, as it says it: `v4.3.1`.
    pub version: String,
    /// 3 or 4.
    pub major: u32,
}

/// What a run of helm said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it ended well.
    pub ok: bool,
    /// Its last words: standard error, else standard output.
    pub words: String,
}

/// What helm and its client say where no API server answers. Helm asks for it before anything else.
const NO_SERVER: &[&str] = &["cluster unreachable", "connection refused", "connection reset", "i/o timeout", ": EOF"];

/// Variables that lead helm to another cluster or user than its flags say.
const ELSEWHERE: &[&str] = &[
    "HELM_KUBECONTEXT",
    "HELM_KUBEAPISERVER",
    TOKEN,
    "HELM_KUBEASUSER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBECAFILE",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
    "HELM_KUBETLS_SERVER_NAME",
    "HELM_NAMESPACE",
];

/// How a token is told to helm: in its environment, which nobody else sees.
const TOKEN: &str = "HELM_KUBETOKEN";

/// Whether a helm of this process is at work, or was ended by a signal.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// How long a helm that a signal ended keeps its caller: the same signal may be on its way to this process.
const SIGNALLED: Duration = Duration::from_millis(500);

/// Whether a helm of this process is at work, or was ended by a signal: whoever stops the process is told what becomes of
/// it.
pub fn is_at_work() -> bool {
    AT_WORK.load(Ordering::Relaxed)
}

/// Whether a signal ended it: of Ctrl-C, of who ends processes.
fn was_ended(status: ExitStatus) -> bool {
    #[cfg(unix)]
    if std::os::unix::process::ExitStatusExt::signal(&status).is_some() {
        return true;
    }
    matches!(status.code(), Some(130 | 143))
}

/// Refuses where helm cannot be pointed at what we look at.
pub fn reaches(pointers: &Pointers) -> Result<(), Failure> {
    if pointers.beyond_helm.is_empty() {
        return Ok(());
    }
    let flags = pointers.beyond_helm.join(", ");
    Err(Failure::usage(format!(
        "helm does not know {flags}: it would write elsewhere than this looks, or as somebody else"
    ))
    .hint("kubectl config set-context NAME --cluster CLUSTER --user USER    # then --context NAME"))
}

impl Said {
    /// Whether it ended because no API server answered.
    pub fn found_no_server(&self) -> bool {
        !self.ok && NO_SERVER.iter().any(|words| self.words.contains(words))
    }
}

impl Helm {
    /// In place of one, where the revision stays and none runs.
    pub fn not_needed() -> Self {
        Self { program: PathBuf::from("helm"), version: String::new(), major: 4 }
    }

    /// The helm that is named, else the one on the PATH.
    pub async fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let program = named.map_or_else(|| PathBuf::from("helm"), Path::to_path_buf);
        let shown = program.display();
        let output =
            Command::new(&program).args(["version", "--template", "{{.Version}}"]).stdin(Stdio::null()).output().await;
        let output = output.map_err(|error| {
            let hint = if named.is_some() {
                "ls -l the file that --helm names"
            } else {
                "kubectl omupgrade rollback RELEASE REVISION --helm /path/to/helm"
            };
            Failure::unknown(format!("starting {shown}: {error}")).hint(hint)
        })?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let major = version.trim_start_matches('v').split('.').next().and_then(|m| m.parse::<u32>().ok());
        match major {
            Some(major @ (3 | 4)) if output.status.success() => Ok(Self { program, version, major }),
            _ => {
                let said = if version.is_empty() {
                    String::from_utf8_lossy(&output.stderr).trim().to_owned()
                } else {
                    version
                };
                Err(Failure::unknown(format!("{shown} is no helm 3 or 4: it says `{said}`"))
                    .hint(format!("{shown} version"))
                    .into())
            }
        }
    }

    /// The arguments of a rollback. It does not wait: we watch ourselves.
    pub fn rollback_args(
        &self,
        cluster: &Cluster,
        release: &str,
        revision: u64,
        force_conflicts: bool,
    ) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["rollback".into(), release.into(), revision.to_string().into()];
        args.extend(["--namespace".into(), OsString::from(&cluster.namespace)]);
        // Helm keeps ten revisions and may take away the oldest, the very one that it goes back to: then a run that was
        // broken off could not go on.
        args.extend(["--history-max".into(), "0".into()]);
        if force_conflicts && self.major >= 4 {
            args.push("--force-conflicts".into());
        }
        args.extend(cluster.pointers.for_helm().into_iter().map(OsString::from));
        args
    }

    /// The command line, to be shown and typed.
    pub fn shown(&self, cluster: &Cluster, args: &[OsString], driver: Driver) -> String {
        let words = args.iter().map(|a| a.to_string_lossy().into_owned());
        let storage = (driver != Driver::Secrets).then(|| format!("HELM_DRIVER={}", driver.word()));
        let token = cluster.pointers.token.expose().map(|_| format!("{TOKEN}=\"$TOKEN\""));
        let program = self.program.display().to_string();
        token.into_iter().chain(storage).chain([program]).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end, on the storage where the release is: helm looks at one kind only.
    pub async fn run(&self, cluster: &Cluster, args: &[OsString], driver: Driver) -> anyhow::Result<Said> {
        let mut command = Command::new(&self.program);
        command.args(args).stdin(Stdio::null()).env("HELM_DRIVER", driver.word());
        // What was looked at is what helm writes to: nothing but our flags says where.
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        if let Some(token) = cluster.pointers.token.expose() {
            command.env(TOKEN, token);
        }
        AT_WORK.store(true, Ordering::Relaxed);
        let output = command.output().await;
        match &output {
            Ok(output) if was_ended(output.status) => tokio::time::sleep(SIGNALLED).await,
            _ => AT_WORK.store(false, Ordering::Relaxed),
        }
        let output = output.map_err(|e| Failure::unknown(format!("starting {}: {e}", self.program.display())))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        let words = if output.status.success() || complained.is_empty() { said } else { complained };
        // The API server's refusal of an object may quote it.
        Ok(Said { ok: output.status.success(), words: without_looks(&words) })
    }
}
