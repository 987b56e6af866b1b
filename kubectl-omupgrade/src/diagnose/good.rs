//! Which revision was the last good one.

use crate::facts::{Revision, Status};
use crate::journal::{Run, last_validated};

/// The last good revision, and why it is called so: the newest that was validated, which may be the present one, else the
/// newest before it that Helm finished.
pub fn last_good(history: &[Revision], runs: &[Run], present: u64) -> Option<(u64, &'static str)> {
    let there = |number: u64| number <= present && history.iter().any(|r| r.number == number);
    if let Some(number) = last_validated(runs, there) {
        return Some((number, "the last validated one"));
    }
    let finished = |r: &&Revision| r.number < present && matches!(r.status, Status::Superseded | Status::Deployed);
    history.iter().filter(finished).map(|r| r.number).max().map(|number| (number, "the last that helm finished"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Chart, Driver};
    use crate::journal::Outcome;

    fn revision(number: u64, status: Status) -> Revision {
        let chart = Chart::default();
        let (description, object) = (String::new(), String::new());
        let (updated, apply_method) = (None, None);
        Revision { number, status, chart, updated, description, object, driver: Driver::Secrets, apply_method }
    }

    #[test]
    fn validated_before_finished_and_never_a_failed_one() {
        let history = [
            revision(1, Status::Superseded),
            revision(2, Status::Superseded),
            revision(3, Status::Failed),
            revision(4, Status::Deployed),
        ];
        assert_eq!(last_good(&history, &[], 4).map(|(n, _)| n), Some(2));
        let validated = |number, second| {
            let began = jiff::Timestamp::from_second(second).unwrap();
            let mut run = Run::new("a", "om", "data", "validate", "", "me", began);
            run.validated = Some(number);
            run.outcome = Outcome::Done;
            run
        };
        assert_eq!(last_good(&history, &[validated(1, 1)], 4), Some((1, "the last validated one")));
        // Else what the last upgrade changed would be told as what changed since all was well.
        let both = [validated(1, 1), validated(4, 2)];
        assert_eq!(last_good(&history, &both, 4), Some((4, "the last validated one")));
        assert_eq!(last_good(&history[..1], &[], 1), None);
    }
}
