//! Brings the database back before helm brings the code back: what is asked, what is checked first, the steps. A run
//! that began with it stays open until it is through: stopped anywhere, the same command goes on.

use super::again::again;
use super::alone::{disturbed, revision_stands, untouched};
use super::left::stuck;
use super::{Args, Terms, check, restored};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::Stored;
use crate::adapters::lock::Lock;
use crate::adapters::{awake, keys, live, pod, release, restore};
use crate::backup::{Known, pack};
use crate::beside::Beside;
use crate::cli::say as to;
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::Failure;
use crate::journal::{Phase, RESTORED, Run};
use crate::wayback::found::Found;
use crate::wayback::keys::Compared;
use crate::wayback::objections::{At, objections, of_jwt, of_key, of_pods, of_schema};
use crate::wayback::restore::{GivenUp, Plan, Road, SWAP, Wanted};
use crate::wayback::{Decision, Look, Refusal};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

pub(super) use crate::wayback::restore::QUIESCE;

/// The step that dumps the database as it is now.
pub(super) const DUMP: &str = "dump";

/// The step that loads into a database beside.
const BESIDE: &str = "beside";

/// How often it is told that a step is still at work. Chosen: a load may take hours, with nobody serving.
const SIGN: Duration = Duration::from_mins(5);

/// The step that starts the servers again where no helm does: the revision stays.
pub(super) const START: &str = "start";

/// A restore that is to begin, or one that a run was left in the middle of.
#[derive(Debug)]
pub(super) struct Restoration {
    /// The newest revision: what the dump of now is a backup of.
    pub(super) current: Release,
    /// The server to stand beside.
    pub(super) beside: Beside,
    /// What the check found, and how the keys stand; none where a run is gone on with.
    pub(super) found: Option<(Found, Compared)>,
    /// What is to be done; its id is the run's, once there is one.
    pub(super) plan: Plan,
    /// The ways back that had ended when this was looked at.
    pub(super) ended: BTreeSet<String>,
}

/// What a run remembers of a restore. One that this version cannot read is no restore less: nothing goes on over it.
pub(super) fn recalled(run: &Run) -> anyhow::Result<Option<Plan>> {
    Plan::recall(&run.remembered).map_err(|e| Failure::refused(format!("the run {}: {e}", run.id)).into())
}

/// What was asked, with the defaults of the release.
fn wanted(args: &Args, claim: &str) -> Wanted {
    Wanted {
        backup: args.backup.clone(),
        claim: claim.to_owned(),
        of: args.backup_of.clone(),
        dump: !args.no_dump,
        in_place: args.in_place,
        admin_secret: args.admin_secret.clone(),
        other_fernet_key: args.accept_other_fernet_key,
        other_jwt_key: args.accept_other_jwt_key,
    }
}

/// Checks what a restore needs, before the first write.
pub(super) async fn prepare(
    cluster: &Cluster,
    look: &Look,
    decision: &Decision,
    args: &Args,
    given_up: Option<&GivenUp>,
) -> anyhow::Result<(Restoration, Vec<Refusal>)> {
    let wanted = wanted(args, &look.claim);
    let (release, namespace) = (decision.release.as_str(), decision.namespace.as_str());
    let said = Args { stay: decision.stay, ..args.clone() };
    let named = |backup: &str| again(&said, release, namespace, decision.to, backup);
    let backup = wanted.backup.clone().or_else(|| decision.verdict.backup.clone());
    let backup = backup.ok_or_else(|| {
        Failure::refused("which backup is to be restored is not known")
            .hint(named("NAME"))
            .hint(format!("kubectl omupgrade backup list {release} -n {namespace}"))
    })?;
    let command = named(&backup);
    let beside = stand_beside(&look.current, args, None)?;
    let checked = check::At { beside: &beside, decision, backup: &backup };
    let found = check::check(cluster, look, &wanted, &said, checked).await?;
    let mut refusals = objections(&found, &wanted, namespace, &command);
    refusals.extend(of_schema(&found, decision.to, decision.reach, &named("OTHER")));
    let (keys, clues) = super::keys::compared(cluster, look, &found.record, decision.stay).await?;
    let at = At { release, namespace, revision: decision.to, backup: &backup, command: &command };
    refusals.extend(of_key(&keys.fernet, at, &clues, wanted.other_fernet_key));
    refusals.extend(of_jwt(&keys.others, at, wanted.other_jwt_key));
    let road = if wanted.in_place { Road::InPlace } else { found.road };
    let mut schedules = restore::active(cluster, &decision.quiesce.schedules).await?;
    // Those that a restore suspended which was given up: nobody else wanted them to stand still.
    let suspended = given_up.iter().flat_map(|g| &g.plan.schedules).filter(|s| decision.quiesce.schedules.contains(s));
    for name in suspended {
        if !schedules.contains(name) {
            schedules.push(name.clone());
        }
    }
    let plan = Plan {
        id: String::new(),
        backup,
        claim: wanted.claim,
        of: wanted.of,
        road,
        dump: wanted.dump,
        admin_secret: wanted.admin_secret,
        workloads: decision.quiesce.workloads.clone(),
        unnamed: decision.put_back(),
        images: decision.quiesce.images.clone(),
        pulled: live::pulled(cluster, beside.server()).await,
        image: args.probe_image.clone(),
        labels: args.pod_labels.clone(),
        schedules,
    };
    let others = awake::unstilled(cluster, release, &plan).await?;
    refusals.extend(of_pods(&others, &command));
    let current = look.current.clone();
    let (found, ended) = (Some((Found { road, ..found }, keys)), restored::ended(&look.runs));
    Ok((Restoration { current, beside, found, plan, ended }, refusals))
}

/// The server to stand beside. What is said now wins over what the plan remembers.
pub(super) fn stand_beside(current: &Release, args: &Args, plan: Option<&Plan>) -> anyhow::Result<Beside> {
    let text = current.manifest.expose().map_or("", String::as_str);
    let image = args.probe_image.as_deref().or(plan.and_then(|p| p.image.as_deref()));
    let admin = args.admin_secret.as_deref().or(plan.and_then(|p| p.admin_secret.as_deref()));
    let labels =
        plan.map_or(&args.pod_labels, |p| if args.pod_labels.is_empty() { &p.labels } else { &args.pod_labels });
    let beside = Beside::of_manifest(&current.name, &current.namespace, text, image);
    let beside = beside.map_err(|why| Failure::unknown(format!("preparing the restore: {why}")))?;
    Ok(restore::prepared(beside.labelled(labels)?, admin))
}

/// The steps up to helm's.
pub(super) async fn perform(
    restoration: &Restoration,
    decision: &Decision,
    args: &Args,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<()> {
    let beside = &restoration.beside;
    let Some(plan) = recalled(&stored.run)? else { return Ok(()) };
    let tell = |words: &str| tell(terms, words);
    let stuck = |failed: Failure, step: &str| stuck(failed, step, decision, args, &plan);
    let its_pod =
        |action: &str| format!("{} -n {}", restore::step_pod(&beside.release, &plan, action), decision.namespace);
    if !stored.run.is_done(QUIESCE) {
        quiesce(&plan, decision, terms, lock, stored).await?;
    }
    if !stored.run.is_done(RESTORED) {
        if plan.dump && !stored.run.is_done(DUMP) {
            stored.write(lock, DUMP, Phase::About, "the database as it is now").await?;
            tell(&plan.words_of_dump());
            let files = files(lock.of().0, restoration, &plan).await?;
            let said = signs(terms, &its_pod(DUMP), restore::dump(lock, beside, &plan, files)).await;
            let said = said.map_err(|failed| stuck(failed, DUMP))?;
            stored.write(lock, DUMP, Phase::Done, &said).await?;
            tell(&format!("  it is kept as {}", plan.dumped(&beside.release, &said)));
        } else if stored.run.begun(DUMP) && !stored.run.is_done(DUMP) {
            restore::no_dump(lock, beside, &plan).await?;
        }
        if plan.road == Road::Beside && !stored.run.is_done(BESIDE) {
            stored.write(lock, BESIDE, Phase::About, &format!("load {} beside and prove it", plan.backup)).await?;
            tell(&plan.words_of_load());
            let said = signs(terms, &its_pod(BESIDE), restore::act(lock, beside, &plan, BESIDE)).await;
            let said = said.map_err(|failed| stuck(failed, BESIDE))?;
            stored.write(lock, BESIDE, Phase::Done, &said.last).await?;
            tell("  it is loaded and proven");
            left_out(&said, terms, lock, stored).await?;
        }
        // What a teammate's helm has begun in between is not swept away.
        untouched(&plan, decision, lock, stored).await?;
        let action = if plan.road == Road::Beside { "swap" } else { "in-place" };
        stored.write(lock, RESTORED, Phase::About, action).await?;
        tell(&if plan.road == Road::Beside { SWAP.to_owned() } else { plan.words_of_load() });
        let its_pod = its_pod(action);
        let said = tokio::select! {
            said = signs(terms, &its_pod, restore::act(lock, beside, &plan, action)) => said.map_err(|failed| stuck(failed, action))?,
            disturbed = disturbed(&plan, decision, lock, stored, action) => return Err(disturbed),
        };
        stored.write(lock, RESTORED, Phase::Done, &said.last).await?;
        tell(&format!("  the database is that of {}", plan.backup));
        left_out(&said, terms, lock, stored).await?;
        let words = "the search index holds what the database of before held: due for reindex";
        stored.write(lock, "search", Phase::Note, words).await?;
        pod::forget(lock.of().0, &decision.release, restore::ROLE).await;
    }
    untouched(&plan, decision, lock, stored).await
}

/// What the dump of now tells of the release, as `backup` writes it: without it its key would be unknown to a restore. The
/// Fernet key itself stays where it is, so it is not called complete.
async fn files(cluster: &Cluster, restoration: &Restoration, plan: &Plan) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let (current, beside) = (&restoration.current, &restoration.beside);
    let found = keys::read(cluster, beside.server(), &[]).await;
    let mut images = plan.pulled.clone();
    images.entry(beside.server_image.clone()).or_default();
    let known = Known {
        defaults: defaults(cluster, current).await,
        images,
        keys: keys::fingerprints(&found, &keys::salt().map_err(Failure::unknown)?),
        secrets: None,
    };
    Ok(pack(current, known).map_err(Failure::unknown)?.files(None))
}

/// The chart's own values, where they can be read.
async fn defaults(cluster: &Cluster, current: &Release) -> Option<Value> {
    let stored = release::stored(cluster, Some(&current.name)).await.ok()?;
    let newest = stored.iter().find(|stored| stored.number == current.revision.number)?;
    release::defaults(cluster, newest).await.ok()
}

/// Scales to zero and suspends all that could migrate or write, and waits until none of it runs.
async fn quiesce(
    plan: &Plan,
    decision: &Decision,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<()> {
    revision_stands(decision, lock, stored).await?;
    stored.write(lock, QUIESCE, Phase::About, &plan.stilled().join(", ")).await?;
    plan.stilled().iter().for_each(|words| tell(terms, words));
    for name in &plan.schedules {
        restore::suspend(lock, name, true).await?;
    }
    for label in plan.workloads.keys() {
        live::scale(lock, label, 0).await?;
    }
    let until = Instant::now() + terms.drain;
    loop {
        let awake = awake::awake(lock.of().0, &decision.release, plan, &BTreeSet::new()).await?;
        if awake.is_empty() {
            break;
        }
        if Instant::now() >= until {
            let names = awake.join(", ");
            return Err(Failure::new(
                Exit::OutOfTime,
                format!("{names} did not end within {} s", terms.drain.as_secs()),
            )
            .hint(format!("kubectl omupgrade status {} -n {}", decision.release, decision.namespace))
            .into());
        }
        sleep((terms.drain / 100).min(Duration::from_secs(2))).await;
    }
    stored.write(lock, QUIESCE, Phase::Done, STILL).await?;
    tell(terms, &format!("  {STILL}"));
    Ok(())
}

/// What is said once all of it stands still.
const STILL: &str = "nothing runs that could migrate or write";

/// Tells of a step as it begins or ends, with its time: a restore may take hours, with nobody serving. Beside an answer for
/// a program nothing is said.
fn tell(terms: Terms, words: &str) {
    if !terms.output.is_data() {
        to::note(&format!("{} {words}", Timestamp::now().strftime("%H:%M:%SZ")));
    }
}

/// Waits for a step, and tells now and then that its Pod is at work.
async fn signs<T>(terms: Terms, pod: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = timeout(SIGN, &mut work).await {
            return done;
        }
        let minutes = began.elapsed().as_secs() / 60;
        tell(terms, &format!("  at work for {minutes} min; what it says: kubectl logs {pod}"));
    }
}

/// Tells what did not come along, and keeps it in the journal: the Pod's log goes with the Pod.
async fn left_out(said: &restore::Said, terms: Terms, lock: &Lock, stored: &mut Stored) -> anyhow::Result<()> {
    if let Some(words) = &said.left_out {
        stored.write(lock, "left out", Phase::Note, words).await?;
        tell(terms, &format!("  {words}"));
    }
    Ok(())
}

/// The key under which a run without a restore remembers a `CronJob` to let go on.
pub(super) const SUSPENDED: &str = "suspended ";

/// Lets go on what was suspended, once the code is back.
pub(super) async fn resume(lock: &Lock, stored: &mut Stored) -> anyhow::Result<()> {
    let mut names = recalled(&stored.run)?.map(|plan| plan.schedules).unwrap_or_default();
    names.extend(stored.run.remembered.keys().filter_map(|key| key.strip_prefix(SUSPENDED)).map(str::to_owned));
    for name in &names {
        let step = format!("resume CronJob/{name}");
        if !stored.run.is_done(&step) {
            stored.write(lock, &step, Phase::About, "").await?;
            restore::suspend(lock, name, false).await?;
            stored.write(lock, &step, Phase::Done, "").await?;
        }
    }
    Ok(())
}

/// Whether the run must stay open for the same command: something was stilled.
pub(super) fn in_its_middle(stored: &Stored) -> bool {
    !matches!(Plan::recall(&stored.run.remembered), Ok(None)) && stored.run.begun(QUIESCE)
}

/// Why the lock is not given back after a failure: a Pod of the restore may still write.
pub(super) async fn may_still_write(lock: &Lock, plan: &Plan) -> Option<String> {
    match restore::at_work(lock.of().0, lock.of().1, &[plan]).await {
        Ok(pods) if pods.is_empty() => None,
        Ok(pods) => Some(format!("{} did not end", pods.join(", "))),
        Err(why) => Some(why),
    }
}

/// What is left for the person.
pub(super) fn say_after(decision: &Decision, plan: &Plan) {
    let on = format!("{} -n {}", decision.release, decision.namespace);
    if plan.road == Road::Beside {
        to::note(&format!(
            "the database from before is kept; once all is well: kubectl omupgrade rollback {on} --confirm"
        ));
    }
    to::note(&format!(
        "search is due for reindex, it still holds what the database of before held: kubectl -n {} exec {} -- ./bootstrap/openmetadata-ops.sh reindex --force (then: kubectl omupgrade validate {on} --record)",
        decision.namespace,
        plan.workloads.keys().next().map_or_else(|| "deployment/SERVER".to_owned(), |label| label.to_lowercase())
    ));
}
