//! Where TLS is spoken, read off a release's objects and its server's settings. Pure.

use super::prelude::Prelude;
use crate::preview::{Object, servers, settings};
use serde_json::Value;

/// A place where TLS is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// For people: `Ingress om, https://data.example`.
    pub name: String,
    /// The name that clients ask for.
    pub host: String,
    /// The port that they ask at.
    pub port: u16,
    /// Why nobody can look there.
    pub unseen: Option<String>,
    /// What comes before TLS.
    pub prelude: Prelude,
}

fn at(name: String, host: &str, port: u16) -> Place {
    Place { name, host: host.to_owned(), port, ..Place::default() }
}

/// Whether a listener of a Gateway speaks TLS: one of Istio's may hold no more than that it sends callers elsewhere.
pub fn speaks(listener: &Value) -> bool {
    listener
        .get("tls")
        .is_some_and(|tls| tls.get("httpsRedirect") != Some(&Value::Bool(true)) || tls.get("mode").is_some())
}

/// Ingresses, Routes and Gateways with TLS, and addresses among the server's settings that begin with https.
pub fn places(all: &[Object]) -> Vec<Place> {
    let mut out: Vec<Place> = Vec::new();
    let mut add = |place: Place| {
        if !place.host.is_empty() && !out.contains(&place) {
            out.push(place);
        }
    };
    for object in all {
        let list = |at: &str| object.value.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
        match object.kind.as_str() {
            "Ingress" => {
                for host in list("/spec/tls")
                    .iter()
                    .flat_map(|tls| tls.get("hosts").and_then(Value::as_array).cloned().unwrap_or_default())
                {
                    let host = host.as_str().unwrap_or_default();
                    add(at(format!("Ingress {}, https://{host}", object.name), host, 443));
                }
            }
            "Route" if object.value.pointer("/spec/tls").is_some() => {
                let host = object.value.pointer("/spec/host").and_then(Value::as_str).unwrap_or_default();
                add(at(format!("Route {}, https://{host}", object.name), host, 443));
            }
            // Of the Gateway API, and Istio's.
            "Gateway" => {
                for listener in list("/spec/listeners").iter().chain(&list("/spec/servers")) {
                    let text = |at: &str| listener.pointer(at).and_then(Value::as_str);
                    let port = listener.pointer("/port/number").or(listener.get("port")).and_then(Value::as_u64);
                    let named = listener.get("hosts").and_then(Value::as_array).into_iter().flatten();
                    let hosts = named.filter_map(Value::as_str).chain(text("/hostname"));
                    // A star is no name that could be asked for; without TLS nothing is to be seen.
                    for host in hosts.filter(|h| speaks(listener) && !h.contains('*')) {
                        let (host, port) = (host.rsplit('/').next().unwrap_or(host), port.unwrap_or(443));
                        let name = format!("Gateway {}, https://{host}:{port}", object.name);
                        add(at(name, host, u16::try_from(port).unwrap_or(443)));
                    }
                }
            }
            _ => {}
        }
    }
    let server = servers(all).into_iter().next().and_then(|s| all.iter().find(|o| o.label() == s.label));
    let Some(set) = server.map(|s| settings(all, s)) else { return out };
    let text = |name: &str| set.get(name).and_then(|v| v.as_ref()?.expose().cloned()).unwrap_or_default();
    if text("ELASTICSEARCH_SCHEME") == "https" {
        // Several hosts stand there with commas between them.
        for host in text("ELASTICSEARCH_HOST").split(',').map(str::trim) {
            let (host, port) = host.split_once(':').unwrap_or((host, ""));
            let port = port.parse().or_else(|_| text("ELASTICSEARCH_PORT").parse()).unwrap_or(9200);
            add(at(format!("search engine, https://{host}:{port}"), host, port));
        }
    }
    let endpoint = text("PIPELINE_SERVICE_CLIENT_ENDPOINT");
    if let Some(rest) = endpoint.strip_prefix("https://") {
        let url = rest.split('/').next().unwrap_or_default();
        let url = url.rsplit('@').next().unwrap_or(url);
        let (host, port) = url.split_once(':').unwrap_or((url, "443"));
        let port = port.parse().unwrap_or(443);
        add(at(format!("pipeline service, https://{host}:{port}"), host, port));
    }
    begun_later(&text).into_iter().for_each(&mut add);
    // TLS from the first byte on.
    let direct = [
        (
            "AUTHENTICATION_LDAP_SSL_ENABLED",
            "true",
            "LDAP, ldaps",
            "AUTHENTICATION_LDAP_HOST",
            "AUTHENTICATION_LDAP_PORT",
            636,
        ),
        ("SMTP_SERVER_STRATEGY", "SMTPS", "mail, smtps", "SMTP_SERVER_ENDPOINT", "SMTP_SERVER_PORT", 465),
    ];
    for (switch, on, what, host, port, usual) in direct {
        if text(switch) != on {
            continue;
        }
        let (host, port) = (text(host), text(port).parse().unwrap_or(usual));
        add(at(format!("{what}://{host}:{port}"), &host, port));
    }
    // The chart sets addresses of a login by Google also where nobody uses it.
    let alone = matches!(text("AUTHENTICATION_PROVIDER").as_str(), "" | "basic" | "ldap");
    let login = |name: &str| name.starts_with("AUTHENTICATION_") || name.starts_with("OIDC_");
    let others = set.keys().filter(|n| !(n.starts_with("PIPELINE_SERVICE_CLIENT_") || alone && login(n)));
    for name in others {
        for url in text(name).split([' ', ',', '"', '\'', '[', ']']).filter_map(|word| word.strip_prefix("https://")) {
            let url = url.split(['/', '?']).next().unwrap_or_default();
            let url = url.rsplit('@').next().unwrap_or(url);
            let (host, port) = url.split_once(':').unwrap_or((url, "443"));
            let port = port.parse().unwrap_or(443);
            add(at(format!("setting {name}, https://{host}:{port}"), host, port));
        }
    }
    out
}

/// Where TLS begins after words of a protocol's own, as the settings ask for it.
fn begun_later(text: &impl Fn(&str) -> String) -> Vec<Place> {
    let mysql = text("DB_SCHEME").contains("mysql");
    let (usual, database) = if mysql { (3306, None) } else { (5432, Some(Prelude::Postgres)) };
    let mail = text("SMTP_SERVER_STRATEGY") == "SMTP_TLS";
    let all = [
        (wants_tls(&text("DB_PARAMS")), "database", "DB_HOST", "DB_PORT", usual, database),
        (mail, "mail", "SMTP_SERVER_ENDPOINT", "SMTP_SERVER_PORT", 587, Some(Prelude::Smtp)),
    ];
    let place = |(_, what, host, port, usual, prelude): (bool, &str, &str, &str, u16, Option<Prelude>)| {
        let (host, port) = (text(host).trim_matches('"').to_owned(), text(port).parse().unwrap_or(usual));
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        // A setting is somebody's own words, and a command is copied into a shell.
        let asked = if plain { host.as_str() } else { "HOST" };
        let unseen = prelude.is_none().then(|| {
            format!(
                "MySQL counts a handshake without a login as an error of its caller; once, in a Pod beside the server: \
                 openssl s_client -connect {asked}:{port} -starttls mysql -showcerts"
            )
        });
        let name = format!("{what}, {asked}:{port}");
        Place { name, host, port, unseen, prelude: prelude.unwrap_or_default() }
    };
    all.into_iter().filter(|(wanted, ..)| *wanted).map(place).collect()
}

/// Whether a database's connection must be by TLS; a driver that only prefers it does without as well.
fn wants_tls(params: &str) -> bool {
    let params = params.trim_matches('"').to_ascii_lowercase();
    params.split('&').filter_map(|pair| pair.split_once('=')).any(|pair| match pair {
        ("sslmode", how) => !matches!(how, "disable" | "disabled" | "allow" | "prefer" | "preferred"),
        ("requiressl" | "verifyservercertificate" | "ssl", "true") => true,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::objects;

    #[test]
    fn every_place_with_tls_is_found_and_none_twice() {
        let deployment = |settings: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: om}}\nspec: {{template: {{spec: {{containers: [{{name: om, image: 'server:1', ports: [{{containerPort: 8585}}]}}],\n\
                 initContainers: [{{name: run-db-migrations, image: 'server:1', env: [{settings}]}}]}}}}}}\n"
            )
        };
        let names = |text: &str| -> Vec<String> {
            places(&objects(text, "data").unwrap()).into_iter().map(|p| p.name).collect()
        };
        let edges = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {tls: [{hosts: [om.example]}]}\n---\n\
            apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: b}\nspec: {listeners: [{hostname: gw.example, port: 8443, protocol: HTTPS, tls: {}}, {hostname: '*.example', port: 443, tls: {}}, {hostname: plain.example, port: 80}]}\n---\n\
            apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: c}\nspec: {servers: [{port: {number: 443}, hosts: [ns/mesh.example], tls: {mode: SIMPLE}}]}\n---\n";
        let set = "{name: SOME_URL, value: 'https://u:p@api.example:9443/x?y'}, {name: AUTHENTICATION_AUTHORITY, value: 'https://accounts.example'}, \
            {name: ELASTICSEARCH_SCHEME, value: https}, {name: ELASTICSEARCH_HOST, value: 'es1,es2:9201'}";
        let found = names(&format!("{edges}{}", deployment(set)));
        assert_eq!(
            found,
            [
                "Ingress a, https://om.example",
                "Gateway b, https://gw.example:8443",
                "Gateway c, https://mesh.example:443",
                "search engine, https://es1:9200",
                "search engine, https://es2:9201",
                "setting SOME_URL, https://api.example:9443",
            ]
        );
        let pipelines = "{name: PIPELINE_SERVICE_CLIENT_ENDPOINT, value: 'https://u:p@airflow.example:8443/x'}";
        assert_eq!(names(&deployment(pipelines)), ["pipeline service, https://airflow.example:8443"]);
        let others = "{name: AUTHENTICATION_LDAP_SSL_ENABLED, value: 'true'}, {name: AUTHENTICATION_LDAP_HOST, value: ldap.example}, \
            {name: SMTP_SERVER_STRATEGY, value: SMTPS}, {name: SMTP_SERVER_ENDPOINT, value: mail.example}, {name: SMTP_SERVER_PORT, value: '2465'}";
        assert_eq!(names(&deployment(others)), ["LDAP, ldaps://ldap.example:636", "mail, smtps://mail.example:2465"]);
        let single = "{name: AUTHENTICATION_PROVIDER, value: okta}, {name: AUTHENTICATION_PUBLIC_KEYS, value: '[https://login.example/keys,https://login.example/keys]'}";
        assert_eq!(names(&deployment(single)), ["setting AUTHENTICATION_PUBLIC_KEYS, https://login.example:443"]);
        let later = "{name: SMTP_SERVER_STRATEGY, value: SMTP_TLS}, {name: SMTP_SERVER_ENDPOINT, value: mail.example}";
        assert_eq!(names(&deployment(later)), ["mail, mail.example:587"]);
    }

    #[test]
    fn a_database_counts_where_its_connection_must_be_by_tls() {
        let at = |params: &str, scheme: &str| {
            let text = |name: &str| match name {
                "DB_HOST" => "db.example".to_owned(),
                "DB_SCHEME" => scheme.to_owned(),
                "DB_PARAMS" => params.to_owned(),
                _ => String::new(),
            };
            begun_later(&text).pop()
        };
        let postgres = at("sslmode=verify-full&x=1", "postgresql").unwrap();
        assert_eq!((postgres.port, postgres.unseen, postgres.prelude), (5432, None, Prelude::Postgres));
        let mysql = at("useSSL=true&requireSSL=true", "mysql").unwrap();
        assert!(mysql.unseen.unwrap().contains("openssl s_client -connect db.example:3306 -starttls mysql "));
        assert_eq!(at("useSSL=false&sslmode=prefer", "mysql"), None);
        assert_eq!(at("useSSL=true", "postgresql"), None);
    }
}
