//! A restore as part of a way back: what was asked, and the plan that the journal remembers, so that another process can
//! go on with it.

use crate::journal::{Outcome, Phase, Run};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The key under which a run remembers its restore.
const KEY: &str = "restore";

/// The first step of a restore that changes something.
pub const QUIESCE: &str = "quiesce";

/// The step in which what it kept is dropped, once a person says that it is not needed any more.
pub const DROPPED: &str = "drop the database from before";

/// The step that puts what was loaded beside under the database's name, in words.
pub const SWAP: &str = "swap both names, if no revision appeared and no server started in between";

/// The step in which helm runs.
pub const HELM: &str = "helm";

/// The key under which a run remembers a replica count.
pub const COUNT: &str = "replicas ";

/// What the person asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Wanted {
    /// The backup to take; none leaves the choice to the verdict.
    pub backup: Option<String>,
    /// The claim that holds it.
    pub claim: String,
    /// Whose it is, as `NAMESPACE/RELEASE`, where somebody said so.
    pub of: Option<String>,
    /// Whether the database as it is now is dumped first.
    pub dump: bool,
    /// Whether the database may be emptied and loaded in place.
    pub in_place: bool,
    /// The Secret with an administrator of the database.
    pub admin_secret: Option<String>,
    /// Whether another Fernet key, or one that is not known, is accepted.
    pub other_fernet_key: bool,
    /// Whether another JWT key is accepted.
    pub other_jwt_key: bool,
}

/// How the dump comes to stand under the database's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Road {
    /// Loaded into a database beside, proven there, then both names are swapped.
    Beside,
    /// The database is emptied and loaded.
    InPlace,
}

/// What a run sets out to restore. Written into the journal before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Keeps this restore's databases and Pods apart from another's.
    pub id: String,
    /// The backup.
    pub backup: String,
    /// Its claim.
    pub claim: String,
    /// Whose it is, where it is not this release's or from another database server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The road.
    pub road: Road,
    /// Whether the database as it is now is dumped first.
    pub dump: bool,
    /// The Secret with an administrator.
    pub admin_secret: Option<String>,
    /// What is scaled to zero, with the counts of before.
    pub workloads: BTreeMap<String, u64>,
    /// Of these, whose count helm leaves at zero: it is put back afterwards.
    pub unnamed: Vec<String>,
    /// The `CronJob`s that are suspended and were not.
    pub schedules: Vec<String>,
    /// The images that could migrate or write, without tag and digest.
    pub images: Vec<String>,
    /// What the nodes had pulled for the server while it ran, by image: a dump of later tells it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pulled: BTreeMap<String, Vec<String>>,
    /// The image of its Pods that somebody named; a later process may name another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Labels of its Pods beyond our own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

/// A restore that the journal remembers and this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the journal remembers a restore that this version of omupgrade cannot read ({0}): use the version that began it"
)]
pub struct Unreadable(serde_json::Error);

/// A restore that stilled workloads and did not come to put them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// What it set out to do; what stands at zero since then has its count of before in there.
    pub plan: Plan,
    /// The counts that it would have put back after helm.
    pub counts: BTreeMap<String, u64>,
    /// What helm was begun for in it, and in ways back after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rolled: Vec<Rolled>,
}

/// Where a run began helm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rolled {
    /// The newest revision before.
    pub from: u64,
    /// The revision that helm went back to.
    pub to: u64,
    /// How often it was begun at most: each time may have made a revision.
    pub times: u64,
}

impl Rolled {
    fn of(run: &Run) -> Option<Self> {
        // A second try of one process is a note.
        let times = run.entries.iter().filter(|e| e.step == HELM && matches!(e.phase, Phase::About | Phase::Note));
        let times = u64::try_from(times.count()).ok().filter(|_| run.begun(HELM))?;
        Some(Self { from: run.from?, to: run.to?, times })
    }

    /// Whether a revision of this number may have come of it.
    pub fn made(&self, revision: u64) -> bool {
        revision > self.from && revision <= self.from.saturating_add(self.times)
    }
}

/// The newest restore that stilled workloads and did not come to put them back: given up, or open.
pub fn unfinished(runs: &[Run]) -> Result<Option<GivenUp>, Unreadable> {
    let mut rolled = Vec::new();
    for run in runs.iter().rev().filter(|run| run.verb == "rollback") {
        if run.outcome == Outcome::Done {
            return Ok(None);
        }
        rolled.extend(Rolled::of(run));
        if let Some(plan) = Plan::recall(&run.remembered)?.filter(|_| run.begun(QUIESCE)) {
            // One that is open puts them back itself. A helm that changed them may have been begun by a way back after it.
            let given_up = run.outcome != Outcome::Open;
            let remembered = run.remembered.iter().filter(|_| given_up);
            let counts = remembered.filter_map(|(key, count)| {
                let label = key.strip_prefix(COUNT)?;
                let put_back = run.is_done_since(&step_of_count(label), HELM);
                Some((label.to_owned(), count.parse().ok()?)).filter(|_| !put_back)
            });
            return Ok(Some(GivenUp { plan, counts: counts.collect(), rolled }));
        }
    }
    Ok(None)
}

/// The step in which a count is put back.
pub fn step_of_count(label: &str) -> String {
    format!("replicas of {label}")
}

impl Plan {
    /// Puts it where a later process finds it.
    pub fn remember(&self, remembered: &mut BTreeMap<String, String>) -> Result<(), serde_json::Error> {
        remembered.insert(KEY.to_owned(), serde_json::to_string(self)?);
        Ok(())
    }

    /// Finds it again. One that cannot be read is no plan less: a newer version may have left it in its middle.
    pub fn recall(remembered: &BTreeMap<String, String>) -> Result<Option<Self>, Unreadable> {
        let read = |text: &String| serde_json::from_str(text).map_err(Unreadable);
        remembered.get(KEY).map(read).transpose()
    }

    /// What stands in the name of the dump that is made first.
    pub fn dumps_as(&self) -> String {
        format!("-before-restore-{}-", self.id)
    }

    /// What is stilled, with the counts of before.
    pub fn stilled(&self) -> Vec<String> {
        let scaled = self.workloads.iter().map(|(label, count)| format!("scale {label} from {count} to 0"));
        scaled.chain(self.schedules.iter().map(|name| format!("suspend CronJob/{name}"))).collect()
    }

    /// Exactly what is done before helm, in order.
    pub fn steps(&self) -> Vec<String> {
        let mut out = self.stilled();
        if self.dump {
            out.push(self.words_of_dump());
        }
        out.push(self.words_of_load());
        if self.road == Road::Beside {
            out.push(SWAP.to_owned());
        }
        out
    }

    /// The step that dumps what is there.
    pub fn words_of_dump(&self) -> String {
        format!("dump the database as it is now onto the claim {}", self.claim)
    }

    /// The step that loads the backup.
    pub fn words_of_load(&self) -> String {
        let where_to = match self.road {
            Road::Beside => format!("load {} into a database beside", self.backup),
            Road::InPlace => format!("empty the database, load {} into it", self.backup),
        };
        format!("{where_to} and prove it: fingerprint and rows of the record")
    }

    /// The name of the dump that was made first, by the last words of its Pod; without them by how its name begins.
    pub fn dumped(&self, release: &str, said: &str) -> String {
        let head = self.name_of_dump(release);
        let name = said.split_whitespace().find(|word| word.starts_with(&head));
        name.map_or_else(|| format!("{head}-…"), str::to_owned)
    }

    /// What the dump is asked to be called; its moment is added.
    pub fn name_of_dump(&self, release: &str) -> String {
        let name: String = release.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{name}{}", self.dumps_as().trim_end_matches('-'))
    }
}

/// A name for a restore that begins now: small letters and digits, as databases and Pods take it.
pub fn restore_id(run: &str) -> String {
    run.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase().chars().take(16).collect()
}
