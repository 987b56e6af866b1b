//! The rule `backup_hook`: on Helm 4, a backup Job that must succeed before anything else of an upgrade is applied.
//! Never emits it where it would gate nothing: not on Helm 3, not into a plain render.

use super::{Head, Rule};
use crate::database;
use crate::defaults::{self, limits, limits::WEEK};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::scene::{Object, Scene};
use crate::wellformed::{self, Resources};
use serde_json::{Map, Value, json};
use shared::backup::{Job, MOST_JOBS, job, job_name, jobs};
use shared::manifest::Dialect;
use shared::marks;
use std::collections::{BTreeMap, BTreeSet};

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "backup_hook",
        summary: "On Helm 4, no upgrade starts before the database is backed up and the backup is proven.",
        what: "\
Adds a Job with `helm.sh/hook: pre-upgrade`. It dumps the database with its own client, verifies the dump, writes it
to a claim that exists already (RELEASE-omupgrade-backup), and leaves a record (catalog.json) with digests and the
schema's fingerprint. Helm waits for it; if it fails, nothing of the upgrade is applied. Everything it knows of the
database comes by reference to the server's own Secrets, so it dumps what the live release uses.",
        why: "\
Helm 4 takes hooks from a post-renderer's output and runs them before it applies anything (Helm 4.3.1
pkg/action/upgrade.go). Helm 3 splits hooks off before the post-renderer and would apply the Job as an ordinary object
beside the Deployment (Helm 3.22.0 pkg/action/action.go), which gates nothing: there helm-postrender refuses instead.
A claim made as a hook would be deleted with the backups on the next upgrade, so the claim has to exist.",
        leaves_alone: "\
Helm 3 and plain streams. Runs with a receipt of a proven backup. Installs: helm runs no pre-upgrade hook on them.
Servers whose database engine the stream does not tell (name `database.engine` in the policy).",
        before: include_str!("../../../testdata/rules/backup_hook/example/before.yaml"),
        after: include_str!("../../../testdata/rules/backup_hook/example/after.yaml"),
    },
    propose,
};

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs.
    pub enabled: bool,
    /// The claim that takes the backup; RELEASE-omupgrade-backup where none is named. It must exist.
    #[serde(deserialize_with = "wellformed::name")]
    pub claim: Option<String>,
    /// Seconds after which the Job is ended. Helm's own `--timeout` (300 by default) must be longer.
    #[serde(deserialize_with = "limits::within::<1, WEEK, _>")]
    #[schemars(range(min = 1, max = WEEK))]
    pub deadline_seconds: u32,
    /// Labels for the Job's pod, for network policies and the like. Not those that the server's selectors use.
    #[serde(deserialize_with = "wellformed::labels")]
    pub labels: BTreeMap<String, String>,
    /// Resources of the container.
    pub resources: Resources,
    /// At most so many connections that dump a PostgreSQL database of 10 GiB or more at once, into a directory; one dumps
    /// into a single file.
    #[serde(deserialize_with = "limits::within::<1, MOST_JOBS, _>")]
    #[schemars(range(min = 1, max = MOST_JOBS))]
    pub jobs: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            claim: None,
            deadline_seconds: defaults::BACKUP_DEADLINE_SECONDS,
            labels: BTreeMap::new(),
            resources: Resources::of(&[("cpu", "100m"), ("memory", "128Mi")], &[("memory", "1Gi")]),
            jobs: 1,
        }
    }
}

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    if scene.dialect != Dialect::Helm4 {
        return Vec::new();
    }
    // One Job for each server, also where two of one release would give it the same name. The same server twice is
    // one: helm applies the last.
    let added = scene.of_kind("Job").filter(|j| j.document.is_none());
    let mut taken: BTreeSet<(Option<&str>, String)> = added.map(|j| (j.namespace(), j.name().to_owned())).collect();
    let mut out = Vec::new();
    for server in scene.due_servers().filter(|s| !s.is_double) {
        let name = |release: &str, target: Option<&str>| {
            let plain = job_name(release, target);
            let used = !taken.insert((server.namespace(), plain.clone()));
            if used { job_name(&format!("{release}-{}", server.name()), target) } else { plain }
        };
        out.extend(hook(scene, server, policy.on(server), name));
    }
    out
}

fn hook<'a>(
    scene: &'a Scene,
    server: &'a Object,
    policy: &Policy,
    name: impl FnOnce(&str, Option<&str>) -> String,
) -> Vec<Proposal> {
    let settings = &policy.backup_hook;
    if !settings.enabled || policy.receipt.is_some() {
        return Vec::new();
    }
    let (Some(release), Some(database)) = (scene.release(server), database::of(scene, server)) else {
        let text = "no backup hook: the stream tells neither the release (label app.kubernetes.io/instance) nor the \
                    database's settings (a container that migrates); dump the database by hand and say `--backup=off`";
        return vec![Proposal::warning(server, text)];
    };
    let Some(engine) = policy.database.engine_of(&database) else {
        let text = "no backup hook: the stream does not tell the database's engine (DB_SCHEME comes from outside the \
                    chart); set `database.engine` to postgresql or mysql in the policy";
        return vec![Proposal::warning(server, text)];
    };
    let target = scene.target(server).map(|(version, _)| version.to_string());
    let name = name(release, target.as_deref());
    let is_of_this_name = |j: &&Object| j.name() == name && j.namespace() == server.namespace();
    if let Some(job) = scene.of_kind("Job").filter(|j| j.document.is_some()).find(is_of_this_name) {
        let text = format!(
            "no backup hook: Job/{name} stands in the stream already and is not of this rule; give it another name, or \
             dump the database by hand and say `--backup=off`"
        );
        return if job.was_changed_by(RULE.head.id) { Vec::new() } else { vec![Proposal::warning(server, text)] };
    }
    let claim = settings.claim.clone().unwrap_or_else(|| marks::backup_claim(release));
    let labels: Map<String, Value> = settings.labels.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
    let jobs = jobs(settings.jobs);
    let variables: Vec<(&str, &str)> = jobs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut object = job(&Job {
        name: &name,
        release,
        script: shared::backup::script(),
        variables: if settings.jobs > 1 { &variables } else { &[] },
        attached: None,
        target,
        origin: "hook",
        engine,
        image: policy.database.image(engine),
        claim: &claim,
        deadline_seconds: settings.deadline_seconds.into(),
        env: &database.env,
        env_from: &database.env_from,
        secret: database.secret.as_deref(),
        password_secret: database.password_secret.as_deref(),
        ca_file: policy.database.ca_file.as_deref(),
        resources: &settings.resources.value(),
        user: policy.database.run_as_user.map(Into::into),
        labels: &labels,
        beside: server.value(),
    });
    object["metadata"]["annotations"] = json!({
        "helm.sh/hook": "pre-upgrade",
        // Before the chart's own hooks.
        "helm.sh/hook-weight": "-100",
        // A Job that is left over must go before the next one, or helm takes its old success for a new one.
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
        "helm.sh/hook-output-log-policy": "hook-succeeded,hook-failed",
    });
    if let Some(namespace) = server.namespace() {
        object["metadata"]["namespace"] = namespace.into();
    }
    let why = format!("nothing of an upgrade may be applied before the {} database is backed up", engine.name());
    let text = format!(
        "the backup goes to the claim {claim}, which must exist (`kubectl get pvc {claim}`; `kubectl omupgrade backup init \
         {release}` makes one): without it nothing moves and the hook ends after {} s without a log",
        settings.deadline_seconds
    );
    vec![Proposal::add(server, object, why), Proposal::notice(server, text)]
}
