//! What came of a load: how many requests failed, and for how long none succeeded.

use std::time::Duration;

/// One request's end.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Since the load began.
    pub at: Duration,
    /// Until its end.
    pub took: Duration,
    /// Whether a whole answer with status 200 came.
    pub ok: bool,
}

/// What came of all requests.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// How many were sent.
    pub requests: usize,
    /// How many of them got no whole answer with status 200.
    pub failures: usize,
    /// The longest time in which no request succeeded.
    gap: Duration,
    p50: Duration,
    p99: Duration,
    /// From the beginning to the last request, or the whole time that was asked for.
    pub covered: Duration,
}

/// The report of the requests of a load that took `length`.
pub fn report(mut samples: Vec<Sample>, length: Duration) -> Report {
    samples.sort_unstable_by_key(|sample| sample.at);
    let good = samples.iter().filter(|sample| sample.ok).map(|sample| sample.at);
    let edges: Vec<Duration> = [Duration::ZERO].into_iter().chain(good).chain([length]).collect();
    let gap = edges.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default();
    let mut times: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
    Report {
        requests: samples.len(),
        failures: samples.iter().filter(|sample| !sample.ok).count(),
        gap,
        p50: at(50).unwrap_or_default(),
        p99: at(99).unwrap_or_default(),
        covered: length,
    }
}

impl Report {
    /// The report as a line for people, or as JSON.
    pub fn words(&self, json: bool) -> String {
        let Self { requests, failures, gap, p50, p99, covered } = self;
        let rounded = (*covered + Duration::from_millis(500)).as_secs();
        let (gap, p50, p99) = (gap.as_millis(), p50.as_millis(), p99.as_millis());
        if json {
            return serde_json::json!({
                "requests": requests, "failures": failures, "longestGapMs": gap, "p50Ms": p50, "p99Ms": p99,
                "seconds": rounded,
            })
            .to_string();
        }
        format!(
            "{requests} requests in {rounded} s, {failures} failed, longest gap {gap} ms, p50 {p50} ms, p99 {p99} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, took: u64, ok: bool) -> Sample {
        Sample { at: Duration::from_millis(at), took: Duration::from_millis(took), ok }
    }

    #[test]
    fn the_gap_is_between_successes_and_counts_the_ends() {
        let samples = vec![sample(100, 5, true), sample(200, 7, false), sample(900, 9, true)];
        let report = report(samples, Duration::from_secs(1));
        assert_eq!((report.requests, report.failures), (3, 1));
        assert_eq!(report.gap, Duration::from_millis(800));
        assert_eq!((report.p50.as_millis(), report.p99.as_millis()), (7, 9));
        assert_eq!(report.words(false), "3 requests in 1 s, 1 failed, longest gap 800 ms, p50 7 ms, p99 9 ms");
    }

    #[test]
    fn the_time_is_rounded() {
        assert!(report(Vec::new(), Duration::from_millis(1900)).words(false).contains("in 2 s"));
    }

    #[test]
    fn no_answer_at_all_is_one_long_gap() {
        let report = report(Vec::new(), Duration::from_secs(3));
        assert_eq!(report.gap, Duration::from_secs(3));
    }
}
