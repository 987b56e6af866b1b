//! The backup: the Job that makes one, the script that runs in it, and the record that it leaves. Used by the
//! post-renderer's hook and by the plugin alike, so that there is one kind of backup.

mod engine;
mod job;
mod parallel;
mod pod;
mod record;

pub use engine::Engine;
pub use job::{ATTACHED, Job, job, job_name};
pub use parallel::{JOBS, MOST_JOBS, PARALLEL_FROM, jobs};
pub use pod::{Asked, only_reading, pod, probe};
pub use record::{External, File, Held, Keys, Of, Record};
use std::sync::LazyLock;

/// The script of the Job: POSIX sh, runs in the database's client image. Its head says what it does.
pub fn script() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| with_parts(include_str!("backup.sh")));
    &SCRIPT
}

/// The script that restores a backup into a server of its own, for a trial. Its head says what it does.
pub const DRILL_SCRIPT: &str = include_str!("drill.sh");

/// The script that looks after what lies on the claim. Its head says what its actions are.
pub fn claim_script() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| with_parts(include_str!("claim.sh")));
    &SCRIPT
}

/// The script that takes a database back to a backup. Its head says what its actions are.
pub fn restore_script() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| with_parts(include_str!("restore.sh")));
    &SCRIPT
}

/// A script with the parts put where its lines `# omupgrade: FILE` name them.
pub fn with_parts(script: &str) -> String {
    let parts = [
        ("database_client.sh", include_str!("database_client.sh")),
        ("digest.sh", include_str!("digest.sh")),
        ("shown_params.sh", include_str!("shown_params.sh")),
        ("written.sh", include_str!("written.sh")),
        ("rows.sh", include_str!("rows.sh")),
        ("read_back.sh", include_str!("read_back.sh")),
        ("restore_postgres.sh", include_str!("restore_postgres.sh")),
        ("restore_mysql.sh", include_str!("restore_mysql.sh")),
        // Named by the part before it.
        ("rows_postgres.sql", ROWS_POSTGRESQL),
    ];
    parts.iter().fold(script.to_owned(), |text, (name, part)| text.replace(&format!("# omupgrade: {name}\n"), part))
}

/// The SQL text that counts every table's rows in a `PostgreSQL` transaction, `table<TAB>rows` a line.
pub const ROWS_POSTGRESQL: &str = include_str!("rows_postgres.sql");

/// The variable that makes the Job's script count the rows of the dump's own moment.
pub fn counting(engine: Engine) -> (&'static str, &'static str) {
    match engine {
        Engine::Postgresql => ("OMUPGRADE_ROWS_POSTGRESQL", ROWS_POSTGRESQL),
        Engine::Mysql => ("OMUPGRADE_COUNT_ROWS", "1"),
    }
}

/// The SQL text whose answer is a `PostgreSQL` database's fingerprint, `key<TAB>value` a line.
pub const FINGERPRINT_POSTGRESQL: &str = include_str!("fingerprint_postgres.sql");

/// The SQL text whose answer is a `MySQL` database's fingerprint, `key<TAB>value` a line.
pub const FINGERPRINT_MYSQL: &str = include_str!("fingerprint_mysql.sql");

/// The SQL text whose answer is what is to know of a `PostgreSQL` database, `key<TAB>value` a line.
pub const FACTS_POSTGRESQL: &str = include_str!("facts_postgres.sql");

/// The SQL text whose answer is what is to know of a `MySQL` database, `key<TAB>value` a line.
pub const FACTS_MYSQL: &str = include_str!("facts_mysql.sql");

/// The SQL text whose answer is the ingestion bot's token as a `PostgreSQL` database keeps it.
pub const BOT_POSTGRESQL: &str = include_str!("bot_postgres.sql");

/// The SQL text whose answer is the ingestion bot's token as a `MySQL` database keeps it.
pub const BOT_MYSQL: &str = include_str!("bot_mysql.sql");
