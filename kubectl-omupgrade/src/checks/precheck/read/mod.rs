//! From the API's objects to a precheck's facts. Pure; leaves out what can hold secrets.

mod drift;
mod ingestion;
mod placing;
mod quantity;
mod room;
mod scope;
mod search;
mod server;
mod settings;

pub use drift::drift;
pub use ingestion::{Part, airflow, cron_job, images, job, pipeline_client, place, pod};
pub use quantity::quantity;
pub use room::room;
pub use search::search;
pub use server::{around, server};
pub use settings::{keys, mounts, shown};
