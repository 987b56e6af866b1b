//! Checks of the server's pods: how many, how they are watched and guarded, room for one more, what runs beside them.

use super::case::Case;
use super::facts::{IN_KUBERNETES, Ingestion, Room, in_place};
use super::images::{always_pulled, target};
use crate::checks::why::{WITH_TOKEN, wants_token};
use crate::checks::{Answer, Check, Row, Why, fail, pass, quoted, unknown, warn};
use crate::facts::no_answer::{FAILED, status_in};
use shared::endpoints::{ADMIN, HEALTHCHECK, PING};

const GROUP: &str = "pods";
const DOCS: &str = "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/";

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: DOCS, needed: false }
}

const POSTRENDER: &str =
    "helm-postrender explain schema_guard # adopt it with the upgrade: --post-renderer helm-postrender";

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: Row {
            needed: true,
            ..row(
                "server-ready",
                "the server is rolled out and all its pods are ready",
                "Prerequisites: a healthy installation",
                "kubectl omupgrade status {release} -n {namespace}",
            )
        },
        ask: ready,
    },
    Check {
        row: row(
            "replicas",
            "two or more pods serve",
            "High availability: replicas",
            "helm get values {release} -n {namespace} # replicaCount: 2, after this upgrade",
        ),
        ask: replicas,
    },
    Check {
        row: row(
            "budget",
            "one budget holds the server's pods, and it lets one go",
            "High availability: PodDisruptionBudget",
            "kubectl get pdb -n {namespace}",
        ),
        ask: budget,
    },
    Check {
        row: row(
            "probes",
            "a busy server is not killed by its liveness probe, and a slow start is waited for",
            "Configure probes",
            "helm-postrender explain probes # adopt it with the upgrade: --post-renderer helm-postrender",
        ),
        ask: probes,
    },
    Check {
        row: row(
            "guard",
            "the running revision carries the schema guard",
            "Rollback: an older server must not start",
            POSTRENDER,
        ),
        ask: guard,
    },
    Check {
        row: row(
            "surge-room",
            "a quota and a node take one more pod of the server",
            "Prerequisites: resources for the rollout",
            "kubectl describe resourcequota -n {namespace}",
        ),
        ask: surge,
    },
    Check {
        row: row(
            "ingestion-idle",
            "ingestion is idle",
            "Pause ingestion before the upgrade",
            "kubectl get jobs -n {namespace} # wait for them, and pause the pipelines",
        ),
        ask: idle,
    },
    Check {
        row: row(
            "image-there",
            "the target's image is on a node or can be pulled",
            "Prerequisites: access to the image registry",
            "kubectl run pull-test --image=docker.getcollate.io/openmetadata/server:{to} --image-pull-policy=Always --restart=Never -n {namespace} # and delete it",
        ),
        ask: image,
    },
];

fn ready(case: &Case) -> Answer {
    case.facts.server.judge(|server| {
        let said = format!("{}: {} of {} pods are ready", server.workload, server.ready, server.replicas);
        if server.paused {
            fail(format!("{said}, and its rollout is paused: no new template would reach a pod"))
                .next("kubectl rollout resume {workload} -n {namespace}")
        } else if server.replicas == 0 {
            warn(format!("{said}: it is scaled to zero"))
        } else if !server.settled {
            fail(format!("{said}, and its rollout is not finished"))
        } else if server.ready < server.replicas {
            fail(said)
        } else if let Some(why) = failing(case) {
            // Ready is what a probe says, which need not ask the database.
            fail(format!("{said}, and asked for its pipelines: {why}"))
                .next("kubectl omupgrade diagnose {release} -n {namespace}")
        } else {
            pass(said)
        }
    })
}

/// What the server said where it failed at a question.
fn failing(case: &Case) -> Option<&str> {
    let pipelines = &case.facts.ingestion.value()?.pipelines;
    pipelines.known().err().filter(|why| status_in(why) == Some(FAILED))
}

fn replicas(case: &Case) -> Answer {
    case.facts.server.judge(|server| {
        if let Some(reason) = &server.autoscaler_unseen {
            return unknown(reason);
        }
        let least = server.autoscaler.as_ref().map_or(server.replicas, |a| a.min);
        let by = server.autoscaler.as_ref().map(|a| format!(", by the autoscaler {}", a.name)).unwrap_or_default();
        if least >= 2 {
            pass(format!("{least} at least{by}"))
        } else {
            warn(format!("{least}{by}: every restart is a gap"))
        }
    })
}

fn budget(case: &Case) -> Answer {
    case.facts.server.judge(|server| {
        if let Some(reason) = &server.budgets_unseen {
            return unknown(reason);
        }
        let one = server.replicas <= 1;
        match server.budgets.as_slice() {
            [] if one => pass("one pod, no budget"),
            [] => warn("none holds them: a drained node may take all of them at once"),
            [only] => {
                let said = format!("{} ({})", only.name, only.says);
                if only.others > 0 {
                    let others = only.others;
                    warn(format!("{said} counts {others} pods of others as well, so it does not protect the server's"))
                } else if only.allowed < 1 && server.ready >= server.replicas {
                    warn(format!("{said} lets none go: a node cannot be drained"))
                } else if !only.ours {
                    warn(format!("{said} is not of the release: a second one would make every eviction fail"))
                } else {
                    pass(format!("{said} lets {} go", only.allowed))
                }
            }
            many => {
                let names: Vec<&str> = many.iter().map(|b| b.name.as_str()).collect();
                fail(format!("{} hold the same pods: every eviction of one fails", names.join(" and ")))
            }
        }
    })
}

fn probes(case: &Case) -> Answer {
    case.facts.server.judge(|server| {
        let mut words = Vec::new();
        if server.liveness.is_empty() {
            words.push("no liveness probe".to_owned());
        } else if !asks_admin(&server.liveness) {
            words.push(format!("liveness asks {}: a busy API is killed", server.liveness));
        }
        match server.startup_seconds {
            None => words.push("no startup probe".to_owned()),
            Some(seconds) if seconds < 600 => {
                words.push(format!("a start is waited for {seconds} s, a first one after an upgrade can take longer"));
            }
            Some(_) => {}
        }
        if words.is_empty() {
            return pass(format!("liveness asks {}", server.liveness));
        }
        let words = words.join("; ");
        // What the rule left so after it looked at this server, somebody set: it would leave it so again. It never leaves a
        // server without a startup probe.
        if server.startup_seconds.is_some() && server.rules.split(',').any(|rule| rule == "probes") {
            return warn(format!("{words}; it is set on purpose, and helm-postrender keeps that")).next(
                "helm get values {release} -n {namespace} # or the policy: what neither sets, helm-postrender mends",
            );
        }
        warn(words)
    })
}

/// Whether a liveness probe asks the admin port, which has threads of its own: by the port's usual name or number, or by
/// what only that port answers, whatever it is called.
fn asks_admin(asks: &str) -> bool {
    let path = asks.split(' ').next().unwrap_or_default();
    let admin = [PING, HEALTHCHECK].iter().any(|get| get.path == path);
    admin || asks.contains(ADMIN.name) || asks.contains(&ADMIN.number.to_string())
}

fn guard(case: &Case) -> Answer {
    case.facts.server.judge(|server| {
        if server.guarded {
            return pass(format!("rules in it: {}", server.rules));
        }
        warn("it does not: after this upgrade a bare `helm rollback` starts the older server on the newer schema")
    })
}

fn surge(case: &Case) -> Answer {
    case.facts.room.judge(|room| {
        if let Some(quota) = room.quotas.first() {
            return fail(format!("{quota} (a new pod asks for {})", room.asks));
        }
        match room.nodes {
            _ if room.nodes != Some(0) && !room.quotas_unsure.is_empty() => unknown(format!(
                "{}; whether it counts the server's pods, by its scopes, is not known",
                room.quotas_unsure.join("; ")
            )),
            None => {
                let why = room.nodes_unseen.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                unknown(format!("whether a node has {} left was not reckoned{why}", room.asks))
            }
            Some(0) => fail(no_node(room)).next("kubectl describe nodes # requests that are allocated, node by node"),
            Some(nodes) => pass(format!("{nodes} of the nodes have {} left", room.asks)),
        }
    })
}

/// Why no node takes one more, as far as that was counted.
fn no_node(room: &Room) -> String {
    let counted = [(room.cordoned, "cordoned"), (room.unfit, "not ready or not matching"), (room.full, "without room")];
    let parts: Vec<String> = counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    match parts.as_slice() {
        [] => format!("no node has {} left", room.asks),
        some => format!("no node takes it ({}): {}", room.asks, some.join(", ")),
    }
}

fn idle(case: &Case) -> Answer {
    case.facts.ingestion.judge(|ingestion| {
        let pipelines = ingestion.pipelines.known();
        let known = pipelines.iter().copied().flatten();
        let running: Vec<&str> = ingestion.running.iter().chain(known).map(String::as_str).collect();
        if !running.is_empty() {
            let words = format!("{} run: what they write meanwhile may be lost or half written", running.join(", "));
            let there =
                ingestion.place.value().filter(|place| running.iter().any(|what| what.ends_with(&in_place(place))));
            return there.into_iter().fold(warn(words), |answer, place| {
                answer.next(format!("kubectl get jobs,pods -n {place} # wait for them, and pause the pipelines"))
            });
        }
        if ingestion.client == IN_KUBERNETES {
            return idle_in(&case.facts.namespace, ingestion);
        }
        match pipelines {
            Ok(_) => pass("no Job of it runs, and the server knows of no pipeline that does"),
            Err(_) if ingestion.client == "none" => pass("no Job of it runs"),
            Err(why) => {
                let who = if ingestion.client == "airflow" { "Airflow" } else { &ingestion.client };
                let words = format!("none runs as a Job here, and what {who} runs the server was not asked: {why}");
                let answer = unknown(words);
                if wants_token(why) { answer.next(WITH_TOKEN) } else { answer }
            }
        }
    })
}

/// Where the server starts ingestion itself, nothing runs only if one could look there.
fn idle_in(here: &str, ingestion: &Ingestion) -> Answer {
    let server =
        if ingestion.pipelines.value().is_some() { ", and the server knows of no pipeline that does" } else { "" };
    let place = match ingestion.place.known() {
        Ok(place) => place,
        Err(why) => {
            let words = format!("none runs in {here}{server}; in which namespace they are started is not known: {why}");
            return unknown(words).next(
                "kubectl get jobs,pods --all-namespaces -l app.kubernetes.io/component=ingestion # wait for them, and pause the pipelines",
            );
        }
    };
    let Some(why) = &ingestion.place_unseen else { return pass(format!("none runs in {place}{server}")) };
    let answer = unknown(format!("none was seen{server}; not all in the namespace {place} could be looked at: {why}"));
    if Why::of(why) != Some(Why::Forbidden) {
        return answer;
    }
    answer.next(format!("kubectl omupgrade rbac precheck-ingestion -n {place} # prints the rights that it needs there"))
}

fn image(case: &Case) -> Answer {
    let on_a_node = case.facts.images.value().and_then(|all| all.first());
    let live = case.facts.server.value().map(|s| s.pull_policy.as_str()).unwrap_or_default();
    // A file of values is all that the upgrade gives: without the key it is the chart's.
    let live = if case.facts.asked.values_file.is_some() { "Always" } else { live };
    let always = always_pulled(case.facts.values.value(), live);
    match (case.facts.registry.known(), on_a_node) {
        (Ok(pull), on_a_node) if pull.there => {
            let by = if pull.by.is_empty() { "anybody" } else { &pull.by };
            let also = if on_a_node.is_some() { "; a node holds it already" } else { "" };
            let digest = if pull.digest.is_empty() { "without a digest" } else { &pull.digest };
            pass(format!("{} is in its registry ({digest}, for {by}){also}", pull.image))
        }
        (Ok(pull), Some(held)) if always == Some(true) => fail(format!(
            "{held} is on a node, and its registry does not have it: pods ask the registry at each start (imagePullPolicy Always)"
        ))
        .next(pulled(&pull.image)),
        (Ok(pull), Some(held)) => {
            warn(format!("{held} is on a node, and its registry does not have it: another node cannot pull it"))
                .next(pulled(&pull.image))
        }
        (Ok(pull), None) => fail(format!("its registry does not have {}", pull.image)).next(pulled(&pull.image)),
        (Err(_), Some(held)) if always == Some(false) => pass(format!("{held} is on a node")),
        (Err(why), Some(held)) => {
            let may = if always.is_some() { "pods ask" } else { "pods may ask" };
            let words = format!(
                "{held} is on a node, but {may} its registry at each start (imagePullPolicy Always), which did not tell: {why}"
            );
            let tried = Why::of(&words).is_none().then(|| pulled(held));
            tried.into_iter().fold(unknown(words), Answer::next)
        }
        (Err(why), None) => {
            let nodes = case.facts.images.known().err().map(|r| format!("nodes: {r}; ")).unwrap_or_default();
            let none = if nodes.is_empty() { "no node holds it yet; " } else { "" };
            let words = format!("{nodes}{none}its registry: {why}");
            let server = case.facts.server.value().filter(|_| Why::of(&words).is_none());
            let tried = server.map(|s| pulled(&target(case.facts.values.value(), &s.image, &case.to().to_string())));
            tried.into_iter().fold(unknown(words), Answer::next)
        }
    }
}

/// Tries whether a node can pull it, also where it holds it already.
fn pulled(image: &str) -> String {
    let image = quoted(image);
    format!(
        "kubectl run pull-test --image={image} --image-pull-policy=Always --restart=Never -n {{namespace}} # and delete it"
    )
}
