//! Reads what a run needs from outside: the stream, the policy, the receipt. Judges none of it beyond its form.

use super::Command;
use super::args::{Args, Switch};
use crate::failure::{Failure, io};
use crate::policy::Policy;
use crate::receipt;
use crate::spelling::closest;
use std::io::Read;
use std::path::Path;

/// All bytes of the stream.
pub fn bytes(args: &Args) -> Result<Vec<u8>, Failure> {
    let Some(file) = &args.file else {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|e| Failure::unknown(format!("reading standard input: {}", io(&e))));
    };
    let failure = if args.shows() {
        match std::fs::read(file) {
            Ok(bytes) => return Ok(bytes),
            Err(e) => Failure::unknown(format!("reading {}: {}", file.display(), io(&e))),
        }
    } else {
        Failure::usage(format!("a filter reads standard input, not {}", file.display()))
    };
    let names = Command::names();
    let near = file.to_str().and_then(|word| closest(word, names.iter().map(String::as_str)));
    Err(match near.filter(|_| !file.exists()) {
        Some(command) => failure.hint(format!("did you mean `helm-postrender {command}`?")),
        None => failure.hint("name a file that `helm template` wrote, with --diff, --check or --prove, or pipe it in"),
    })
}

/// The policy of this run: the file over its profile, then the switches of the command line, then the receipt.
pub fn policy(args: &Args) -> Result<Policy, Failure> {
    let mut policy = match named(args.policy.as_deref()) {
        None => args.profile.unwrap_or_default().policy(),
        Some(path) => {
            let fail = |what: String| Failure::usage(format!("reading the policy {}: {what}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|e| {
                fail(io(&e)).hint("name one with `--policy FILE` or OMUPGRADE_POLICY, or leave both out: there are defaults for everything")
            })?;
            Policy::from_yaml_on(&text, args.profile).map_err(|e| {
                let mut failure = fail(e.to_string());
                failure.excerpt = e.excerpt;
                match e.hint {
                    Some(hint) => failure.hint(hint),
                    None => failure
                        .hint("`helm-postrender schema` tells what a policy may say, `explain RULE` what it means"),
                }
            })?
        }
    };
    if let Some(backup) = args.backup {
        policy.set_backup(backup == Switch::On);
    }
    if let Some(path) = named(args.receipt.as_deref()) {
        policy.set_receipt(&receipt::read(path)?);
    }
    Ok(policy)
}

/// A path that was given; an empty one (a variable set to nothing) is none.
pub fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|p| !p.as_os_str().is_empty())
}
