//! The recorded API: which paths there are, who may ask, since which release. It never answers what the facts do not describe.

#![expect(clippy::unnecessary_wraps, reason = "every handler has the route's shape")]

mod apps;
mod asking;
mod lineage;
mod permissions;
mod pipelines;
mod resources;
mod search;
mod subscriptions;
mod system;
mod users;

use anyhow::Result;
use serde_json::Value;

use crate::apps::Apps;
use crate::database::Database;
use crate::entities::Kind;
use crate::era::{self, Era};
use crate::http::{Answer, Request};
use crate::log;
use crate::search::{self as documents, Search};
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::version::Version;

use Access::{Admin, Open, Token};
use asking::{Asking, Refusal};

/// A server's answers.
pub struct Api {
    pub database: Database,
    pub settings: Settings,
    pub secrets: Secrets,
    pub search: Search,
    pub apps: Apps,
    pub era: Era,
    /// The folders of this image, as they were at its start: the real server computes them once.
    pub expected: Vec<String>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anyone.
    Open,
    /// Who has a token.
    Token,
    /// An administrator, or a bot. Assumption: the real server asks for the permission of each (facts 4.9: to edit a
    /// pipeline's status, or all of it), which its administrators and the ingestion bot have; the refusal's words too.
    Admin,
}

type Handler = fn(&Api, &Asking<'_>) -> Result<Answer>;
struct Route(&'static str, &'static str, Access, Version, Handler);

const EVER: Version = Version(0, 0, 0);

/// Paths below `/api/v1/`, the more exact ones first; `{}` is one segment. Open ones are the server's own list
/// (`JwtFilter.EXCLUDED_ENDPOINTS`).
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    Route("GET", "system/health", Open, era::HEALTH, |_, _| Ok(Answer::text("OK"))),
    Route("GET", "system/version", Open, EVER, system::version),
    Route("GET", "system/config/{}", Open, EVER, system::config),
    Route("GET", "system/status", Token, era::STATUS, system::status),
    Route("GET", "system/diagnostics", Admin, era::NEWER_TOOLS, system::diagnostics),
    Route("POST", "users/login", Open, EVER, users::login),
    Route("POST", "users/refresh", Open, EVER, users::refresh),
    Route("GET", "users/loggedInUser", Token, EVER, users::logged_in),
    Route("GET", "users/token/{}", Admin, EVER, users::bot_token),
    Route("GET", "permissions", Token, EVER, permissions::all),
    Route("GET", "permissions/{}", Token, EVER, permissions::of_resource),
    Route("GET", "permissions/{}/name/{}", Token, EVER, permissions::of_resource),
    Route("GET", "permissions/{}/{}", Token, EVER, permissions::of_resource),
    Route("GET", "search/query", Token, EVER, search::query),
    Route("GET", "search/fieldQuery", Token, EVER, search::field),
    Route("GET", "lineage/getLineageEdge/{}/{}", Token, EVER, lineage::edge),
    Route("GET", "lineage/{}/name/{}", Token, EVER, lineage::by_name),
    Route("GET", "lineage/{}/{}", Token, EVER, lineage::by_id),
    Route("POST", "apps/trigger/{}", Admin, EVER, apps::trigger),
    Route("POST", "apps/stop/{}", Admin, EVER, apps::stop),
    Route("GET", "apps/name/{}/runs/latest", Token, EVER, apps::latest),
    Route("GET", "apps/name/{}/status", Token, EVER, apps::runs),
    Route("GET", "services/ingestionPipelines/status", Token, EVER, pipelines::status),
    Route("POST", "services/ingestionPipelines/bulk/deploy", Admin, era::NEWER_TOOLS, pipelines::deploy_many),
    Route("POST", "services/ingestionPipelines/toggleIngestion/{}", Admin, EVER, pipelines::toggle),
    Route("POST", "services/ingestionPipelines/{}/{}", Admin, EVER, pipelines::command),
    Route("GET", "events/subscriptions/name/{}/status/{}", Token, EVER, subscriptions::status_by_name),
    Route("GET", "events/subscriptions/{}/status/{}", Token, EVER, subscriptions::status_by_id),
    Route("GET", "events/subscriptions/name/{}/eventsRecord", Token, EVER, subscriptions::counts_by_name),
    Route("GET", "events/subscriptions/id/{}/eventsRecord", Token, EVER, subscriptions::counts_by_id),
];

impl Api {
    /// Answers one request.
    pub fn answer(&self, request: &Request) -> Answer {
        let path = request.path.trim_end_matches('/');
        if path.is_empty() {
            if !matches!(request.method.as_str(), "GET" | "HEAD") {
                return Answer::error(405, "HTTP 405 Method Not Allowed");
            }
            return Answer { kind: "text/html", ..Answer::text("<title>OpenMetadata stand-in</title>") };
        }
        let Some(path) = path.strip_prefix("/api/v1/") else { return Answer::missing() };
        let found = self.route(&request.method, path);
        let access = found.as_ref().map_or(Token, |(route, _)| route.2);
        let asking = match Asking::new(request, access != Open) {
            Ok(asking) => asking,
            Err(error) => return Answer::error(401, &error.to_string()),
        };
        let answer = match found {
            Some((route, parts)) => {
                let asking = Asking { parts, ..asking };
                self.refusal(&asking, access).and_then(|refused| refused.map_or_else(|| route.4(self, &asking), Ok))
            }
            None => resources::answer(self, &asking, path),
        };
        // Assumption: the real server answers an unexpected failure (no database, a secret that does not open) with 500.
        answer.unwrap_or_else(|error| match error.downcast::<Refusal>() {
            Ok(Refusal(status, words)) => Answer::error(status, &words),
            Err(error) => Answer::error(500, &format!("{error:#}")),
        })
    }

    /// Tells search about a change. Search that is away does not stop it: the document stays old until a reindex.
    fn note(&self, kind: &Kind, entity: &Value) {
        let Some(indexed) = &kind.indexed else { return };
        if let Err(error) = self.search.put(indexed, &documents::document(kind, entity.clone())) {
            log::warn(&format!("{} {} is not in search: {error:#}", kind.name, entity["fullyQualifiedName"]));
        }
    }

    fn route<'a>(&self, method: &str, path: &'a str) -> Option<(&'static Route, Vec<&'a str>)> {
        let method = if method == "HEAD" { "GET" } else { method };
        ROUTES.iter().filter(|route| route.0 == method && route.3 <= self.era.0).find_map(|route| {
            let parts = fit(route.1, path)?;
            Some((route, parts))
        })
    }

    fn refusal(&self, asking: &Asking<'_>, access: Access) -> Result<Option<Answer>> {
        if access != Admin || asking.who.bot || asking.is_admin(&self.database)? {
            return Ok(None);
        }
        let words = format!("Principal: CatalogPrincipal{{name='{}'}} is not admin", asking.who.name);
        Ok(Some(Answer::error(403, &words)))
    }
}

/// The segments of a path that stand where the pattern has `{}`.
fn fit<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut wanted, mut given, mut parts) = (pattern.split('/'), path.split('/'), Vec::new());
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some("{}"), Some(part)) if !part.is_empty() => parts.push(part),
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_whole_segments() {
        assert_eq!(fit("lineage/{}/name/{}", "lineage/table/name/a.b.c"), Some(vec!["table", "a.b.c"]));
        assert_eq!(fit("apps/stop/{}", "apps/stop/"), None);
        assert_eq!(fit("apps/stop/{}", "apps/stop/a/b"), None);
    }

    #[test]
    fn a_path_is_answered_by_the_most_exact_route_of_its_release() {
        let first = |era: Version, path: &str| {
            let fits = |route: &&Route| route.3 <= era && fit(route.1, path).is_some();
            ROUTES.iter().find(fits).map(|route| route.1)
        };
        assert_eq!(first(Version(1, 9, 0), "system/health"), None);
        assert_eq!(first(Version(1, 9, 7), "system/health"), Some("system/health"));
        assert_eq!(first(Version(2, 0, 0), "lineage/table/name/x"), Some("lineage/{}/name/{}"));
        assert_eq!(
            first(Version(2, 0, 0), "services/ingestionPipelines/kill/1"),
            Some("services/ingestionPipelines/{}/{}")
        );
    }
}
