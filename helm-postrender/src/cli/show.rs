//! `--diff`, `--check` and `--prove`: the same run, shown instead of handed on. Never refuses for the lack of a backup.

use super::args::Args;
use super::run::{self, Ended, Finished};
use super::{input, say};
use crate::caller::word;
use crate::failure::Failure;
use crate::layout::{count, wrap};
use crate::report::{Report, Summary, text};
use crate::{diff, proof};
use shared::manifest::Dialect;
use std::io::{self, Write};

/// Runs and shows.
pub fn run(args: &Args) -> Result<u8, Box<Ended>> {
    let bytes = input::bytes(args)?;
    let stream = run::stream(&bytes)?;
    let finished = run::finish(args, &stream)?;
    let output = finished.output();
    let would_change = finished.concerns_us() && !finished.outcome.changes.is_empty();
    let exit = u8::from(args.check && would_change);
    let report = finished.report(exit);
    if say::wants_report(args) {
        say::report(args, &report).map_err(|f| finished.ended(f))?;
    }
    let width = say::width();
    let mut out = anstream::stdout().lock();
    let mut show = || -> io::Result<Result<bool, Failure>> {
        if !finished.concerns_us() {
            writeln!(out, "no OpenMetadata server in the stream: it goes through as it is")?;
            return Ok(Ok(true));
        }
        let back = match finished.read_back(&output) {
            Ok(back) => back,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut holds = true;
        if args.diff {
            diff::write(&mut out, &stream, &finished.outcome, &back, width)?;
        }
        if args.prove {
            let proof = proof::of(&stream, &finished.outcome, &back, &output);
            holds = proof.holds();
            proof::write(&mut out, &proof, width)?;
        }
        if args.check && !args.diff {
            write!(out, "{}", text(&report, width))?;
        }
        if args.diff {
            write!(out, "{}", wrap(&summary(&finished, &report), width, "", ""))?;
        }
        out.flush()?;
        Ok(Ok(holds))
    };
    if show().map_err(|e| say::stdout_failed(&e))?? {
        return Ok(exit);
    }
    Err(Failure::unknown("proving the changes: the proof does not hold")
        .hint("this is a defect of helm-postrender; please report it with what helm rendered")
        .into())
}

fn summary(finished: &Finished<'_, '_>, report: &Report) -> String {
    let s = report.run.as_ref().map_or(Summary::default(), |r| r.summary);
    let mut parts = vec![match s.changes {
        0 => "nothing would change".to_owned(),
        n => format!("{} in {} of {}", count(n, "change"), s.touched, count(s.documents, "document")),
    }];
    if s.added > 0 {
        parts.push(format!("{} added", s.added));
    }
    if s.warnings > 0 {
        parts.push(format!("{} (`--check` tells)", count(s.warnings, "warning")));
    }
    let other = match finished.told.dialect {
        Dialect::Helm3 => " (for an upgrade by helm 4, add `--dialect helm4`)",
        Dialect::Helm4 | Dialect::Plain => "",
    };
    format!("{}; read as {}{other}", parts.join(", "), word(finished.told.dialect))
}
