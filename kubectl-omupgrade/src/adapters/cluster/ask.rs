//! One question to the API with a deadline, and the words for its refusal.

use super::Cluster;
use crate::facts::Fact;
use crate::failure::Failure;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;

/// Items of one answer: large lists come in pages.
const PAGE: u32 = 500;

impl Cluster {
    /// The API of a kind in the release's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// One question with the deadline of `--request-timeout`.
    pub async fn within<T>(&self, question: impl Future<Output = kube::Result<T>>) -> Result<T, Refused> {
        match self.patience {
            None => question.await.map_err(Refused::Answer),
            Some(patience) => match tokio::time::timeout(patience, question).await {
                Ok(answer) => answer.map_err(Refused::Answer),
                Err(_) => Err(Refused::TooLate(patience)),
            },
        }
    }

    /// All objects of a kind, page by page.
    pub async fn all<K>(&self, api: &Api<K>, params: ListParams) -> Result<Vec<K>, Refused>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        self.each(api, params, Some).await
    }

    /// The same, each reduced by `reduce` as soon as its page is there: never more than a page of them is held whole.
    pub async fn each<K, T>(
        &self,
        api: &Api<K>,
        mut params: ListParams,
        mut reduce: impl FnMut(K) -> Option<T>,
    ) -> Result<Vec<T>, Refused>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        params.limit = Some(PAGE);
        let mut items = Vec::new();
        loop {
            let page = self.within(api.list(&params)).await?;
            items.extend(page.items.into_iter().filter_map(&mut reduce));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(items),
            }
        }
    }

    /// All objects of a kind as a fact, each reduced by `reduce`, which may leave some out.
    pub async fn fact<K, T>(&self, api: &Api<K>, params: ListParams, reduce: impl Fn(&K) -> Option<T>) -> Fact<Vec<T>>
    where
        K: Resource + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let source = format!("list {}", K::plural(&K::DynamicType::default()));
        match self.each(api, params, |item| reduce(&item)).await {
            Ok(items) => Fact::known(items, source, Timestamp::now()),
            Err(refused) => Fact::unknown(refused.to_string(), source, Timestamp::now()),
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The API or the way to it.
    #[error("{}", why(.0))]
    Answer(#[source] kube::Error),
    /// No answer in time.
    #[error("no answer within {} s (--request-timeout)", .0.as_secs())]
    TooLate(std::time::Duration),
}

impl Refused {
    /// Whether the object is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Answer(kube::Error::Api(status)) if status.code == 404)
    }

    /// Whether the user may not ask.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Answer(kube::Error::Api(status)) if status.code == 403)
    }

    /// Whether the API server said no, so that nothing was done, and would say so again: no right, no room in a quota, a
    /// policy. Not one that is busy, that met another write, or that knows these credentials no more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Answer(kube::Error::Api(status)) if (400..500).contains(&status.code) && !matches!(status.code, 401 | 408 | 409 | 429))
    }

    /// Whether what is to be made is there already. Not every 409 says so: a quota that another write moved is one, too.
    pub fn is_there_already(&self) -> bool {
        matches!(self, Self::Answer(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists")
    }

    /// Whether another write came first.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Answer(kube::Error::Api(status)) if status.code == 409)
    }

    /// The failure of a command that cannot go on, with its next step.
    pub fn failure(&self, doing: &str) -> Failure {
        let failure = Failure::unknown(format!("{doing}: {self}"));
        match self {
            Self::Answer(kube::Error::Api(status)) if status.code == 401 => {
                failure.hint("kubectl auth whoami    # the credentials of this context are not accepted")
            }
            Self::Answer(kube::Error::Api(status)) if status.code == 403 => {
                failure.hint("kubectl omupgrade rbac VERB    # prints the rights that the verb needs")
            }
            Self::Answer(kube::Error::Api(_)) => failure,
            _ => failure.hint("kubectl cluster-info    # is the API server reachable from here?"),
        }
    }
}

/// The words for an error of the API.
pub fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => reason(status.code, &status.reason, &status.message),
        kube::Error::HyperError(_) | kube::Error::Service(_) => {
            // Its own words name the layer of the client that noticed it.
            format!("the API server cannot be reached: {}", chain(error.source().unwrap_or(error)))
        }
        kube::Error::Auth(_) => format!("the credentials cannot be used: {}", chain(error)),
        other => chain(other),
    }
}

/// The words for a refusal.
pub fn reason(code: u16, reason: &str, message: &str) -> String {
    match code {
        401 => "the API server does not accept these credentials (401)".to_owned(),
        403 => format!("forbidden: {message}"),
        404 => format!("not found: {message}"),
        429 => "the API server is overloaded (429)".to_owned(),
        _ if message.is_empty() => format!("the API server answered {code} {reason}"),
        _ => format!("the API server answered {code}: {message}"),
    }
}

/// An error with what caused it, each said once.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = inner.source();
    }
    words
}
