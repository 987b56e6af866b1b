//! The decision: preview, verdict, refusals, counts, and whether helm has anything to do at all.

use super::counts::Count;
use super::quiesce::Quiesce;
use super::refusals::{Refusal, refusals};
use super::{Asked, Contents, Look, plan};
use crate::facts::{Driver, Release, Status};
use crate::fingerprint::Fingerprint;
use crate::journal::recorded;
use crate::preview::{Loss, Preview, objects, servers};
use crate::verdict::{Backup, Before, Facts, Moment, Reach, Running, Verdict, Way, from_before, judge};
use schemars::JsonSchema;
use serde::Serialize;
use shared::component::image_tag;
use shared::versions::Version;

/// A way back, decided.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Decision {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// Where Helm stores it.
    pub driver: Driver,
    /// The newest revision.
    pub from: u64,
    /// The revision to go back to.
    pub to: u64,
    /// The image that the server runs by the newest revision.
    pub image_now: String,
    /// The database's state now, where it was read.
    pub database: Option<Fingerprint>,
    /// Whether helm finished the newest revision. One that it gave up on may never have served: the database's state beside
    /// it proves nothing of the image that it names.
    #[serde(skip)]
    pub finished: bool,
    /// The image that the server would run.
    pub image: String,
    /// Whether the newest revision is that one already, finished.
    pub already: bool,
    /// Whether the revision stays: only the database is brought back, under the code of now.
    pub stay: bool,
    /// The highest version that the server's image knows, where it is known.
    #[serde(skip)]
    pub reach: Option<Version>,
    /// What would change.
    pub preview: Preview,
    /// The verdict.
    pub verdict: Verdict,
    /// What would be deleted for good.
    pub losses: Vec<Loss>,
    /// Pods that would stop at the schema guard.
    pub stops: Vec<String>,
    /// Replica counts that need care.
    pub counts: Vec<Count>,
    /// Whether helm applies on the server, where the counts that we set are conflicts.
    pub server_side: bool,
    /// Whether a restore was given up after it stilled servers: what it set is ours on the server.
    #[serde(skip)]
    pub given_up: bool,
    /// What has to stand still while the database is restored.
    #[serde(skip)]
    pub quiesce: Quiesce,
    /// What stands against it.
    pub refusals: Vec<Refusal>,
}

impl Decision {
    /// What this run sets out to do, in one line: the same command again has the same plan.
    pub fn plan(&self) -> String {
        plan(&self.release, self.to)
    }

    /// What is scaled to zero and not brought back by helm: all of it where the revision stays.
    pub fn put_back(&self) -> Vec<String> {
        if self.stay { self.quiesce.workloads.keys().cloned().collect() } else { self.quiesce.unnamed.clone() }
    }

    /// Whether helm has to take fields over from other managers.
    pub fn conflicts(&self) -> bool {
        self.counts.iter().any(|c| c.conflict.is_some())
    }
}

/// Decides on a look whose manifests are here.
pub fn decide(look: &Look, asked: Asked) -> Result<Decision, String> {
    Ok(decided(look, &Contents::of(look)?, asked))
}

/// Decides on a look and on what its manifests tell.
pub fn decided(look: &Look, contents: &Contents, asked: Asked) -> Decision {
    let contents = contents.clone();
    let number = look.target.revision.number;
    let facts = facts(look, &contents);
    let verdict = judge(&facts);
    let head = look.database.as_ref().ok().and_then(Fingerprint::head);
    let stops = contents.servers.iter().filter(|s| s.guarded).filter_map(|s| {
        let (head, reach) = (head?, s.reach(&look.folders).highest()?);
        (head > reach).then(|| {
            format!(
                "{}: its pods stop at the schema guard, the database is at {head} and {} is {reach}",
                s.label, s.image
            )
        })
    });
    let stops = stops.collect();
    let already = look.current.revision.status == Status::Deployed
        && number != look.current.revision.number
        && contents.same
        // After a bare `helm rollback` the code is there, and the database is not.
        && !matches!(verdict.way, Way::Restore | Way::Impossible);
    let mut refusals = refusals(look, asked, &verdict, &contents.losses);
    let newest = number == look.current.revision.number;
    let stay = newest && ((asked.restore && asked.named) || asked.restoring);
    if newest && !stay {
        refusals.insert(
            0,
            Refusal {
                why: format!("revision {number} is the newest one; a way back leads to an earlier one"),
                hints: vec![
                    format!("kubectl omupgrade history {} -n {}", look.current.name, look.current.namespace),
                    format!(
                        "kubectl omupgrade backup restore {} NAME -n {}    # only the database, under this revision",
                        look.current.name, look.current.namespace
                    ),
                ],
            },
        );
    }
    if asked.restore && asked.named && !facts.elsewhere.is_empty() {
        refusals.push(Refusal {
            why: format!(
                "revision {number} uses another database than now ({} differ), and a restore goes into the one of now",
                facts.elsewhere.join(", ")
            ),
            hints: vec![format!(
                "kubectl omupgrade rollback {} {number} -n {} --dry-run    # the preview shows both",
                look.current.name, look.current.namespace
            )],
        });
    }
    Decision {
        release: look.current.name.clone(),
        namespace: look.current.namespace.clone(),
        driver: look.current.revision.driver,
        from: look.current.revision.number,
        to: number,
        image_now: contents.image_now,
        database: look.database.clone().ok(),
        finished: look.current.revision.status == Status::Deployed,
        image: contents.servers.first().map(|s| s.image.clone()).unwrap_or_default(),
        already,
        stay,
        reach: facts.reach.highest(),
        preview: contents.preview,
        verdict,
        stops,
        counts: contents.counts,
        losses: contents.losses,
        server_side: contents.server_side,
        given_up: false,
        quiesce: contents.quiesce,
        refusals,
    }
}

/// When each revision began, and the version of its server.
pub fn moments(history: &[Release]) -> Vec<Moment> {
    let moment = |release: &Release| {
        let text = release.manifest.expose().map_or("", String::as_str);
        let servers = servers(&objects(text, &release.namespace).unwrap_or_default());
        let tag = servers.first().and_then(|server| image_tag(&server.image));
        let version = tag.and_then(Version::parse);
        let revision = &release.revision;
        Moment { revision: revision.number, began: revision.updated, version, served: !revision.stopped_at_its_hook() }
    };
    history.iter().map(moment).collect()
}

fn facts(look: &Look, contents: &Contents) -> Facts {
    let number = look.target.revision.number;
    let (release, namespace) = (look.current.name.clone(), look.current.namespace.clone());
    let history = &contents.moments;
    let own = |all: &[(String, shared::backup::Record)]| -> Vec<(String, shared::backup::Record)> {
        all.iter().filter(|(_, r)| r.release == release && r.namespace == namespace).cloned().collect()
    };
    let records = look.backups.as_ref().map(|all| own(all)).unwrap_or_default();
    // Several servers in one release: the lowest reach and a missing guard decide.
    let servers = &contents.servers;
    let image = servers.first().map_or("", |server| server.image.as_str());
    let of = |revision: u64| {
        let began = history.iter().find(|m| m.revision == revision).and_then(|m| m.began);
        recorded(&look.runs, revision, began, image)
    };
    let before = Before::newest(of(number), &records, number, history).or_else(|| {
        contents.twins.iter().filter_map(|twin| Before::newest(of(*twin), &[], *twin, history)).next_back()
    });
    let backups = look.backups.as_ref().map_err(Clone::clone).map(|all| {
        let fact = |(name, record): &(String, shared::backup::Record)| Backup {
            name: name.clone(),
            release: record.release.clone(),
            namespace: record.namespace.clone(),
            engine: record.engine,
            from_before: from_before(record, number, history),
            head: Version::parse(&record.schema_head),
            fingerprint: Fingerprint::of_record(record).ok(),
        };
        all.iter().map(fact).collect()
    });
    let reach = servers.iter().map(|s| s.reach(&look.folders)).min_by_key(Reach::highest).unwrap_or_default();
    Facts {
        revision: number,
        now: look.database.clone(),
        head: look.database.as_ref().map(Fingerprint::head).map_err(Clone::clone),
        before,
        reach,
        claim: look.claim.clone(),
        no_claim: look.no_claim,
        backups,
        running: look
            .running
            .iter()
            .map(|r| Running { reach: Reach::of(&r.image, &look.folders), ..r.clone() })
            .collect(),
        elsewhere: contents.elsewhere.clone(),
        guarded: !servers.is_empty() && servers.iter().all(|s| s.guarded),
        release,
        namespace,
    }
}
