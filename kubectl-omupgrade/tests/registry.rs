//! The image's registry, by a small one over loopback: open, with tokens, with passwords, sending on, broken, away. The
//! pull Secret comes from a mock of the API.
#![allow(clippy::unwrap_used)]

use base64::Engine;
use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers};
use kubectl_omupgrade::adapters::registry::resolve;
use kubectl_omupgrade::checks::precheck::Pull;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A request: method, path, what stands in `Authorization`.
type Asked = (String, String, String);

/// Serves on a port of its own; `answer` gives status, headers and body. Every request is remembered.
async fn registry(
    answer: impl Fn(u16, &Asked) -> (u16, String, String) + Send + Sync + 'static,
) -> (u16, Arc<Mutex<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, answer) = (seen.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (log, answer) = (log.clone(), answer.clone());
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut first, mut authorization) = (String::new(), String::new());
                stream.read_line(&mut first).await.unwrap();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await.unwrap() == 0 || line.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("authorization:") {
                        authorization = line[line.len() - value.len()..].trim().to_owned();
                    }
                }
                let mut words = first.split(' ');
                let asked = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned(), authorization);
                let (status, headers, body) = answer(port, &asked);
                let length = body.len();
                let head = asked.0 == "HEAD";
                log.lock().unwrap().push(asked);
                let body = if head { String::new() } else { body };
                let text = format!(
                    "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.get_mut().write_all(text.as_bytes()).await.unwrap();
            });
        }
    });
    (port, seen)
}

/// A cluster whose only Secret, `regcred`, has this user for the registry.
fn cluster(registry: &str, user: Option<&str>) -> Cluster {
    let auth = base64::engine::general_purpose::STANDARD.encode(user.unwrap_or_default());
    let config = json!({"auths": {registry: {"auth": auth}}}).to_string();
    let config = base64::engine::general_purpose::STANDARD.encode(config);
    let there = user.is_some();
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    tokio::spawn(async move {
        while let Some((_, respond)) = handle.next_request().await {
            let (code, body) = if there {
                (
                    200,
                    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "regcred"}, "data": {".dockerconfigjson": config}}),
                )
            } else {
                let message = "secrets \"regcred\" is forbidden";
                (
                    403,
                    json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": message}),
                )
            };
            let body = Body::from(serde_json::to_vec(&body).unwrap());
            respond.send_response(Response::builder().status(code).body(body).unwrap());
        }
    });
    let client = kube::Client::new(service, "data");
    Cluster { client, namespace: "data".to_owned(), patience: None, pointers: Pointers::default() }
}

async fn ask(port: u16, user: Option<&str>) -> Result<Pull, String> {
    let host = format!("127.0.0.1:{port}");
    let secrets = ["regcred".to_owned()];
    resolve(&cluster(&host, user), &format!("{host}/om/server:1.13.1"), &secrets).await
}

const DIGEST: &str = "docker-content-digest: sha256:4f2a\r\n";

fn empty() -> String {
    String::new()
}

#[tokio::test]
async fn an_open_registry_names_the_digest() {
    let (port, seen) = registry(|_, _| (200, DIGEST.to_owned(), empty())).await;
    let pull = ask(port, Some("u:p")).await.unwrap();
    assert_eq!((pull.there, pull.digest.as_str(), pull.by.as_str()), (true, "sha256:4f2a", ""));
    // Who is not asked for shows no password.
    assert_eq!(*seen.lock().unwrap(), [("HEAD".to_owned(), "/v2/om/server/manifests/1.13.1".to_owned(), empty())]);
}

#[tokio::test]
async fn a_token_is_fetched_as_the_user_or_as_anybody() {
    let answer = |port: u16, asked: &Asked| match (asked.1.split('?').next().unwrap(), asked.2.as_str()) {
        ("/token", who) => {
            assert!(
                asked.1.contains("scope=repository%3Aom%2Fserver%3Apull") && asked.1.contains("service=r"),
                "{}",
                asked.1
            );
            (200, empty(), json!({"token": if who.is_empty() { "anybody" } else { "somebody" }}).to_string())
        }
        (_, "Bearer somebody" | "Bearer anybody") => (200, DIGEST.to_owned(), empty()),
        _ => {
            let scope = "repository:om/server:pull";
            let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"r\",scope=\"{scope}\"");
            (401, format!("www-authenticate: {challenge}\r\n"), empty())
        }
    };
    let (port, seen) = registry(answer).await;
    assert_eq!(ask(port, Some("u:hunter2")).await.unwrap().by, "the user of the pull Secret regcred");
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("u:hunter2"));
    assert_eq!(seen.lock().unwrap()[1].2, basic);
    // A Secret that may not be read leaves the way that anybody has.
    assert_eq!(ask(port, None).await.unwrap().by, "");
    assert_eq!(seen.lock().unwrap()[4].2, "");
}

#[tokio::test]
async fn a_password_is_sent_where_one_is_wanted() {
    let wanted = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("u:hunter2"));
    let answer = move |_, asked: &Asked| {
        if asked.2 == wanted {
            (200, DIGEST.to_owned(), empty())
        } else {
            (401, "www-authenticate: Basic realm=\"r\"\r\n".to_owned(), empty())
        }
    };
    let (port, _) = registry(answer).await;
    assert!(ask(port, Some("u:hunter2")).await.unwrap().there);
    let wrong = ask(port, Some("u:wrong")).await.unwrap_err();
    assert!(
        wrong.contains("answers 401 to the user of the pull Secret regcred") && !wrong.contains("wrong:"),
        "{wrong}"
    );
    let none = ask(port, None).await.unwrap_err();
    assert!(none.contains("no pull Secret has one") && none.contains("is forbidden"), "{none}");
}

#[tokio::test]
async fn who_is_sent_on_takes_no_password_along() {
    let (target, seen) = registry(|_, asked: &Asked| {
        if asked.2.is_empty() {
            (401, "www-authenticate: Basic realm=\"r\"\r\n".to_owned(), empty())
        } else {
            (200, empty(), empty())
        }
    })
    .await;
    let to = move |_, _: &Asked| (307, format!("location: http://127.0.0.1:{target}/v2/elsewhere\r\n"), empty());
    let (port, _) = registry(to).await;
    let why = ask(port, Some("u:hunter2")).await.unwrap_err();
    assert!(why.contains("wants a password"), "{why}");
    assert!(seen.lock().unwrap().iter().all(|asked| asked.2.is_empty()));
    let (circle, _) =
        registry(|port, _: &Asked| (307, format!("location: http://127.0.0.1:{port}/v2/again\r\n"), empty())).await;
    assert!(ask(circle, None).await.unwrap_err().contains("answers 307"));
}

#[tokio::test]
async fn a_tag_that_is_not_there_is_an_answer_and_a_broken_registry_none() {
    let (port, _) = registry(|_, _| (404, empty(), empty())).await;
    let pull = ask(port, None).await.unwrap();
    assert_eq!((pull.there, pull.digest.as_str()), (false, ""));
    let (port, _) = registry(|_, _| (503, empty(), empty())).await;
    assert!(ask(port, None).await.unwrap_err().contains("answers 503"));
    let (port, _) = registry(|_, _| (401, empty(), empty())).await;
    assert!(ask(port, None).await.unwrap_err().contains("does not say how"));
    // Nobody listens.
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let why = ask(away, None).await.unwrap_err();
    assert!(why.contains("127.0.0.1") && why.to_lowercase().contains("refused"), "{why}");
}
