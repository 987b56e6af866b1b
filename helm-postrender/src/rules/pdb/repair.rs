//! Budgets that the stream already has: mended in place, or reported.

use super::fields::{Amount, Block, Fields};
use super::{Budget, RULE, View};
use crate::pods::names;
use crate::pods::narrow::{Narrowed, narrow};
use crate::proposal::Proposal;
use crate::scene::Object;
use crate::selector::{Match, Selector};
use serde_json::Value;
use shared::marks;

const MIN: &str = "/spec/minAvailable";
const MAX: &str = "/spec/maxUnavailable";

/// What one budget needs.
pub fn budget(view: &View<'_>, budget: &Budget<'_>) -> Vec<Proposal> {
    let object = budget.object;
    if !view.policy.on(object).pdb.enabled {
        return Vec::new();
    }
    let mut proposals: Vec<Proposal> = version(object).into_iter().collect();
    let fields = Fields::of(object);
    if fields.is_odd() {
        let text = "minAvailable or maxUnavailable is neither a whole number nor a percentage up to 100%, and the API refuses the \
                    budget: correct the value it is rendered from";
        proposals.push(Proposal::warning(object, text));
        return proposals;
    }
    let servers: Vec<&Object> = budget.owners.iter().copied().filter(|o| o.is_server).collect();
    match servers.as_slice() {
        [] => proposals.extend(of_others(view, budget, fields)),
        [server] if !view.policy.on(server).pdb.enabled => {}
        [server] => match opt_out(server) {
            Some(text) => proposals.push(Proposal::kept(object, text)),
            None => proposals.extend(of_server(view, budget, server, fields)),
        },
        several => {
            proposals.extend(valid(object, fields, None).0);
            let text = format!(
                "one budget over {}: their pods are counted together, so one may be drained whole while the others run; \
                 give each its own",
                names(several)
            );
            proposals.push(Proposal::warning(object, text));
        }
    }
    proposals
}

fn version(object: &Object) -> Option<Proposal> {
    let text = "policy/v1beta1 is gone since Kubernetes 1.25, which refuses the budget: for `helm template` pass \
                --api-versions policy/v1, else take a chart that renders policy/v1";
    (object.text("/apiVersion") == Some("policy/v1beta1")).then(|| Proposal::warning(object, text))
}

/// What the server's own opt-out means for its budget, which has no annotations of its own in any chart.
fn opt_out(server: &Object) -> Option<String> {
    let rule = RULE.head.id;
    let reason = server.opt_out(rule)?;
    Some(format!("left alone as the annotation {}{rule} of {} asks: {reason}", marks::SKIP_PREFIX, server.label()))
}

/// A budget of one server.
fn of_server(view: &View<'_>, budget: &Budget<'_>, server: &Object, fields: Fields) -> Vec<Proposal> {
    let object = budget.object;
    let Some(selector) = object.get("/spec/selector") else { return Vec::new() };
    let foreign: Vec<&Object> =
        budget.owners.iter().copied().filter(|o| (o.kind(), o.name()) != (server.kind(), server.name())).collect();
    if let Some(text) = meant_for_more(view, &foreign, server) {
        let mut proposals = valid(object, fields, None).0;
        proposals.push(Proposal::warning(object, text));
        return proposals;
    }
    let mut proposals = Vec::new();
    let mut proven = foreign.is_empty();
    if !proven && let Some(narrowed) = narrow(&view.pods, object, selector, server).filter(|n| n.holds) {
        proven = narrowed.rest.is_empty();
        proposals.extend(narrower(object, selector, &foreign, &narrowed));
    }
    let pods = proven.then(|| view.autoscalers.replicas(server).least);
    let wish = u64::from(view.policy.on(server).pdb.max_unavailable);
    proposals.extend(numbers(object, fields, pods, wish));
    proposals
}

/// What to say of a budget that selects pods which the server's own selector does not: it is somebody's wish to
/// guard more than the server, and not ours to narrow.
fn meant_for_more(view: &View<'_>, foreign: &[&Object], server: &Object) -> Option<String> {
    let own = Selector::read(server.get("/spec/selector")?)?;
    let beyond = |o: &&&Object| view.pods.class(o).is_none_or(|class| own.matches(|key| class.label(key)) == Match::No);
    let beyond: Vec<&Object> = foreign.iter().filter(beyond).copied().collect();
    (!beyond.is_empty()).then(|| {
        format!(
            "one budget over the pods of {} and of {}: they are counted together, so the server may be drained whole \
             while the others run; give {} a budget of its own and take its pods out of this one",
            server.label(),
            names(&beyond),
            server.label()
        )
    })
}

/// The expressions that keep foreign pods out, and what remains to be said.
fn narrower(object: &Object, selector: &Value, foreign: &[&Object], narrowed: &Narrowed<'_>) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    let kept_out: Vec<&Object> =
        foreign.iter().copied().filter(|f| narrowed.rest.iter().all(|r| r.id != f.id)).collect();
    if !kept_out.is_empty() {
        let why = format!("without it the pods of {} count as servers", names(&kept_out));
        let path = "/spec/selector/matchExpressions";
        match selector.get("matchExpressions").and_then(Value::as_array).filter(|list| !list.is_empty()) {
            Some(old) => {
                let places = (old.len()..).zip(&narrowed.added);
                proposals.extend(places.map(|(i, e)| Proposal::insert(object, path, i, e.clone(), why.as_str())));
            }
            None => proposals.push(Proposal::set(object, path, narrowed.added.clone(), why)),
        }
    }
    if !narrowed.rest.is_empty() {
        let text = format!(
            "counts the pods of {} as servers, and no label tells them apart; give those pods other labels",
            names(&narrowed.rest)
        );
        proposals.push(Proposal::warning(object, text));
    }
    proposals
}

/// The numbers of a server's budget over `pods` pods at the least (`None`: its pod set is not proven).
fn numbers(object: &Object, fields: Fields, pods: Option<u64>, wish: u64) -> Vec<Proposal> {
    let (mut proposals, fields) = valid(object, fields, pods);
    let Some(block) = fields.block(pods) else {
        if proposals.is_empty()
            && let Some(text) = kept(fields)
        {
            proposals.push(Proposal::kept(object, text));
        }
        return proposals;
    };
    let why = match block {
        Block::Zero(max) => {
            let text = format!(
                "maxUnavailable {max} is left as it is set: no server pod may ever be evicted, so every node drain stops \
                 at them until somebody deletes them by hand; 1 lets them go one at a time"
            );
            proposals.push(Proposal::kept(object, text));
            return proposals;
        }
        Block::All(min) => {
            format!("minAvailable {min} of {} can never be met and stops every node drain", counted(pods.unwrap_or(1)))
        }
        Block::Neither => "without a number it lets no pod go and stops every node drain".to_owned(),
    };
    if fields.min.is_some() {
        // Nothing else may have touched the field: a number in quotes would be mended first and removed then.
        proposals.retain(|p| !matches!(p, Proposal::Set { path, .. } if path == MIN));
        proposals.push(Proposal::remove(object, MIN, why.as_str()));
    }
    let why = if fields.min.is_some() {
        format!("in place of minAvailable, lets {} go at a time", counted(wish))
    } else {
        why
    };
    proposals.push(Proposal::set(object, MAX, wish, why));
    proposals
}

fn kept(fields: Fields) -> Option<String> {
    let (name, amount) = match (fields.min, fields.max) {
        (Some(min), None) => ("minAvailable", min),
        (None, Some(max)) => ("maxUnavailable", max),
        _ => return None,
    };
    Some(format!("{name} {amount} is left as it is set"))
}

fn counted(pods: u64) -> String {
    if pods == 1 { "1 pod".to_owned() } else { format!("{pods} pods") }
}

/// Mends what the API refuses; and the fields as they are then.
fn valid(object: &Object, mut fields: Fields, pods: Option<u64>) -> (Vec<Proposal>, Fields) {
    let mut proposals = Vec::new();
    if let (Some(min), Some(max)) = (fields.min, fields.max) {
        let (path, gone, stays) = if fields.keeps_min(pods) {
            fields.max = None;
            (MAX, format!("maxUnavailable {max}"), format!("minAvailable {min}"))
        } else {
            fields.min = None;
            (MIN, format!("minAvailable {min}"), format!("maxUnavailable {max}"))
        };
        let why = format!("the API refuses a budget with both fields; {stays} stays and {gone} goes");
        proposals.push(Proposal::remove(object, path, why));
    }
    for (path, amount) in [(MIN, &mut fields.min), (MAX, &mut fields.max)] {
        if let Some(Amount::Quoted(count)) = *amount {
            let why = "the API takes a number in quotes only as a percentage";
            proposals.push(Proposal::set(object, path, count, why));
            *amount = Some(Amount::Count(count));
        }
    }
    (proposals, fields)
}

/// A budget of workloads that are not the server: what the API refuses is mended, what blocks is told.
fn of_others(view: &View<'_>, budget: &Budget<'_>, fields: Fields) -> Vec<Proposal> {
    let (mut proposals, fields) = valid(budget.object, fields, None);
    let [workload] = budget.owners.as_slice() else { return proposals };
    if let Some(block) = fields.block(Some(view.autoscalers.replicas(workload).least)) {
        let set = match block {
            Block::All(min) => format!("minAvailable is {min}"),
            Block::Zero(max) => format!("maxUnavailable is {max}"),
            Block::Neither => "neither number is set".to_owned(),
        };
        let text = format!(
            "{set} over the pods of {}: none may ever be evicted, so node drains stop there; delete them by hand in a \
             drain, or set maxUnavailable 1",
            workload.label()
        );
        proposals.push(Proposal::notice(budget.object, text));
    }
    proposals
}
