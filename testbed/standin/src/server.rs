//! The server: refuses to start on pending migrations, then answers on the API port and the admin port. It never migrates.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::api::Api;
use crate::database::Database;
use crate::faults::Faults;
use crate::http::{self, Answer, Request};
use crate::migrations::{self, FOLDER};
use crate::settings::Settings;
use crate::{flowable, log, migrate, seed, version};

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
    let database = Database::new(settings.clone());
    // Older servers change Flowable's tables before they look at the migrations, newer ones only look.
    if flowable::belongs_to_migrate() {
        refuse_pending(&database)?;
        flowable::check(&database)?;
    } else {
        flowable::prepare(&database)?;
        refuse_pending(&database)?;
    }
    seed::run(&database)?;
    let folders = migrations::read(std::path::Path::new(FOLDER), database.engine())?;
    let expected = folders.into_iter().map(|folder| folder.name).collect();
    let api = Api::new(database, settings, expected);

    let main: Handler = Arc::new(move |request: &Request| {
        if Faults::ask().get("answers-500").is_some() {
            Answer::error(500, "ordered fault")
        } else {
            api.answer(request)
        }
    });
    let admin: Handler = Arc::new(administer);
    let (api_port, admin_port) = (listen(8585)?, listen(8586)?);
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

/// The admin port says that the process lives, not that its database does.
fn administer(request: &Request) -> Answer {
    match request.path.as_str() {
        "/ping" => Answer::text("pong\n"),
        "/healthcheck" => Answer::json(&serde_json::json!({ "OpenMetadataServerHealthCheck": { "healthy": true } })),
        "/prometheus" => Answer::text("# TYPE jvm_threads_live_threads gauge\njvm_threads_live_threads 42\n"),
        _ => Answer::error(404, "HTTP 404 Not Found"),
    }
}
