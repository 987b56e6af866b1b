//! Puts a database and a search beside a release: a `StatefulSet` with a volume each, and the Secrets that the chart expects. It never deletes one.

use anyhow::Result;
use clap::ValueEnum;

use super::kubectl::kubectl;
use super::{manifests, search};
use crate::paths::{self, Cache};
use crate::{faults, images, say};

/// A database that `OpenMetadata` can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// `PostgreSQL` 15 from Debian 12
    Postgres,
    /// `MySQL` from Debian sid
    Mysql,
}

impl Engine {
    /// As the command line and the tests call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    /// The server, the client that guard and hook take by default, and the stand-in that uses the database.
    fn images(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres", "postgres-18", "openmetadata"],
            Self::Mysql => &["mysql", "openmetadata"],
        }
    }

    /// The `StatefulSet`'s name, which is the host name in the chart's values.
    pub fn workload(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Mysql => "mysql",
        }
    }
}

/// What helm has to be told, beside `--post-renderer`, where the chart's and the post-renderer's defaults are the other
/// engine.
pub const MYSQL_WORDS: &str =
    "-f testdata/charts/mysql.values.yaml --post-renderer-args --policy=testdata/charts/mysql.policy.yaml";

/// Makes the namespace, starts the database in it, and waits until it answers.
pub fn run(cache: &Cache, engine: Engine, namespace: &str) -> Result<()> {
    images::ensure(cache, engine.images())?;
    let doing = format!("starting {} in {namespace}", engine.name());
    // Applied and not created: two suites may start the same shared server.
    let own = serde_json::json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
    kubectl(cache, &doing).args(["apply", "--server-side", "-f", "-"]).feed(own.to_string().as_bytes())?;
    faults::forget_earlier(cache, namespace)?;
    secrets(cache, namespace)?;
    manifests::apply(cache, engine.name(), namespace, &doing)?;
    say::step(&format!("waiting for {} in {namespace}", engine.name()));
    let workload = format!("statefulset/{}", engine.workload());
    kubectl(cache, &doing)
        .args(["rollout", "status", "-n", namespace, &workload, "--timeout=180s"])
        .hint(format!(
            "kubectl --kubeconfig {} -n {namespace} describe pod {}-0",
            paths::kubeconfig().display(),
            engine.workload()
        ))
        .run()?;
    search::run(cache, namespace)?;
    say::answer(&format!("{} answers at {}.{namespace}", engine.name(), engine.workload()));
    Ok(())
}

/// Puts the Secrets that the chart refers to into a namespace.
pub fn secrets(cache: &Cache, namespace: &str) -> Result<()> {
    manifests::apply(cache, "secrets", namespace, "making the Secrets that the chart refers to")
}

#[cfg(test)]
mod tests {
    use super::MYSQL_WORDS;
    use crate::paths;
    use crate::versions::MYSQL;

    #[test]
    fn the_files_that_mysql_needs_are_there() {
        let files = MYSQL_WORDS.split([' ', '=']).filter(|word| word.starts_with("testdata/"));
        let texts: Vec<String> =
            files.map(|file| std::fs::read_to_string(paths::source("..").join(file)).unwrap()).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[1].contains(&format!("mysqlImage: mysql:{}\n", MYSQL.tag)));
    }
}
