//! What to do after a verdict, as commands in their order. The quiesce list is tried on a real cluster.

use super::case::Case;
use super::decide::Way;
use super::facts::{Key, Scaler, Server};
use super::{dependencies, platform};
use crate::checks::report::{Finding, Report, Step};
use crate::checks::{Names, REINDEX, quoted};
use shared::versions::{Dotted, Version};

/// The steps of a way.
pub fn of(case: &Case, way: &Way, report: &Report) -> Vec<Step> {
    let then = match way {
        Way::Rolling => rolling(case),
        Way::Quiesce => quiesce(case),
        Way::Hop(via) => hop(case, via),
        Way::SearchWindow(_) => search_window(case),
        Way::Refused(ids) => {
            let next = report.checks.iter().filter(|f| ids.contains(&f.id));
            return next.filter_map(|f| Some(step(&format!("make it so: {}", f.fact), f.next.clone()?))).collect();
        }
    };
    let find_out = gathered(report.missing(), "find out whether", ", whether");
    // Once the server stands at zero, whatever stops the way costs downtime.
    let mend = gathered(way.failing(report), "first make it so:", ";");
    find_out.into_iter().chain(mend).chain(then).collect()
}

/// Findings with their commands. One command of several findings is one step.
fn gathered<'a>(findings: impl Iterator<Item = &'a Finding>, verb: &str, and: &str) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for finding in findings {
        let command = finding.next.clone().unwrap_or_default();
        match out.iter_mut().find(|step| step.command == command && !command.is_empty()) {
            Some(same) => same.what = format!("{}{and} {}", same.what, finding.fact),
            None => out.push(step(&format!("{verb} {}", finding.fact), command)),
        }
    }
    out
}

fn step(what: &str, command: impl Into<String>) -> Step {
    Step { what: what.to_owned(), command: command.into() }
}

/// The release and its namespace, as commands take them.
fn on(case: &Case) -> String {
    format!("{} -n {}", case.facts.release, case.facts.namespace)
}

fn backup(case: &Case) -> Step {
    // A key that is not there cannot be kept; one that could not be looked for is asked for, and refused with words.
    let absent = case.facts.keys.value().is_some_and(|keys| keys.fernet == Key::Absent);
    let secrets = if absent { "" } else { " --with-secrets" };
    let what = "back the database up; this proves the backup and leaves the receipt that the upgrade asks for";
    step(what, format!("kubectl omupgrade backup {} --to {} --receipt receipt.json{secrets}", on(case), case.to()))
}

/// `helm upgrade` with the safeguards. `more` are its further words.
fn upgrade(case: &Case, more: &str) -> String {
    let values = match &case.facts.asked.values_file {
        Some(file) => format!("-f {}", quoted(file)),
        // Which values helm keeps after a try that it gave up on is not seen: those of the file are.
        None if platform::keeps_values(case) && taken(case).is_none() => "--reset-then-reuse-values".to_owned(),
        None => format!("-f {}", exported(&case.facts.release)),
    };
    // What kubectl scaled belongs to kubectl: a server-side apply would stop at it.
    let server_side = case.facts.helm.value().and_then(|h| h.apply_method.as_deref()) == Some("ssa");
    // Helm 4 takes post-renderers from plugin folders only; Helm 3 applies on its own side and has no such flag.
    let four = case.facts.helm_version.value().and_then(|v| Dotted::parse(v)).is_some_and(|v| v.major() == 4);
    let conflicts = if server_side && four { " --force-conflicts" } else { "" };
    let plugins = if four { "HELM_PLUGINS=\"$(helm-postrender plugin-dir)\" " } else { "" };
    format!(
        "{plugins}OMUPGRADE_RECEIPT=receipt.json OMUPGRADE_NAMESPACE={} helm upgrade {} open-metadata/openmetadata --version {} {values}{}{more}{conflicts} --post-renderer helm-postrender",
        case.facts.namespace,
        on(case),
        case.chart_to(),
        unpinned(case),
    )
}

/// A tag of another release in the values would go on running that one, whatever the chart's version.
fn unpinned(case: &Case) -> String {
    let tag = case.facts.values.value().and_then(|values| values.get("image.tag")?.as_str().map(str::to_owned));
    match tag.and_then(|tag| Version::parse(&tag)) {
        Some(pinned) if pinned != case.to() => format!(" --set image.tag={}", case.to()),
        _ => String::new(),
    }
}

/// The file that a release's values are exported into.
fn exported(release: &str) -> String {
    format!("{release}-values.yaml")
}

/// Values hold secrets: they go into a file that only its owner reads, and never to the screen.
fn export(case: &Case) -> Step {
    let what = "keep your values outside the cluster, in a file for your eyes only";
    step(what, exporting(&case.facts.release, &case.facts.namespace, taken(case)))
}

/// The revision that helm begins from, where a later one is the newest.
fn taken(case: &Case) -> Option<u64> {
    case.facts.helm.value()?.taken
}

fn exporting(release: &str, namespace: &str, revision: Option<u64>) -> String {
    let of = revision.map(|number| format!(" --revision {number}")).unwrap_or_default();
    format!("(umask 077 && helm get values {release} -n {namespace}{of} -o yaml > {})", exported(release))
}

/// The release of what OpenMetadata runs on goes first where it is behind: its database and its search are restarted, so it
/// goes after the backup, where the server stands still if it does at all.
fn of_dependencies(case: &Case) -> Vec<Step> {
    let Some((release, changes)) = dependencies::behind(case) else { return Vec::new() };
    let (name, namespace, to) = (&release.name, &case.facts.namespace, dependencies::goes_to(case, release));
    let upgrade = |values: &str| {
        format!("helm upgrade {name} -n {namespace} open-metadata/openmetadata-dependencies --version {to} {values}")
    };
    let restarts = dependencies::restarts(case).map(|what| format!("; it restarts {what} that it brings"));
    let what = format!("upgrade {name} before OpenMetadata{}", restarts.unwrap_or_default());
    if changes.is_empty() && platform::keeps_values(case) {
        return vec![step(&what, upgrade("--reset-then-reuse-values"))];
    }
    let mut keep = format!("keep the values of {name} in a file for your eyes only");
    if !changes.is_empty() {
        keep = format!("{keep}, and write them anew for its charts of {to}: {}", changes.join(", "));
    }
    vec![step(&keep, exporting(name, namespace, None)), step(&what, upgrade(&format!("-f {}", exported(name))))]
}

fn watch(case: &Case, what: &str) -> Step {
    step(what, format!("kubectl omupgrade status {} --watch", on(case)))
}

fn rolling(case: &Case) -> Vec<Step> {
    let mut out = vec![export(case), backup(case)];
    out.extend(of_dependencies(case));
    out.push(step("upgrade, with the safeguards", upgrade(case, "")));
    out.push(watch(case, "follow it to its end"));
    out
}

fn quiesce(case: &Case) -> Vec<Step> {
    let none = Server { workload: "deployment/openmetadata".to_owned(), replicas: 1, ..Server::default() };
    let server = case.facts.server.value().unwrap_or(&none);
    let (namespace, workload) = (&case.facts.namespace, server.workload.to_lowercase());
    let mut out = vec![export(case)];
    let mut one = " --set replicaCount=1".to_owned();
    if let Some(scaler) = &server.autoscaler {
        out.push(taking_off(scaler, namespace));
        if scaler.ours {
            one.push_str(" --set hpa.enabled=false");
        }
    }
    if let Some(reason) = &server.autoscaler_unseen {
        let what = format!("see that no autoscaler scales it, and take it off ({reason})");
        out.push(step(&what, format!("kubectl get hpa -n {namespace}")));
    }
    let off = taken_off(case, server);
    if off.is_some() {
        one.push_str(" --set hpa.enabled=false");
    }
    let scaler = server.autoscaler.as_ref().or(off.as_ref());
    out.push(step("stop the server", format!("kubectl scale {workload} -n {namespace} --replicas=0")));
    if !server.selector.is_empty() {
        let own = &server.selector;
        let command = format!("kubectl wait --for=delete pod -n {namespace} -l '{own}' --timeout=5m");
        out.push(step("wait until no pod of it is left", command));
    }
    out.push(backup(case));
    out.extend(of_dependencies(case));
    out.push(step("upgrade with ONE pod, which migrates", upgrade(case, &one)));
    out.push(watch(case, "follow migration and start"));
    let replicas = wanted(case, server, scaler);
    match scaler {
        Some(scaler) if scaler.ours => {
            let what = "bring the autoscaler back; what starts now finds nothing to migrate";
            out.push(step(what, upgrade(case, &format!(" --set hpa.enabled=true --set replicaCount={replicas}"))));
        }
        _ if replicas > 1 => {
            let what = format!("back to {replicas} pods; what starts now finds nothing to migrate");
            out.push(step(&what, upgrade(case, &format!(" --set replicaCount={replicas}"))));
        }
        _ => {}
    }
    if let Some(scaler) = server.autoscaler.as_ref().filter(|s| !s.ours) {
        out.push(bringing_back(scaler, namespace));
    }
    if replicas > 1 {
        out.push(watch(case, "and see them ready"));
    }
    out
}

/// How many pods there are to be at the end. A server that was stopped by hand says 0, and one in the middle of these steps
/// 1: what the values or the release ask for is not forgotten then. An autoscaler goes by its own numbers.
fn wanted(case: &Case, server: &Server, scaler: Option<&Scaler>) -> i32 {
    if let Some(scaler) = scaler {
        return server.replicas.max(scaler.min);
    }
    let values = case.facts.values.value().and_then(|values| values.get("replicaCount")?.as_i64());
    let values = values.and_then(|count| i32::try_from(count).ok()).unwrap_or(1);
    server.replicas.max(values).max(server.of_release.unwrap_or(1))
}

/// The release's own autoscaler where these steps have taken it off: the upgrade would bring it back, and with it several
/// pods that migrate.
fn taken_off(case: &Case, server: &Server) -> Option<Scaler> {
    let values = case.facts.values.value()?;
    let gone = server.autoscaler.is_none() && server.autoscaler_unseen.is_none() && values.is_on("hpa.enabled");
    let min = values.get("hpa.minReplicas").and_then(|min| i32::try_from(min.as_i64()?).ok()).unwrap_or(1);
    gone.then(|| Scaler { min, ours: true, ..Scaler::default() })
}

/// The annotation with which KEDA lets the pods be as many as they are. Its `paused-replicas` would set them back to its own
/// count while the one pod migrates.
const PAUSED: &str = "autoscaling.keda.sh/paused";

/// What makes an autoscaler, by kind and name, where it would make it anew.
fn maker(scaler: &Scaler) -> Option<(&str, &str)> {
    scaler.maker.split_once('/')
}

fn taking_off(scaler: &Scaler, namespace: &str) -> Step {
    let why = format!("at {} pods it would start that many migrations", scaler.min);
    match maker(scaler) {
        None => step(
            &format!("take the autoscaler off: {why}"),
            format!("kubectl delete hpa {} -n {namespace}", scaler.name),
        ),
        Some(("ScaledObject", name)) => step(
            &format!(
                "pause the autoscaler, which KEDA would make anew: {why}. A precheck after this sees none: the last step here lets it scale again"
            ),
            format!("kubectl annotate scaledobject {name} -n {namespace} {PAUSED}=true --overwrite"),
        ),
        Some((kind, name)) => step(
            &format!("pause {kind} {name}, which makes the autoscaler {}: {why}", scaler.name),
            format!("kubectl get {} {name} -n {namespace} -o yaml", kind.to_lowercase()),
        ),
    }
}

/// One that is not of the release.
fn bringing_back(scaler: &Scaler, namespace: &str) -> Step {
    match maker(scaler) {
        None => step(
            &format!("bring the autoscaler {} back from where it came; it is not of the release", scaler.name),
            format!("kubectl get hpa -n {namespace}"),
        ),
        Some(("ScaledObject", name)) => step(
            &format!("let KEDA scale again; it makes the autoscaler {} anew", scaler.name),
            format!("kubectl annotate scaledobject {name} -n {namespace} {PAUSED}-"),
        ),
        Some((kind, name)) => step(
            &format!("let {kind} {name} make the autoscaler {} again", scaler.name),
            format!("kubectl get {} {name} -n {namespace} -o yaml", kind.to_lowercase()),
        ),
    }
}

fn hop(case: &Case, via: &[Version]) -> Vec<Step> {
    let stops = via.iter().chain(std::iter::once(&case.facts.asked.to));
    stops
        .map(|to| {
            let what = format!("go to {to}: a precheck, a backup and an upgrade of its own");
            step(&what, format!("kubectl omupgrade precheck {} --to {to}", on(case)))
        })
        .collect()
}

/// Where no release that is seen in the namespace brings the engine.
const PROVIDER: &str = "(its provider's to do, or by whatever installed it)";

fn search_window(case: &Case) -> Vec<Step> {
    let namespace = &case.facts.namespace;
    let brings = dependencies::brings_search(case);
    let mut out = Vec::new();
    for through in super::search::order(case) {
        let what = format!("before the window, if it is upgraded in place: bring it to {through}");
        // Only of OpenSearch's chart the key is known.
        let opensearch = case.facts.search.value().is_some_and(|s| s.engine == "opensearch");
        out.push(match brings {
            Some(release) if opensearch => {
                let (name, version) = (&release.name, &release.version);
                step(&what, format!(
                    "helm upgrade {name} -n {namespace} open-metadata/openmetadata-dependencies --version {version} --reuse-values --set opensearch.image.tag=TAG # TAG: the newest image of that line"
                ))
            }
            Some(release) => step(&what, format!("helm get values {} -n {namespace} # names its image", release.name)),
            None => step(&format!("{what} {PROVIDER}"), ""),
        });
    }
    out.extend(quiesce(case));
    let rebuilt = "or point the values at a new empty one; its indexes are rebuilt";
    let follows = out.iter_mut().find(|s| brings.is_some() && s.what.contains(" before OpenMetadata; it restarts "));
    if let Some(same) = follows {
        same.what = format!("{}: this upgrades the engine in the window, {rebuilt}", same.what);
    } else {
        let what = "in the window, once the server is down: upgrade the search engine";
        let at = out.iter().position(|s| s.what.starts_with("back the database up")).unwrap_or(out.len());
        let upgrading = match brings {
            Some(release) => step(
                &format!("{what}, {rebuilt}"),
                format!(
                    "helm get values {} -n {namespace} # it brings the engine, and is as new as the target: what pins it?",
                    release.name
                ),
            ),
            None => step(&format!("{what} {PROVIDER}, {rebuilt}"), ""),
        };
        out.insert(at, upgrading);
    }
    let names = Names { namespace: namespace.clone(), workload: case.workload(), ..Names::default() };
    out.push(step("rebuild the indexes, and see that it ends", names.fill(REINDEX)));
    out
}
