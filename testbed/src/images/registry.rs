//! A read-only image registry on loopback, so that `imagePullPolicy: Always` and a missing image behave as they do for users. It never accepts an upload.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::oci::{MANIFEST, Store};
use crate::cluster::ports;
use crate::paths::Cache;
use crate::say;

/// Where it listens; containerd is told to ask here for every registry's images.
pub fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, ports::IMAGES).into()
}

/// Serves until it is killed.
pub fn serve(cache: &Cache) -> Result<()> {
    let listener = TcpListener::bind(address()).with_context(|| format!("cannot listen on {}", address()))?;
    std::thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            scope.spawn(|| {
                // A client that goes away in mid-answer is its own affair.
                let _ = converse(stream, &Store::new(cache));
            });
        }
    });
    Ok(())
}

/// What a request's path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    Hello,
    Manifest { name: &'a str, reference: &'a str },
    Blob { digest: &'a str },
    Nothing,
}

fn asked(target: &str) -> Asked<'_> {
    let path = target.split('?').next().unwrap_or(target);
    let Some(rest) = path.strip_prefix("/v2/") else { return Asked::Nothing };
    if rest.is_empty() {
        return Asked::Hello;
    }
    if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
        return Asked::Manifest { name, reference };
    }
    rest.rsplit_once("/blobs/").map_or(Asked::Nothing, |(_, digest)| Asked::Blob { digest })
}

fn converse(stream: TcpStream, store: &Store) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut request = String::new();
        if reader.by_ref().take(16 * 1024).read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            let mut header = String::new();
            if reader.by_ref().take(16 * 1024).read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
        }
        let mut words = request.split_whitespace();
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        answer(&mut stream, store, method, target)?;
    }
}

fn answer(stream: &mut TcpStream, store: &Store, method: &str, target: &str) -> io::Result<()> {
    let found: Option<(String, &str, PathBuf)> = match asked(target) {
        Asked::Hello => return write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{{}}"),
        Asked::Manifest { name, reference } => {
            let digest = if reference.starts_with("sha256:") {
                Some(reference.to_owned())
            } else {
                store.tagged(name, reference)
            };
            digest.and_then(|digest| store.blob(&digest).map(|file| (digest, MANIFEST, file)))
        }
        Asked::Blob { digest } => store.blob(digest).map(|file| (digest.to_owned(), "application/octet-stream", file)),
        Asked::Nothing => None,
    };
    let opened = found.and_then(|(digest, kind, file)| File::open(file).ok().map(|file| (digest, kind, file)));
    let Some((digest, kind, mut file)) = opened else {
        say::line(&format!("404 {method} {target}"));
        let words = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not built here"}]}"#;
        let length = words.len();
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")?;
        return if method == "HEAD" { Ok(()) } else { stream.write_all(words.as_bytes()) };
    };
    let length = file.metadata()?.len();
    say::line(&format!("200 {method} {target}"));
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nDocker-Content-Digest: {digest}\r\n\r\n"
    )?;
    if method != "HEAD" {
        io::copy(&mut file, stream)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_a_registry_reads_them() {
        assert_eq!(asked("/v2/"), Asked::Hello);
        assert_eq!(
            asked("/v2/openmetadata/server/manifests/1.13.1?ns=example.org"),
            Asked::Manifest { name: "openmetadata/server", reference: "1.13.1" }
        );
        assert_eq!(asked("/v2/library/postgres/blobs/sha256:ab"), Asked::Blob { digest: "sha256:ab" });
        assert_eq!(asked("/metrics"), Asked::Nothing);
    }
}
