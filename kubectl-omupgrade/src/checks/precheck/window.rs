//! Checks of the time that the upgrade takes: the window, the error budget.

use super::case::{Case, Pending};
use super::estimate::{REINDEX_MINUTES, minutes, quiesced, rolled, span};
use super::search;
use crate::checks::{Answer, Check, Row, fail, pass, skip, warn};

const GROUP: &str = "window";
const DOCS: &str = "https://sre.google/workbook/implementing-slos/";

/// Minutes of the thirty days that an error budget is of.
const MONTH: f64 = 30.0 * 24.0 * 60.0;

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: Row {
            id: "window",
            group: GROUP,
            fact: "the upgrade fits into the window",
            guide: "Plan: a maintenance window",
            hint: "kubectl omupgrade precheck {release} --to {to} -n {namespace} --window 2h",
            docs: DOCS,
            needed: false,
        },
        ask: window,
    },
    Check {
        row: Row {
            id: "error-budget",
            group: GROUP,
            fact: "the error budget of the month has room for it",
            guide: "Plan: the service level objective",
            hint: "kubectl omupgrade precheck {release} --to {to} -n {namespace} --slo 99.5",
            docs: DOCS,
            needed: false,
        },
        ask: budget,
    },
];

/// For how long nothing, or nothing that is searched, is served.
struct Disruption {
    least: f64,
    most: f64,
    /// What it is of.
    of: String,
    /// What else has to happen, for how long nobody can say.
    open: Option<&'static str>,
}

fn disruption(case: &Case) -> Disruption {
    let stops = case.stops().len();
    let window = search::window(case).is_some();
    let still = matches!(case.pending(), Pending::Nothing(_)) && stops == 0 && !window;
    let (least, most) = minutes(&if still { rolled(case) } else { quiesced(case) });
    match stops {
        0 if window => {
            let (soon, late) = REINDEX_MINUTES;
            let (least, most) = (least + soon, most + late);
            Disruption { least, most, of: " with the reindex".to_owned(), open: Some("the engine's own upgrade") }
        }
        0 => Disruption { least, most, of: String::new(), open: None },
        _ => {
            let count = f64::from(u32::try_from(stops + 1).unwrap_or(u32::MAX));
            Disruption { least: least * count, most: most * count, of: format!(" for {count} steps"), open: None }
        }
    }
}

/// Whether it fits into so many minutes. What nobody has reckoned never fits.
fn fits(disruption: &Disruption, minutes: f64, said: &str, doubt: &str) -> Answer {
    match disruption.open {
        _ if disruption.least > minutes => fail(said),
        _ if disruption.most > minutes => warn(format!("{said}: {doubt}")),
        Some(open) => warn(format!("{said}; {open} comes on top, and is not estimated"))
            .next("{again} # how long that takes, its provider or a trial tells: add it to what is reckoned"),
        None => pass(said),
    }
}

fn window(case: &Case) -> Answer {
    let Some(window) = case.facts.asked.window_minutes else { return skip("no --window was given") };
    let lost = disruption(case);
    if lost.most == 0.0 {
        return pass("nothing has to stop");
    }
    let given = if window < 2.0 { format!("{:.0} s", window * 60.0) } else { format!("{window:.0} min") };
    let said = format!("{} are reckoned{}, the window is {given}", span(lost.least, lost.most), lost.of);
    fits(&lost, window, &said, "it may be too short")
}

fn budget(case: &Case) -> Answer {
    let Some(slo) = case.facts.asked.slo else { return skip("no --slo was given") };
    let all = MONTH * (1.0 - slo / 100.0);
    let left = all - case.facts.asked.spent_minutes;
    let lost = disruption(case);
    let words = if lost.most == 0.0 {
        "no disruption is planned".to_owned()
    } else {
        format!("{} are reckoned{}", span(lost.least, lost.most), lost.of)
    };
    let said = format!("{slo} % of 30 days leave {all:.1} min, {left:.1} of them unspent; {words}");
    fits(&lost, left, &said, "it may be too much")
}
