//! Builds the table's binaries from their Go modules into the cache. It never builds what is there in the right version.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::call::Call;
use crate::cluster::room;
use crate::failure::Failure;
use crate::paths::{self, Cache};
use crate::versions::{Binary, Source};
use crate::{say, turn};

/// Makes every binary of `wanted` exist in its version.
pub fn ensure(cache: &Cache, wanted: &[Binary]) -> Result<()> {
    let bin = cache.bin();
    fs::create_dir_all(&bin).with_context(|| format!("cannot make the folder {}", bin.display()))?;
    let missing = || -> Vec<&Binary> { wanted.iter().filter(|binary| !is_right(&bin, binary)).collect() };
    if missing().is_empty() {
        return Ok(());
    }
    // Who waited finds them built.
    let _turn = turn::take(&bin, "another process builds tools")?;
    let missing = missing();
    compiler(missing[0].name)?;
    for (index, binary) in missing.iter().enumerate() {
        let (at, of) = (index + 1, missing.len());
        say::step(&format!("building {} {} ({at} of {of}; minutes on a cold machine)", binary.name, binary.version));
        build(cache, binary)?;
        if !is_right(&bin, binary) {
            bail!(Failure::new(
                format!("the {} that was built does not say that it is {}", binary.name, binary.version),
                format!("{} {}", bin.join(binary.name).display(), binary.ask.join(" ")),
            ));
        }
    }
    Ok(())
}

/// Refuses where something of `wanted` has to be built and cannot be.
pub fn check(cache: &Cache, wanted: &[Binary]) -> Result<()> {
    match wanted.iter().find(|binary| !is_right(&cache.bin(), binary)) {
        Some(missing) => {
            compiler(missing.name)?;
            room::check_for_building(cache)
        }
        None => Ok(()),
    }
}

/// The oldest Go that the modules take.
const GO: (u32, u32) = (1, 26);

/// Whether there is a Go that can build `what`.
fn compiler(what: &str) -> Result<()> {
    let needs = format!("building {what} needs Go {}.{} or newer", GO.0, GO.1);
    let hint = "export PATH=$PATH:/usr/local/go/bin (Go is at https://go.dev/dl; Debian's own is too old)";
    let Ok(says) = Call::new("go", "looking for Go").args(["version"]).text() else {
        bail!(Failure::new(format!("{needs}, and there is no `go` on the PATH"), hint));
    };
    match go_version(&says) {
        Some(found) if found < GO => bail!(Failure::new(format!("{needs}, and here is {}", says.trim()), hint)),
        // One that is built from source calls itself otherwise, and knows what it does.
        _ => Ok(()),
    }
}

/// `go version go1.26.8 linux/amd64`
fn go_version(says: &str) -> Option<(u32, u32)> {
    let mut numbers = says.split_whitespace().nth(2)?.strip_prefix("go")?.split(['.', '-', 'r']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether the binary and its other names are there, and say the right version.
fn is_right(bin: &Path, binary: &Binary) -> bool {
    let says = Command::new(bin.join(binary.name)).args(binary.ask).output();
    let right = says.is_ok_and(|output| {
        let text = [output.stdout, output.stderr].concat();
        says_version(&String::from_utf8_lossy(&text), binary.version)
    });
    right && binary.aliases.iter().all(|alias| bin.join(alias).exists())
}

/// Whether a text names exactly this version: `v1.35.4` is not in `v1.35.40`.
fn says_version(text: &str, version: &str) -> bool {
    text.split(|letter: char| letter.is_whitespace() || "+,\"".contains(letter))
        .any(|word| word == version || word.strip_suffix(version).is_some_and(|before| before.ends_with('-')))
}

fn build(cache: &Cache, binary: &Binary) -> Result<()> {
    let work = cache.work().join(binary.name);
    fs::create_dir_all(&work).with_context(|| format!("cannot make the folder {}", work.display()))?;
    let mut stamp = String::from("-s -w");
    for value in binary.stamp {
        stamp.push_str(" -X ");
        stamp.push_str(value);
    }
    // CGO off: CoreDNS runs in an empty image, and no C compiler is needed. Nice, because people work beside it.
    let call = Call::builder("nice", format!("building {}", binary.name))
        .env("CGO_ENABLED", "0")
        .env("GOBIN", &work)
        .args(["-n", "10", "go"]);
    let flags = ["-trimpath", "-ldflags", &stamp];
    let log = work.join("build.log");
    let made = match binary.source {
        Source::Published { package } => {
            call.args(["install"]).args(flags).args([format!("{package}@{}", binary.version)]).logged(&log)?;
            work.join(package.rsplit('/').next().unwrap_or(package))
        }
        Source::OurMain { module, package } => {
            let made = work.join("made");
            call.folder(paths::source(module))
                .args(["build"])
                .args(flags)
                .args(["-o".as_ref(), made.as_os_str(), package.as_ref()])
                .logged(&log)?;
            made
        }
    };
    place(&made, &cache.bin(), binary)
}

/// Puts the file in its place in one move, so that a binary is never half there.
fn place(made: &Path, bin: &Path, binary: &Binary) -> Result<()> {
    let target = bin.join(binary.name);
    fs::rename(made, &target).with_context(|| format!("cannot put {} into {}", binary.name, bin.display()))?;
    for alias in binary.aliases {
        let link = bin.join(alias);
        let _ = fs::remove_file(&link);
        symlink(binary.name, &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{GO, go_version, says_version};

    #[test]
    fn an_older_go_is_known_by_its_number() {
        assert_eq!(go_version("go version go1.26.8 linux/amd64\n"), Some((1, 26)));
        assert_eq!(go_version("go version go1.27rc1 linux/arm64"), Some((1, 27)));
        assert!(go_version("go version go1.9.7 linux/amd64").unwrap() < GO);
        assert_eq!(go_version("go version devel +abc linux/amd64"), None);
    }

    #[test]
    fn versions_are_whole_words() {
        assert!(says_version("Kubernetes v1.35.4\n", "v1.35.4"));
        assert!(says_version("v4.3.1+gabc", "v4.3.1"));
        assert!(says_version("CoreDNS-1.12.4\nlinux/amd64", "1.12.4"));
        assert!(!says_version("Kubernetes v1.35.40", "v1.35.4"));
        assert!(!says_version("v4.3.1-rc.1", "v4.3.1"));
    }
}
