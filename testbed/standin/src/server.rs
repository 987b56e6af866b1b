//! The server: refuses to start on pending migrations, then answers on the API port and the admin port. It never migrates.
//!
//! Source of the order at the start: facts 10.7; of the refusal and its words: `MigrationWorkflow.validateMigrationsForServer`
//! (facts 3.11, 10.8). Assumption (facts 10.8, derived from that source and never run against a real server): an older binary
//! on a newer schema starts quietly unless it has an unexecuted folder, new statements in its newest ones, or another
//! Flowable. No server that was read asks whether the database is newer than itself.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::api::Api;
use crate::apps::Apps;
use crate::database::Database;
use crate::era::Era;
use crate::faults::Faults;
use crate::http::{self, Answer, Request};
use crate::reindex::{self, Job};
use crate::search::Search;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::{admin, flowable, log, migrate, migrations, seed, version};

/// Starts, serves, and ends when asked to.
pub fn run() -> Result<ExitCode> {
    // As the first process of a container it would ignore both signals otherwise.
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen for signals")?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            log::info("stopping");
            // Requests under way get their answer.
            std::thread::sleep(Duration::from_millis(300));
            std::process::exit(0);
        }
    });
    let faults = Faults::ask();
    if let Some(pause) = faults.seconds("slow-start") {
        log::info("ordered fault: starting slowly");
        std::thread::sleep(pause);
    }
    if faults.get("crash-loop").is_some() {
        bail!("ordered fault: crashing at start");
    }
    let settings = Settings::from_environment()?;
    let (database, secrets, era) =
        (Database::new(&settings), Secrets::new(&settings.fernet_key)?, Era::of_this_image());
    // Older servers change Flowable's tables before they look at the migrations, newer ones only look.
    if era.migrates_flowable() {
        refuse_pending(&database)?;
        flowable::check(&database)?;
    } else {
        flowable::prepare(&database)?;
        refuse_pending(&database)?;
    }
    let search = Search::new(&settings.search, &settings.cluster_alias, era);
    if !era.starts_without_search() && !search.is_available() {
        // After the change of Flowable's tables, as the real one did. Assumption: the words.
        bail!("search does not answer at {}: the server cannot start without it", settings.search);
    }
    reindex::update_indices(&search);
    if seed::run(&database, &secrets)? {
        let job = Job { database: database.clone(), search: search.clone(), pause: Duration::ZERO };
        if let Err(error) = reindex::run(&job, |_| true) {
            log::warn(&format!("sample data is not in search: {error:#}"));
        }
    }
    let expected = migrations::of_this_image(database.engine())?.into_iter().map(|folder| folder.name).collect();
    let (ports, watched) = (settings.ports, database.clone());
    let apps = Apps::new(Job { database: database.clone(), search: search.clone(), pause: settings.reindex_pause });
    let api = Api { database, settings, secrets, search, apps, era, expected };

    let main: Handler = Arc::new(move |request: &Request| {
        let faults = Faults::ask();
        api.database.lose(faults.get("loses-database").is_some());
        api.search.lose(faults.get("loses-search").is_some());
        if faults.get("answers-500").is_some() { Answer::error(500, "ordered fault") } else { api.answer(request) }
    });
    let admin: Handler = Arc::new(move |request: &Request| admin::answer(&watched, request));
    let (api_port, admin_port) = (listen(ports.0)?, listen(ports.1)?);
    log::info(&format!("OpenMetadata stand-in {} is ready", version::of_this_image()));
    std::thread::spawn(move || http::serve(&admin_port, &admin));
    http::serve(&api_port, &main);
    Ok(ExitCode::SUCCESS)
}

type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("0.0.0.0", port)).with_context(|| format!("cannot listen on port {port}"))
}

fn refuse_pending(database: &Database) -> Result<()> {
    if migrate::lacking(database)?.is_empty() {
        return Ok(());
    }
    bail!(
        "java.lang.IllegalStateException: There are pending migrations to be run on the database. Please backup your data \
         and run `./bootstrap/openmetadata-ops.sh migrate`."
    )
}
