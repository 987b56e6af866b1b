//! The list of scenarios, one file each. It never runs one.

mod api_outage;
mod backup_fails;
mod backup_road;
mod before_and_after;
mod chart_eras;
mod drain;
mod faults;
mod faults_backup;
mod faults_cluster;
mod faults_migration;
mod guard_stops_rollback;
mod helm3_refuses;
mod hook_order;
mod neutral_upgrade;
mod one_disruption;
mod plugin_api_away;
mod plugin_code_only;
mod plugin_killed;
mod plugin_rollback;
mod rbac;
mod recorded_chart;
mod restore_elsewhere;
mod restore_refusals;
mod rollback_on_failure;
mod rollback_restore;
mod snapshot_elsewhere;
mod uninstall_keeps_backups;
mod words_backup;
mod words_migration;
mod words_rollout;
mod words_server;

use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cluster::databases::Engine;
use crate::cluster::kubectl::kubectl;
use crate::cluster::nodes::SECOND;
use crate::paths::{self, Cache};
use crate::suite::stage::Stage;

/// Those that need something of the user's: the variable that names it, and what it is.
const NEEDS: &[(&str, &str, &str)] = &[("recorded-chart", "OMUPGRADE_CORPUS", "a folder of recorded streams")];

/// Why a scenario cannot be played for want of something of the user's.
pub fn lacks(scenario: &Scenario) -> Option<String> {
    let (_, variable, what) = NEEDS.iter().find(|(name, ..)| *name == scenario.name)?;
    std::env::var_os(variable).is_none().then(|| format!("{variable} does not name {what}"))
}

/// A story with an end that must hold.
#[derive(Debug)]
pub struct Scenario {
    /// What `testbed test` calls it.
    pub name: &'static str,
    /// What must hold, in one sentence.
    pub says: &'static str,
    /// On which databases it is played.
    pub engines: &'static [Engine],
    /// Whether it needs a server that plays faults: the stand-in.
    pub plays_faults: bool,
    /// What the namespaces that it makes beside its own end in: each is kept and cleared away like the first.
    pub more_stages: &'static [&'static str],
    /// When it has failed whatever it does.
    pub deadline: Duration,
    /// Plays it; an error is a failure.
    pub play: fn(&Stage) -> Result<()>,
}

/// What breaks something that all scenarios share: they are played one by one, when all others have ended.
const ALONE: &[&str] = &["api-outage"];

impl Scenario {
    /// Whether nothing else may be played beside it.
    pub fn is_alone(&self) -> bool {
        ALONE.contains(&self.name)
    }
}

/// Both databases.
const BOTH: &[Engine] = &[Engine::Postgres, Engine::Mysql];
/// The one that is quicker to start, where the engine makes no difference.
const POSTGRES: &[Engine] = &[Engine::Postgres];

/// Values that lead a release to a database and a search of its own namespace, which can be broken without a word to
/// anyone else.
const OWN_DATABASE: &str =
    "database.host=postgresql,database.name=openmetadata_db,database.user=openmetadata_user,search.host=opensearch";

/// The second node, of which there is one: who waits for it waits here, and has it until the end of the file.
fn second_node() -> Result<File> {
    let turn = File::create(paths::state("second-node.lock")).context("cannot make the lock of the second node")?;
    turn.lock().context("cannot take the second node")?;
    Ok(turn)
}

/// Opens the second node again, if nobody is at work on it: what a scenario that was ended left closed.
pub fn open_second_node(cache: &Cache) -> Result<()> {
    let Ok(turn) = File::create(paths::state("second-node.lock")) else { return Ok(()) };
    if turn.try_lock().is_err() {
        return Ok(());
    }
    kubectl(cache, "opening the second node").args(["uncordon", SECOND.name]).run()
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    hook_order::SCENARIO,
    backup_fails::SCENARIO,
    before_and_after::SCENARIO,
    backup_road::SCENARIO,
    helm3_refuses::SCENARIO,
    guard_stops_rollback::SCENARIO,
    rollback_on_failure::SCENARIO,
    neutral_upgrade::SCENARIO,
    one_disruption::SCENARIO,
    uninstall_keeps_backups::SCENARIO,
    plugin_rollback::SCENARIO,
    rollback_restore::SCENARIO,
    restore_refusals::SCENARIO,
    restore_elsewhere::SCENARIO,
    snapshot_elsewhere::SCENARIO,
    drain::SCENARIO,
    faults::SCENARIO,
    faults_migration::SCENARIO,
    faults_backup::SCENARIO,
    faults_cluster::SCENARIO,
    chart_eras::SCENARIO,
    recorded_chart::SCENARIO,
    api_outage::SCENARIO,
    plugin_code_only::SCENARIO,
    plugin_killed::SCENARIO,
    plugin_api_away::SCENARIO,
    rbac::SCENARIO,
    words_rollout::SCENARIO,
    words_migration::SCENARIO,
    words_server::SCENARIO,
    words_backup::SCENARIO,
];
