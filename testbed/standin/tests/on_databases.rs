//! The stand-in as a process on real databases. `sh testdata/databases/run.sh` starts them and runs these.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

#[path = "on_databases/search.rs"]
mod search;
mod support;

use search::{
    a_cluster_alias_keeps_servers_apart, a_search_that_is_away_stops_an_older_server, search_follows_the_database,
    search_that_is_away_is_said,
};
use serde_json::{Value, json};
use support::{Engine, Faults, OTHER_KEY, Scene, Server};

const OLD: &[&str] = &["1.1.0", "1.3.0"];
const MIDDLE: &[&str] = &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12", "1.13.0", "1.13.1"];
const NEW: &[&str] = &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12", "1.12.13", "1.13.0", "1.13.1", "2.0.0"];

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod postgres { $(#[test] #[ignore = "needs testdata/databases/run.sh"] fn $name() { super::$name(&mut super::Scene::new(super::Engine::Postgres, stringify!($name))); })* }
        mod mysql { $(#[test] #[ignore = "needs testdata/databases/run.sh"] fn $name() { super::$name(&mut super::Scene::new(super::Engine::Mysql, stringify!($name))); })* }
    };
}
on_both!(
    answers_have_the_recorded_shapes,
    a_toggle_toggles,
    a_viewer_looks_and_does_not_touch,
    a_reindex_runs_and_is_recorded,
    another_key_fails_visibly,
    the_old_server_starts_quietly_on_the_newer_schema,
    releases_differ,
    pages_cover_everything_once,
    odd_requests_are_refused,
    metrics_count_what_happens,
    search_follows_the_database,
    search_that_is_away_is_said,
    a_cluster_alias_keeps_servers_apart,
    ordered_losses_come_and_go,
    a_failure_leaves_half_and_no_row_but_with_force,
    scripts_of_flyway_become_rows,
    a_search_that_is_away_stops_an_older_server,
);

fn server(scene: &Scene, release: &str, folders: &[&str]) -> Server {
    let said = scene.migrate(release, folders);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let mut server = Server::start(scene.command(release, folders, &["serve"])).expect("the server ended");
    server.log_in("admin");
    server
}

fn answers_have_the_recorded_shapes(scene: &mut Scene) {
    let mut server = server(scene, "1.13.1", MIDDLE);
    let mut seen = json!({ "login": server.log_in("admin") });
    seen["login"]["accessToken"] = json!("TOKEN");
    seen["login"]["expiryDuration"] = json!("MOMENT");
    for path in [
        "search/query?q=t03&index=table_search_index&size=2",
        "search/fieldQuery?fieldName=name&fieldValue=t04&index=table",
        "system/version",
        "system/status",
        "tables/name/sample.shop.public.t03",
        "lineage/table/name/sample.shop.public.t03?upstreamDepth=2&downstreamDepth=1",
        "bots/name/ingestion-bot",
        "policies/name/DataConsumerPolicy",
        "services/ingestionPipelines/name/sample.metadata",
        "services/ingestionPipelines/status",
        "events/subscriptions/name/tickets",
        "events/subscriptions/name/tickets/status/5e7a3f52-9a39-4a0b-8f2b-1b1c6c1f8702",
    ] {
        seen[path] = server.get(path);
    }
    for search in [
        "search/query?q=t03&index=table_search_index&size=2",
        "search/fieldQuery?fieldName=name&fieldValue=t04&index=table",
    ] {
        seen[search]["hits"]["hits"][0]["_index"] = json!("INDEX");
    }
    seen["nothing"] = json!(server.ask("GET", "tables/name/none", ""));
    seen["without a token"] = json!(server.ask("GET", "nowhere", ""));
    let text = serde_json::to_string(&seen).unwrap();
    // The engines differ in their address and in the order that they keep JSON in.
    let text = without_address(&text);
    let mut sorted: Value = serde_json::from_str(&text).unwrap();
    sorted.sort_all_objects();
    insta::assert_json_snapshot!("answers", sorted);
}

/// The database's address differs from run to run.
fn without_address(text: &str) -> String {
    let (before, rest) = text.split_once("Connected to jdbc:").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}Connected to DATABASE\"{after}")
}

fn a_toggle_toggles(scene: &mut Scene) {
    let server = server(scene, "1.13.1", MIDDLE);
    let pipeline = server.get("services/ingestionPipelines/name/sample.metadata");
    let path = format!("services/ingestionPipelines/toggleIngestion/{}", pipeline["id"].as_str().unwrap());
    assert_eq!(pipeline["enabled"], true);
    assert_eq!(server.post(&path).1["enabled"], false);
    assert_eq!(server.get("services/ingestionPipelines/name/sample.metadata")["enabled"], false);
    assert_eq!(server.post(&path).1["enabled"], true);
    drop(server);
    let mut command = scene.command("1.13.1", MIDDLE, &["serve"]);
    command.env("PIPELINE_SERVICE_CLIENT_ENABLED", "\"false\"");
    let mut server = Server::start(command).unwrap();
    server.log_in("admin");
    assert_eq!(server.post(&path), (200, json!("Pipeline Client Disabled")));
    assert_eq!(server.get("services/ingestionPipelines/status")["reason"], "Pipeline Client Disabled");
    assert_eq!(server.get("services/ingestionPipelines/name/sample.metadata")["enabled"], true);
    assert_eq!(server.get("system/status")["pipelineServiceClient"]["passed"], false);
}

fn a_viewer_looks_and_does_not_touch(scene: &mut Scene) {
    let mut server = server(scene, "1.13.1", MIDDLE);
    server.log_in("viewer");
    let access = |operation: &str| {
        let answer = server.get("permissions/table/name/sample.shop.public.t03");
        let list = answer["permissions"].as_array().unwrap().clone();
        list.into_iter().find(|permission| permission["operation"] == operation).unwrap()
    };
    assert_eq!(access("ViewBasic")["access"], "allow");
    assert_eq!(access("ViewBasic")["policy"], "DataConsumerPolicy");
    assert_eq!(access("Delete")["access"], "notAllow");
    assert_eq!(server.post("apps/trigger/SearchIndexingApplication").0, 403);
    assert_eq!(server.log_in("nobody")["code"], 401);
}

fn a_reindex_runs_and_is_recorded(scene: &mut Scene) {
    let server = server(scene, "1.13.1", MIDDLE);
    let latest = "apps/name/SearchIndexingApplication/runs/latest";
    assert_eq!(server.ask("GET", latest, "").0, 404);
    assert_eq!(server.post("apps/trigger/SearchIndexingApplication"), (200, json!("")));
    assert_eq!(server.post("apps/trigger/SearchIndexingApplication").0, 500, "two at once");
    let run = end_of_run(&server);
    assert_eq!(run["status"], "success", "{run}");
    let stats = &run["successContext"]["stats"]["jobStats"];
    assert_eq!((&stats["totalRecords"], &stats["failedRecords"]), (&stats["successRecords"], &json!(0)));
    assert_eq!(server.get("apps/name/SearchIndexingApplication/status")["paging"]["total"], 1);
}

fn another_key_fails_visibly(scene: &mut Scene) {
    drop(server(scene, "1.13.1", MIDDLE));
    let mut command = scene.command("1.13.1", MIDDLE, &["serve"]);
    command.env("FERNET_KEY", OTHER_KEY);
    let mut server = Server::start(command).unwrap();
    server.log_in("admin");
    let (status, body) = server.ask("GET", "services/ingestionPipelines", "");
    assert_eq!(status, 500);
    assert!(body["message"].as_str().unwrap().contains("does not match"), "{body}");
    let step = &server.get("system/status")["jwks"];
    assert_eq!(step["passed"], false);
    // What needs no secret goes on.
    assert_eq!(server.get("tables?limit=0")["paging"]["total"], 20);
    // The tool moves the schema, writes the rows, and fails after that.
    let mut tool = scene.command("2.0.7", NEW, &["ops", "migrate"]);
    let said = tool.env("FERNET_KEY", OTHER_KEY).output().unwrap();
    let said = (said.status.code(), String::from_utf8(said.stdout).unwrap());
    assert_eq!(said.0, Some(1));
    assert!(said.1.contains("Failed to db migration due to") && said.1.contains("does not match"), "{}", said.1);
    assert!(scene.command("2.0.7", NEW, &["ops", "validate"]).status().unwrap().success());
}

fn the_old_server_starts_quietly_on_the_newer_schema(scene: &mut Scene) {
    drop(server(scene, "1.13.1", MIDDLE));
    assert!(Server::start(scene.command("2.0.7", NEW, &["serve"])).is_none(), "pending migrations stop the newer one");
    let newer = server(scene, "2.0.7", NEW);
    let policy = newer.get("policies/name/DataConsumerPolicy")["rules"].to_string();
    assert!(policy.contains("CreateTask"), "{policy}");
    let mut older = Server::start(scene.command("1.13.1", MIDDLE, &["serve"])).expect("it starts");
    older.log_in("admin");
    assert_eq!(older.get("system/status")["migrations"]["passed"], true);
}

fn releases_differ(scene: &mut Scene) {
    let first = server(scene, "1.9.0", OLD);
    assert_eq!(first.ask("GET", "system/health", "").0, 404);
    assert_eq!(first.ask("GET", "system/diagnostics", "").0, 404);
    assert!(first.get("apps/name/SearchIndexingApplication")["enabled"].is_null());
    assert!(first.get("system/config/customUiThemePreference")["customTheme"].is_object());
    assert_eq!(first.ask("POST", "users/refresh", "{}").0, 400);
    drop(first);
    let last = server(scene, "2.0.7", NEW);
    assert_eq!(last.ask("GET", "system/health", ""), (200, json!("OK")));
    assert_eq!(last.ask("HEAD", "system/health", ""), (200, json!("")));
    assert!(last.get("services/ingestionPipelines/name/sample.metadata")["pipelineStatuses"].is_array());
    last.ask("POST", "apps/trigger/SearchIndexingApplication", r#"{"recreateIndex": true, "batchSize": 7}"#);
    let config = &last.get("apps/name/SearchIndexingApplication/runs/latest")["config"];
    assert_eq!((&config["recreateIndex"], &config["batchSize"]), (&Value::Null, &json!(7)));
    let older = Server::start(scene.command("1.9.7", OLD, &["serve"])).map(|mut server| {
        server.log_in("admin");
        server.get("system/status")["migrations"].clone()
    });
    let said = older.unwrap();
    assert_eq!(said["passed"], false);
    assert!(said["message"].as_str().unwrap().contains("Unexpected executed migrations [0.0.0, "), "{said}");
    let tool = |release: &str, folders: &[&str]| {
        scene.command(release, folders, &["ops", "reindex", "--recreate-indexes=true"]).status().unwrap().code()
    };
    assert_eq!((tool("1.9.7", OLD), tool("2.0.7", NEW)), (Some(0), Some(2)));
}

fn pages_cover_everything_once(scene: &mut Scene) {
    let server = server(scene, "1.13.1", MIDDLE);
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("tables?limit=7{after}"));
        assert_eq!(page["paging"]["total"], 20);
        names.extend(page["data"].as_array().unwrap().iter().map(|table| table["name"].clone()));
        let Some(next) = page["paging"]["after"].as_str() else { break };
        after = format!("&after={}", next.replace('=', "%3D").replace('+', "%2B"));
    }
    let wanted: Vec<Value> = (1..=20).map(|number| json!(format!("t{number:02}"))).collect();
    assert_eq!(names, wanted);
}

fn odd_requests_are_refused(scene: &mut Scene) {
    let server = server(scene, "1.13.1", MIDDLE);
    for (method, path, body, status) in [
        ("POST", "apps/trigger/SearchIndexingApplication", "{bad", 400),
        ("GET", "tables?limit=1000001", "", 400),
        ("GET", "tables?limit=9223372036854775807", "", 404),
        ("GET", "tables?limit=18446744073709551615", "", 404),
        ("GET", "tables/%00", "", 400),
    ] {
        assert_eq!(server.ask(method, path, body).0, status, "{method} {path}");
    }
    assert_eq!(server.ask("GET", "apps/name/SearchIndexingApplication/runs/latest", "").0, 404, "no run began");
    assert_eq!((server.outside("GET", "/"), server.outside("DELETE", "/")), (200, 405));
}

fn metrics_count_what_happens(scene: &mut Scene) {
    let mut server = server(scene, "1.13.1", MIDDLE);
    let requests = r#"http_server_requests_seconds_count{method="GET",status="404",outcome="CLIENT_ERROR"}"#;
    server.ask("GET", "tables/name/none", "");
    assert!((server.metric(requests) - 1.0).abs() < 0.5);
    assert_eq!(server.log_in("nobody")["code"], 401);
    assert!((server.metric("auth_failures_total") - 1.0).abs() < 0.5);
    assert!((server.metric("db_connections") - 1.0).abs() < 0.5, "one connection, kept");
    assert!(server.metric(r#"jvm_memory_used_bytes{area="heap",id="G1 Old Gen"}"#) > 1e6);
}

/// The last run, when it is over.
fn end_of_run(server: &Server) -> Value {
    loop {
        let run = server.get("apps/name/SearchIndexingApplication/runs/latest");
        if run["executionTime"].is_number() {
            return run;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn ordered_losses_come_and_go(scene: &mut Scene) {
    drop(server(scene, "1.13.1", MIDDLE));
    let faults = Faults::serve();
    let mut command = scene.command("1.13.1", MIDDLE, &["serve"]);
    command.env("STANDIN_NAMESPACE", "test").env("STANDIN_FAULTS", &faults.address);
    let mut server = Server::start(command).unwrap();
    server.log_in("admin");
    faults.order("loses-database yes\n");
    assert_eq!(server.ask("GET", "tables", "").0, 500);
    assert_eq!(server.ask("GET", "system/status", "").0, 500, "its last step reads the database");
    assert_eq!(server.ask("GET", "system/health", "").0, 200, "the process lives");
    assert!(server.metric("db_errors_total") >= 2.0);
    faults.order("loses-search yes\n");
    assert_eq!(server.ask("GET", "search/query?q=x", "").0, 500);
    assert_eq!(server.get("system/status")["searchInstance"]["passed"], false);
    faults.order("");
    assert_eq!(server.get("search/query?q=t01&index=table_search_index")["hits"]["total"]["value"], 1);
    assert_eq!(server.get("tables?limit=1")["paging"]["total"], 20);
}

fn a_failure_leaves_half_and_no_row_but_with_force(scene: &mut Scene) {
    drop(server(scene, "1.12.12", &MIDDLE[..5]));
    // What someone did by hand: the migration of 1.13.0 makes this index vanish, and it is gone already.
    scene.sql(match scene.engine {
        Engine::Postgres => "DROP INDEX idx_table_entity_status",
        Engine::Mysql => "DROP INDEX idx_table_entity_status ON table_entity",
    });
    let run = |words: &[&str]| {
        let said = scene.command("1.13.1", MIDDLE, words).output().unwrap();
        (said.status.code(), String::from_utf8(said.stdout).unwrap())
    };
    let (code, said) = run(&["ops", "migrate"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("Failed due to : statement \"DROP INDEX") && said.contains("Failed to db migration due to"),
        "{said}"
    );
    assert!(!run(&["ops", "info"]).1.contains("1.13.0"), "no row");
    let (code, said) = run(&["ops", "migrate"]);
    assert_eq!(code, Some(1));
    assert!(!said.contains("CREATE TABLE"), "what ran is not run again: {said}");
    let (code, said) = run(&["ops", "migrate", "--force"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Failed to run sql") && run(&["ops", "info"]).1.contains("1.13.1"), "{said}");
}

fn scripts_of_flyway_become_rows(scene: &mut Scene) {
    let rows = |release: &str, folders: &[&str]| {
        assert!(scene.migrate(release, folders).status.success());
        let said = scene.command(release, folders, &["ops", "info"]).output().unwrap();
        String::from_utf8(said.stdout).unwrap().lines().filter(|line| line.starts_with("0.0.")).count()
    };
    assert_eq!(rows("1.9.7", OLD), 0, "up to 1.10 Flyway has a table of its own");
    scene.sql(match scene.engine {
        Engine::Postgres => r#"SELECT 1 / (SELECT count(*) / 15 FROM "DATABASE_CHANGE_LOG")"#,
        Engine::Mysql => "SELECT 1 FROM DATABASE_CHANGE_LOG WHERE version = '015'",
    });
    assert_eq!(rows("1.12.13", &NEW[..6]), 16);
    assert_eq!(rows("2.0.7", NEW), 16, "once");
    let faults = Faults::serve();
    faults.order("suffixed-row collate\n");
    let mut tool = scene.command("2.0.7", NEW, &["ops", "migrate"]);
    tool.env("STANDIN_NAMESPACE", "test").env("STANDIN_FAULTS", &faults.address);
    assert!(tool.status().unwrap().success());
    let said = scene.command("2.0.7", NEW, &["ops", "info"]).output().unwrap();
    assert!(String::from_utf8(said.stdout).unwrap().contains("2.0.7-collate"));
    assert!(scene.command("2.0.7", NEW, &["ops", "validate"]).status().unwrap().success(), "nothing is pending for it");
}
