//! How often and how long a probe asks. What a chart renders, or leaves to Kubernetes, may change; the rest is kept.

use super::{Settings, subject::Subject};
use crate::proposal::Proposal;
use serde_json::Value;

/// What every chart renders for liveness and readiness.
const RENDERED: &[(&str, u64)] = &[("initialDelaySeconds", 60), ("periodSeconds", 30), ("failureThreshold", 5)];

/// What every chart with a startup probe renders for it: 300 seconds, with a look a minute.
const RENDERED_STARTUP: [(&str, u64); 2] = [("periodSeconds", 60), ("failureThreshold", 5)];

/// Period and failures that make up the policy's startup budget.
pub fn startup(settings: &Settings) -> [(&'static str, u64); 2] {
    let period = u64::from(settings.startup_period_seconds.max(1));
    let failures = u64::from(settings.startup_budget_seconds).div_ceil(period).max(1);
    [("periodSeconds", period), ("failureThreshold", failures)]
}

/// The seconds that period and failures make.
pub fn seconds(timed: &[(&str, u64)]) -> u64 {
    timed.iter().map(|(_, value)| *value).fold(1, u64::saturating_mul)
}

/// The seconds that a startup probe gives, with Kubernetes' defaults for what is absent.
pub fn budget(probe: &Value) -> u64 {
    let number = |key: &str, default| probe.get(key).and_then(Value::as_u64).unwrap_or(default);
    let looks = number("periodSeconds", 10).saturating_mul(number("failureThreshold", 3));
    number("initialDelaySeconds", 0).saturating_add(looks)
}

/// Brings a startup probe to the policy's budget, unless its timing was set on purpose.
pub fn mend_startup(subject: &Subject<'_>, wish: &[(&'static str, u64); 2]) -> Vec<Proposal> {
    let standing = |field: &str| subject.get(&format!("startupProbe/{field}")).and_then(Value::as_u64);
    let rendered = RENDERED_STARTUP.iter().all(|(field, value)| standing(field).is_none_or(|v| v == *value));
    let own = subject.get("startupProbe").map_or(0, budget);
    let wished = seconds(wish);
    if rendered {
        let why =
            ["a started server is seen at once".to_owned(), format!("a first start may take {wished} s, not {own}")];
        let fields = wish.iter().zip(why);
        return fields
            .map(|((field, value), why)| subject.set(&format!("startupProbe/{field}"), *value, why))
            .collect();
    }
    if own < wished {
        let text = format!(
            "its startupProbe gives {own} s, kept as set; a first start that takes longer is killed and leaves \
             Flowable's tables half-made: give it {wished} s"
        );
        return vec![Proposal::notice(subject.server, text)];
    }
    Vec::new()
}

/// The timeout of a probe.
pub struct Timeout {
    /// Seconds to wait for an answer.
    pub wish: u64,
    /// Whether a failed probe kills: then one second is broken, even where somebody chose it.
    pub kills: bool,
}

impl Timeout {
    /// By policy.
    pub fn new(settings: &Settings, kills: bool) -> Self {
        Self { wish: settings.timeout_seconds.into(), kills }
    }

    /// Sets it where it is Kubernetes' one second, which nobody chose, or broken.
    pub fn mend(&self, subject: &Subject<'_>, name: &str) -> Option<Proposal> {
        let path = format!("{name}/timeoutSeconds");
        match subject.get(&path).filter(|v| !v.is_null()).map(Value::as_u64) {
            None => Some(subject.set(&path, self.wish, "without it Kubernetes waits one second")),
            Some(Some(own)) if self.is_broken(own) => {
                Some(subject.set(&path, self.wish, "a pause of one second is no reason to kill a server"))
            }
            Some(_) => None,
        }
    }

    fn is_broken(&self, own: u64) -> bool {
        self.kills && own == 1
    }
}

/// Takes out the chart's delay, which counts from the container's start: for where a startup probe waits anyway.
pub fn undelayed(subject: &Subject<'_>, name: &str) -> Option<Proposal> {
    let path = format!("{name}/initialDelaySeconds");
    let delayed = subject.get(&path).and_then(Value::as_u64) == Some(60);
    delayed.then(|| subject.remove(&path, "the startup probe waits already; this only holds a ready pod back"))
}

/// Names the timings that are not a chart's.
pub fn kept(subject: &Subject<'_>, name: &str, timeout: &Timeout) -> Option<Proposal> {
    let number = |field: &str| subject.get(&format!("{name}/{field}"))?.as_u64();
    let timings = RENDERED.iter().filter_map(|(field, rendered)| {
        let value = number(field)?;
        (value != *rendered).then(|| format!("{field} {value}"))
    });
    let timeout = number("timeoutSeconds")
        .filter(|own| *own != timeout.wish && !timeout.is_broken(*own))
        .map(|own| format!("timeoutSeconds {own}"));
    let own: Vec<String> = timings.chain(timeout).collect();
    let text = format!("its {name} has {}, kept as set", own.join(", "));
    (!own.is_empty()).then(|| Proposal::kept(subject.server, text))
}
