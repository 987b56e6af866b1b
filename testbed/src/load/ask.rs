//! The load's client: what it asks a server, and what counts as an answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ureq::Agent;

/// The stand-in's and the quick start's own user.
pub const EMAIL: &str = "admin@open-metadata.org";
/// Its password.
pub const PASSWORD: &str = "admin";

/// What is asked.
pub struct Request {
    /// As the report calls it.
    pub name: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
}

const fn get(name: &'static str, path: &'static str) -> Request {
    Request { name, method: "GET", path, body: "" }
}

/// The login: the password is base64, as the API wants it.
const LOGIN: Request = Request {
    name: "login",
    method: "POST",
    path: "/api/v1/users/login",
    body: r#"{"email":"admin@open-metadata.org","password":"YWRtaW4="}"#,
};
/// What every server answers, then what only the stand-in's sample data does.
pub const REQUESTS: [Request; 4] = [
    LOGIN,
    get("search", "/api/v1/search/query?q=*&index=table_search_index&size=0"),
    get("entity", "/api/v1/tables/name/sample.shop.public.t03"),
    get("lineage", "/api/v1/lineage/table/name/sample.shop.public.t03?upstreamDepth=1&downstreamDepth=1"),
];
/// A client's patience: as long as a browser's user has, and longer than a busy machine makes the stand-in wait.
const LIMIT: Duration = Duration::from_secs(15);

/// How long a Service may take to find a server that has just become Ready. Chosen.
const REACHED: Duration = Duration::from_secs(10);

/// The login before the load: where nobody listens yet it is tried again; any other failure is one.
pub fn first_login(address: SocketAddr) -> Result<String> {
    let start = Instant::now();
    loop {
        match login(address) {
            Err(error) if nobody_listens(&error) && start.elapsed() < REACHED => {
                std::thread::sleep(Duration::from_millis(200));
            }
            end => return end,
        }
    }
}

fn nobody_listens(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The token of the load, with a login where there is none yet.
pub fn kept_login(token: &Mutex<Option<String>>, address: SocketAddr) -> Result<String> {
    let kept = || token.lock().ok().and_then(|token| token.clone());
    if let Some(token) = kept() {
        return Ok(token);
    }
    let new = login(address)?;
    if let Ok(mut token) = token.lock() {
        *token = Some(new.clone());
    }
    Ok(new)
}

pub fn login(address: SocketAddr) -> Result<String> {
    let answer = ask(address, &LOGIN, None)?;
    let answer: serde_json::Value = serde_json::from_str(&answer).context("the login's answer is no JSON")?;
    Ok(answer["accessToken"].as_str().context("the login's answer has no accessToken")?.to_owned())
}

/// One request on a connection of its own; anything but a whole answer with status 200 is an error.
pub fn ask(address: SocketAddr, request: &Request, token: Option<&str>) -> Result<String> {
    ask_within(LIMIT, address, request, token)
}

/// The same with another patience, which is for the whole of it: an answer that comes byte by byte gets no more.
fn ask_within(limit: Duration, address: SocketAddr, request: &Request, token: Option<&str>) -> Result<String> {
    let Request { method, path, body, .. } = request;
    // A proxy of the environment is for the world outside, and another answer than the server's own is none.
    let config = Agent::config_builder().timeout_global(Some(limit)).proxy(None).max_redirects(0);
    let agent = Agent::from(config.http_status_as_error(false).build());
    let mut question = ureq::http::Request::builder().method(*method).uri(format!("http://{address}{path}"));
    question = question.header("Connection", "close").header("Content-Type", "application/json");
    if let Some(token) = token {
        question = question.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = agent.run(question.body(*body)?)?;
    ensure!(answer.status() == 200, "status {}", answer.status());
    Ok(answer.body_mut().read_to_string()?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_token_is_asked_for_until_there_is_one_and_then_kept() {
        let token = Mutex::new(None);
        assert!(kept_login(&token, server("HTTP/1.1 500 no\r\n\r\n", "")).is_err());
        let well = server("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"accessToken\":\"t\"}", "");
        assert_eq!(kept_login(&token, well).unwrap(), "t");
        // Nobody answers any more, and nobody is asked.
        assert_eq!(kept_login(&token, SocketAddr::from(([127, 0, 0, 1], 1))).unwrap(), "t");
    }

    #[test]
    fn only_where_nobody_listens_a_first_login_waits() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(nobody_listens(&login(closed).unwrap_err()));
        assert!(!nobody_listens(&login(server("HTTP/1.1 500 no\r\n\r\n", "")).unwrap_err()));
    }

    /// A server that answers once with `head`, then with `drop` every 20 ms, if it is any.
    fn server(head: &'static str, drop: &'static str) -> SocketAddr {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = open.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut stream = open.accept().unwrap().0;
            let mut question = [0; 1024];
            let _ = stream.read(&mut question);
            let _ = stream.write_all(head.as_bytes());
            while !drop.is_empty() && stream.write_all(drop.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        address
    }

    fn asked(head: &'static str, drop: &'static str) -> Result<String> {
        ask_within(Duration::from_secs(1), server(head, drop), &REQUESTS[1], None)
    }

    #[test]
    fn only_a_whole_answer_counts() {
        let whole = ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n{}"];
        for answer in
            whole.into_iter().chain(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"])
        {
            assert_eq!(asked(answer, "").unwrap(), "{}", "{answer}");
        }
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"a\":1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"a\":1\r\n",
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(asked(cut, "").is_err(), "{cut}");
        }
    }

    #[test]
    fn an_answer_that_comes_byte_by_byte_does_not_stretch_the_limit() {
        let began = Instant::now();
        assert!(asked("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x").is_err());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
