//! A search of its own: as much of Elasticsearch and OpenSearch as the server's search, and checks of it, ask. It never ranks what it finds.
//!
//! Source: the public REST references of both; what both answer alike. Its number, colour and drift are settings, so that
//! checks have something to find.

mod answers;
mod bulk;
mod cat;
mod find;
mod names;
mod settings;
mod store;
mod write;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::http::{self, Answer, Request};
use crate::log;

use settings::{Moment, Settings};
use store::Store;

/// Serves until the process is ended.
pub fn run() -> Result<ExitCode> {
    let settings = Settings::from_environment()?;
    let store = Mutex::new(Store::open(settings.data.clone())?);
    let listener = TcpListener::bind(("0.0.0.0", settings.port))
        .with_context(|| format!("cannot listen on port {}", settings.port))?;
    log::info(&format!("{} stand-in {} is ready", settings.distribution.name(), settings.number));
    let handle: Arc<dyn Fn(&Request) -> Answer + Send + Sync> = Arc::new(move |request| {
        let moment = Moment::ask(&settings);
        if moment.down {
            let cause = json!({ "type": "cluster_block_exception", "reason": "ordered fault: search is down" });
            return answers::error(503, &cause);
        }
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        answers::answer(&settings, &moment, &mut store, request)
    });
    http::serve(&listener, &handle);
    Ok(ExitCode::SUCCESS)
}
