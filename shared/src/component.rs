//! Which part of an `OpenMetadata` installation a workload is, read off its manifest. Never off its name alone:
//! charts let users choose names.

use serde_json::Value;

/// A part of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The `OpenMetadata` server: migrates and serves.
    Server,
    /// The operator of the Kubernetes pipeline client.
    Operator,
    /// `MySQL` or `PostgreSQL`.
    Database,
    /// `OpenSearch` or Elasticsearch.
    Search,
    /// Airflow's parts.
    Airflow,
    /// Something else.
    Other,
}

/// The component of a workload's object.
pub fn of(workload: &Value) -> Component {
    if migration_container(workload).is_some() {
        return Component::Server;
    }
    let containers = list(workload, "containers");
    let has_env = |name: &str| {
        containers.iter().any(|c| {
            c.get("env")
                .and_then(Value::as_array)
                .is_some_and(|e| e.iter().any(|v| v.get("name").and_then(Value::as_str) == Some(name)))
        })
    };
    let image = |names: &[&str]| {
        containers.iter().filter_map(|c| c.get("image")?.as_str()).any(|i| names.contains(&image_base(i)))
    };
    if image(&["server"]) && has_env("DB_USER_PASSWORD") {
        Component::Server
    } else if image(&["omjob-operator"]) {
        Component::Operator
    } else if image(&["mysql", "mariadb", "postgres", "postgresql", "percona"]) {
        Component::Database
    } else if image(&["opensearch", "elasticsearch"]) {
        Component::Search
    } else if image(&["airflow", "ingestion"]) {
        Component::Airflow
    } else {
        Component::Other
    }
}

/// The init container that migrates the database, found by its name or, where a chart renamed it, by its command
/// (`openmetadata-ops.sh … migrate`, up to 1.2 `bootstrap_storage.sh migrate-all`).
pub fn migration_container(workload: &Value) -> Option<&Value> {
    migration_index(workload).and_then(|i| list(workload, "initContainers").get(i))
}

/// The position of the [`migration_container`] among the init containers.
pub fn migration_index(workload: &Value) -> Option<usize> {
    let containers = list(workload, "initContainers");
    let named = containers.iter().position(|c| c.get("name").and_then(Value::as_str) == Some("run-db-migrations"));
    named.or_else(|| {
        containers.iter().position(|c| {
            let words: Vec<&str> = ["command", "args"]
                .iter()
                .filter_map(|key| c.get(*key)?.as_array())
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let line = words.join(" ");
            (line.contains("openmetadata-ops.sh") || line.contains("bootstrap_storage.sh")) && line.contains("migrate")
        })
    })
}

/// The position of the container that serves, among the containers: the one that runs the image of the
/// [`migration_container`]; where several do (a sidecar of the same image), the one with a port. Without such an
/// image the server's by name, else an only container. None where it cannot be told.
pub fn serving_index(workload: &Value) -> Option<usize> {
    let containers = list(workload, "containers");
    let image = |c: &Value| c.get("image").and_then(Value::as_str).map(str::to_owned);
    let migrates = migration_container(workload).and_then(image);
    let all = |wanted: &dyn Fn(&Value) -> bool| -> Vec<usize> {
        containers.iter().enumerate().filter(|(_, c)| wanted(c)).map(|(i, _)| i).collect()
    };
    let same = all(&|c| migrates.is_some() && image(c) == migrates);
    let named = all(&|c| image(c).is_some_and(|i| image_base(&i) == "server"));
    let candidates = if same.is_empty() { named } else { same };
    let with_port = candidates.iter().find(|i| {
        let ports = containers.get(**i).and_then(|c| c.get("ports")?.as_array());
        ports.is_some_and(|p| !p.is_empty())
    });
    with_port.or(candidates.first()).copied().or((containers.len() == 1).then_some(0))
}

/// Where a server's image keeps its migrations: a folder for each version.
pub const MIGRATIONS_PATH: &str = "/opt/openmetadata/bootstrap/sql/migrations/native";

/// The tag of an image reference; none where there is only a digest or nothing.
///
/// ```
/// use shared::component::image_tag;
/// assert_eq!(image_tag("docker.getcollate.io/openmetadata/server:1.13.1"), Some("1.13.1"));
/// assert_eq!(image_tag("registry:5000/server"), None);
/// assert_eq!(image_tag("server:1.2@sha256:00ff"), Some("1.2"));
/// ```
pub fn image_tag(image: &str) -> Option<&str> {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

/// The last path segment of an image reference, without tag and digest.
///
/// ```
/// assert_eq!(shared::component::image_base("registry:5000/bitnami/mysql:8.0"), "mysql");
/// ```
pub fn image_base(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

fn list<'a>(workload: &'a Value, key: &str) -> &'a [Value] {
    let spec =
        workload.pointer("/spec/template/spec").or_else(|| workload.pointer("/spec/jobTemplate/spec/template/spec"));
    spec.and_then(|s| s.get(key)?.as_array()).map_or(&[], Vec::as_slice)
}
