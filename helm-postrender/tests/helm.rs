//! Through the real Helm 3 and Helm 4, on our own small chart: what runs, what is refused, what the user sees. The
//! binaries are named by `OMUPGRADE_HELM3` and `OMUPGRADE_HELM4`, else `helm3` and `helm4` on PATH.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod cluster;
mod program;

use program::testdata;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder of our own with the program and its Helm 4 plugin in it.
struct Place {
    dir: TempDir,
    cluster: String,
}

/// What a helm run ended with.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), cluster: cluster::start() };
        std::fs::create_dir(place.dir.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_helm-postrender"), place.dir.path().join("bin/helm-postrender"))
            .unwrap();
        place
    }

    /// The folder that `plugin-dir` prints.
    fn plugins(&self) -> PathBuf {
        let output = Command::new(env!("CARGO_BIN_EXE_helm-postrender"))
            .args(["plugin-dir", "--dir"])
            .arg(self.dir.path().join("made"))
            .output()
            .unwrap();
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    }

    fn helm(&self, which: u8, args: &[&str], env: &[(&str, &Path)]) -> Ended {
        let binary =
            std::env::var_os(format!("OMUPGRADE_HELM{which}")).unwrap_or_else(|| format!("helm{which}").into());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.dir.path().join("bin")).chain(std::env::split_paths(&path));
        let mut command = Command::new(&binary);
        command
            .args(args)
            .env("HOME", self.dir.path())
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("OMUPGRADE_NO_TTY", "1")
            .env("HELM_KUBEAPISERVER", &self.cluster)
            .stdin(Stdio::null());
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "KUBECONFIG", "HELM_PLUGINS"] {
            command.env_remove(name);
        }
        for name in ["OMUPGRADE_POLICY", "OMUPGRADE_REPORT", "OMUPGRADE_RECEIPT", "OMUPGRADE_NAMESPACE"] {
            command.env_remove(name);
        }
        let output = command.envs(env.iter().copied()).output();
        let output = output.unwrap_or_else(|e| panic!("{}: {e}; name it with OMUPGRADE_HELM{which}", binary.display()));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn helm3(&self, command: &[&str], more: &[&str]) -> Ended {
        self.helm(3, &[command, &["--post-renderer", "helm-postrender"], more].concat(), &[])
    }

    fn helm4(&self, command: &[&str], more: &[&str], env: &[(&str, &Path)]) -> Ended {
        let plugins = self.plugins();
        let args = [command, &["--post-renderer", "helm-postrender"], more].concat();
        self.helm(4, &args, &[&[("HELM_PLUGINS", plugins.as_path())], env].concat())
    }
}

/// The path of our small chart.
fn chart() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/charts/small")
}

impl Ended {
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }

    #[track_caller]
    fn refused(self) -> String {
        assert_eq!(self.code, Some(1), "stdout: {}\nstderr: {}", self.out, self.err);
        assert!(!self.out.contains("kind: Deployment"), "{}", self.out);
        self.err
    }
}

/// What renders without changing a cluster; the dry run asks one for its versions and kinds.
const COMMANDS: &[&[&str]] =
    &[&["template", "om"], &["install", "om", "--dry-run=client", "--disable-openapi-validation"]];

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn helm_3_is_refused_with_the_ways_on() {
    let place = Place::new();
    for command in COMMANDS {
        let words = place.helm3(&[*command, &[chart()]].concat(), &[]).refused();
        for way in ["kubectl omupgrade backup", "OMUPGRADE_RECEIPT", "helm 4", "--post-renderer-args --backup=off"] {
            assert!(words.contains(way), "{way} is not in: {words}");
        }
    }
}

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn helm_3_runs_with_the_backup_off_or_a_receipt() {
    let place = Place::new();
    let receipt = place.dir.path().join("receipt.json");
    let made = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10);
    let text = serde_json::json!({
        "v": 1, "release": "om", "namespace": "default", "target": "1.13.1", "backup": "om-1",
        "made": made.to_string(), "expires": (made + jiff::SignedDuration::from_hours(24)).to_string(),
    });
    std::fs::write(&receipt, text.to_string()).unwrap();
    for command in COMMANDS {
        let out = place.helm3(&[*command, &[chart()]].concat(), &["--post-renderer-args", "--backup=off"]).done();
        assert!(out.contains("omupgrade.io/rules: ") && !out.contains("pre-upgrade"), "{out}");
        assert!(out.contains("replicas: 2   # a comment that stays"), "{out}");
        let args = [*command, &[chart(), "--post-renderer", "helm-postrender"]].concat();
        let out = place.helm(3, &args, &[("OMUPGRADE_RECEIPT", &receipt)]).done();
        assert!(out.contains("omupgrade.io/rules: ") && !out.contains("pre-upgrade"), "{out}");
    }
}

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn helm_4_runs_and_lists_the_hook() {
    let place = Place::new();
    for command in COMMANDS {
        let out = place.helm4(&[*command, &[chart()]].concat(), &[], &[]).done();
        assert!(out.contains("omupgrade.io/rules: "), "{out}");
        assert!(out.contains("helm.sh/hook: pre-upgrade"), "{out}");
        assert!(!out.contains("postrender-filename"), "{out}");
        let out = place.helm4(&[*command, &[chart()]].concat(), &["--post-renderer-args", "--backup=off"], &[]).done();
        assert!(out.contains("omupgrade.io/rules: ") && !out.contains("pre-upgrade"), "{out}");
    }
    let out = place.helm4(&["install", "om", "--dry-run=client", chart()], &[], &[]).done();
    let hooks = out.split("HOOKS:").nth(1).unwrap().split("MANIFEST:").next().unwrap();
    assert!(hooks.contains("helm.sh/hook: pre-upgrade") && hooks.contains("helm.sh/hook: test"), "{hooks}");
}

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn helm_4_loses_our_words_but_the_report_keeps_them() {
    let place = Place::new();
    let report = place.dir.path().join("report.txt");
    let command = ["template", "om", chart(), "--set", "enabled=false"];
    let words = place.helm4(&command, &[], &[("OMUPGRADE_REPORT", &report)]).refused();
    assert!(words.contains("helm-postrender"), "{words}");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.starts_with("error: reading the manifests: the input "), "{report}");
}

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn a_chart_that_renders_only_comments_is_refused() {
    let place = Place::new();
    for command in COMMANDS {
        let command = [*command, &[chart(), "--set", "enabled=false"]].concat();
        let words = place.helm3(&command, &["--post-renderer-args", "--backup=off"]).refused();
        assert!(words.contains("error: reading the manifests: the input holds nothing but comments"), "{words}");
        place.helm4(&command, &[], &[]).refused();
        // Without us both Helms take it.
        place.helm(3, &command, &[]).done();
        place.helm(4, &command, &[]).done();
    }
}

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn output_dir_gives_us_nothing_and_is_refused() {
    let place = Place::new();
    let dir = place.dir.path().join("out");
    let command = ["template", "om", chart(), "--output-dir", dir.to_str().unwrap()];
    let words = place.helm3(&command, &["--post-renderer-args", "--backup=off"]).refused();
    assert!(words.contains("--output-dir"), "{words}");
}

#[test]
#[ignore = "needs helm3 and helm4 (OMUPGRADE_HELM3, OMUPGRADE_HELM4)"]
fn the_recorded_streams_are_what_the_helms_hand_over_today() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("testdata");
    for name in ["charts/small/templates", "helm"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let copy = |name: &str| std::fs::copy(testdata(name), folder.join(name)).unwrap();
    for file in ["Chart.yaml", "values.yaml"] {
        copy(&format!("charts/small/{file}"));
    }
    for file in std::fs::read_dir(testdata("charts/small/templates")).unwrap() {
        copy(&format!("charts/small/templates/{}", file.unwrap().file_name().to_str().unwrap()));
    }
    copy("helm/record.sh");
    let binary =
        |which: u8| std::env::var_os(format!("OMUPGRADE_HELM{which}")).unwrap_or_else(|| format!("helm{which}").into());
    let status = Command::new("sh").arg(folder.join("helm/record.sh")).args([binary(3), binary(4)]).status().unwrap();
    assert!(status.success());
    for name in ["helm/small-helm3.yaml", "helm/small-helm4.yaml"] {
        assert_eq!(
            std::fs::read_to_string(folder.join(name)).unwrap(),
            std::fs::read_to_string(testdata(name)).unwrap()
        );
    }
}
