//! `--diff`, `--check` and `--prove`: the same run, shown instead of handed on. Never refuses for the lack of a backup.

use super::args::{Args, DiffForm, ReportFormat};
use super::run::{self, Ended};
use super::{input, say};
use crate::failure::Failure;
use crate::layout::shorten;
use crate::report::{Report, head, text};
use crate::{diff, proof};
use std::io::{self, Write};

/// Runs and shows.
pub fn run(args: &Args) -> Result<u8, Box<Ended>> {
    not_for_helm(args)?;
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
        if let Some(form) = args.diff {
            writeln!(out, "{}", summary(&report, width))?;
            diff::write(&mut out, &stream, &finished.outcome, &back, width, form == DiffForm::Full)?;
        }
        if args.prove {
            let proof = proof::of(&stream, &finished.outcome, &back, &output);
            holds = proof.holds();
            proof::write(&mut out, &proof, width)?;
        }
        if args.lists() && !say::report_on_stdout(args) {
            let json = args.report_format == Some(ReportFormat::Json);
            write!(out, "{}", if json { report.json() } else { text(&report, width) })?;
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

/// What helm runs with `--post-renderer` must hand a stream back; only helm 4's call can be told.
fn not_for_helm(args: &Args) -> Result<(), Failure> {
    let flags = [("--diff", args.diff.is_some()), ("--check", args.check), ("--prove", args.prove)];
    match flags.into_iter().find(|(_, on)| *on) {
        Some((flag, _)) if args.by_helm4() => {
            Err(Failure::usage(format!("{flag} is not for --post-renderer: pipe helm template into it"))
                .hint(format!("`helm template RELEASE CHART | helm-postrender {flag} --dialect helm4`")))
        }
        _ => Ok(()),
    }
}

/// The head of the report in at most six lines.
fn summary(report: &Report, width: usize) -> String {
    const MOST: usize = 6;
    let text = report.run.as_ref().map(|run| head(run, false, width)).unwrap_or_default();
    if text.lines().count() <= MOST {
        return text;
    }
    let text = report.run.as_ref().map(|run| head(run, false, usize::MAX)).unwrap_or_default();
    let short = |line: &str| shorten(line, width).into_owned() + "\n";
    let servers = text.lines().filter(|l| l.starts_with("release")).count();
    let first: String = text.lines().take(servers.min(2)).map(short).collect();
    let more = if servers > 2 { format!("         and {} more\n", servers - 2) } else { String::new() };
    first + &more + &text.lines().skip(servers).map(short).collect::<String>()
}
