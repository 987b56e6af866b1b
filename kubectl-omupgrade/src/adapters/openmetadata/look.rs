//! One look through the API: every question once, each answer a fact, and an answer that does not come an unknown one.

use super::{Answer, Client, Login, escaped};
use crate::facts::no_answer::FAILED;
use crate::facts::{
    Answered, App, Bot, Counted, Edges, Entity, Fact, Metrics, NO_INDEX, NoAnswer, Permissions, Pipeline, Server, Step,
    Subscription, Who,
};
use jiff::Timestamp;
use serde_json::Value;
use shared::endpoints::{self, ADMIN, ROOT};
use shared::versions::Version;
use std::collections::BTreeMap;

/// Kinds of entities: path, kind in lineage and search, and the index that holds them, where one does. A page of the
/// first kind that is not empty is looked at.
const KINDS: &[(&str, &str, Option<&str>)] = &[
    ("tables", "table", Some("table_search_index")),
    ("dashboards", "dashboard", Some("dashboard_search_index")),
    ("topics", "topic", Some("topic_search_index")),
    ("pipelines", "pipeline", Some("pipeline_search_index")),
    ("glossaryTerms", "glossaryTerm", Some("glossary_term_search_index")),
    ("users", "user", Some("user_search_index")),
    ("databases", "database", Some("database_search_index")),
    ("databaseSchemas", "databaseSchema", Some("database_schema_search_index")),
    ("storedProcedures", "storedProcedure", Some("stored_procedure_search_index")),
    ("dashboard/datamodels", "dashboardDataModel", Some("dashboard_data_model_search_index")),
    ("charts", "chart", Some("chart_search_index")),
    ("mlmodels", "mlmodel", Some("mlmodel_search_index")),
    ("containers", "container", Some("container_search_index")),
    ("searchIndexes", "searchIndex", Some("search_entity_search_index")),
    ("glossaries", "glossary", Some("glossary_search_index")),
    ("domains", "domain", Some("domain_search_index")),
    ("dataProducts", "dataProduct", Some("data_product_search_index")),
    ("metrics", "metric", Some("metric_search_index")),
    ("apiCollections", "apiCollection", Some("api_collection_search_index")),
    ("apiEndpoints", "apiEndpoint", Some("api_endpoint_search_index")),
    ("roles", "role", None),
    ("policies", "policy", None),
    ("bots", "bot", None),
];

/// The permissions that are looked at.
const ASKED: &[(&str, &str)] = &[
    ("table", "ViewBasic"),
    ("table", "Delete"),
    ("table", "EditDisplayName"),
    ("policy", "Create"),
    ("bot", "Create"),
];

/// Looks. `login` is the way in, or why there is none; `version` what the image says.
pub async fn look(client: &Client, asked: &str, login: Result<Login, NoAnswer>, version: Option<Version>) -> Server {
    let era = endpoints::of(version.unwrap_or(Version { major: u64::MAX, minor: 0, patch: 0 }));
    let health = if era.readiness.port == ADMIN {
        client.admin(era.readiness.path).await
    } else {
        client.get(era.readiness.path).await
    };
    let page = client.get(ROOT.path).await;
    let version = field(client.json("/api/v1/system/version").await, "version");
    let provider = field(client.json("/api/v1/system/config/auth").await, "provider");
    let metrics = client.admin("/prometheus").await.and_then(|a| read_metrics(&a));
    let mut out = Server {
        asked: asked.to_owned(),
        version: fact(version, "GET /api/v1/system/version"),
        health: fact(health.map(|a| answered(&a)), era.readiness.path),
        page: fact(page.map(|a| answered(&a)), "GET /"),
        provider: fact(provider, "GET /api/v1/system/config/auth"),
        who: unknown(&NoAnswer::of("no token")),
        steps: unknown(&NoAnswer::of("no token")),
        entity: unknown(&NoAnswer::of("no token")),
        entity_read: unknown(&NoAnswer::of("no entity")),
        entity_found: unknown(&NoAnswer::of("no entity")),
        lineage: unknown(&NoAnswer::of("no entity")),
        kinds: BTreeMap::new(),
        apps: unknown(&NoAnswer::of("no token")),
        subscriptions: unknown(&NoAnswer::of("no token")),
        permissions: unknown(&NoAnswer::of("no token")),
        bots: unknown(&NoAnswer::of("no token")),
        pipelines: unknown(&NoAnswer::of("no token")),
        metrics: fact(metrics, "GET :8586/prometheus"),
    };
    match login {
        Ok(login) => Box::pin(inside(client, login, &mut out)).await,
        Err(why) => {
            out.who = unknown(&why);
            out.steps = unknown(&why);
            out.entity = unknown(&why);
            out.apps = unknown(&why);
            out.subscriptions = unknown(&why);
            out.permissions = unknown(&why);
            out.bots = unknown(&why);
            out.pipelines = unknown(&why);
        }
    }
    out
}

/// What needs a token.
async fn inside(client: &Client, login: Login, out: &mut Server) {
    let client = &Client { token: Some(login.token), ..client.clone() };
    let who = client.json("/api/v1/users/loggedInUser").await.map(|v| Who {
        name: text(&v, "name"),
        admin: v.get("isAdmin").and_then(Value::as_bool).unwrap_or(false),
        bot: v.get("isBot").and_then(Value::as_bool).unwrap_or_else(|| text(&v, "name").ends_with("-bot")),
        by: login.from.clone(),
    });
    let permissions = match &who {
        Ok(who) => permissions(client, who).await,
        Err(e) => Err(e.clone()),
    };
    out.who = fact(who, "GET /api/v1/users/loggedInUser");
    out.permissions = fact(permissions, "GET /api/v1/permissions");
    out.steps = fact(client.json("/api/v1/system/status").await.map(|v| steps(&v)), "GET /api/v1/system/status");
    for (path, kind, index) in KINDS {
        let there = client.json(&format!("/api/v1/{path}?limit=1")).await.and_then(|v| total(&v));
        let found = match index {
            // A kind that this release does not have has no index either.
            Some(_) if there.is_err() => Err(NoAnswer::of("nothing to compare with")),
            Some(index) => {
                let query =
                    format!("/api/v1/search/query?q=*&index={index}&size=0&deleted=false&track_total_hits=true");
                client.json(&query).await.and_then(|v| hits(&v))
            }
            None => Err(NoAnswer::of(NO_INDEX)),
        };
        let counted = Counted { there: fact(there, path), found: fact(found, index.unwrap_or("search")) };
        out.kinds.insert((*kind).to_owned(), counted);
    }
    entity(client, out).await;
    out.apps = fact(apps(client).await, "GET /api/v1/apps");
    out.subscriptions = fact(subscriptions(client).await, "GET /api/v1/events/subscriptions");
    out.bots = fact(bots(client).await, "GET /api/v1/bots");
    let pipelines = client.list("services/ingestionPipelines", "&fields=pipelineStatuses").await;
    let pipelines = pipelines.map(|all| all.iter().map(pipeline).collect());
    out.pipelines = fact(pipelines, "GET /api/v1/services/ingestionPipelines");
}

/// Chooses an entity, and asks for its page, its place in search and its lineage.
async fn entity(client: &Client, out: &mut Server) {
    let mut last = None;
    for (path, kind, index) in KINDS.iter().filter(|k| k.2.is_some()) {
        let first = match client.json(&format!("/api/v1/{path}?limit=1")).await {
            Ok(page) => page.pointer("/data/0").cloned(),
            Err(e) => {
                // A kind that this release does not have says less than one that the server fails at.
                if last.as_ref().and_then(|before: &NoAnswer| before.status) != Some(FAILED) {
                    last = Some(e);
                }
                continue;
            }
        };
        let Some(first) = first else { continue };
        let name = text(&first, "fullyQualifiedName");
        let read = client.get(&format!("/api/v1/{path}/name/{}", escaped(&name))).await.map(|a| {
            let same = a.json().is_ok_and(|v| text(&v, "fullyQualifiedName") == name);
            Answered { what: if same { "the entity" } else { "not the entity" }.to_owned(), ..answered(&a) }
        });
        // A release whose search does not look into whole names finds it by the short one.
        let mut found = Ok(false);
        for words in [&name, &text(&first, "name")] {
            let (words, index) = (escaped(&phrase(words)), index.unwrap_or_default());
            let query = format!("/api/v1/search/query?q={words}&index={index}&size=20&deleted=false");
            match client.json(&query).await.and_then(|v| among(&v, &name)) {
                Ok(false) => {}
                other => found = other,
            }
            if matches!(found, Ok(true)) {
                break;
            }
        }
        let asked = format!("/api/v1/lineage/{kind}/name/{}?upstreamDepth=1&downstreamDepth=1", escaped(&name));
        let lineage = client.json(&asked).await.and_then(|v| edges(&v));
        out.entity_read = fact(read, path);
        out.entity_found = fact(found, "GET /api/v1/search/query");
        out.lineage = fact(lineage, "GET /api/v1/lineage");
        let chosen = Entity { path: (*path).to_owned(), kind: (*kind).to_owned(), name };
        out.entity = fact(Ok(Some(chosen)), path);
        return;
    }
    out.entity = fact(last.map_or(Ok(None), Err), "GET /api/v1/tables");
}

/// A name as one phrase: a short name stands in many entities of a real catalogue, the whole one in few.
fn phrase(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether the entity is among the hits. Where there are more than were sent, that it is not says nothing.
fn among(answer: &Value, name: &str) -> Result<bool, NoAnswer> {
    let all = answer.pointer("/hits/hits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let found = all.iter().any(|h| h.pointer("/_source/fullyQualifiedName").and_then(Value::as_str) == Some(name));
    let sent = u64::try_from(all.len()).unwrap_or(u64::MAX);
    match answer.pointer("/hits/total/value").and_then(Value::as_u64) {
        Some(total) if !found && total > sent => {
            Err(NoAnswer::of(format!("{name} is not among the first {sent} of {total} hits")))
        }
        _ => Ok(found),
    }
}

/// Permissions of somebody who is no administrator: of ourselves, or of a user that an administrator may ask about.
async fn permissions(client: &Client, who: &Who) -> Result<Permissions, NoAnswer> {
    let mut user = who.name.clone();
    let mut query = String::new();
    if who.admin {
        // Any one does: the first page is enough.
        let page = client.json("/api/v1/users?limit=100&isAdmin=false&isBot=false").await?;
        let users = page.get("data").and_then(Value::as_array).ok_or(NoAnswer::of("the answer has no `data`"))?;
        let yes = |u: &Value, key: &str| u.get(key).and_then(Value::as_bool).unwrap_or(false);
        let plain = users.iter().find(|u| !yes(u, "isAdmin") && !yes(u, "isBot"));
        let plain = plain.ok_or(NoAnswer::of("there is no user who is no administrator"))?;
        user = text(plain, "name");
        query = format!("?user={}", escaped(&user));
    }
    let answer = client.json(&format!("/api/v1/permissions{query}")).await?;
    let mut access = BTreeMap::new();
    for (resource, operation) in ASKED {
        let all = answer.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let of = all.iter().find(|r| text(r, "resource").eq_ignore_ascii_case(resource));
        let permissions = of.and_then(|r| r.get("permissions")?.as_array()).map_or(&[][..], Vec::as_slice);
        // A server that does not know the question answers for who asks: an administrator, whom no policy is named for.
        if who.admin
            && permissions.iter().all(|p| text(p, "access") == "allow" && p.get("policy").is_none_or(Value::is_null))
            && !permissions.is_empty()
        {
            return Err(NoAnswer::of(format!("the server answered for {} and not for {user}", who.name)));
        }
        if let Some(found) = permissions.iter().find(|p| text(p, "operation") == *operation) {
            access.insert(format!("{resource} {operation}"), text(found, "access"));
        }
    }
    let bot = who.bot && !who.admin;
    Ok(Permissions { user, bot, access })
}

async fn apps(client: &Client) -> Result<Vec<App>, NoAnswer> {
    let mut out = Vec::new();
    for app in client.list("apps", "").await? {
        let name = text(&app, "name");
        let run = client.get(&format!("/api/v1/apps/name/{}/runs/latest", escaped(&name))).await?;
        // 404: it never ran.
        let run = if run.status == 404 { None } else { Some(run.json()?) };
        let state = run.as_ref().map(|r| text(r, "status")).filter(|s| !s.is_empty());
        let failure = run.as_ref().and_then(|r| r.pointer("/failureContext/failure/message")?.as_str());
        out.push(App {
            name,
            last: state,
            began: run.as_ref().and_then(|r| millis(r, "startTime").or_else(|| millis(r, "timestamp"))),
            failure: failure.map(|f| crate::view::clip(f, 200)),
        });
    }
    Ok(out)
}

async fn subscriptions(client: &Client) -> Result<Vec<Subscription>, NoAnswer> {
    let mut out = Vec::new();
    for found in client.list("events/subscriptions", "").await? {
        let enabled = found.get("enabled").and_then(Value::as_bool).unwrap_or(true);
        let mut destinations = Vec::new();
        let all = found.get("destinations").and_then(Value::as_array).cloned().unwrap_or_default();
        for destination in all.iter().filter(|_| enabled) {
            let path =
                format!("/api/v1/events/subscriptions/{}/status/{}", text(&found, "id"), text(destination, "id"));
            let status = match client.json(&path).await {
                Ok(status) => status,
                Err(e) => {
                    destinations.push(("unknown".to_owned(), e.to_string()));
                    continue;
                }
            };
            let of = |key: &str| status.get(key).or_else(|| status.pointer(&format!("/statusDetails/{key}")));
            let word = |key: &str| of(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            destinations.push((word("status"), crate::view::clip(&word("lastFailedReason"), 200)));
        }
        out.push(Subscription { name: text(&found, "name"), enabled, destinations });
    }
    Ok(out)
}

async fn bots(client: &Client) -> Result<Vec<Bot>, NoAnswer> {
    let mut out = Vec::new();
    for bot in client.list("bots", "").await? {
        let user = bot.pointer("/botUser/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text(&bot, "name");
        let lacks = if user.is_empty() {
            Some("it names no user".to_owned())
        } else {
            let answer = client.get(&format!("/api/v1/users/name/{}", escaped(&user))).await?;
            match (answer.json(), answer.status) {
                (Ok(_), _) => None,
                // That is no answer about the user: who asks may not know, or the server cannot tell.
                (Err(why), 401 | 403 | 429 | 500..) => return Err(why.doing(&format!("the user of {name}"))),
                (Err(why), _) => Some(format!("{user}: {why}")),
            }
        };
        out.push(Bot { name, lacks });
    }
    Ok(out)
}

fn pipeline(from: &Value) -> Pipeline {
    let yes = |key: &str| from.get(key).and_then(Value::as_bool).unwrap_or(false);
    // One in older servers, a list in newer ones.
    let last = from.get("pipelineStatuses").map(|s| s.get(0).unwrap_or(s));
    let state = last.and_then(|s| s.get("pipelineState")?.as_str().map(str::to_owned));
    let at = last.and_then(|s| millis(s, "startDate").or_else(|| millis(s, "timestamp")));
    Pipeline { name: text(from, "fullyQualifiedName"), enabled: yes("enabled"), deployed: yes("deployed"), state, at }
}

fn steps(from: &Value) -> Vec<Step> {
    let all = from.as_object().into_iter().flatten().filter(|(_, v)| v.get("passed").is_some());
    all.map(|(name, step)| Step {
        name: name.clone(),
        passed: step.get("passed").and_then(Value::as_bool).unwrap_or(false),
        message: crate::view::clip(&text(step, "message"), 400),
    })
    .collect()
}

fn edges(from: &Value) -> Result<Edges, NoAnswer> {
    let count = |key: &str| from.get(key).and_then(Value::as_array).map(Vec::len);
    match (count("upstreamEdges"), count("downstreamEdges")) {
        (None, None) if from.get("entity").is_none() => Err(NoAnswer::of("the answer is no lineage")),
        (up, down) => Ok(Edges { up: up.unwrap_or(0), down: down.unwrap_or(0) }),
    }
}

fn total(page: &Value) -> Result<u64, NoAnswer> {
    page.pointer("/paging/total").and_then(Value::as_u64).ok_or(NoAnswer::of("the answer has no total"))
}

fn hits(answer: &Value) -> Result<u64, NoAnswer> {
    let exact = answer.pointer("/hits/total/relation").and_then(Value::as_str) != Some("gte");
    let value = answer.pointer("/hits/total/value").and_then(Value::as_u64);
    value.filter(|_| exact).ok_or(NoAnswer::of("the answer has no exact total"))
}

fn answered(from: &Answer) -> Answered {
    let millis = u64::try_from(from.took.as_millis()).unwrap_or(u64::MAX);
    let kind = from.kind.split(';').next().unwrap_or_default().to_owned();
    Answered { status: from.status, what: kind, millis }
}

fn read_metrics(answer: &Answer) -> Result<Metrics, NoAnswer> {
    if answer.status == 200 {
        Ok(Metrics::parse(&answer.text()))
    } else {
        Err(NoAnswer::of(format!("it answered {}", answer.status)))
    }
}

fn field(answer: Result<Value, NoAnswer>, name: &str) -> Result<String, NoAnswer> {
    answer.and_then(|v| {
        v.get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or(NoAnswer::of(format!("the answer has no `{name}`")))
    })
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn millis(value: &Value, key: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(value.get(key)?.as_i64()?).ok()
}

fn fact<T>(answer: Result<T, NoAnswer>, source: &str) -> Fact<T> {
    match answer {
        Ok(value) => Fact::known(value, source, Timestamp::now()),
        Err(why) => Fact::unanswered(why, source, Timestamp::now()),
    }
}

fn unknown<T>(why: &NoAnswer) -> Fact<T> {
    Fact::unanswered(why.clone(), "the server's API", Timestamp::now())
}
