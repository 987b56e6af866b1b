//! The road that every run takes, whatever is done with its end: stream, dialect, rules, and the output read back.

use super::args::Args;
use super::input;
use crate::backup::{self, Backup};
use crate::caller::{self, Caller, Told};
use crate::failure::Failure;
use crate::policy::Policy;
use crate::readback::ReadBack;
use crate::report::{Report, Run};
use crate::rules::ALL;
use crate::transform::{Memory, Outcome, transform};
use jiff::Timestamp;
use shared::manifest::{Document, Stream};
use std::borrow::Cow;
use std::time::SystemTime;

/// A run that ended early: why, and what was known by then.
#[derive(Debug)]
pub struct Ended {
    pub failure: Failure,
    pub run: Option<Run>,
}

impl From<Failure> for Box<Ended> {
    fn from(failure: Failure) -> Self {
        Box::new(Ended { failure, run: None })
    }
}

/// A run that went through, with nothing written yet.
pub struct Finished<'s, 'i> {
    pub stream: &'s Stream<'i>,
    pub told: Told,
    pub policy: Policy,
    pub outcome: Outcome<'i>,
    pub backup: Backup,
}

/// Splits the bytes, or says why they are no stream of manifests.
pub fn stream(bytes: &[u8]) -> Result<Stream<'_>, Failure> {
    let stream = Stream::split(bytes).map_err(|e| {
        Failure::unknown(format!("reading the manifests: {e}"))
            .hint("manifests are UTF-8 text; is this what helm rendered?")
    })?;
    if stream.text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
        return Err(Failure::unknown("reading the manifests: the input is empty")
            .hint("with `helm template --output-dir` a post-renderer gets nothing; write to standard output instead")
            .hint("a chart that renders nothing is not post-rendered: leave `--post-renderer` out for it"));
    }
    if stream.text.starts_with("Error: ") {
        let line = stream.text.lines().next().unwrap_or_default();
        return Err(Failure::unknown(format!(
            "reading the manifests: this is an error message, not manifests: {line}"
        ))
        .hint("run the command before the pipe alone and see what it says"));
    }
    if stream.documents.iter().all(Document::is_blank) {
        return Err(Failure::unknown("reading the manifests: the input holds nothing but comments and markers")
            .hint("given back as it is, helm would delete everything in the release; look at the values that switch all templates off"));
    }
    Ok(stream)
}

/// Runs the rules over a stream.
pub fn finish<'s, 'i>(args: &Args, stream: &'s Stream<'i>) -> Result<Finished<'s, 'i>, Box<Ended>> {
    let policy = input::policy(args)?;
    let caller = Caller { helm4_plugin: args.caller.is_some(), asked: args.dialect.asked(), filter: !args.shows() };
    let told = caller::dialect(stream, caller)?;
    let mut outcome =
        transform(stream, told.dialect, &policy, ALL, Memory { edits: args.shows(), ..Memory::default() })
            .map_err(Failure::from)?;
    if outcome.scene.servers().next().is_none() && !args.pass_through {
        return Err(no_server(stream).into());
    }
    let namespace = std::env::var("OMUPGRADE_NAMESPACE").ok().filter(|n| !n.is_empty());
    if let Some(receipt) = &policy.receipt
        && outcome.scene.servers().next().is_some()
    {
        receipt.check(&outcome.scene, namespace.as_deref(), now()?)?;
    }
    let backup = backup::situation(&outcome, &policy, namespace.as_deref());
    // Beside another chart, which passes through, overrides are for ours.
    if outcome.scene.servers().next().is_some() {
        policy.matched(&outcome.scene)?;
    }
    if caller.filter && caller.asked.is_none() {
        outcome.notes.extend(backup::unmarked(&outcome, &policy, &backup));
    }
    Ok(Finished { stream, told, policy, outcome, backup })
}

impl<'i> Finished<'_, 'i> {
    /// Whether an `OpenMetadata` server is in the stream; without one, everything goes through as it is.
    pub fn concerns_us(&self) -> bool {
        self.outcome.scene.servers().next().is_some()
    }

    /// The output in one piece; the input itself where nothing was changed.
    pub fn output(&self) -> Cow<'i, str> {
        if self.outcome.changes.is_empty() || !self.concerns_us() {
            return Cow::Borrowed(self.stream.text);
        }
        Cow::Owned(self.outcome.pieces.text())
    }

    /// The output, read back.
    pub fn read_back<'o>(&self, output: &'o str) -> Result<ReadBack<'o>, Failure> {
        ReadBack::of(self.stream, &self.outcome, output)
    }

    /// The facts of this run.
    pub fn facts(&self) -> Run {
        Run::of(self.stream, &self.outcome, self.told, self.backup.clone())
    }

    /// The report of this run.
    pub fn report(&self, exit: u8) -> Report {
        Report::new(self.facts(), exit, None)
    }

    /// The end of this run by a failure.
    pub fn ended(&self, failure: Failure) -> Box<Ended> {
        Box::new(Ended { failure, run: Some(self.facts()) })
    }
}

fn no_server(stream: &Stream<'_>) -> Failure {
    let documents = stream.documents.iter().filter(|d| !d.is_blank()).count();
    Failure::unknown(format!(
        "reading the manifests: no OpenMetadata server in {}",
        crate::layout::count(documents, "document")
    ))
    .hint("a server is a workload with the init container run-db-migrations, or with the image `server` and DB_USER_PASSWORD")
    .hint("to let other charts through as they are, add `--pass-through`")
}

fn now() -> Result<Timestamp, Failure> {
    Timestamp::try_from(SystemTime::now()).map_err(|e| Failure::unknown(format!("reading the clock: {e}")))
}
