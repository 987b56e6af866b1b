//! The stand-in server's images, under the real image's name and with its paths. It never claims to be the real one: its page and its revision say so.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::oci::{Blob, Owner, Store};
use super::recipes::{copy, fresh, mysql_root, postgres_base};
use crate::call::Call;
use crate::paths::{self, Cache};
use crate::say;
use crate::versions::{Release, SERVER_IMAGE, STAND_IN};

/// Whether every release is there.
pub fn is_there(store: &Store) -> bool {
    STAND_IN.iter().all(|release| store.tagged(SERVER_IMAGE.1, release.tag).is_some())
}

/// Builds the program once and an image for every release.
pub fn make(cache: &Cache) -> Result<Vec<String>> {
    let store = Store::new(cache);
    let base = postgres_base(cache, &store)?;
    let client = mysql_client(cache, &store)?;
    let program = program(cache, &store)?;
    let mut references = Vec::new();
    for release in STAND_IN {
        let own = folders(cache, &store, release)?;
        // As in the real image: bash is the entry point, so a Job's `args` alone would be bash's.
        let run = json!({
            "Entrypoint": ["/bin/bash"], "Cmd": ["/openmetadata-start.sh"], "User": "1000", "WorkingDir": "/opt/openmetadata",
            "Env": ["PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/openmetadata"],
            "ExposedPorts": { "8585/tcp": {}, "8586/tcp": {} },
        });
        let layers = [base.clone(), client.clone(), program.clone(), own];
        store.tag(SERVER_IMAGE.1, release.tag, &layers, &run)?;
        references.push(format!("{}/{}:{}", SERVER_IMAGE.0, SERVER_IMAGE.1, release.tag));
    }
    Ok(references)
}

/// Oracle's client with its own libraries and loader: it comes from another Debian release than the base.
fn mysql_client(cache: &Cache, store: &Store) -> Result<Blob> {
    let root = mysql_root(cache)?;
    let folder = fresh(cache, "mysql-client")?;
    let inside = folder.join("opt/mysql-client");
    copy(&root.join("usr/bin/mysql"), &inside.join("bin/mysql"))?;
    let said = Call::new("chroot", "listing the libraries of the MySQL client")
        .args([root.as_os_str(), "ldd".as_ref(), "/usr/bin/mysql".as_ref()])
        .text()?;
    for library in said.lines().filter_map(library) {
        let name = Path::new(library).file_name().context("a library without a name")?;
        let name = if library.contains("/ld-linux") { "ld.so".as_ref() } else { name };
        copy(&root.join(library.trim_start_matches('/')), &inside.join("lib").join(name))?;
    }
    copy(&paths::source("standin/image/mysql"), &folder.join("usr/local/bin/mysql"))?;
    store.layer(&folder, None, Owner::Root)
}

/// The path in a line of `ldd`: `libssl.so.3 => /lib/libssl.so.3 (0x…)` or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn library(line: &str) -> Option<&str> {
    let line = line.split_once("=>").map_or(line, |(_, path)| path);
    line.split_whitespace().next().filter(|word| word.starts_with('/'))
}

/// The static program and the scripts that the chart calls.
fn program(cache: &Cache, store: &Store) -> Result<Blob> {
    let target = cache.work().join("standin-target");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    say::step("building the stand-in server");
    Call::new("cargo", "building the stand-in server")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_TARGET_DIR", &target)
        .args(["build", "--release", "--target", &triple, "--manifest-path"])
        .args([paths::source("standin/Cargo.toml")])
        .run()?;
    let folder = fresh(cache, "standin-image")?;
    let built = target.join(&triple).join("release/openmetadata-standin");
    copy(&built, &folder.join("opt/openmetadata/bin/openmetadata-standin"))?;
    let image = paths::source("standin/image");
    copy(&image.join("openmetadata-ops.sh"), &folder.join("opt/openmetadata/bootstrap/openmetadata-ops.sh"))?;
    copy(&image.join("openmetadata-start.sh"), &folder.join("openmetadata-start.sh"))?;
    fs::create_dir_all(folder.join("home/openmetadata"))?;
    store.layer(&folder, None, Owner::Root)
}

/// What differs from release to release: the version and the migration folders.
fn folders(cache: &Cache, store: &Store, release: &Release) -> Result<Blob> {
    let folder = fresh(cache, "standin-release")?;
    let root = folder.join("opt/openmetadata");
    let native = root.join("bootstrap/sql/migrations/native");
    fs::create_dir_all(&native).with_context(|| format!("cannot make the folder {}", native.display()))?;
    fs::write(root.join("VERSION"), release.tag)?;
    for name in release.folders {
        Call::new("cp", format!("packing the migrations of {name}"))
            .args(["-r".as_ref(), paths::source("standin/migrations").join(name).as_os_str(), native.as_os_str()])
            .run()?;
    }
    store.layer(&folder, None, Owner::Root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_what_ldd_says() {
        assert_eq!(library("\tlibssl.so.3 => /lib/x/libssl.so.3 (0x7f)"), Some("/lib/x/libssl.so.3"));
        assert_eq!(library("\t/lib64/ld-linux-x86-64.so.2 (0x7f)"), Some("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(library("\tlinux-vdso.so.1 (0x7f)"), None);
    }

    #[test]
    fn every_folder_of_a_release_is_in_the_repository() {
        for release in STAND_IN {
            for name in release.folders {
                assert!(paths::source("standin/migrations").join(name).is_dir(), "{name}");
            }
        }
    }
}
