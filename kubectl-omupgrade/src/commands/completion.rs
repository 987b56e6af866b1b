//! The verb `completion`: puts the program that kubectl asks for completions beside this one. Asks no cluster.

use crate::cli::complete::NAME;
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Let kubectl complete verbs, flags, releases and revisions.
///
/// kubectl asks a program kubectl_complete-omupgrade on the PATH. It is this one under another name: a link is made. The
/// shell itself must complete kubectl: see `kubectl completion --help`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The folder for the link, on the PATH; without it the one that holds this program.
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// The link that was made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Completion")]
pub struct Answer {
    /// `omupgrade.io/completion/v1`.
    schema: &'static str,
    /// Where it is.
    link: String,
    /// Whether its folder is on the PATH: kubectl finds it nowhere else.
    on_path: bool,
}

/// Runs it.
#[allow(clippy::unused_async, reason = "all verbs are called alike")]
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let program = std::env::current_exe().map_err(|e| Failure::unknown(format!("looking for this program: {e}")))?;
    let beside = program.parent().map(Path::to_path_buf).unwrap_or_default();
    let link = install(&program, args.dir.as_deref().unwrap_or(&beside))?;
    let folder = link.parent().unwrap_or(&link);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).any(|on| on == folder);
    let answer = Answer { schema: "omupgrade.io/completion/v1", link: link.display().to_string(), on_path };
    say::answer(session.output(), &answer, || format!("{}\n", link.display()))?;
    if !on_path {
        say::note(&format!("{0} is not on the PATH: export PATH=\"$PATH:{0}\"", folder.display()));
    }
    Ok(Exit::Done)
}

/// Makes the link; one that is there already is made again, another file is left alone.
pub fn install(program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let link = folder.join(format!("{NAME}{}", std::env::consts::EXE_SUFFIX));
    let failed = |e: std::io::Error| Failure::unknown(format!("making {}: {e}", link.display()));
    match std::fs::symlink_metadata(&link) {
        Ok(there) if there.file_type().is_symlink() => std::fs::remove_file(&link).map_err(failed)?,
        Ok(_) => {
            let hint = format!("kubectl omupgrade completion --dir FOLDER    # or take {} away", link.display());
            return Err(Failure::refused(format!("{} is there and is no link", link.display())).hint(hint).into());
        }
        Err(_) => {}
    }
    linked(program, &link).map_err(|e| failed(e).hint("kubectl omupgrade completion --dir FOLDER"))?;
    Ok(link)
}

#[cfg(unix)]
fn linked(program: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(program, link)
}

/// Links need rights on Windows that users do not have.
#[cfg(not(unix))]
fn linked(program: &Path, link: &Path) -> std::io::Result<()> {
    std::fs::copy(program, link).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_again_and_a_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("kubectl-omupgrade");
        std::fs::write(&program, "x").unwrap();
        for _ in 0..2 {
            let link = install(&program, folder.path()).unwrap();
            assert_eq!(std::fs::read(&link).unwrap(), b"x");
        }
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join(NAME), "mine").unwrap();
        let refused = install(&program, other.path()).unwrap_err();
        assert_eq!(crate::failure::exit_of(&refused), Exit::Refused);
        assert_eq!(std::fs::read(other.path().join(NAME)).unwrap(), b"mine");
    }
}
