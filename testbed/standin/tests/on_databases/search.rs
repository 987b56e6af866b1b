//! What the stand-in has of search: it follows the database, is missed where it is away, and keeps aliases apart.

use super::support::{Scene, Server};
use super::{MIDDLE, NEW, OLD, end_of_run, server};

pub fn search_follows_the_database(scene: &mut Scene) {
    let server = server(scene, "1.13.1", MIDDLE);
    let found =
        |server: &Server| server.get("search/query?index=table_search_index&size=0")["hits"]["total"]["value"].clone();
    assert_eq!(found(&server), 20, "seeding tells search");
    assert_eq!(scene.search.get("_alias/dataAsset").as_object().unwrap().len(), 1);
    let secret = scene.search.get("_search?q=securityConfig");
    assert_eq!(secret["hits"]["total"]["value"], 0, "no secret leaves the database");
    // A search that lost everything: the server makes its indices at a start, a reindex fills them.
    scene.search.restart(&[]);
    assert_eq!(
        server.get("system/status")["searchInstance"]["message"],
        "Search instance is not reachable or available"
    );
    assert_eq!(server.ask("GET", "search/query?index=table_search_index", "").0, 404);
    drop(server);
    let mut server = Server::start(scene.command("1.13.1", MIDDLE, &["serve"])).unwrap();
    server.log_in("admin");
    assert_eq!(found(&server), 0);
    let tool = |words: &[&str]| assert!(scene.command("1.13.1", MIDDLE, words).status().unwrap().success());
    tool(&["ops", "reindex"]);
    assert_eq!(found(&server), 0, "nothing changed, so nothing is done");
    tool(&["ops", "reindex", "--force"]);
    assert_eq!(found(&server), 20);
    let names = scene.search.get("_cat/indices?format=json");
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|index| index["index"].as_str().unwrap()).collect();
    assert!(names.len() == 3 && names.iter().all(|name| name.contains("_rebuild_")), "{names:?}");
    // A pipeline that is switched changes its document too.
    let pipeline = server.get("services/ingestionPipelines/name/sample.metadata");
    server.post(&format!("services/ingestionPipelines/toggleIngestion/{}", pipeline["id"].as_str().unwrap()));
    let document = scene.search.get("ingestionPipeline/_search?q=sample.metadata");
    assert_eq!(document["hits"]["hits"][0]["_source"]["enabled"], false, "{document}");
}

pub fn search_that_is_away_is_said(scene: &mut Scene) {
    scene.search.stop();
    let said = scene.migrate("2.0.7", NEW);
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "search does not stop the tool: {text}");
    assert!(text.contains("Failed to Update Index for entity table"), "{text}");
    let mut server = Server::start(scene.command("2.0.7", NEW, &["serve"])).expect("it starts all the same");
    server.log_in("admin");
    let status = server.get("system/status");
    assert_eq!(status["searchInstance"]["passed"], false);
    assert_eq!(
        status["Search Reindex Status"]["message"],
        "table: UNTRACKED, user: UNTRACKED, ingestionPipeline: UNTRACKED"
    );
    assert_eq!(server.ask("GET", "search/query?q=x", "").0, 500);
    assert_eq!(server.get("tables?limit=0")["paging"]["total"], 20);
    server.post("apps/trigger/SearchIndexingApplication");
    let run = end_of_run(&server);
    assert_eq!(run["status"], "failed");
    assert!(run["failureContext"]["failure"]["message"].as_str().unwrap().contains("search does not answer"), "{run}");
    scene.search.restart(&[]);
    server.post("apps/trigger/SearchIndexingApplication");
    assert_eq!(end_of_run(&server)["status"], "success");
    assert_eq!(server.get("system/status")["Search Reindex Status"]["passed"], true);
}

pub fn a_search_that_is_away_stops_an_older_server(scene: &mut Scene) {
    drop(server(scene, "1.9.7", OLD));
    scene.search.stop();
    assert!(Server::start(scene.command("1.9.7", OLD, &["serve"])).is_none(), "it starts without search");
    scene.search.restart(&[]);
    assert!(Server::start(scene.command("1.9.7", OLD, &["serve"])).is_some());
}

pub fn a_cluster_alias_keeps_servers_apart(scene: &mut Scene) {
    let start = |alias: &str| {
        let command = |words: &[&str]| {
            let mut command = scene.command("1.13.1", MIDDLE, words);
            command.env("ELASTICSEARCH_CLUSTER_ALIAS", format!("\"{alias}\""));
            command
        };
        assert!(command(&["ops", "migrate"]).status().unwrap().success());
        assert!(command(&["ops", "reindex", "--force"]).status().unwrap().success());
        let mut server = Server::start(command(&["serve"])).unwrap();
        server.log_in("admin");
        server.get("search/query?index=table_search_index&size=1")["hits"].clone()
    };
    // The first seeds the database, the second finds it filled.
    assert_eq!(start("blue")["total"]["value"], 20);
    let found = start("green");
    assert_eq!(found["total"]["value"], 20);
    assert!(found["hits"][0]["_index"].as_str().unwrap().starts_with("green_table_search_index"), "{found}");
    assert_eq!(scene.search.get("_alias/blue_table").as_object().unwrap().len(), 1);
}
