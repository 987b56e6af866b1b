//! What the database and the server say of themselves, as sentences that rules can match.

use super::symptoms::{COUNTED, UNREAD, UNSEARCHED};
use crate::facts::no_answer::{FAILED, own_words};
use crate::facts::{Database, Fact, Metrics, Pod, Role, SearchEngine, Server, State};
use jiff::Timestamp;
use shared::component;
use shared::versions::Version;

/// The share of connections in use from which on it is told. Chosen.
const CONNECTIONS: u64 = 90;
/// Seconds for which a transaction may be open. Chosen: nothing of a server takes longer.
const TRANSACTION: u64 = 3600;

/// What a database says, beside the image that the server should have and those that run.
pub fn database(d: &Database, image: &str, pods: &[Pod]) -> Vec<String> {
    let at_work = pods.iter().find(|p| p.is_migrating());
    let mut out = vec![match d.head() {
        // That older servers still run on it is so until the migration ends; nobody is to go back meanwhile.
        Some(at) if at_work.is_some() => beside(at, image, &[]),
        Some(at) => beside(at, image, &running(image, pods)),
        None => "holds no migrations".to_owned(),
    }];
    let unfinished = d.unfinished().join(", ");
    match at_work {
        // A rollback now would end its statements half way.
        Some(pod) if !unfinished.is_empty() => {
            out.push(format!("a migration is at work in {}: {unfinished}", pod.meta.name));
        }
        Some(pod) => out.push(format!("a migration is at work in {}", pod.meta.name)),
        None if unfinished.is_empty() => {}
        None => out.push(format!("migrations begun and not finished: {unfinished}")),
    }
    out.push(format!("character set {}, collation {}", d.charset, d.collation));
    if d.read_only {
        out.push("takes no writes".to_owned());
    }
    if let (Some(open), Some(most)) = (d.connections, d.max_connections) {
        let word = if open.saturating_mul(100) >= most.saturating_mul(CONNECTIONS) { "nearly all" } else { "open" };
        out.push(format!("connections: {word}, {open} of {most}"));
    }
    if let Some(seconds) = d.oldest_transaction_seconds.filter(|s| *s > TRANSACTION) {
        out.push(format!("a transaction is open for {} minutes", seconds / 60));
    }
    out
}

/// The percent of a disk from which on a search engine makes its indexes read-only: its own flood stage.
const FULL: u64 = 95;

/// What a search engine says.
pub fn search(engine: &SearchEngine) -> Vec<String> {
    let mut out = vec![format!("{} {}, {} indexes", engine.engine, engine.version, engine.indexes.len())];
    if !engine.health.is_empty() {
        let lost = engine.unassigned.filter(|n| *n > 0).map(|n| format!(", {n} shards on no node")).unwrap_or_default();
        out.push(format!("health {}{lost}", engine.health));
    }
    if let Some(percent) = engine.disk_percent.filter(|percent| *percent >= FULL) {
        out.push(format!("its disk is {percent} percent full"));
    }
    out.extend(engine.odd().into_iter().map(|odd| format!("alias: {odd}")));
    out.extend(engine.drifted().into_iter().map(|index| format!("guessed: {index}")));
    out
}

/// The images of the same program as `image` whose servers run: one that cannot be pulled harms no database. None while a
/// migration is at work: in every rolling upgrade the servers of before serve meanwhile.
fn running<'a>(image: &str, pods: &'a [Pod]) -> Vec<&'a str> {
    if pods.iter().any(Pod::is_migrating) {
        return Vec::new();
    }
    let base = component::image_base(image);
    let containers = pods.iter().flat_map(|pod| &pod.containers);
    let serving = containers.filter(|c| c.role == Role::Main && matches!(c.state, State::Running { .. }));
    serving.map(|c| c.image.as_str()).filter(|image| component::image_base(image) == base).collect()
}

fn beside(at: Version, image: &str, running: &[&str]) -> String {
    let oldest = running.iter().filter_map(|image| component::image_tag(image).and_then(Version::parse)).min();
    match oldest.filter(|oldest| at > *oldest) {
        Some(oldest) => format!("at {at}, newer than the running image {oldest}"),
        None => format!("at {at}, the server's image is {image}"),
    }
}

/// What a server says of itself, and of its pipelines.
pub fn said(server: &Fact<Server>, rolled_out: Option<Timestamp>) -> (Fact<Vec<String>>, Fact<Vec<String>>) {
    let (source, now) = ("the server's API", Timestamp::UNIX_EPOCH);
    let Some(s) = server.value() else {
        let why = server.reason().unwrap_or_default();
        return (Fact::unknown(why, source, now), Fact::unknown(why, source, now));
    };
    let mut seen = Vec::new();
    if let Some(health) = s.health.value().filter(|h| h.status >= 500) {
        seen.push(format!("health answered {}", health.status));
    }
    for (what, words) in failed(s) {
        seen.push(format!("{what} answered {FAILED}: {words}"));
    }
    if let Some(m) = s.metrics.value().filter(|m| m.error_share().is_some_and(|share| share > Metrics::ERRORS)) {
        seen.push(format!("{COUNTED}{:.0} of {:.0} answered with 5xx since its start", m.errors, m.requests));
    }
    // What can be seen without a login is said without one, too; with it, why the status itself was not read.
    let steps = match (s.steps.reason(), seen.is_empty()) {
        (Some(why), false) => {
            seen.push(format!("{UNREAD}{why}"));
            Fact::known(Vec::new(), source, now)
        }
        _ => s.steps.clone(),
    };
    let own = steps.map(|steps| {
        let step = |s: &crate::facts::Step| {
            if s.passed { format!("{} passed", s.name) } else { format!("{} not passed: {}", s.name, s.message) }
        };
        let mut out: Vec<String> = steps.iter().map(step).chain(seen).collect();
        for (kind, counted) in &s.kinds {
            if let (Some(there), Some(found)) = (counted.there.value(), counted.found.value())
                && there.abs_diff(*found).saturating_mul(100) > *there
            {
                out.push(format!("{kind}: {found} documents in search of {there}"));
            }
        }
        out.extend(unsearched(s));
        for app in s.apps.items().iter().filter(|a| matches!(a.last.as_deref(), Some("failed" | "activeError"))) {
            out.push(format!("app {} failed: {}", app.name, app.failure.as_deref().unwrap_or("it does not say why")));
        }
        out
    });
    let after = |at: Option<Timestamp>| !matches!((at, rolled_out), (Some(at), Some(rolled)) if at < rolled);
    let pipelines = s.pipelines.clone().map(|all| {
        let one = |p: crate::facts::Pipeline| {
            let at = p.at.map_or_else(|| "?".to_owned(), |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            match p.state.as_deref() {
                Some("failed") => format!("{}: last run failed at {at}", p.name),
                Some("running" | "queued") if !after(p.at) => {
                    format!("{}: running since {at}, older than the rollout", p.name)
                }
                Some(state) => format!("{}: last run {state} at {at}", p.name),
                None => format!("{}: never ran", p.name),
            }
        };
        all.into_iter().map(one).collect()
    });
    (own, pipelines)
}

/// Kinds that search did not count although there is something to find, by what it said instead. Where the status says
/// already that there is no search, they add nothing.
fn unsearched(s: &Server) -> Vec<String> {
    if s.steps.items().iter().any(|step| step.name == "searchInstance" && !step.passed) {
        return Vec::new();
    }
    let mut out: Vec<(&str, Vec<&str>)> = Vec::new();
    for (kind, said) in s.kinds.iter().filter_map(|(kind, counted)| Some((kind, counted.uncounted()?))) {
        let why = said.reason().unwrap_or_default();
        match out.iter_mut().find(|(other, _)| *other == why) {
            Some((_, kinds)) => kinds.push(kind),
            None => out.push((why, vec![kind.as_str()])),
        }
    }
    out.into_iter().map(|(why, kinds)| format!("{UNSEARCHED}{}: {why}", kinds.join(", "))).collect()
}

/// What the server failed at, by its own words; each of these once.
fn failed(s: &Server) -> Vec<(&'static str, &str)> {
    let asked = [
        ("login", s.who.status(), s.who.reason()),
        ("the page of an entity", s.entity.status(), s.entity.reason()),
        ("the pipelines", s.pipelines.status(), s.pipelines.reason()),
    ];
    let mut out: Vec<(&str, &str)> = Vec::new();
    for (what, _, why) in asked.into_iter().filter(|(_, status, _)| *status == Some(FAILED)) {
        let words = why.and_then(own_words);
        if let Some(words) = words.filter(|words| out.iter().all(|(_, before)| before != words)) {
            out.push((what, words));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_work_has_not_broken_off() {
        use crate::facts::Container;
        use shared::backup::Engine;
        let text = "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t1.13.0\nfacts:\n\
            version\t15.4\ndatabase\tom\nuser\tom\nbytes\t5000\ncharset\tUTF8\ncollation\tC\nsort_buffer\t4194304\n\
            read_only\tno\nmigration 1.12.3\t2026-11-22 10:00:00\nstatements 1.12.3\t4\nstatements 1.13.0\t1\n";
        let d = Database::parse(Engine::Postgresql, text).unwrap();
        let said = |state: State| {
            let mut pod = Pod::default();
            pod.meta.name = "om-1".to_owned();
            pod.containers.push(Container { migrates: true, state, ..Container::default() });
            let mut old = Pod::default();
            let (image, running) = ("server:1.12.3".to_owned(), State::Running { since: None });
            old.containers.push(Container { image, state: running, ..Container::default() });
            let said = database(&d, "server:1.13.0", &[pod, old]);
            (said[0].clone(), said[1].clone())
        };
        let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let at_work = both("at 1.13.0, the server's image is server:1.13.0", "a migration is at work in om-1: 1.13.0");
        assert_eq!(said(State::Running { since: None }), at_work);
        let broken =
            both("at 1.13.0, newer than the running image 1.12.3", "migrations begun and not finished: 1.13.0");
        assert_eq!(said(State::Unsaid), broken);
    }

    #[test]
    fn what_the_server_failed_at_is_said_once_with_its_words() {
        use crate::facts::{Counted, Metrics};
        let no =
            |why: &str| serde_json::json!({"unknown": {"reason": why, "source": "api", "at": "2026-11-22T12:10:00Z"}});
        let mut server =
            serde_json::json!({"asked": "Pod om-1", "kinds": std::collections::BTreeMap::<String, Counted>::new()});
        for key in ["version", "health", "page", "provider", "steps", "entityRead", "entityFound", "lineage", "apps"] {
            server[key] = no("no token");
        }
        for key in ["who", "entity", "subscriptions", "permissions", "bots"] {
            server[key] = no("logging in as a@b: the server answered 500: the database is lost");
        }
        server["pipelines"] = no("the server answered 403: no");
        let metrics = Metrics::default();
        server["metrics"] =
            serde_json::json!({"known": {"value": metrics, "source": "m", "at": "2026-11-22T12:10:00Z"}});
        let server: Server = serde_json::from_value(server).unwrap();
        let (own, _) = said(&Fact::known(server, "api", Timestamp::UNIX_EPOCH), None);
        assert_eq!(own.items(), ["login answered 500: the database is lost", "status not read: no token"]);
    }

    /// The status may say that search is well while an index is gone.
    #[test]
    fn a_kind_that_search_does_not_find_is_said() {
        let kinds = |steps: &str, why: &str| {
            let no = |why: &str| serde_json::to_value(Fact::<u64>::unknown(why, "api", Timestamp::UNIX_EPOCH)).unwrap();
            let yes = |value: serde_json::Value| {
                serde_json::to_value(Fact::known(value, "api", Timestamp::UNIX_EPOCH)).unwrap()
            };
            let mut server = serde_json::json!({"asked": "Pod om-1"});
            let others = "version health page provider who entity entityRead entityFound lineage apps subscriptions \
                permissions bots pipelines metrics";
            for key in others.split_whitespace() {
                server[key] = no("not asked");
            }
            server["steps"] = yes(serde_json::from_str(steps).unwrap());
            server["kinds"] = serde_json::json!({
                "dashboard": {"there": yes(700.into()), "found": no(why)}, "chart": {"there": yes(9.into()), "found": no(why)},
                "table": {"there": yes(20.into()), "found": yes(20.into())}, "topic": {"there": yes(0.into()), "found": no(why)},
                "role": {"there": yes(3.into()), "found": no(crate::facts::NO_INDEX)},
            });
            let server: Server = serde_json::from_value(server).unwrap();
            said(&Fact::known(server, "api", Timestamp::UNIX_EPOCH), None).0.items().to_vec()
        };
        let (well, ill) = (
            r#"[{"name":"searchInstance","passed":true,"message":""}]"#,
            r#"[{"name":"searchInstance","passed":false,"message":"away"}]"#,
        );
        let gone = "the server answered 404: no such index [x_search_index]";
        let line = format!("not found in search: chart, dashboard: {gone}");
        assert_eq!(kinds(well, gone), ["searchInstance passed", line.as_str()]);
        assert_eq!(kinds(ill, gone), ["searchInstance not passed: away"]);
    }

    #[test]
    fn only_a_server_that_runs_is_older_than_its_database() {
        let at = Version::parse("1.12.13").unwrap();
        let said = |running: &[&str]| beside(at, "server:0.0.0", running);
        assert_eq!(said(&["server:1.12.13"]), "at 1.12.13, the server's image is server:0.0.0");
        assert_eq!(said(&[]), "at 1.12.13, the server's image is server:0.0.0");
        assert_eq!(said(&["server:1.13.1", "server:1.12.3"]), "at 1.12.13, newer than the running image 1.12.3");
    }
}
