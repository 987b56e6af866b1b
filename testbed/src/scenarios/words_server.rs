//! What our verbs say of a release that is rolled out and not well: errors, no database, no search, another key.

use std::time::Duration;

use anyhow::Result;

use super::{OWN_DATABASE, POSTGRES, Scenario};
use crate::cluster::databases;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "words-server",
    says: "what status, precheck, validate and diagnose say of servers that answer 500 or lost database, search or key",
    engines: POSTGRES,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(20),
    play,
};

/// Five failed readiness probes, two seconds apart, and a little more.
const SETTLED: Duration = Duration::from_secs(15);

/// Faults that servers and search play while they run.
const PLAYED: &[(&str, &str)] = &[
    ("answers-500", "yes"),
    ("loses-database", "yes"),
    ("loses-search", "yes"),
    ("search-down", "yes"),
    ("search-health", "red"),
    ("search-drift", "table_search_index"),
];

fn play(stage: &Stage) -> Result<()> {
    stage.pull("1.13.1")?;
    databases::run(stage.cache, stage.database.engine, &stage.namespace)?;
    stage.upgrade("1.12.13", 1, &["--set", OWN_DATABASE])?;
    stage.claim("testbed", "1Gi")?;
    stage.words("nothing", "1.13.1")?;
    for (fault, value) in PLAYED {
        // The server's indices bear its alias.
        let index = format!("{}_table_search_index", stage.database.name);
        stage.fault(fault, &value.replace("table_search_index", &index))?;
        settle(stage)?;
        stage.words(fault, "1.13.1")?;
        stage.heal(fault)?;
        // A server counts its failed requests as long as it runs.
        let words = ["delete", "pods", "-l", "app.kubernetes.io/name=openmetadata", "--grace-period=1"];
        stage.kubectl("starting the server anew").args(words).run()?;
        stage.until("a server that is well", 90, |stage| Ok(stage.serving()?.len() == 1))?;
    }

    stage.fault("wrong-fernet-key", "yes")?;
    stage.kubectl("starting the server anew").args(["rollout", "restart", "deployment/openmetadata"]).run()?;
    stage.until("a server that cannot read its secrets", 90, |stage| {
        // Between two starts the kubelet may say how the last one ended, and nothing of a back-off.
        let pods = stage.json(&["get", "pods", "-l", "app.kubernetes.io/name=openmetadata"])?.to_string();
        Ok(pods.contains("\"CrashLoopBackOff\"") || pods.contains("\"restartCount\":2"))
    })?;
    stage.words("wrong-fernet-key", "1.13.1")?;
    stage.heal("wrong-fernet-key")?;
    stage.kubectl("going back").args(["rollout", "undo", "deployment/openmetadata"]).run()?;
    stage.until("one server", 90, |stage| Ok(stage.pods()?.len() == 1 && stage.serving()?.len() == 1))?;

    stage.fault("database-away", "yes")?;
    settle(stage)?;
    stage.words("database-away", "1.13.1")
}

/// As long as the probes of a server that is not well any more take to say so, and one look whose words do not count:
/// servers count what they answer with 500, and the first look must not find less than the next one.
fn settle(stage: &Stage) -> Result<()> {
    std::thread::sleep(SETTLED);
    stage.asks("validate", "1.13.1").map(drop)
}
