//! Generates the streams that are measured, in the shape of a release of OpenMetadata as Helm 3 hands it over.

use std::fmt::Write;

/// A stream and what it is called.
pub struct Case {
    pub name: &'static str,
    pub text: String,
}

/// All of them.
pub fn all() -> Vec<Case> {
    vec![
        Case { name: "release-18", text: release(18) },
        Case { name: "one-server-5000", text: many(5_000, 5_000) },
        // As the chart renders it: one Deployment in eighteen documents.
        Case { name: "releases-5000", text: many(5_000, 18) },
        Case { name: "servers-5000", text: many(5_000, 1) },
        Case { name: "untouched-20mb", text: untouched(20 << 20) },
    ]
}

/// One release: a server and what stands beside it.
fn release(documents: usize) -> String {
    let mut out = database("om") + &server("om", 2);
    (2..documents).for_each(|n| out += &config(n, 700));
    out
}

/// `documents` of about 1 KB, every `nth` of them a server of its own.
pub fn many(documents: usize, nth: usize) -> String {
    let mut out = String::new();
    for n in 0..documents {
        out += &if n % nth == 0 { server(&format!("om-{n}"), 2) } else { config(n, 700) };
    }
    out
}

/// One server, and config maps around it up to `bytes`.
fn untouched(bytes: usize) -> String {
    let mut out = server("om", 2);
    let mut n = 0;
    while out.len() < bytes {
        out += &config(n, 4_000);
        n += 1;
    }
    out
}

fn database(release: &str) -> String {
    format!(
        "---\n# Source: openmetadata/templates/secrets.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {release}-db-secret\n\
         type: Opaque\nstringData:\n  DB_SCHEME: postgresql\n  DB_HOST: postgres\n  DB_PORT: \"5432\"\n"
    )
}

fn config(n: usize, bytes: usize) -> String {
    let mut out = format!(
        "---\n# Source: openmetadata/templates/config-{n}.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-{n}\n\
         \x20 labels:\n    app.kubernetes.io/instance: om\ndata:\n"
    );
    let mut i = 0;
    while out.len() < bytes {
        let _ = writeln!(out, "  KEY_{i}: \"a value of some length, number {i} of document {n}\"");
        i += 1;
    }
    out
}

fn server(name: &str, replicas: u32) -> String {
    format!(
        "---
# Source: openmetadata/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: openmetadata
    app.kubernetes.io/instance: {name}
spec:
  replicas: {replicas}
  selector:
    matchLabels:
      app.kubernetes.io/instance: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/instance: {name}
    spec:
      initContainers:
      - name: run-db-migrations
        image: \"docker.getcollate.io/openmetadata/server:1.13.1\"
        command: [\"/bin/bash\", \"-c\", \"./bootstrap/openmetadata-ops.sh migrate\"]
        env:
        - {{name: DB_SCHEME, value: postgresql}}
      containers:
      - name: openmetadata
        image: \"docker.getcollate.io/openmetadata/server:1.13.1\"
        ports:
        - {{name: http, containerPort: 8585}}
        - {{name: http-admin, containerPort: 8586}}
        livenessProbe:
          httpGet: {{path: /api/v1/system/health, port: http}}
"
    )
}
