//! What a precheck looks at, as data. What was not seen says why; contents of secrets are not in it.

use crate::checks::Seen;
use crate::facts::{Database, Status};
use crate::failure::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::versions::Version;
use std::collections::BTreeMap;

/// The version of the schema of a precheck's facts file.
pub const SCHEMA: &str = "omupgrade.io/precheck-facts/v1";

/// One look before one upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// [`SCHEMA`].
    pub schema: String,
    /// When the look was finished.
    pub made: Timestamp,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// What is asked.
    pub asked: Asked,
    /// What Helm's storage holds of the release.
    pub helm: Seen<Stored>,
    /// The version of the helm that would be used.
    pub helm_version: Seen<String>,
    /// The cluster's version.
    pub kubernetes: Seen<String>,
    /// The values that the upgrade would take, secrets masked.
    pub values: Seen<super::Values>,
    /// The server's environment by name; what may hold a secret is masked.
    pub settings: Seen<BTreeMap<String, String>>,
    /// Its keys.
    pub keys: Seen<Keys>,
    /// The server.
    pub server: Seen<Server>,
    /// The database.
    pub database: Seen<Database>,
    /// The search engine.
    pub search: Seen<Search>,
    /// What ingests metadata.
    pub ingestion: Seen<Ingestion>,
    /// Where backups go.
    pub backup: Seen<BackupPlace>,
    /// Other releases of the namespace.
    pub neighbours: Seen<Vec<Neighbour>>,
    /// A GitOps tool that owns the release.
    pub owner: Seen<Option<String>>,
    /// Live objects that are not as the release says.
    pub drift: Seen<Vec<String>>,
    /// Those that could not be compared, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift_unread: Vec<String>,
    /// Objects of others with names that the upgrade would add.
    pub foreign: Seen<Vec<String>>,
    /// API version and kind and name of what the release holds.
    pub apis: Seen<Vec<(String, String)>>,
    /// Kinds in it that are not Kubernetes' own.
    #[serde(default, skip_serializing_if = "super::Kinds::is_empty")]
    pub kinds: super::Kinds,
    /// Room for one more pod of the server.
    pub room: Seen<Room>,
    /// Images on the nodes that are the target's.
    pub images: Seen<Vec<String>>,
    /// What the registry says of the target's image.
    #[serde(default)]
    pub registry: Seen<Pull>,
    /// The migration folders that the target's image carries; asked only where the tables name none that is pending.
    #[serde(default)]
    pub folders: Seen<Vec<String>>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Asked {
    /// The version to go to.
    pub to: Version,
    /// Whether a values file was given; else the release's own values count.
    #[serde(default)]
    pub values_file: Option<String>,
    /// Minutes for which nothing need be served.
    #[serde(default)]
    pub window_minutes: Option<f64>,
    /// Availability that was promised, in percent of a month.
    #[serde(default)]
    pub slo: Option<f64>,
    /// Minutes of this month's error budget that are used up.
    #[serde(default)]
    pub spent_minutes: f64,
}

/// What Helm's storage holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stored {
    /// The newest revision.
    pub revision: u64,
    /// Its status.
    pub status: Status,
    /// The revision that helm begins an upgrade from, where the newest is not deployed: its chart, values and manifest are
    /// what is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
    /// The chart's version of the revision that helm begins from.
    pub chart: String,
    /// The version of what it installs; empty where a later try of another version may have been applied in part.
    pub app: String,
    /// `ssa` where Helm 4 applied it on the server's side.
    #[serde(default)]
    pub apply_method: Option<String>,
    /// Helm's own sentence.
    #[serde(default)]
    pub description: String,
}

/// The server's keys, without them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Keys {
    /// The Fernet key.
    pub fernet: Key,
    /// The pair that signs tokens.
    pub jwt: Key,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Key {
    /// Somebody's own.
    Own,
    /// The one that everybody has, from chart or image.
    Shipped,
    /// None.
    Absent,
    /// It is set, and from where it comes could not be read.
    Unread,
}

/// The server as it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Server {
    /// Kind and name.
    pub workload: String,
    /// Labels that select its pods, as `kubectl -l` takes them.
    pub selector: String,
    /// The image that serves.
    pub image: String,
    /// `Always`, `IfNotPresent`, `Never`; empty in looks of before.
    pub pull_policy: String,
    /// The oldest image of a pod that is ready, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving: Option<String>,
    /// How many pods there should be.
    pub replicas: i32,
    /// How many the release asks for, where its manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_release: Option<i32>,
    /// How many are ready.
    pub ready: i32,
    /// Whether its rollout is finished.
    pub settled: bool,
    /// `RollingUpdate`, `Recreate`, `OnDelete`; empty in looks of before.
    pub strategy: String,
    /// Whether its rollout is paused.
    pub paused: bool,
    /// The pod that migrates the database now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrating: Option<String>,
    /// Its autoscaler.
    pub autoscaler: Option<Scaler>,
    /// Whether its template holds the schema guard.
    pub guarded: bool,
    /// The rules of helm-postrender that changed it.
    pub rules: String,
    /// Its liveness probe: `/api/v1/system/health on http, 1 s`; empty without one.
    pub liveness: String,
    /// Seconds for which its start is waited for; none without a startup probe.
    pub startup_seconds: Option<i64>,
    /// Seconds that a stopping pod may take.
    pub grace_seconds: i64,
    /// Budgets that select its pods.
    pub budgets: Vec<Budget>,
    /// Why those were not seen.
    pub budgets_unseen: Option<String>,
    /// Why it is not known whether it has an autoscaler.
    pub autoscaler_unseen: Option<String>,
}

/// An autoscaler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scaler {
    /// Its name.
    pub name: String,
    /// Fewest pods.
    pub min: i32,
    /// Whether it is of the release.
    pub ours: bool,
    /// Kind and name of what makes it: `ScaledObject/om`; empty where nothing does.
    pub maker: String,
}

/// A disruption budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// Whether it is of the release.
    pub ours: bool,
    /// What it says: `minAvailable 1`.
    pub says: String,
    /// How many pods may go now.
    pub allowed: i32,
    /// Pods of others that it counts as well.
    pub others: usize,
}

/// The search engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Search {
    /// `elasticsearch` or `opensearch`.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// `green`, `yellow`, `red`; empty where only the version was seen.
    pub health: String,
    /// How many indexes of the server it holds.
    pub indexes: usize,
    /// Shards that lie on no node.
    pub unassigned: Option<u64>,
    /// Aliases that stand for two indexes of one kind, and indexes that a broken reindex left.
    pub odd_aliases: Vec<String>,
    /// Indexes whose mapping is not the server's.
    pub drifted: Vec<String>,
    /// Questions that it did not answer, and how.
    pub unanswered: BTreeMap<String, String>,
    /// The fullest disk of its nodes, in percent.
    pub disk_percent: Option<u64>,
    /// Where the answer is from.
    pub source: String,
}

/// What runs pipelines where the server starts them itself, as Jobs or through its operator.
pub const IN_KUBERNETES: &str = "k8s";

/// How what runs in another namespace ends.
pub fn in_place(namespace: &str) -> String {
    format!(" in {namespace}")
}

/// What ingests metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ingestion {
    /// `airflow`, [`IN_KUBERNETES`], `none`, or another one's class.
    pub client: String,
    /// The namespace in which the server starts them, where it does.
    pub place: Seen<String>,
    /// Why not all was seen that runs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place_unseen: Option<String>,
    /// Jobs and pods that run now.
    pub running: Vec<String>,
    /// The version of Airflow.
    pub airflow: Option<String>,
    /// Why Airflow itself did not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub airflow_unseen: Option<String>,
    /// Images of ingestion, with their tags.
    pub images: Vec<String>,
    /// The version of what runs pipelines, as the server knows it.
    pub managed: Option<String>,
    /// Why the server did not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_unseen: Option<String>,
    /// Pipelines that run now, as the server knows them.
    pub pipelines: Seen<Vec<String>>,
}

/// Where backups go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BackupPlace {
    /// The claim's name.
    pub claim: String,
    /// `Bound`, `Pending`, `Lost`; empty where there is no such claim.
    pub phase: String,
    /// Its size.
    pub bytes: Option<u64>,
    /// Bytes that are free on it, as its file system says to a Pod.
    pub free: Seen<u64>,
    /// Whether a pending claim only waits for its first pod.
    pub waits_for_pod: bool,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_unseen: Option<String>,
    /// The client image that would dump.
    pub client_image: String,
    /// The size of the database's own volume, where it is in this namespace.
    pub database_volume_bytes: Option<u64>,
}

/// Another release of the namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// Its chart.
    pub chart: String,
    /// The chart's version.
    pub version: String,
    /// Whether it holds an OpenMetadata server.
    pub holds_openmetadata: bool,
}

/// What a registry says of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Pull {
    /// The image.
    pub image: String,
    /// Whether it is there.
    pub there: bool,
    /// Its digest.
    pub digest: String,
    /// Who asked; empty for somebody without a user.
    pub by: String,
}

/// Room for one more pod of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Room {
    /// What the pod asks for, in words.
    pub asks: String,
    /// Quotas that would not let it in, in words.
    pub quotas: Vec<String>,
    /// Quotas that are full, of which it is not known whether they count it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quotas_unsure: Vec<String>,
    /// How many nodes could take it; none where that could not be reckoned.
    pub nodes: Option<usize>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes_unseen: Option<String>,
    /// Of the others: how many are cordoned.
    pub cordoned: usize,
    /// How many are not ready, or do not match what the pod asks of a node.
    pub unfit: usize,
    /// How many have too little left.
    pub full: usize,
}

impl Facts {
    /// The text of a facts file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the text of a facts file, JSON or YAML.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        const HINT: &str = "kubectl omupgrade precheck RELEASE --to VERSION --facts FILE    # writes one";
        let value: serde_json::Value = serde_saphyr::from_str(text)
            .map_err(|e| Failure::usage(format!("this is no facts file: {e}")).hint(HINT))?;
        match value.get("schema").and_then(serde_json::Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                let message = format!("a facts file of schema {other}, and a precheck reads {SCHEMA}");
                return Err(Failure::usage(message).hint(HINT));
            }
            None => return Err(Failure::usage("this is no facts file: it has no `schema`").hint(HINT)),
        }
        serde_json::from_value(value).map_err(|e| Failure::usage(format!("reading the facts file: {e}")))
    }
}
