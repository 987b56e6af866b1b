//! The preview of a way back: what changes, what would be lost, where another database would be used; and that no secret
//! gets into it, in any place that it could stand in.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use kubectl_omupgrade::preview::{elsewhere, losses, objects, preview, servers};

fn read(text: &str) -> Vec<kubectl_omupgrade::preview::Object> {
    objects(text, "data").unwrap()
}

const NOW: &str = "\
# Source: om/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: {name: om-db-secret}
stringData: {DB_HOST: 'one', DB_SCHEME: '\"mysql\"', FERNET: hush-1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: data}
data: {level: info, JWT_TOKEN: hush-2, url: 'mysql://root:hush-3@one/db'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: om}
spec:
  replicas: 2
  template:
    spec:
      initContainers:
      - {name: omupgrade-schema-guard, image: 'mysql:8.4'}
      - name: run-db-migrations
        image: server:1.13.1
        env: [{name: DB_USER_PASSWORD, value: hush-4}, {name: LOG_LEVEL, value: INFO}]
      containers:
      - {name: om, image: 'server:1.13.1'}
      - {name: sidecar, image: proxy, env: [{name: API_KEY, value: hush-5}]}
---
# only a comment
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: files}}
- {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: om}}
";

const THEN: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: om-db-secret}
stringData: {DB_HOST: 'two', DB_SCHEME: '\"mysql\"', FERNET: hush-6}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: debug, JWT_TOKEN: hush-7, url: 'mysql://root:hush-8@one/db'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: om}
spec:
  replicas: 1
  template:
    spec:
      initContainers:
      - name: run-db-migrations
        image: server:1.12.3
        env: [{name: LOG_LEVEL, value: INFO}, {name: DB_USER_PASSWORD, value: hush-9}]
      containers:
      - {name: om, image: 'server:1.12.3'}
---
apiVersion: v1
kind: Service
metadata: {name: om}
";

#[test]
fn it_names_what_changes_and_no_secret() {
    let found = preview(&read(NOW), &read(THEN));
    let text = serde_json::to_string_pretty(&found).unwrap();
    assert!(!text.contains("hush"), "{text}");
    assert_eq!(found.added, ["Service/om"]);
    assert_eq!(found.removed, ["PersistentVolumeClaim/files", "PodDisruptionBudget/om"]);
    let lines: Vec<String> = found
        .changed
        .iter()
        .flat_map(|c| c.fields.iter().map(move |f| format!("{} {}: {:?} → {:?}", c.object, f.path, f.now, f.then)))
        .collect();
    for expected in [
        r#"Secret/om-db-secret stringData.DB_HOST: Some("(hidden)") → Some("(hidden)")"#,
        r#"ConfigMap/settings data.level: Some("info") → Some("debug")"#,
        r#"ConfigMap/settings data.url: Some("(hidden)") → Some("(hidden)")"#,
        r#"Deployment/om spec.replicas: Some("2") → Some("1")"#,
        r#"Deployment/om spec.template.spec.containers.om.image: Some("server:1.13.1") → Some("server:1.12.3")"#,
        r#"Deployment/om spec.template.spec.containers.sidecar: Some("(hidden)") → None"#,
        r#"Deployment/om spec.template.spec.initContainers.run-db-migrations.env.DB_USER_PASSWORD.value: Some("(hidden)") → Some("(hidden)")"#,
    ] {
        assert!(lines.iter().any(|l| l == expected), "{expected}\nis not in\n{lines:#?}");
    }
    assert!(!lines.iter().any(|l| l.contains("LOG_LEVEL")), "order of variables is no change: {lines:#?}");
}

/// Names call secrets so in commands, arguments and files of settings, too, where no key does.
#[test]
fn no_secret_of_a_command_or_a_file_is_shown() {
    let with = |n: u32| {
        let file = format!("logging: {{level: L{n}}}\\npassword: hush-{n}a\\nuser: om");
        read(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{app.yaml: \"{file}\"}}\n---\n\
             apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n  command: [sh, -c, 'API_TOKEN=hush-{n}b ./run v{n}']\n  \
             args: [--db-password, hush-{n}c, --level, l{n}, --secret=hush-{n}d]\n  lists: [{{args: [--api-key, hush-{n}e]}}, {n}]\n"
        ))
    };
    let mut less = with(2);
    for object in &mut less {
        if let Some(spec) = object.value["spec"].as_object_mut() {
            spec.remove("lists");
        }
    }
    for then in [with(2), less] {
        let text = serde_json::to_string_pretty(&preview(&with(1), &then)).unwrap();
        assert!(!text.contains("hush"), "{text}");
        for kept in ["level: L1", "user: om", "./run v2", "l2"] {
            assert!(text.contains(kept), "{kept}\nis not in\n{text}");
        }
    }
}

#[test]
fn nothing_changes_between_a_manifest_and_itself_in_another_order() {
    let mut other = read(NOW);
    other.reverse();
    let found = preview(&read(NOW), &other);
    assert!(found.added.is_empty() && found.removed.is_empty() && found.changed.is_empty(), "{found:#?}");
    assert_eq!(found.same, 5);
}

#[test]
fn only_what_would_be_gone_for_good_is_a_loss() {
    let names = |kept: &str| -> Vec<String> {
        losses(&read(NOW), &read(THEN), |o| o.label() == kept).into_iter().map(|l| l.object).collect()
    };
    assert_eq!(names("nothing"), ["PersistentVolumeClaim/files"]);
    assert!(names("PersistentVolumeClaim/files").is_empty());
    let job = "apiVersion: pipelines.openmetadata.org/v1\nkind: OMJob\nmetadata: {name: nightly}\n";
    let found = losses(&read(job), &[], |_| false);
    assert_eq!(found[0].keep, "kubectl annotate omjob.pipelines.openmetadata.org nightly helm.sh/resource-policy=keep");
}

#[test]
fn another_database_is_seen_and_an_unknown_one_tells_nothing() {
    assert_eq!(elsewhere(&read(NOW), &read(THEN)), ["DB_HOST"]);
    assert!(elsewhere(&read(NOW), &read(NOW)).is_empty());
    let without: String = THEN.split("---\n").skip(1).collect::<Vec<_>>().join("---\n");
    assert!(elsewhere(&read(NOW), &read(&without)).is_empty());
}

#[test]
fn servers_are_read_with_their_guard() {
    let (now, then) = (servers(&read(NOW)), servers(&read(THEN)));
    assert!(now[0].guarded && !then[0].guarded);
    assert_eq!((now[0].image.as_str(), then[0].replicas), ("server:1.13.1", Some(1)));
}

#[test]
fn a_manifest_that_cannot_be_read_is_an_error_with_its_place() {
    let error = objects("kind: A\nmetadata: {name: a}\n---\n\tkind: B\n", "data").unwrap_err();
    assert!(error.starts_with("document 2"), "{error}");
}
