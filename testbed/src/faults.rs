//! Faults on demand: keeps what a test ordered for a namespace, and tells the stand-ins that ask. It never breaks anything itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cluster::NODE_ADDRESS;
use crate::failure::Failure;
use crate::{paths, say};

/// Where stand-ins ask: on the node's address, which every pod reaches.
const PORT: u16 = 15001;

/// A fault that the stand-in knows, and what its value means.
const KNOWN: &[(&str, &str)] = &[
    ("migrate-fails", "VERSION:before|middle|after"),
    ("migrate-hangs", "VERSION:before|middle|after"),
    ("migrate-slow", "SECONDS before every statement"),
    ("slow-start", "SECONDS before the server starts"),
    ("crash-loop", "yes: the server ends at its start"),
    ("answers-500", "yes: every request fails"),
    ("loses-database", "yes: the server's questions to its database fail"),
    ("loses-search", "yes: the server's questions to search fail"),
    ("search-down", "yes: search answers 503"),
    ("search-health", "green|yellow|red: what search says of itself"),
    ("search-drift", "INDEX whose mapping is not what the server wrote"),
];

/// Orders a fault, or with no value takes it back; with no name lists what is ordered.
pub fn order(namespace: &str, name: Option<&str>, value: Option<&str>) -> Result<()> {
    let folder = folder(namespace).with_context(|| format!("{namespace:?} is no namespace"))?;
    let Some(name) = name else {
        say::answer(ordered(namespace).trim_end());
        return Ok(());
    };
    if !KNOWN.iter().any(|(known, _)| *known == name) {
        let known: Vec<String> = KNOWN.iter().map(|(name, value)| format!("{name} ({value})")).collect();
        bail!(Failure::new(
            format!("no fault is called {name}; there are: {}", known.join(", ")),
            "testbed fault --help"
        ));
    }
    let file = folder.join(name);
    match value {
        Some(value) => {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
            fs::write(&file, value).with_context(|| format!("cannot write {}", file.display()))
        }
        None => match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", file.display()))
            }
            _ => Ok(()),
        },
    }
}

/// Takes every order of a namespace back.
pub fn clear(namespace: &str) {
    if let Some(folder) = folder(namespace) {
        // Nothing ordered is the usual case.
        let _ = fs::remove_dir_all(folder);
    }
}

/// Tells stand-ins until it is killed.
pub fn serve() -> Result<()> {
    let listener = TcpListener::bind((NODE_ADDRESS, PORT)).with_context(|| format!("cannot listen on port {PORT}"))?;
    for stream in listener.incoming().flatten() {
        // Each apart, so that none waits for another; a pod that goes away while it asks needs no answer.
        std::thread::spawn(move || answer(stream));
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    let mut line = String::new();
    BufReader::new((&stream).take(1024)).read_line(&mut line)?;
    let namespace = line.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/');
    let body = ordered(namespace);
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The faults of a namespace, one `name value` a line.
fn ordered(namespace: &str) -> String {
    let Some(entries) = folder(namespace).and_then(|folder| fs::read_dir(folder).ok()) else { return String::new() };
    let mut lines: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let value = fs::read_to_string(entry.path()).ok()?;
            Some(format!("{} {}\n", entry.file_name().to_str()?, value.trim()))
        })
        .collect();
    lines.sort_unstable();
    lines.concat()
}

/// Where a namespace's orders stand; nothing that is no namespace's name has a place.
fn folder(namespace: &str) -> Option<PathBuf> {
    let right = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let named = !namespace.is_empty() && namespace.chars().all(right);
    named.then(|| paths::state("faults").join(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_namespaces_have_a_place() {
        assert!(folder("om-1").is_some());
        assert_eq!(folder("../etc"), None);
        assert_eq!(folder(""), None);
    }
}
