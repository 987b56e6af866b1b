//! As much HTTP as probes and API clients need. It never keeps more than one request of a connection in memory.
//!
//! Source: RFC 9112 for what is no request and for how a body ends. Assumption: the words of a refusal.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metrics;

/// The longest head and body that are read. Chosen: clients of tests send far less, and a pod has little memory.
const HEAD: u64 = 64 << 10;
const BODY: u64 = 16 << 20;

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
    while let Some(read) = read(&mut reader)? {
        let start = Instant::now();
        let refused = read.is_err();
        let (method, answer, keep) = match read {
            Ok((request, keep)) => {
                let answer = guarded(handle, &request);
                (request.method, answer, keep)
            }
            // Where the next request would begin is not known.
            Err(refusal) => ("UNKNOWN".to_owned(), refusal, false),
        };
        metrics::request(&method, answer.status, start.elapsed());
        let connection = if keep { "keep-alive" } else { "close" };
        let Answer { status, kind, body, header } = answer;
        let more = header.map(|header| format!("{header}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n{more}\r\n",
            if status < 400 { "OK" } else { "Error" }
        );
        stream.write_all(head.as_bytes())?;
        if method != "HEAD" {
            stream.write_all(body.as_bytes())?;
        }
        if refused {
            return read_away(&stream, reader);
        }
        if !keep {
            break;
        }
    }
    Ok(())
}

/// Reads what a refused client still sends, for a while: a connection that ends before takes the answer with it.
fn read_away(stream: &TcpStream, reader: BufReader<TcpStream>) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    io::copy(&mut reader.take(16 * BODY), &mut io::sink()).map(drop)
}

/// A request that the stand-in stumbles over ends with 500, and the others go on.
fn guarded(handle: &dyn Fn(&Request) -> Answer, request: &Request) -> Answer {
    catch_unwind(AssertUnwindSafe(|| handle(request))).unwrap_or_else(|_| {
        Answer::error(500, &format!("the stand-in stumbled over {} {}", request.method, request.path))
    })
}

/// A request and whether another one may follow it, or what is answered to what is none; nothing where there is no more.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Result<(Request, bool), Answer>>> {
    let mut head = reader.by_ref().take(HEAD);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let Some(mut request) = start(&line) else { return Ok(Some(Err(Answer::error(400, "HTTP 400 Bad Request")))) };
    let mut keep = !line.trim_end().ends_with("HTTP/1.0");
    let (mut length, mut chunked) = (Some(0), false);
    loop {
        let mut header = String::new();
        if head.read_line(&mut header)? == 0 {
            let long = head.limit() == 0;
            return Ok(long.then(|| Err(Answer::error(431, "HTTP 431 Request Header Fields Too Large"))));
        }
        if header.trim().is_empty() {
            break;
        }
        let Some((name, value)) = header.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok(),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            "connection" if value.eq_ignore_ascii_case("close") => keep = false,
            _ => {}
        }
    }
    let body = match (chunked, length) {
        (true, _) => chunks(reader)?,
        (false, Some(length)) if length > BODY => Err(too_large()),
        (false, Some(length)) => Ok(exactly(reader, length)?),
        (false, None) => Err(Answer::error(400, "HTTP 400 Bad Request")),
    };
    Ok(Some(body.map(|body| (Request { body, ..request }, keep))))
}

fn too_large() -> Answer {
    Answer::error(413, "HTTP 413 Request Entity Too Large")
}

/// So many bytes; fewer are no body.
fn exactly(reader: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = reader.by_ref().take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A body in chunks: a length in hexadecimal before each, the last one is empty.
fn chunks(reader: &mut impl BufRead) -> io::Result<Result<Vec<u8>, Answer>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.by_ref().take(HEAD).read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = u64::from_str_radix(size, 16) else {
            return Ok(Err(Answer::error(400, "HTTP 400 Bad Request")));
        };
        if (body.len() as u64).saturating_add(size) > BODY {
            return Ok(Err(too_large()));
        }
        body.extend(exactly(reader, size)?);
        // A line break ends each chunk, and an empty line all of them, with trailers before it.
        loop {
            let mut end = String::new();
            let read = reader.by_ref().take(HEAD).read_line(&mut end)?;
            if size > 0 || read == 0 || end.trim().is_empty() {
                break;
            }
        }
        if size == 0 {
            return Ok(Ok(body));
        }
    }
}

/// The request line; nothing where it is none. Jetty takes no path with a NUL either.
fn start(line: &str) -> Option<Request> {
    let [method, target, version]: [&str; 3] = line.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query: Vec<_> = query.map(|(name, value)| (decode(name), decode(value))).collect();
    let request = Request { method: method.to_owned(), path: decode(path), query, ..Request::default() };
    let nul = request.query.iter().any(|(name, value)| name.contains('\0') || value.contains('\0'));
    let nul = nul || request.path.contains('\0');
    let whole = version.starts_with("HTTP/") && path.starts_with('/') && !nul;
    whole.then_some(request)
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
        let request = start("GET /api/v1/search/query?q=a%20b&index=table+x&size=0 HTTP/1.1\r\n").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/v1/search/query"));
        assert_eq!(request.query[0], ("q".to_owned(), "a b".to_owned()));
        assert_eq!(request.query[1].1, "table x");
    }

    #[test]
    fn what_is_no_request_line_is_none() {
        for line in [
            "GARBAGE",
            "",
            "GET /",
            "GET / FTP/1",
            "GET x HTTP/1.1",
            "GET /tables/%00 HTTP/1.1",
            "GET /?a=%00 HTTP/1.1",
        ] {
            assert!(start(line).is_none(), "{line:?}");
        }
    }

    /// The body, or the status of the refusal.
    fn body(text: &str) -> Result<String, u16> {
        match read(&mut text.as_bytes()).unwrap().unwrap() {
            Ok((request, _)) => Ok(String::from_utf8(request.body).unwrap()),
            Err(refusal) => Err(refusal.status),
        }
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        let head = "POST / HTTP/1.1\r\n";
        assert_eq!(body(&format!("{head}Content-Length: 2\r\n\r\n{{}}rest")), Ok("{}".to_owned()));
        let chunked = "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nTrailer: x\r\n\r\n";
        let two = format!("{head}{chunked}GET /next HTTP/1.1\r\n\r\n");
        let mut two = two.as_bytes();
        assert_eq!(read(&mut two).unwrap().unwrap().unwrap().0.body, b"{\"a\":1}");
        assert_eq!(read(&mut two).unwrap().unwrap().unwrap().0.path, "/next");
        assert_eq!(body(&format!("{head}Content-Length: 60000000\r\n\r\n")), Err(413));
        assert_eq!(body(&format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")), Err(413));
        assert_eq!(body(&format!("{head}Content-Length: many\r\n\r\n")), Err(400));
        assert_eq!(body(&format!("{head}X: {}", "x".repeat(70_000))), Err(431));
        assert!(read(&mut format!("{head}Content-Length: 9\r\n\r\n{{}}").as_bytes()).is_err(), "cut off");
    }

    #[test]
    fn a_refused_client_hears_why() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let handle: Arc<dyn Fn(&Request) -> Answer + Send + Sync> = Arc::new(|_| Answer::text(""));
        std::thread::spawn(move || serve(&listener, &handle));
        let length = 2 * BODY;
        write!(stream, "POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n").unwrap();
        for _ in 0..length / (1 << 10) {
            stream.write_all(&[b'x'; 1 << 10]).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[test]
    fn a_panic_is_an_answer() {
        let stumble = |_: &Request| -> Answer { panic!("as ordered") };
        assert_eq!(guarded(&stumble, &Request::default()).status, 500);
    }
}
