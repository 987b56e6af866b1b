//! Keeps what is ordered for a namespace, and tells the stand-ins that ask. It never breaks anything itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::values;
use crate::cluster::{NODE_ADDRESS, ports};
use crate::paths;

/// Where stand-ins ask: on the node's address, which every pod reaches.
const PORT: u16 = ports::FAULTS;

/// Beside the orders, whose they are; no fault has such a name.
const OWNER: &str = ".uid";

/// The folder beside the orders of what is done to the cluster; no stand-in is told of it.
const DONE: &str = ".done";

/// Writes an order down.
pub fn write(namespace: &str, name: &str, value: &str) -> Result<()> {
    put(&folder(namespace).with_context(|| format!("{namespace:?} is no namespace"))?, name, value)
}

fn put(folder: &Path, name: &str, value: &str) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let file = folder.join(name);
    fs::write(&file, value).with_context(|| format!("cannot write {}", file.display()))
}

/// Orders belong to one namespace, and not to a later one of the same name: those of an earlier one go.
pub fn belongs_to(namespace: &str, uid: &str) -> Result<()> {
    let folder = folder(namespace).with_context(|| format!("{namespace:?} is no namespace"))?;
    if fs::read_to_string(folder.join(OWNER)).is_ok_and(|owner| owner == uid) {
        return Ok(());
    }
    clear(namespace);
    put(&folder, OWNER, uid)
}

/// Takes an order back.
pub fn remove(namespace: &str, name: &str) -> Result<()> {
    let Some(folder) = folder(namespace) else { return Ok(()) };
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot take {name} back"))
        }
        _ => Ok(()),
    }
}

/// Writes down what is done to the cluster, before it is: half of it may come about.
pub fn note(namespace: &str, name: &str, value: &str) -> Result<()> {
    put(&folder(namespace).with_context(|| format!("{namespace:?} is no namespace"))?.join(DONE), name, value)
}

/// It is undone.
pub fn forget(namespace: &str, name: &str) -> Result<()> {
    remove(namespace, &format!("{DONE}/{name}"))
}

/// What was done to the cluster from this namespace and not undone, one `name value` a line.
pub fn done(namespace: &str) -> String {
    folder(namespace).map(|folder| lines(&folder.join(DONE))).unwrap_or_default()
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
pub fn ordered(namespace: &str) -> String {
    folder(namespace).map(|folder| lines(&folder)).unwrap_or_default()
}

/// The files of a folder, one `name value` a line.
fn lines(folder: &Path) -> String {
    let Ok(entries) = fs::read_dir(folder) else { return String::new() };
    let mut lines: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| name != OWNER)?;
            let value = fs::read_to_string(entry.path()).ok()?;
            Some(format!("{name} {}\n", value.trim()))
        })
        .collect();
    lines.sort_unstable();
    lines.concat()
}

/// Where a namespace's orders stand; nothing that is no namespace's name has a place.
fn folder(namespace: &str) -> Option<PathBuf> {
    values::label(namespace).then(|| paths::state("faults").join(namespace))
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

    #[test]
    fn a_folders_files_are_told_but_not_whose_they_are_nor_what_is_done_to_the_cluster() {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [(OWNER, "1-2-3"), ("slow-start", "5\n"), ("crash-loop", "yes")] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        fs::create_dir(folder.path().join(DONE)).unwrap();
        fs::write(folder.path().join(DONE).join("quota"), "1").unwrap();
        assert_eq!(lines(folder.path()), "crash-loop yes\nslow-start 5\n");
        assert_eq!(lines(&folder.path().join(DONE)), "quota 1\n");
        assert_eq!(lines(&folder.path().join("none")), "");
    }
}
