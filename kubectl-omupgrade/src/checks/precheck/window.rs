//! Checks of the time that the upgrade takes: the window, the error budget.

use super::case::{Case, Pending};
use super::estimate::{REINDEX_MINUTES, minutes, quiesced, span};
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

/// Least and most minutes for which nothing, or nothing that is searched, is served; and what that is of.
fn disruption(case: &Case) -> (f64, f64, String) {
    let stops = case.stops().len();
    let window = search::without_overlap(case).is_some();
    if matches!(case.pending(), Pending::Nothing(_)) && stops == 0 && !window {
        return (0.0, 0.0, String::new());
    }
    let (least, most) = minutes(&quiesced(case));
    match stops {
        0 if window => {
            let (soon, late) = REINDEX_MINUTES;
            (least + soon, most + late, " with the reindex".to_owned())
        }
        0 => (least, most, String::new()),
        _ => {
            let count = f64::from(u32::try_from(stops + 1).unwrap_or(u32::MAX));
            (least * count, most * count, format!(" for {count} steps"))
        }
    }
}

fn window(case: &Case) -> Answer {
    let Some(window) = case.facts.asked.window_minutes else { return skip("no --window was given") };
    let (least, most, of) = disruption(case);
    if most == 0.0 {
        return pass("nothing has to stop");
    }
    let given = if window < 2.0 { format!("{:.0} s", window * 60.0) } else { format!("{window:.0} min") };
    let said = format!("{} are reckoned{of}, the window is {given}", span(least, most));
    if most <= window {
        pass(said)
    } else if least > window {
        fail(said)
    } else {
        warn(format!("{said}: it may be too short"))
    }
}

fn budget(case: &Case) -> Answer {
    let Some(slo) = case.facts.asked.slo else { return skip("no --slo was given") };
    let all = MONTH * (1.0 - slo / 100.0);
    let left = all - case.facts.asked.spent_minutes;
    let (least, most, of) = disruption(case);
    let words = if most == 0.0 {
        "no disruption is planned".to_owned()
    } else {
        format!("{} are reckoned{of}", span(least, most))
    };
    let said = format!("{slo} % of 30 days leave {all:.1} min, {left:.1} of them unspent; {words}");
    if most <= left {
        pass(said)
    } else if least > left {
        fail(said)
    } else {
        warn(format!("{said}: it may be too much"))
    }
}
