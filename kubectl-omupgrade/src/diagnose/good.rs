//! Which revision was the last good one.

use crate::facts::{Revision, Status};
use crate::journal::{Run, last_validated};

/// The last good revision before the present one, and why it is called so: the newest that was validated, else the
/// newest that Helm finished.
pub fn last_good(history: &[Revision], runs: &[Run], present: u64) -> Option<(u64, &'static str)> {
    let earlier = |number: u64| number < present && history.iter().any(|r| r.number == number);
    if let Some(number) = last_validated(runs, earlier) {
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
        let mut run = Run::new("a", "om", "data", "validate", "", "me", jiff::Timestamp::UNIX_EPOCH);
        run.validated = Some(1);
        run.outcome = Outcome::Done;
        assert_eq!(last_good(&history, &[run], 4), Some((1, "the last validated one")));
        assert_eq!(last_good(&history[..1], &[], 1), None);
    }
}
