//! The folder that Helm 4 finds us in: the same tree as in a release's archive, with a link to the running binary.
//! Never helm's shared plugins folder, where it would stop every plugin of Helm 3 from loading.

use crate::failure::{Failure, io};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The plugin's description, as archives carry it.
const PLUGIN_YAML: &str = include_str!("../../plugin/helm4/helm-postrender/plugin.yaml");

/// The folder for `HELM_PLUGINS`, made if it is absent or out of date.
///
/// `asked` is where the user wants the tree; without it, the archive that the binary was unpacked from serves as it
/// is, and else the user's data folder is used. `var` reads an environment variable, `binary` is the running program.
///
/// # Errors
/// When no folder is known, it is one of helm's own, or it cannot be written.
pub fn folder(asked: Option<&Path>, binary: &Path, var: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    let var = |name: &str| var(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if asked.is_none()
        && let Some(root) = unpacked(binary)
    {
        return Ok(root.join("helm4"));
    }
    let data = var("XDG_DATA_HOME").or_else(|| Some(var("HOME")?.join(".local/share")));
    let root = match asked {
        Some(dir) => {
            std::path::absolute(dir).map_err(|e| Failure::unknown(format!("{}: {}", dir.display(), io(&e))))?
        }
        None => data.as_deref().map(|d| d.join("omupgrade")).ok_or_else(|| {
            Failure::usage("no folder is known: neither HOME nor XDG_DATA_HOME is set")
                .hint("name one with `--dir DIR`")
        })?,
    };
    let own = [
        data.map(|d| d.join("helm/plugins")),
        var("HELM_DATA_HOME").map(|d| d.join("plugins")),
        var("HOME").map(|h| h.join("Library/helm/plugins")),
    ];
    for shared in own.into_iter().flatten() {
        if [root.clone(), root.join("helm4"), root.join("helm4/helm-postrender")].iter().any(|p| inside(p, &shared)) {
            return Err(Failure::usage(format!(
                "{} is in the plugins folder that helm 3 and helm 4 share",
                root.display()
            ))
            .hint("a post-renderer plugin there stops every plugin of helm 3 from loading; name another folder"));
        }
    }
    make(&root, binary)?;
    Ok(root.join("helm4"))
}

/// The root of the archive that the binary was unpacked from, where it still lies in one.
fn unpacked(binary: &Path) -> Option<&Path> {
    let bin = binary.parent()?;
    let root = bin.parent()?;
    let text = std::fs::read_to_string(root.join("helm4/helm-postrender/plugin.yaml")).ok()?;
    (bin.file_name()? == "bin" && binary.file_name()? == "helm-postrender" && text == PLUGIN_YAML).then_some(root)
}

fn make(root: &Path, binary: &Path) -> Result<(), Failure> {
    let plugin = root.join("helm4/helm-postrender");
    let bin = root.join("bin");
    let fail = |at: &Path, e: &std::io::Error| Failure::unknown(format!("making {}: {}", at.display(), io(e)));
    for dir in [&plugin, &bin] {
        std::fs::create_dir_all(dir).map_err(|e| fail(dir, &e))?;
    }
    let file = plugin.join("plugin.yaml");
    let link = bin.join("helm-postrender");
    // What is not of our making is not replaced.
    let foreign = |at: &Path, what: &str| {
        let text = format!("making {}: {what} stands there that is not of our making", at.display());
        Err(Failure::unknown(text).hint("move it away, or name another folder with `--dir DIR`"))
    };
    if file.exists() && !std::fs::read_to_string(&file).is_ok_and(|text| text.contains("name: helm-postrender")) {
        return foreign(&file, "a file");
    }
    let is_us = link.canonicalize().is_ok_and(|at| binary.canonicalize().is_ok_and(|us| at == us));
    if !is_us && link.symlink_metadata().is_ok_and(|m| !m.is_symlink()) {
        return foreign(&link, "a program");
    }
    if std::fs::read_to_string(&file).ok().as_deref() != Some(PLUGIN_YAML) {
        replace(&file, |new| std::fs::write(new, PLUGIN_YAML)).map_err(|e| fail(&file, &e))?;
    }
    // A link to ourselves, or ourselves: then there is nothing to do, and a new link would point at itself.
    if !is_us {
        replace(&link, |new| std::os::unix::fs::symlink(binary, new)).map_err(|e| fail(&link, &e))?;
    }
    Ok(())
}

/// Puts a new file in place of an old one in one step: a helm that runs at the same time sees one or the other.
fn replace(path: &Path, write: impl FnOnce(&Path) -> std::io::Result<()>) -> std::io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    write(&new)?;
    std::fs::rename(&new, path)
}

/// Whether `path` lies in `folder`, links followed as far as the paths exist.
fn inside(path: &Path, folder: &Path) -> bool {
    let real = |p: &Path| {
        let existing = p.ancestors().find(|a| a.exists()).unwrap_or(p);
        let rest = p.strip_prefix(existing).unwrap_or(Path::new(""));
        existing.canonicalize().unwrap_or_else(|_| existing.to_owned()).join(rest)
    };
    path.starts_with(folder) || real(path).starts_with(real(folder))
}
