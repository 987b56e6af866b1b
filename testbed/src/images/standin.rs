//! The stand-in server's images, under the real image's name and with its paths. It never claims to be the real one: its page and its revision say so.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::oci::{Blob, Owner, Store};
use super::recipes::{copy, fresh, postgres_base};
use crate::call::Call;
use crate::paths::{self, Cache};
use crate::versions::{Release, SERVER_IMAGE, STAND_IN};

/// What the images follow from.
pub const SOURCES: &[&str] = &[
    "standin/Cargo.toml",
    "standin/src",
    "standin/seed",
    "standin/image",
    "standin/migrations",
    "src/images/standin.rs",
    "images/postgres/rootfs.sh",
    "../Cargo.toml",
    "../Cargo.lock",
];

/// Whether every release is there.
pub fn is_there(store: &Store) -> bool {
    STAND_IN.iter().all(|release| store.tagged(SERVER_IMAGE.1, release.tag).is_some())
}

/// Builds the program once and an image for every release.
pub fn make(cache: &Cache) -> Result<Vec<String>> {
    let store = Store::new(cache);
    let base = postgres_base(cache, &store)?;
    let program = scripts(cache, &store)?;
    let mut references = Vec::new();
    for release in STAND_IN {
        let own = folders(cache, &store, release)?;
        // As in the real image: bash is the entry point, so a Job's `args` alone would be bash's.
        let run = json!({
            "Entrypoint": ["/bin/bash"], "Cmd": ["/openmetadata-start.sh"], "User": "1000", "WorkingDir": "/opt/openmetadata",
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/openmetadata"],
            "ExposedPorts": { "8585/tcp": {}, "8586/tcp": {} },
        });
        let layers = [base.clone(), program.clone(), own];
        store.tag(SERVER_IMAGE.1, release.tag, &layers, &run)?;
        references.push(format!("{}/{}:{}", SERVER_IMAGE.0, SERVER_IMAGE.1, release.tag));
    }
    Ok(references)
}

/// The static program, which plays server, tool and search.
pub fn program(cache: &Cache) -> Result<PathBuf> {
    let target = cache.work().join("standin-target");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Call::builder("cargo", "building the stand-in")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_TARGET_DIR", &target)
        // It answers tests: being built soon is worth more than being fast.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        // One request's panic ends with an answer, not with the process.
        .env("CARGO_PROFILE_RELEASE_PANIC", "unwind")
        .args(["build", "--locked", "--release", "--target", &triple, "--manifest-path"])
        .args([paths::source("standin/Cargo.toml")])
        .run()?;
    Ok(target.join(&triple).join("release/openmetadata-standin"))
}

/// The program and the scripts that the chart calls.
fn scripts(cache: &Cache, store: &Store) -> Result<Blob> {
    let folder = fresh(cache, "standin-image")?;
    copy(&program(cache)?, &folder.join("opt/openmetadata/bin/openmetadata-standin"))?;
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
    fn every_folder_of_a_release_is_in_the_repository() {
        for release in STAND_IN {
            for name in release.folders {
                assert!(paths::source("standin/migrations").join(name).is_dir(), "{name}");
            }
        }
    }
}
