//! The environment of every program that the testbed starts: the user's, without what would lead it to another cluster or change what it does. It never reads a value.

use std::env;
use std::ffi::{OsStr, OsString};
use std::process::Command;

/// What begins like this tells helm, kubectl and our own programs where to go and what to do.
const LEADING: &[&str] = &["HELM_", "KUBE", "OMUPGRADE_"];

/// What the testbed itself goes by.
const OURS: &[&str] = &["OMUPGRADE_TESTBED_", "OMUPGRADE_CORPUS", "OMUPGRADE_WORDS"];

/// A program that goes where its caller says, whatever the user's shell says.
pub fn program(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in leading(env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    // A user's defaults for kubectl (`--dry-run`, `--interactive`) would make orders into nothing.
    command.env("KUBERC", "off");
    command
}

/// Those among the names that would lead a program elsewhere.
fn leading(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let begins = |name: &OsString, with: &[&str]| {
        name.to_str().is_some_and(|name| with.iter().any(|beginning| name.starts_with(beginning)))
    };
    names.filter(|name| begins(name, LEADING) && !begins(name, OURS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_goes_and_what_the_testbed_goes_by_stays() {
        let names = ["HELM_KUBEAPISERVER", "HELM_DRIVER", "KUBECONFIG", "KUBERC", "OMUPGRADE_POLICY", "OMUPGRADE_TO"];
        let stays =
            ["PATH", "HOME", "OMUPGRADE_TESTBED_CACHE", "OMUPGRADE_CORPUS", "OMUPGRADE_WORDS", "OM_SEARCH_HOST"];
        let found = leading(names.iter().chain(&stays).map(OsString::from));
        assert_eq!(found, names.map(OsString::from));
    }

    #[test]
    fn every_program_is_started_here() {
        let own =
            |path: &str| ["surroundings.rs", "suite/case.rs", "tools/golang.rs"].iter().any(|of| path.ends_with(of));
        let mut folders = vec![crate::paths::source("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if !own(path.to_str().unwrap()) {
                    let text = std::fs::read_to_string(&path).unwrap();
                    // Of the machine's own files only.
                    let elsewhere =
                        text.matches("Command::new(").count() - text.matches("Command::new(\"cp\")").count();
                    assert_eq!(elsewhere, 0, "{} starts a program with all that the shell says", path.display());
                }
            }
        }
    }
}
