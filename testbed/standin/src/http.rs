//! As much HTTP as probes and API clients need. It never keeps more than one request of a connection in memory.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metrics;

/// A request.
#[derive(Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query's pairs.
    pub query: Vec<(String, String)>,
    /// What stands behind `Authorization: Bearer`.
    pub token: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type.
    pub kind: &'static str,
    /// The body.
    pub body: String,
    /// One more header, if any.
    pub header: Option<&'static str>,
}

impl Answer {
    /// A JSON answer.
    pub fn json(value: &serde_json::Value) -> Self {
        Self { status: 200, kind: "application/json", body: value.to_string(), header: None }
    }

    /// A plain text.
    pub fn text(body: &str) -> Self {
        Self { status: 200, kind: "text/plain", body: body.to_owned(), header: None }
    }

    /// What the real server says to an unknown path.
    pub fn missing() -> Self {
        Self::error(404, "HTTP 404 Not Found")
    }

    /// An error as the real server words it.
    pub fn error(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "code": status, "message": message }).to_string();
        Self { status, kind: "application/json", body, header: None }
    }
}

/// Serves until the process ends, one thread for each connection.
pub fn serve(listener: &TcpListener, handle: &Arc<dyn Fn(&Request) -> Answer + Send + Sync>) {
    for stream in listener.incoming().flatten() {
        let handle = Arc::clone(handle);
        // A client that goes away in mid-answer is its own affair.
        std::thread::spawn(move || converse(stream, handle.as_ref()));
    }
}

fn converse(stream: TcpStream, handle: &dyn Fn(&Request) -> Answer) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some((request, keep)) = read(&mut reader)? {
        let start = Instant::now();
        let answer = handle(&request);
        metrics::request(&request.method, answer.status, start.elapsed());
        let connection = if keep { "keep-alive" } else { "close" };
        let Answer { status, kind, body, header } = answer;
        let more = header.map(|header| format!("{header}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n{more}\r\n",
            if status < 400 { "OK" } else { "Error" }
        );
        stream.write_all(head.as_bytes())?;
        if request.method != "HEAD" {
            stream.write_all(body.as_bytes())?;
        }
        if !keep {
            break;
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(Request, bool)>> {
    let mut line = String::new();
    if reader.by_ref().take(16 * 1024).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = start(&line);
    let mut keep = !line.trim_end().ends_with("HTTP/1.0");
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.by_ref().take(16 * 1024).read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let Some((name, value)) = header.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            "connection" if value.eq_ignore_ascii_case("close") => keep = false,
            _ => {}
        }
    }
    reader.by_ref().take(length).read_to_end(&mut request.body)?;
    Ok(Some((request, keep)))
}

fn start(line: &str) -> Request {
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (decode(name), decode(value))).collect();
    Request { method: method.to_owned(), path: decode(path), query, ..Request::default() }
}

/// `%20` and `+` as the characters they stand for.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_is_taken_apart() {
        let request = start("GET /api/v1/search/query?q=a%20b&index=table+x&size=0 HTTP/1.1\r\n");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/v1/search/query"));
        assert_eq!(request.query[0], ("q".to_owned(), "a b".to_owned()));
        assert_eq!(request.query[1].1, "table x");
    }
}
