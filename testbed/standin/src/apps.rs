//! Runs of applications and their records, which outlive the server: one that was killed in the middle stays "running" for ever. It never runs two at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::database::Database;
use crate::log;
use crate::reindex::{self, Job, Progress};
use crate::token;

/// The runs of this server.
#[derive(Debug, Clone)]
pub struct Apps {
    job: Job,
    running: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
}

impl Apps {
    /// None yet.
    pub fn new(job: Job) -> Self {
        Self { job, running: Arc::default(), stopping: Arc::default() }
    }

    /// Starts a run; false if one is under way.
    pub fn start(&self, app: &Value, config: &Value) -> Result<bool> {
        if self.running.swap(true, Ordering::SeqCst) {
            return Ok(false);
        }
        self.stopping.store(false, Ordering::SeqCst);
        let mut record = Record::new(&self.job.database, app, config);
        let written = record.write(true);
        if written.is_err() {
            self.running.store(false, Ordering::SeqCst);
        }
        written?;
        let own = self.clone();
        std::thread::spawn(move || {
            own.run(&mut record);
            own.running.store(false, Ordering::SeqCst);
        });
        Ok(true)
    }

    /// Asks the run under way to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Runs of an application, the last one first.
    pub fn runs(&self, app: &Value, limit: usize, offset: usize) -> Result<Vec<Value>> {
        let id = self.job.database.quote(app["id"].as_str().unwrap_or_default());
        let rows = self.job.database.rows(&format!(
            "SELECT json FROM apps_extension_time_series WHERE appId = {id} ORDER BY timestamp DESC LIMIT {limit} OFFSET {offset};"
        ))?;
        let read = |row: &Vec<String>| row.first().map(|text| serde_json::from_str(text));
        rows.iter().filter_map(read).collect::<Result<_, _>>().context("a run that is no JSON")
    }

    /// How many runs there are.
    pub fn count(&self, app: &Value) -> Result<u64> {
        let id = self.job.database.quote(app["id"].as_str().unwrap_or_default());
        let sql = format!("SELECT count(*) FROM apps_extension_time_series WHERE appId = {id};");
        let rows = self.job.database.rows(&sql)?;
        rows.first().and_then(|row| row.first()).context("no count")?.parse().context("a count that is no number")
    }

    fn run(&self, record: &mut Record) {
        let outcome = reindex::run(&self.job, |progress| {
            record.progress(progress);
            // A record that cannot be written now is written at the end.
            let _ = record.write(false);
            !self.stopping.load(Ordering::SeqCst)
        });
        record.end(outcome);
        if let Err(error) = record.write(false) {
            log::error(&format!("cannot record the end of a run: {error:#}"));
        }
    }
}

/// One run. Source of the shape and of the states: the client's `AppRunRecord`.
struct Record {
    database: Database,
    json: Value,
}

impl Record {
    fn new(database: &Database, app: &Value, config: &Value) -> Self {
        let now = token::millis();
        let json = json!({
            "appId": app["id"], "appName": app["name"], "extension": "status", "status": "started", "runType": "OnDemandJob",
            "timestamp": now, "startTime": now, "config": config,
        });
        Self { database: database.clone(), json }
    }

    fn progress(&mut self, progress: Progress) {
        self.json["status"] = json!("running");
        let Progress { total, success, failed } = progress;
        let stats = json!({ "totalRecords": total, "successRecords": success, "failedRecords": failed });
        self.json["successContext"] = json!({ "stats": { "jobStats": stats } });
    }

    fn end(&mut self, outcome: Result<bool>) {
        let now = token::millis();
        // `executionTime` is set when the run is over: how the tools of the server tell.
        (self.json["endTime"], self.json["executionTime"]) = (json!(now), json!(now));
        self.json["status"] = json!(match &outcome {
            Ok(true) => "success",
            Ok(false) => "stopped",
            Err(_) => "failed",
        });
        if let Err(error) = outcome {
            self.json["failureContext"] =
                json!({ "failure": { "errorSource": "Job", "message": format!("{error:#}") } });
        }
    }

    fn write(&self, new: bool) -> Result<()> {
        let cast = self.database.pick("::jsonb", "");
        let json = format!("{}{cast}", self.database.quote(&self.json.to_string()));
        let id = self.database.quote(self.json["appId"].as_str().unwrap_or_default());
        self.database.execute(&if new {
            format!("INSERT INTO apps_extension_time_series (json) VALUES ({json});")
        } else {
            let moment = &self.json["timestamp"];
            format!("UPDATE apps_extension_time_series SET json = {json} WHERE appId = {id} AND timestamp = {moment};")
        })
    }
}
