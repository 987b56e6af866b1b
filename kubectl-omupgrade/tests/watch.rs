//! The watches behind `status --watch`, the real client over a mock service: a list that grew too old, a server that is
//! overloaded, bookmarks, and a namespace in which nothing may be seen.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod moment;

use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers, Store, Watch};
use kubectl_omupgrade::cli::flags::Flags;
use kubectl_omupgrade::commands::status::{Target, database};
use kubectl_omupgrade::commands::watching;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::facts::Fact;
use kubectl_omupgrade::failure::exit_of;
use kubectl_omupgrade::session::Session;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The questions, as they were asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A cluster that answers by kind, whether it is a watch, and how often that was asked before; where `answer` gives
/// nothing it is silent, as a watch is where nothing changes.
fn cluster(answer: impl Fn(&str, bool, usize) -> Option<(u16, String)> + Send + 'static) -> (Cluster, Asked) {
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let asked = Asked::default();
    let log = asked.clone();
    tokio::spawn(async move {
        let (mut times, mut silent) = (HashMap::new(), Vec::new());
        while let Some((request, respond)) = handle.next_request().await {
            let uri = request.uri().to_string();
            let kind = request.uri().path().rsplit('/').next().unwrap().to_owned();
            let watch = uri.contains("watch=true");
            let before = times.entry((kind.clone(), watch)).or_insert(0);
            log.lock().unwrap().push(uri);
            match answer(&kind, watch, *before) {
                Some((code, text)) => {
                    respond
                        .send_response(Response::builder().status(code).body(Body::from(text.into_bytes())).unwrap());
                }
                None => silent.push(respond),
            }
            *before += 1;
        }
    });
    let client = kube::Client::new(service, "data");
    (Cluster { client, namespace: "data".to_owned(), patience: None, pointers: Pointers::default() }, asked)
}

fn list(items: &Value) -> (u16, String) {
    let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items});
    (200, list.to_string())
}

fn status(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": reason})
}

/// Metadata of an object that the owner controls.
fn owned(name: &str, kind: &str, owner: &str) -> Value {
    json!({"name": name, "uid": name, "resourceVersion": "1", "ownerReferences":
        [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": true}]})
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_too_old_is_made_again_and_an_overloaded_server_asked_again() {
    let pod = |name: &str| Some(list(&json!([{"metadata": owned(name, "ReplicaSet", "rs")}])));
    let (cluster, asked) = cluster(move |kind, watch, before| match (kind, watch, before) {
        ("pods", false, 0) => pod("of-before"),
        ("pods", true, 0) => {
            let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}}});
            let expired = json!({"type": "ERROR", "object": status(410, "Expired")});
            Some((200, format!("{bookmark}\n{expired}\n")))
        }
        ("pods", false, _) => pod("of-now"),
        ("deployments", false, 0 | 1) => Some((429, status(429, "TooManyRequests").to_string())),
        ("deployments", false, _) => {
            let release = json!({"meta.helm.sh/release-name": "om"});
            let metadata = json!({"name": "om", "uid": "d", "resourceVersion": "1", "annotations": release});
            Some(list(&json!([{"metadata": metadata}])))
        }
        ("replicasets", false, _) => Some(list(&json!([{"metadata": owned("rs", "Deployment", "d")}]))),
        (_, false, _) => Some(list(&json!([]))),
        (_, true, _) => None,
    });
    let now = jiff::Timestamp::now();
    let (release, history) = (Fact::unknown("forbidden", "test", now), Fact::unknown("forbidden", "test", now));
    let mut store = Store::new("data", "om", release, history);
    let mut watch = Watch::start(&cluster, "om", None, database::journal(&cluster, "om"));
    let pods =
        |store: &Store| -> Vec<String> { store.facts().pods.items().iter().map(|pod| pod.meta.name.clone()).collect() };
    let settled = async {
        while !store.answered() || store.unsettled() || pods(&store) != ["of-now"] {
            assert!(watch.next(&mut store).await);
        }
    };
    tokio::time::timeout(Duration::from_mins(10), settled).await.unwrap();
    let asked = asked.lock().unwrap();
    let of = |kind: &str, watch: bool| {
        asked.iter().filter(|a| a.contains(&format!("/{kind}?")) && a.contains("watch=true") == watch).count()
    };
    assert_eq!((of("pods", false), of("deployments", false), of("replicasets", false)), (2, 3, 1), "{asked:#?}");
    assert!(asked.iter().filter(|a| a.contains("watch=true")).all(|a| a.contains("allowWatchBookmarks=true")));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_may_be_seen_nothing_is_waited_for() {
    let (cluster, _) = cluster(|_, _, _| Some((403, status(403, "Forbidden").to_string())));
    let (session, now) = (Session { flags: Flags::default() }, jiff::Timestamp::now());
    let (release, history) = (Fact::unknown("forbidden", "test", now), Fact::unknown("forbidden", "test", now));
    let target = Target { name: "om".to_owned(), release, history, driver: None };
    let watch = Box::pin(watching::run(&session, &cluster, &target, None, None, true));
    let error = tokio::time::timeout(Duration::from_hours(1), watch).await.unwrap().unwrap_err();
    assert_eq!(exit_of(&error), Exit::Unknown);
    assert!(error.to_string().contains("looking at the release om: forbidden"), "{error:#}");
}

/// A watch over a moment in which nothing changes any more: how it ends, and after how many minutes.
async fn over(moment: &str, timeout: Duration) -> (Exit, u64) {
    let case = moment::cases().into_iter().find(|case| case.ends_with(moment)).unwrap();
    let text = std::fs::read_to_string(case.join("moment.yaml")).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let (cluster, _) = cluster(move |kind, watch, _| {
        let of_kind = |d: &&Value| format!("{}s", d["kind"].as_str().unwrap().to_lowercase()) == kind;
        (!watch).then(|| list(&json!(documents.iter().filter(of_kind).collect::<Vec<_>>())))
    });
    let (facts, _) = moment::facts(&case);
    let target = Target { name: "om".to_owned(), release: facts.release, history: facts.history, driver: None };
    let (session, began) = (Session { flags: Flags::default() }, tokio::time::Instant::now());
    let exit = Box::pin(watching::run(&session, &cluster, &target, Some(timeout), None, true)).await.unwrap();
    (exit, began.elapsed().as_secs() / 60)
}

/// Helm's end is not the rollout's: pods go on to start without it, and one that waits for a Secret does once it is there.
#[tokio::test(start_paused = true)]
async fn a_helm_that_gave_up_ends_no_watch_while_pods_go_on() {
    let hour = Duration::from_hours(1);
    assert_eq!(over("helm-gave-up", hour).await, (Exit::OutOfTime, 60));
    assert_eq!(over("helm-gave-up-blocked", hour).await, (Exit::No, 6));
    assert_eq!(over("helm-gave-up-blocked", Duration::from_mins(2)).await, (Exit::OutOfTime, 2));
    assert_eq!(over("helm-gave-up-serves", hour).await, (Exit::No, 0));
    // While helm is at work it is waited for.
    assert_eq!(over("secret-missing", hour).await, (Exit::OutOfTime, 60));
}
