//! How each image is made. It never decides when.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::oci::{Blob, Owner, Store};
use super::{search, standin};
use crate::call::Call;
use crate::paths::{self, Cache};
use crate::versions::{MYSQL, POSTGRES, POSTGRES_CLIENT, Postgres};
use crate::{say, tools, versions};

/// One image, or one family of images.
pub struct Recipe {
    /// What `testbed images` calls it.
    pub name: &'static str,
    /// The files and folders that it follows from, below this crate.
    pub sources: &'static [&'static str],
    /// Whether it is in the store already.
    pub is_there: fn(&Store) -> bool,
    /// Makes it; returns the references that pods can use.
    pub make: fn(&Cache) -> Result<Vec<String>>,
}

/// All of them.
pub const RECIPES: &[Recipe] = &[
    Recipe {
        name: "pause",
        sources: &["images/pause.rs"],
        is_there: |store| store.tagged("testbed/pause", "1").is_some(),
        make: pause,
    },
    Recipe {
        name: "coredns",
        sources: &["go/coredns"],
        is_there: |store| store.tagged("testbed/coredns", "1").is_some(),
        make: coredns,
    },
    Recipe {
        name: "postgres",
        sources: &["images/postgres"],
        is_there: |store| postgres_there(store, &POSTGRES),
        make: |cache| postgres(cache, &POSTGRES),
    },
    Recipe {
        name: "postgres-18",
        sources: &["images/postgres"],
        is_there: |store| postgres_there(store, &POSTGRES_CLIENT),
        make: |cache| postgres(cache, &POSTGRES_CLIENT),
    },
    Recipe {
        name: "mysql",
        sources: &["images/mysql", "../testdata/databases/mysql-rootfs.sh"],
        is_there: |store| store.tagged("library/mysql", MYSQL.tag).is_some(),
        make: mysql,
    },
    Recipe { name: "openmetadata", sources: standin::SOURCES, is_there: standin::is_there, make: standin::make },
    Recipe { name: "search", sources: search::SOURCES, is_there: search::is_there, make: search::make },
];

/// The process that holds a pod's namespaces: it waits for nothing.
fn pause(cache: &Cache) -> Result<Vec<String>> {
    let root = fresh(cache, "pause-image")?;
    Call::new("rustc", "building the pause program")
        .args(["--edition=2024", "-O", "-C", "target-feature=+crt-static", "-o"])
        .args([root.join("pause"), paths::source("images/pause.rs")])
        .run()?;
    let store = Store::new(cache);
    let layer = store.layer(&root, None, Owner::Root)?;
    store.tag("testbed/pause", "1", &[layer], &json!({ "Entrypoint": ["/pause"] }))?;
    Ok(vec!["testbed/pause:1".to_owned()])
}

fn coredns(cache: &Cache) -> Result<Vec<String>> {
    tools::golang::ensure(cache, versions::CLUSTER)?;
    let root = fresh(cache, "coredns-image")?;
    copy(&cache.binary("coredns"), &root.join("coredns"))?;
    let store = Store::new(cache);
    let layer = store.layer(&root, None, Owner::Root)?;
    store.tag("testbed/coredns", "1", &[layer], &json!({ "Entrypoint": ["/coredns"] }))?;
    Ok(vec!["testbed/coredns:1".to_owned()])
}

fn postgres_there(store: &Store, which: &Postgres) -> bool {
    store.tagged("library/postgres", which.major).is_some()
}

fn postgres(cache: &Cache, which: &Postgres) -> Result<Vec<String>> {
    let store = Store::new(cache);
    let base = postgres_layer(cache, &store, which)?;
    let entry = entrypoint(cache, &store, "postgres")?;
    let major = which.major;
    let run = json!({
        "Entrypoint": ["/usr/local/bin/docker-entrypoint.sh"], "Cmd": ["postgres"],
        "Env": [format!("PATH=/usr/local/bin:/usr/lib/postgresql/{major}/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                "PGDATA=/var/lib/postgresql/data", "LANG=C.UTF-8"],
    });
    store.tag("library/postgres", major, &[base, entry], &run)?;
    Ok(vec![format!("postgres:{major}")])
}

/// The layer that the server of the tests and the stand-in share.
pub fn postgres_base(cache: &Cache, store: &Store) -> Result<Blob> {
    postgres_layer(cache, store, &POSTGRES)
}

fn postgres_layer(cache: &Cache, store: &Store, which: &Postgres) -> Result<Blob> {
    let name = format!("postgres-{}", which.major);
    let root = rootfs(cache, &paths::source("images/postgres/rootfs.sh"), &name, &[which.suite, which.major])?;
    store.layer(&root, Some(&key(&name, &root)?), Owner::AsIs)
}

fn mysql(cache: &Cache) -> Result<Vec<String>> {
    let store = Store::new(cache);
    let root = mysql_root(cache)?;
    say_if_moved(
        &Call::new("chroot", "asking MySQL for its version").args([&root]).args(["mysqld", "--version"]).text()?,
    );
    let base = store.layer(&root, Some(&key("mysql", &root)?), Owner::AsIs)?;
    let entry = entrypoint(cache, &store, "mysql")?;
    let run = json!({
        "Entrypoint": ["/usr/local/bin/docker-entrypoint.sh"], "Cmd": ["mysqld"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
    });
    store.tag("library/mysql", MYSQL.tag, &[base, entry], &run)?;
    Ok(vec![format!("mysql:{}", MYSQL.tag)])
}

/// The root filesystem with Oracle's `MySQL`, server and client.
pub fn mysql_root(cache: &Cache) -> Result<PathBuf> {
    rootfs(cache, &paths::source("../testdata/databases/mysql-rootfs.sh"), "mysql", &[MYSQL.suite])
}

/// Sid moves on, and the sums of its packages are kept on this machine only: what was tried is a line of versions.
fn say_if_moved(says: &str) {
    if !says.contains(&format!("Ver {}.", MYSQL.line)) {
        say::line(&format!(
            "tried with MySQL {} only, and Debian {} now has: {}",
            MYSQL.line,
            MYSQL.suite,
            says.trim()
        ));
    }
}

/// Runs a script that makes a root filesystem and prints its path.
fn rootfs(cache: &Cache, script: &Path, name: &str, more: &[&str]) -> Result<PathBuf> {
    tools::packages::ensure(versions::PACKAGES)?;
    let said = Call::builder("sh", format!("making the root filesystem of {name} (minutes when cold)"))
        .args([script, &cache.work()])
        .args(more)
        .hint(format!("sh -x {} {}", script.display(), cache.work().display()))
        .text()?;
    let path = said.lines().last().with_context(|| format!("{} printed no path", script.display()))?;
    Ok(PathBuf::from(path))
}

/// A name that changes when the root filesystem was made again.
fn key(name: &str, root: &Path) -> Result<String> {
    let made = fs::metadata(root.join(".complete")).and_then(|mark| mark.modified());
    let made = made.with_context(|| format!("{} is not complete", root.display()))?;
    Ok(format!("{name}-{}", made.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()))
}

fn entrypoint(cache: &Cache, store: &Store, name: &str) -> Result<Blob> {
    let root = fresh(cache, &format!("{name}-entrypoint"))?;
    let script = root.join("usr/local/bin/docker-entrypoint.sh");
    copy(&paths::source(&format!("images/{name}/docker-entrypoint.sh")), &script)?;
    store.layer(&root, None, Owner::Root)
}

/// An empty folder in the cache's work room.
pub fn fresh(cache: &Cache, name: &str) -> Result<PathBuf> {
    let folder = cache.work().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}

/// Copies a program, making the folders above it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).with_context(|| format!("cannot mark {}", to.display()))
}
