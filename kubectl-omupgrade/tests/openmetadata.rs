//! The real client before an HTTP service that answers as the recorded API does: what becomes of answers, refusals and
//! nonsense, and where the token goes.
#![allow(clippy::unwrap_used)]

use kubectl_omupgrade::adapters::openmetadata::{Client, Door, Login, look};
use kubectl_omupgrade::facts::{NoAnswer, Secret, Server};
use serde_json::{Value, json};
use shared::versions::Version;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TOKEN: &str = "a-token-that-nobody-may-see";

/// A request: path with query, and whether it carried the token.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

/// A service on an address of its own.
async fn service(answer: impl Fn(&str) -> (u16, &'static str, String) + Clone + Send + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Asked::default();
    let log = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (log, answer) = (log.clone(), answer.clone());
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split_whitespace().nth(1).unwrap().to_owned();
                log.lock().unwrap().push((path.clone(), head.contains(&format!("Bearer {TOKEN}"))));
                let (status, kind, body) = answer(&path);
                let text = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(text.as_bytes()).await;
            });
        }
    });
    (address, asked)
}

fn ok(value: &Value) -> (u16, &'static str, String) {
    (200, "application/json", value.to_string())
}

fn refused(status: u16, message: &str) -> (u16, &'static str, String) {
    (status, "application/json", json!({"code": status, "message": message}).to_string())
}

/// The recorded API, with one of everything.
fn recorded(path: &str) -> (u16, &'static str, String) {
    let page = |data: Value, total: u64| ok(&json!({"data": data, "paging": {"total": total}}));
    let bare = path.split('?').next().unwrap();
    match bare {
        "/" => (200, "text/html; charset=utf-8", "<title>OpenMetadata</title>".to_owned()),
        "/api/v1/system/health" => (200, "text/plain", "OK".to_owned()),
        "/api/v1/system/version" => ok(&json!({"version": "1.13.1", "revision": "x", "timestamp": 1})),
        "/api/v1/system/config/auth" => ok(&json!({"provider": "google"})),
        "/prometheus" => (200, "text/plain", "http_server_requests_seconds_count{status=\"200\"} 7\n".to_owned()),
        "/api/v1/users/loggedInUser" => ok(&json!({"name": "admin", "isAdmin": true})),
        "/api/v1/system/status" => ok(
            &json!({"database": {"description": "d", "passed": true, "message": "Connected"}, "new": {"description": "d", "passed": false, "message": "m"}, "other": 7}),
        ),
        "/api/v1/users" => page(
            json!([{"name": "admin", "isAdmin": true, "fullyQualifiedName": "admin"}, {"name": "viewer", "fullyQualifiedName": "viewer"}]),
            2,
        ),
        "/api/v1/users/name/ingestion-bot" => ok(&json!({"name": "ingestion-bot"})),
        "/api/v1/permissions" => ok(
            &json!({"data": [{"resource": "table", "permissions": [{"operation": "ViewBasic", "access": if path.contains("user=viewer") { "conditionalAllow" } else { "allow" }, "policy": "DataConsumerPolicy"}]}]}),
        ),
        "/api/v1/tables" => page(json!([]), 0),
        "/api/v1/dashboards" => {
            page(json!([{"name": "sales report", "fullyQualifiedName": "superset.sales report"}]), 4)
        }
        "/api/v1/dashboards/name/superset.sales%20report" => {
            ok(&json!({"fullyQualifiedName": "superset.sales report"}))
        }
        "/api/v1/lineage/dashboard/name/superset.sales%20report" => {
            ok(&json!({"entity": {}, "upstreamEdges": [{}], "downstreamEdges": []}))
        }
        "/api/v1/search/query" if path.contains("q=*") => {
            ok(&json!({"hits": {"total": {"value": if path.contains("dashboard") { 3 } else { 0 }, "relation": "eq"}}}))
        }
        "/api/v1/search/query" => {
            ok(&json!({"hits": {"hits": [{"_source": {"fullyQualifiedName": "superset.sales report"}}]}}))
        }
        "/api/v1/apps" => page(json!([{"name": "SearchIndexingApplication"}, {"name": "New"}]), 2),
        "/api/v1/apps/name/SearchIndexingApplication/runs/latest" => ok(
            &json!({"status": "failed", "startTime": 1_700_000_000_000_i64, "failureContext": {"failure": {"message": "no search"}}}),
        ),
        "/api/v1/apps/name/New/runs/latest" => refused(404, "No Available Application Run Records."),
        "/api/v1/events/subscriptions" => {
            page(json!([{"id": "s1", "name": "to-chat", "enabled": true, "destinations": [{"id": "d1"}]}]), 1)
        }
        "/api/v1/events/subscriptions/s1/status/d1" => ok(&json!({"status": "failed", "lastFailedReason": "404"})),
        "/api/v1/bots" => page(
            json!([{"name": "ingestion-bot", "botUser": {"name": "ingestion-bot"}}, {"name": "lost", "botUser": {"name": "gone"}}]),
            2,
        ),
        "/api/v1/services/ingestionPipelines" => page(
            json!([{"fullyQualifiedName": "a.b", "enabled": true, "deployed": true, "pipelineStatuses": {"pipelineState": "running", "startDate": 1_700_000_000_000_i64}}]),
            1,
        ),
        _ => refused(404, "HTTP 404 Not Found"),
    }
}

fn login() -> Login {
    Login { token: Secret::new(TOKEN.to_owned()), from: "test".to_owned() }
}

async fn looked(address: &str, base: &str) -> Server {
    let mut client = Client::new(Door::Address(address.to_owned()), Some(Duration::from_secs(5)));
    base.clone_into(&mut client.base);
    look(&client, "test", Ok(login()), Version::parse("1.13.1")).await
}

#[tokio::test]
async fn the_recorded_api_becomes_facts() {
    let (address, asked) = service(recorded).await;
    let s = looked(&address, "").await;
    assert_eq!(s.version.value().unwrap(), "1.13.1");
    assert_eq!((s.health.value().unwrap().status, s.page.value().unwrap().what.as_str()), (200, "text/html"));
    assert_eq!(s.provider.value().unwrap(), "google");
    // What a newer server adds to its status is taken, what is no step is not.
    let steps: Vec<_> = s.steps.value().unwrap().iter().map(|s| (s.name.as_str(), s.passed)).collect();
    assert_eq!(steps, [("database", true), ("new", false)]);
    // There is no table: a dashboard is chosen, and its name is escaped.
    assert_eq!(s.entity.value().unwrap().as_ref().unwrap().name, "superset.sales report");
    assert_eq!(s.entity_read.value().unwrap().what, "the entity");
    assert_eq!((s.entity_found.value(), s.lineage.value().map(|l| (l.up, l.down))), (Some(&true), Some((1, 0))));
    let dashboards = &s.kinds["dashboard"];
    assert_eq!((dashboards.there.value(), dashboards.found.value()), (Some(&4), Some(&3)));
    // An administrator asks about somebody who is none.
    let permissions = s.permissions.value().unwrap();
    assert_eq!(
        (permissions.user.as_str(), permissions.access["table ViewBasic"].as_str()),
        ("viewer", "conditionalAllow")
    );
    let apps = s.apps.value().unwrap();
    assert_eq!((apps[0].failure.as_deref(), apps[1].last.as_deref()), (Some("no search"), None));
    assert_eq!(s.subscriptions.value().unwrap()[0].destinations, [("failed".to_owned(), "404".to_owned())]);
    let bots = s.bots.value().unwrap();
    assert!(bots[0].lacks.is_none() && bots[1].lacks.as_deref().unwrap().contains("404"), "{bots:?}");
    assert_eq!(s.pipelines.value().unwrap()[0].state.as_deref(), Some("running"));
    // The token goes to the API and nowhere else: not where none is needed, not to the admin port, not into facts.
    for (path, token) in asked.lock().unwrap().iter() {
        let open = path == "/"
            || path == "/prometheus"
            || path.contains("/system/health")
            || path.contains("/system/version")
            || path.contains("/system/config");
        assert_eq!(*token, !open, "{path}");
    }
    assert!(!serde_json::to_string(&s).unwrap().contains(TOKEN) && !format!("{:?}", login()).contains(TOKEN));
}

/// In a catalogue where many entities have the name in theirs, the one that is looked for need not be among the first.
#[tokio::test]
async fn an_entity_that_is_not_among_the_first_hits_is_not_called_lost() {
    let found = async |total: u64, sent: Vec<&'static str>| {
        let (address, asked) = service(move |path| match path.split('?').next().unwrap() {
            "/api/v1/search/query" if !path.contains("q=*") => {
                let hits: Vec<Value> = sent.iter().map(|n| json!({"_source": {"fullyQualifiedName": n}})).collect();
                ok(&json!({"hits": {"total": {"value": total, "relation": "eq"}, "hits": hits}}))
            }
            _ => recorded(path),
        })
        .await;
        let found = looked(&address, "").await.entity_found;
        // The whole name is asked for, as one phrase.
        let phrase = "q=%22superset.sales%20report%22";
        assert!(asked.lock().unwrap().iter().any(|(path, _)| path.contains(phrase)), "{:?}", asked.lock().unwrap());
        found
    };
    let others = || vec!["superset.sales report.a", "superset.sales report.b"];
    let many = found(41, others()).await;
    assert_eq!(many.reason(), Some("superset.sales report is not among the first 2 of 41 hits"));
    assert_eq!(found(2, others()).await.value(), Some(&false));
    assert_eq!(found(41, vec!["superset.sales report"]).await.value(), Some(&true));
}

/// Two pages, and a page that hides the rest.
#[tokio::test]
async fn lists_are_read_to_their_end() {
    let (address, _) = service(|path| {
        let page = |names: &[&str], paging: Value| {
            let data: Vec<Value> = names.iter().map(|n| json!({"name": n})).collect();
            ok(&json!({"data": data, "paging": paging}))
        };
        match path {
            "/api/v1/bots?limit=100" => page(&["a", "b"], json!({"total": 3, "after": "Yg=="})),
            "/api/v1/bots?limit=100&after=Yg%3D%3D" => page(&["c"], json!({"total": 3})),
            "/api/v1/apps?limit=100" => page(&["a"], json!({"total": 3})),
            _ => page(&["a"], Value::Null),
        }
    })
    .await;
    let client = Client::new(Door::Address(address), Some(Duration::from_secs(5)));
    assert_eq!(client.list("bots", "").await.unwrap().len(), 3);
    assert_eq!(client.list("apps", "").await.unwrap_err().to_string(), "the answer holds 1 of 3");
    assert_eq!(client.list("teams", "").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_base_path_stands_before_the_api_only() {
    let (address, asked) = service(|path| recorded(path.strip_prefix("/metadata").unwrap_or(path))).await;
    assert_eq!(looked(&address, "/metadata/").await.version.value().unwrap(), "1.13.1");
    assert!(
        asked
            .lock()
            .unwrap()
            .iter()
            .all(|(p, _)| p.starts_with("/metadata/") || p == "/metadata" || p == "/" || p == "/prometheus")
    );
}

#[tokio::test]
async fn refusals_and_nonsense_are_unknown_with_the_servers_words() {
    let (address, _) = service(|path| match path {
        "/api/v1/system/version" => (200, "text/html", "<html>a proxy's page</html>".to_owned()),
        "/api/v1/users/loggedInUser" => refused(401, "Expired token!"),
        p if p.starts_with("/api/v1/tables") => ok(&json!({"data": 7})),
        _ => (503, "text/plain", String::new()),
    })
    .await;
    let s = looked(&address, "").await;
    assert!(s.version.reason().unwrap().contains("no JSON"), "{:?}", s.version);
    assert_eq!(s.who.reason(), Some("the server answered 401: Expired token!"));
    assert_eq!(serde_json::to_value(&s.who).unwrap()["unknown"]["status"], 401);
    assert_eq!(s.steps.reason(), Some("the server answered 503"));
    assert!(s.kinds["table"].there.reason().unwrap().contains("no total"));
    assert!(s.permissions.reason().is_some() && s.bots.reason().is_some() && s.metrics.reason().is_some());
    assert_eq!(s.health.value().map(|h| h.status), Some(503));
}

/// Later kinds that this release does not have do not hide that the server failed at the first.
#[tokio::test]
async fn a_server_that_fails_is_not_one_without_a_kind() {
    let (address, _) = service(|path| {
        if path.contains("/tables") { refused(500, "the database is lost") } else { refused(404, "no such kind") }
    })
    .await;
    assert_eq!(looked(&address, "").await.entity.reason(), Some("the server answered 500: the database is lost"));
}

/// That nobody may look at a bot's user, or that the server fails at it, does not say that there is none.
#[tokio::test]
async fn a_bot_whose_user_was_not_told_is_not_without_one() {
    for status in [403, 503] {
        let (address, _) = match status {
            403 => {
                service(|path| if path.contains("/users/name/") { refused(403, "no") } else { recorded(path) }).await
            }
            _ => service(|path| if path.contains("/users/name/") { refused(503, "no") } else { recorded(path) }).await,
        };
        let bots = looked(&address, "").await.bots;
        let why = bots.reason().unwrap_or_default();
        assert!(why.contains("the user of ingestion-bot") && why.contains(&format!("answered {status}")), "{bots:?}");
        assert_eq!(bots.status(), Some(status));
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_who_speaks() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    let client = Client::new(Door::Address(address.clone()), Some(Duration::from_millis(100)));
    let why = client.get("/").await.unwrap_err().to_string();
    assert!(why.contains("no answer within"), "{why}");
    drop(free);
    let why = client.get("/").await.unwrap_err().to_string();
    assert!(why.contains(&address), "{why}");
}

#[tokio::test]
async fn without_a_token_only_what_is_open_is_asked() {
    let (address, asked) = service(recorded).await;
    let client = Client::new(Door::Address(address), Some(Duration::from_secs(5)));
    let s = look(&client, "test", Err(NoAnswer::of("no token: why")), None).await;
    assert_eq!(s.who.reason(), Some("no token: why"));
    assert!(s.version.value().is_some() && s.metrics.value().is_some());
    assert!(asked.lock().unwrap().iter().all(|(path, token)| !token && !path.contains("tables")));
}
