//! How the server bears its load: errors, latency, heap, connections, now and before; alerts, errors in logs.

use super::{Facts, either, known, of, row};
use crate::checks::{Answer, Check, fail, pass, skip, unknown, warn};
use crate::diagnose::{part, rule::Part};
use crate::facts::{Fact, Metrics, is_no_log};

const GROUP: &str = "load";
const GUIDE: &str = "Post-upgrade validation: metrics and logs";
const DIAGNOSE: &str = "kubectl omupgrade diagnose {release} -n {namespace}";

const STILL: &str = "kubectl omupgrade validate {release} -n {namespace} --for 5m # whether it still does: then what happens meanwhile is judged";

/// The share of requests answered with 5xx from which on it is told. Chosen.
const SOME_ERRORS: f64 = 0.001;
/// The share of the heap in use from which on it is told. Chosen: below it a collector has room.
const HEAP: f64 = 0.9;
/// How many times as large as now a heap without room should be. Chosen.
const ROOM: f64 = 1.5;
/// How much slower than before requests may be in the mean, and by at least how many milliseconds. Chosen.
const SLOWER: (f64, f64) = (2.0, 50.0);
/// How many times as much as before is told of, from this share of the most on. Chosen.
const MORE: f64 = 2.0;
const HALF: f64 = 0.5;
/// The share of lines of a log that are errors from which on it is told. Chosen.
const LINES: f64 = 0.05;

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: row("errors", GROUP, "hardly any request is answered with 5xx", GUIDE, DIAGNOSE),
        ask: |f| either(of(f, |s| &s.metrics).map(|m| errors(m, before(f), meanwhile(f).as_ref()))),
    },
    Check {
        row: row("latency", GROUP, "requests take no longer than before", GUIDE, DIAGNOSE),
        ask: |f| either(latency(f)),
    },
    Check {
        row: row(
            "heap",
            GROUP,
            "the heap has room",
            GUIDE,
            "kubectl get -n {namespace} {workload} -o yaml # its heap (OPENMETADATA_HEAP_OPTS) and the container's memory limit: where it goes on growing, raise both in the values",
        ),
        ask: |f| either(of(f, |s| &s.metrics).map(|m| heap(m, before(f)))),
    },
    Check {
        row: row(
            "pool",
            GROUP,
            "no request waits for a database connection",
            GUIDE,
            "kubectl get pods -n {namespace} # pods × DB_CONNECTION_POOL_MAX_SIZE must stay below the database's limit",
        ),
        ask: |f| either(of(f, |s| &s.metrics).map(|m| pool(m, before(f)))),
    },
    Check {
        row: row("log-errors", GROUP, "the servers' logs are not full of errors since the rollout", GUIDE, DIAGNOSE),
        ask: log_errors,
    },
    Check {
        row: row(
            "alerts",
            GROUP,
            "no alert fires for the namespace",
            GUIDE,
            "kubectl omupgrade validate {release} -n {namespace} --prometheus ADDRESS # host:port, or NAMESPACE/SERVICE:PORT",
        ),
        ask: |f| match &f.alerts {
            None => skip("no Prometheus was named (--prometheus)"),
            Some(fact) => either(known(fact).map(|all| match all.as_slice() {
                [] => pass("none"),
                all => warn(all.join("; ")),
            })),
        },
    },
];

/// The numbers of before, where somebody saved them.
fn before(f: &Facts) -> Option<&Metrics> {
    f.before.value()?.metrics.as_ref()
}

/// What was counted while it was watched, where somebody asked for anything.
fn meanwhile(f: &Facts) -> Option<Metrics> {
    super::watch::counted(&f.samples).filter(|m| m.requests > 0.0)
}

/// A server counts until it is started anew: what was mended since shows only in what is counted from then on.
fn errors(m: &Metrics, before: Option<&Metrics>, meanwhile: Option<&Metrics>) -> Answer {
    let Some(share) = m.error_share() else { return unknown("the server counts no requests under a known name") };
    let was = before.and_then(Metrics::error_share);
    let then = was.map(|was| format!("; {:.2} % before", was * 100.0)).unwrap_or_default();
    let words = format!("{:.0} of {:.0} requests since its start ({:.2} %{then})", m.errors, m.requests, share * 100.0);
    let (share, words, next) = match meanwhile {
        Some(now) => {
            let seen = now.error_share().unwrap_or_default();
            let words = format!("{:.0} of {:.0} while it was watched; {words}", now.errors, now.requests);
            (seen, words, DIAGNOSE)
        }
        None => (share, words, STILL),
    };
    match share {
        s if s > Metrics::ERRORS => fail(words).next(next),
        s if s > SOME_ERRORS => warn(words).next(next),
        _ => pass(words),
    }
}

fn latency(f: &Facts) -> Result<Answer, Answer> {
    let now =
        of(f, |s| &s.metrics)?.latency().ok_or_else(|| unknown("the server counts no requests under a known name"))?;
    let Ok(before) = known(&f.before) else {
        return Ok(skip(format!("{now:.0} ms in the mean; nothing to compare with")));
    };
    let Some(was) = before.metrics.as_ref().and_then(Metrics::latency) else {
        return Ok(skip(format!("{now:.0} ms in the mean; before was not measured")));
    };
    let words = format!("{now:.0} ms in the mean, {was:.0} ms before ({})", before.source_of_metrics());
    Ok(if now > was * SLOWER.0 && now - was > SLOWER.1 { warn(words) } else { pass(words) })
}

fn heap(m: &Metrics, before: Option<&Metrics>) -> Answer {
    let Some((used, most)) = m.heap.filter(|(_, most)| *most > 0.0) else {
        return unknown("the server tells no heap under a known name");
    };
    let was = before.and_then(|b| b.heap).map(|(used, _)| used);
    let then = was.map(|was| format!(", {:.0} MiB before", was / 1_048_576.0)).unwrap_or_default();
    let words = format!("{:.0} of {:.0} MiB{then}", used / 1_048_576.0, most / 1_048_576.0);
    // A heap is filled and emptied all the time: only far more, and most of it, is told.
    let grew = was.is_some_and(|was| used > was * MORE && used / most > HALF);
    match used / most {
        // Never a command that sets it: one number fits no installation, and the limit has to hold it.
        full if full > HEAP => warn(words).next(format!(
            "kubectl get -n {{namespace}} {{workload}} -o yaml # its heap (OPENMETADATA_HEAP_OPTS) and the container's memory limit: raise both in the values, the heap to -Xmx{:.0}m or more",
            (most * ROOM / 1_048_576.0).ceil()
        )),
        _ if grew => warn(words),
        _ => pass(words),
    }
}

fn pool(m: &Metrics, before: Option<&Metrics>) -> Answer {
    let Some((active, pending, most)) = m.pool else { return unknown("the server tells no pool under a known name") };
    let was = before.and_then(|b| b.pool).map(|(active, ..)| active);
    let then = was.map(|was| format!(" ({was:.0} before)")).unwrap_or_default();
    let words = format!("{active:.0} of {most:.0} in use{then}, {pending:.0} waited for");
    let grew = was.is_some_and(|was| active > was * MORE && active > most * HALF);
    match () {
        () if pending > 0.0 && active >= most => fail(words),
        () if pending > 0.0 || grew => warn(words),
        () => pass(words),
    }
}

/// Levels as the server's own format has them: `ERROR [2026-…` or `… ERROR [main] …`.
fn log_errors(f: &Facts) -> Answer {
    let (mut read, mut lines, mut errors, mut example) = (false, 0_usize, 0_usize, String::new());
    for pod in f.look.pods.items() {
        for container in pod.containers.iter().filter(|c| part(pod, c) == Part::Server) {
            let key = crate::facts::LogKey::new(&pod.meta.name, &container.name);
            let Some(said) = f.look.logs.get(&key).and_then(Fact::value).filter(|said| !is_no_log(said)) else {
                continue;
            };
            read = true;
            for line in said {
                lines += 1;
                if line.starts_with("ERROR") || line.contains(" ERROR ") {
                    errors += 1;
                    example.clone_from(line);
                }
            }
        }
    }
    // A server that has nothing to tell is quiet.
    match lines {
        0 if read => return pass("no line since the rollout"),
        0 => return unknown("no log of a server was read"),
        _ => {}
    }
    let words = format!("{errors} of the last {lines} lines");
    #[expect(clippy::cast_precision_loss, reason = "thousands of lines")]
    let share = errors as f64 / lines as f64;
    match errors {
        0 => pass(words),
        _ if share > LINES && errors > 3 => fail(format!("{words}: {}", crate::view::clip(&example, 120))),
        _ => warn(format!("{words}: {}", crate::view::clip(&example, 120))),
    }
}
