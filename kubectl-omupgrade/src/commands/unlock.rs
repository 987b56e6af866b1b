//! The verb `unlock`.

use crate::adapters::cluster::Cluster;
use crate::adapters::lock::{Released, Timing, force, holder_name, holder_of};
use crate::adapters::{journal, pod, release, restore};
use crate::cli::flags::Output;
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{Outcome, Phase, Run};
use crate::session::Session;
use crate::wayback::restore::Plan;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use shared::marks;

/// Take the lock of a release away from a process that is gone.
///
/// Looks first whether its holder still renews it: a holder that is at work keeps it. The reason is kept in the
/// journal, runs that were left open end as failed, and Pods of a restore are taken away.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The release; without it the only one of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// Why, for the journal.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Take it away even from a holder that is seen at work: it stops before its next write.
    #[arg(long)]
    pub even_alive: bool,
}

/// What became of the lock.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Unlock")]
pub struct Answer<'a> {
    /// `omupgrade.io/unlock/v1`.
    schema: &'static str,
    /// The release.
    release: &'a str,
    /// Its namespace.
    namespace: &'a str,
    /// What became of it, in words.
    words: &'a str,
}

/// A reason that says something.
fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("the next person wants to know why".to_owned()) } else { Ok(text.to_owned()) }
}

/// Runs it.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let cluster = session.connect().await?;
    unlock(&cluster, args, session.output(), Timing::default()).await
}

fn left_armed(why: &str, name: &str, cluster: &Cluster) -> Failure {
    Failure::unknown(format!("{why}; the runs that were left open stay open")).hint(format!(
        "kubectl get pods -n {} -l {}={},{}={name}    # once none is left, the same command again",
        cluster.namespace,
        marks::ROLE,
        restore::ROLE,
        marks::RELEASE
    ))
}

/// Whether there is nothing to take away: no lock, no open run, no Pod of a restore. Where it cannot be seen, there may be.
async fn nothing_is_left(cluster: &Cluster, name: &str, runs: &[journal::Stored], plans: &[&Plan]) -> bool {
    runs.iter().all(|s| s.run.outcome != Outcome::Open)
        && holder_of(cluster, name).await.is_ok_and(|holder| holder.is_none())
        && restore::at_work(cluster, name, plans).await.is_ok_and(|pods| pods.is_empty())
}

/// Writes the reason, takes the lock away, ends what was left open.
pub async fn unlock(cluster: &Cluster, args: &Args, output: Output, timing: Timing) -> anyhow::Result<Exit> {
    let name = match &args.release {
        Some(name) => name.clone(),
        None => release::find(cluster, None).await?.release.name,
    };
    let (mut runs, _) = journal::runs(cluster, &name).await?;
    // A name that was mistyped is no release, and an uninstalled one left a run or a lock.
    let unknown = runs.is_empty() && holder_of(cluster, &name).await?.is_none();
    if unknown && release::stored(cluster, Some(&name)).await.is_ok_and(|all| all.is_empty()) {
        let ns = &cluster.namespace;
        let message =
            format!("there is no Helm release {name} in the namespace {ns}, and neither a run nor a lock of it");
        return Err(Failure::unknown(message).hint(format!("{} -n {ns}", release::LIST)).into());
    }
    let plans: Vec<Plan> = runs.iter().filter_map(|s| Plan::recall(&s.run.remembered).ok().flatten()).collect();
    let plans: Vec<&Plan> = plans.iter().collect();
    if nothing_is_left(cluster, &name, &runs, &plans).await {
        let words = "nobody holds the lock, and nothing was left open";
        let data = Answer { schema: "omupgrade.io/unlock/v1", release: &name, namespace: &cluster.namespace, words };
        say::answer(output, &data, || format!("{name}: {words}\n"))?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let id = format!("{}-unlock", now.strftime("%Y%m%dt%H%M%Sz"));
    let mut run = Run::new(&id, &name, &cluster.namespace, "unlock", &format!("unlock {name}"), &holder_name(), now);
    run.write("unlock", Phase::About, &args.reason, now);
    let mut stored = journal::open(cluster, None, run).await?;
    let released = force(cluster, &name, args.even_alive, timing).await;
    let (words, outcome) = match &released {
        Ok(Released::WasFree) => ("nobody holds the lock".to_owned(), Outcome::Done),
        Ok(Released::Taken(holder)) => (format!("taken away: {}", holder.words()), Outcome::Done),
        Ok(Released::Alive(holder)) => {
            (format!("left alone: {}; it renews it, so it is at work", holder.words()), Outcome::Failed)
        }
        Err(error) => (format!("{error:#}"), Outcome::Failed),
    };
    let phase = if outcome == Outcome::Done { Phase::Done } else { Phase::Failed };
    stored.run.write("unlock", phase, &words, Timestamp::now());
    stored.run.end(outcome, Timestamp::now());
    stored.save_unlocked(cluster).await?;
    let alive = matches!(released?, Released::Alive(_));
    if alive {
        let hint = format!("kubectl omupgrade unlock {name} -n {} --reason WHY --even-alive", cluster.namespace);
        return Err(Failure::refused(format!("{name} stays locked: {words}")).hint(hint).into());
    }
    // A Pod of a restore that waits for its node would swap when nobody looks any more.
    let armed = restore::at_work(cluster, &name, &plans).await;
    for pod in armed.map_err(|why| left_armed(&why, &name, cluster))? {
        say::note(&format!(
            "taking the Pod {pod} of a restore away; where its node does not answer, start no server before that node is off"
        ));
        pod::disarm(cluster, &pod).await.map_err(|why| left_armed(&why, &name, cluster))?;
    }
    for left in runs.iter_mut().filter(|s| s.run.outcome == Outcome::Open) {
        left.run.write("end", Phase::Failed, &format!("unlocked: {}", args.reason), Timestamp::now());
        left.run.end(Outcome::Failed, Timestamp::now());
        left.save_unlocked(cluster).await?;
    }
    let (release, namespace) = (&*name, &*cluster.namespace);
    let answer = Answer { schema: "omupgrade.io/unlock/v1", release, namespace, words: &words };
    say::answer(output, &answer, || format!("{name}: {words}\n"))?;
    Ok(Exit::Done)
}
