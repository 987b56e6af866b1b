//! What a scenario acts with: a namespace and a database of its own, packed charts, both Helms. It never judges what comes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::charts;
use super::database::{self, Database};
use super::helm::{Helm, Version};
use crate::call::Call;
use crate::cluster::databases::{self, Engine};
use crate::cluster::kubectl::kubectl;
use crate::faults;
use crate::paths::Cache;
use crate::versions::{MYSQL, SERVER_IMAGE};
use crate::{real, say};

/// The release's name.
pub const RELEASE: &str = "om";
/// The claim that backups go to.
pub const CLAIM: &str = "om-omupgrade-backup";

/// One test's scene.
pub struct Stage<'a> {
    /// Where built things are.
    pub cache: &'a Cache,
    /// The test's namespace.
    pub namespace: String,
    /// The test's database.
    pub database: Database<'a>,
    helm: Helm<'a>,
    folder: PathBuf,
}

impl<'a> Stage<'a> {
    /// An empty namespace and an empty database; what an earlier run left of them goes.
    pub fn set(cache: &'a Cache, engine: Engine, namespace: &str) -> Result<Self> {
        Self::open(cache, engine, namespace)?.clear()?;
        // Files of an earlier run may be of another day's source, or where this one writes its own.
        let _ = fs::remove_dir_all(folder(cache, namespace));
        let stage = Self::open(cache, engine, namespace)?;
        let charts = stage.charts();
        fs::create_dir_all(&charts).with_context(|| format!("cannot make the folder {}", charts.display()))?;
        kubectl(cache, "making the namespace").args(["create", "namespace", namespace]).run()?;
        databases::secrets(cache, namespace)?;
        stage.database.make()?;
        Ok(stage)
    }

    /// A scene that stands already, or what is left of it.
    pub fn open(cache: &'a Cache, engine: Engine, namespace: &str) -> Result<Self> {
        let folder = folder(cache, namespace);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let helm = Helm::find(cache, &folder)?;
        let database = Database::of(cache, engine, namespace);
        Ok(Self { cache, namespace: namespace.to_owned(), database, helm, folder })
    }

    /// The same scene, where helm keeps its releases elsewhere than in Secrets.
    pub fn keeping_releases_in(mut self, driver: &'static str) -> Self {
        self.helm.driver = Some(driver);
        self
    }

    /// Removes all of it.
    pub fn clear(&self) -> Result<()> {
        faults::clear(&self.namespace);
        let words = ["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait", "--timeout=120s"];
        kubectl(self.cache, "clearing the stage").args(words).run()?;
        self.database.remove()
    }

    fn charts(&self) -> PathBuf {
        self.folder.join("charts")
    }

    /// A kubectl call in the test's namespace.
    pub fn kubectl(&self, doing: &str) -> Call {
        kubectl(self.cache, doing).args(["--namespace", &self.namespace])
    }

    /// Installs a release with short pauses.
    pub fn install(&self, version: &str, replicas: u32) -> Result<()> {
        self.install_at(Pace::Quick, version, replicas)
    }

    /// Installs a release: one server first, because at an install every replica migrates at once, without a lock.
    pub fn install_at(&self, pace: Pace, version: &str, replicas: u32) -> Result<()> {
        let four = Version::Four;
        self.upgrade_with(four, pace, version, 1, &[])?;
        if replicas > 1 { self.upgrade_with(four, pace, version, replicas, &["--no-hooks"]) } else { Ok(()) }
    }

    /// A node holds this release's image, and says so: what our verbs say of an image does not depend on what ran before.
    pub fn pull(&self, version: &str) -> Result<()> {
        let (registry, image) = SERVER_IMAGE;
        let image = format!("{registry}/{image}:{version}");
        let pod = ["run", "pull", "--image", &image, "--restart=Never", "--command", "--", "true"];
        self.kubectl("pulling the server's image").args(pod).run()?;
        self.until(&format!("a node to hold {image}"), 120, |stage| {
            Ok(stage.json(&["get", "nodes"])?.to_string().contains(&format!("\"{image}\"")))
        })?;
        self.kubectl("pulling the server's image").args(["delete", "pod", "pull", "--now"]).run()
    }

    /// An upgrade by Helm 4 with short pauses.
    pub fn upgrade(&self, version: &str, replicas: u32, more: &[&str]) -> Result<()> {
        self.upgrade_with(Version::Four, Pace::Quick, version, replicas, more)
    }

    /// `helm upgrade --install` with the post-renderer; a failure is helm's own words.
    pub fn upgrade_with(&self, helm: Version, pace: Pace, version: &str, replicas: u32, more: &[&str]) -> Result<()> {
        self.upgrade_call(helm, pace, version, replicas, more)?.run()
    }

    /// The same, not yet run.
    pub fn upgrade_call(&self, helm: Version, pace: Pace, version: &str, replicas: u32, more: &[&str]) -> Result<Call> {
        let more_words: Vec<String> = more.iter().map(|word| format!(" {word}")).collect();
        say::step(&format!(
            "$ {} upgrade --install {RELEASE} openmetadata-{version} --set replicaCount={replicas} --post-renderer helm-postrender{}",
            if helm == Version::Four { "helm" } else { "helm3" },
            more_words.concat()
        ));
        let policy = self.write("policy.yaml", &pace.policy(self.database.engine).to_string())?;
        // The last of a flag given twice wins, so `more` may ask for another timeout.
        let call = self
            .helm(helm, &format!("bringing the release to {version}"))
            .args(["upgrade", "--install", RELEASE])
            .args([charts::packed(self.cache, &self.charts(), version)?])
            .args(["--set", &format!("{},replicaCount={replicas}", self.values())])
            .args(["--post-renderer", "helm-postrender", "--post-renderer-args"])
            .args([format!("--policy={policy}")])
            .args(["--wait", "--timeout", if real::image().is_some() { "20m" } else { "4m" }])
            .args(more);
        Ok(call)
    }

    /// Writes a file of this test's own; its path.
    pub fn write(&self, name: &str, content: &str) -> Result<String> {
        let path = self.path(name);
        fs::write(&path, content).with_context(|| format!("cannot write {path}"))?;
        Ok(path)
    }

    /// Makes an empty folder of this test's own; its path.
    pub fn empty(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::create_dir(&path).with_context(|| format!("cannot make the folder {path}"))?;
        Ok(path)
    }

    /// Writes a program of this test's own; its path.
    pub fn program(&self, name: &str, text: &str) -> Result<String> {
        let path = self.write(name, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("cannot make it a program")?;
        Ok(path)
    }

    /// Any helm call.
    pub fn helm(&self, version: Version, doing: &str) -> Call {
        self.helm.call(version, &self.namespace, doing)
    }

    /// A call of our own plugin.
    pub fn omupgrade(&self, doing: &str) -> Call {
        self.helm.plugin(&self.namespace, doing).args(["-n", &self.namespace])
    }

    /// A line as a user types it, in the folder of this test, with its policy.
    pub fn shell(&self, doing: &str, line: &str) -> Call {
        let call = self.helm.shell(line, &self.namespace, doing).folder(&self.folder);
        call.env("OMUPGRADE_POLICY", self.path("policy.yaml"))
    }

    /// The path of a file of this test's own.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The packed chart of a version.
    pub fn chart(&self, version: &str) -> Result<String> {
        Ok(charts::packed(self.cache, &self.charts(), version)?.display().to_string())
    }

    /// The chart's values: this test's database, and probes that suit the stand-in rather than a Java server.
    fn values(&self) -> String {
        let name = &self.database.name;
        let (scheme, port, secret) = match self.database.engine {
            Engine::Postgres => ("postgresql", 5432, "postgresql"),
            Engine::Mysql => ("mysql", 3306, "mysql"),
        };
        let search = real::search().unwrap_or_else(|| format!("opensearch.{}", database::NAMESPACE));
        // The real server starts Java and Flowable first.
        let (tries, image) = match real::image() {
            Some(image) => (60 * real::PATIENCE, format!(",image.repository={image}")),
            None => (60, String::new()),
        };
        format!(
            "database.scheme={scheme},database.host={},database.port={port},database.name={name},database.user={name},\
             database.passwordSecret.name={secret}-secrets,\
             database.passwordSecret.key=openmetadata-{secret}-password,\
             probes.initialDelaySeconds=0,probes.periodSeconds=2,probes.startupPeriodSeconds=2,\
             probes.startupFailureThreshold={tries},search.host={search},search.clusterAlias={name}{image}",
            self.database.host(),
        )
    }

    /// Makes the claim that backups go to.
    pub fn claim(&self, class: &str, size: &str) -> Result<()> {
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": CLAIM },
            "spec": { "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                      "resources": { "requests": { "storage": size } } },
        });
        self.apply(&claim)
    }

    /// Applies one object.
    pub fn apply(&self, object: &serde_json::Value) -> Result<()> {
        self.kubectl(&format!("applying {}", object["kind"]))
            .args(["apply", "-f", "-"])
            .feed(object.to_string().as_bytes())
    }

    /// Brings a fault about.
    pub fn fault(&self, name: &str, value: &str) -> Result<()> {
        say::step(&format!("fault {name} {value}"));
        faults::order(self.cache, &self.namespace, Some(name), Some(value))
    }

    /// Does `work`, in which a fault waits for its moment: it has looked before the work begins.
    pub fn fault_during<T>(&self, name: &str, value: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say::step(&format!("fault {name} {value}"));
        let scene = faults::Scene { cache: self.cache, namespace: &self.namespace };
        let waiter = faults::look(&scene, name, value)?;
        std::thread::scope(|scope| {
            let struck = scope.spawn(|| waiter(&scene));
            let worked = work();
            struck.join().unwrap_or_else(|_| bail!("the fault stopped")).and(worked)
        })
    }

    /// Takes a fault back.
    pub fn heal(&self, name: &str) -> Result<()> {
        say::step(&format!("fault {name}: taken back"));
        faults::order(self.cache, &self.namespace, Some(name), None)
    }
}

/// Where a test writes its files.
fn folder(cache: &Cache, namespace: &str) -> PathBuf {
    cache.work().join("suite").join(namespace)
}

/// How long servers pause while they are replaced.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As short as it goes: most tests wait for what happens, not for people.
    Quick,
    /// A stopping server serves on for as long as it does for users.
    Gentle,
}

impl Pace {
    /// The post-renderer's policy; JSON is YAML.
    fn policy(self, engine: Engine) -> serde_json::Value {
        let rollout = match self {
            Self::Quick => json!({ "minReadySeconds": 1, "preStopSeconds": 2 }),
            Self::Gentle => json!({ "minReadySeconds": 5 }),
        };
        let mut policy = json!({ "rollout": rollout });
        if engine == Engine::Mysql {
            // The client that is built here.
            policy["database"] = json!({ "mysqlImage": format!("mysql:{}", MYSQL.tag) });
        }
        policy
    }
}
