//! From kubectl's flags and files to a client. Asks the cluster nothing.

use super::patient::{AWAY, Patient};
use super::target::{self, file, said};
use super::{Cluster, Pointers};
use crate::cli::flags::Flags;
use crate::facts::Secret;
use crate::failure::Failure;
use kube::Config;
use kube::client::ClientBuilder;
use kube::config::{Kubeconfig, KubeconfigError};
use std::path::PathBuf;

/// The cluster and namespace that the flags and the kubeconfig name; inside a pod, that pod's.
pub async fn connect(flags: &Flags) -> anyhow::Result<Cluster> {
    let Found { mut config, context, token_file } = config(flags).await?;
    let plain = config.cluster_url.scheme_str() == Some("http");
    if plain && target::token(flags).is_some() {
        return Err(Failure::usage("--token goes to no http://: everybody on the way would read it").into());
    }
    impersonate(&mut config, flags)?;
    // A watch says nothing for minutes: only single questions have a deadline, see `ask`.
    config.read_timeout = None;
    let patience = (!flags.request_timeout.is_zero()).then_some(flags.request_timeout);
    config.connect_timeout = patience;
    // As kubectl: an empty one is none, so that `-n "$UNSET"` means the context's.
    let named = flags.namespace.clone().filter(|name| !name.is_empty());
    let namespace = named.unwrap_or_else(|| config.default_namespace.clone());
    let server = config.cluster_url.clone();
    let builder = ClientBuilder::try_from(config).map_err(|e| {
        Failure::unknown(format!("preparing the connection to {server}: {e}")).hint("kubectl cluster-info")
    })?;
    let client = builder.with_layer(&Patient::new(patience, AWAY)).build();
    // A server that was there and is away is waited for.
    let patience = patience.map(|each| each + AWAY);
    let pointers = Pointers {
        kubeconfig: flags.kubeconfig.clone(),
        context,
        server: said(flags.server.as_ref()).cloned(),
        certificate_authority: file(flags.certificate_authority.as_ref()).cloned(),
        insecure: flags.insecure_skip_tls_verify,
        tls_server_name: said(flags.tls_server_name.as_ref()).cloned(),
        token: target::token(flags).cloned().map(Secret::new).unwrap_or_default(),
        beyond_helm: beyond_helm(flags, token_file),
        as_user: said(flags.as_user.as_ref()).cloned(),
        as_groups: flags.as_group.clone(),
    };
    Ok(Cluster { client, namespace, patience, pointers })
}

/// Who is asked to be taken for whom.
fn impersonate(config: &mut Config, flags: &Flags) -> Result<(), Failure> {
    let who = &mut config.auth_info;
    if let Some(user) = said(flags.as_user.as_ref()) {
        who.impersonate = Some(user.clone());
    }
    let more = [("--as-group", !flags.as_group.is_empty()), ("--as-uid", said(flags.as_uid.as_ref()).is_some())];
    if let Some((flag, _)) = more.into_iter().find(|(_, said)| *said && who.impersonate.is_none()) {
        return Err(Failure::usage(format!("`{flag}` needs `--as`: the API server takes none without a user")));
    }
    if let Some(uid) = said(flags.as_uid.as_ref()) {
        who.impersonate_uid = Some(uid.clone());
    }
    if !flags.as_group.is_empty() {
        who.impersonate_groups = Some(flags.as_group.clone());
    }
    Ok(())
}

/// The flags that were said and that helm has no words for: it would go elsewhere than we look, or as somebody else.
fn beyond_helm(flags: &Flags, token_file: bool) -> Vec<&'static str> {
    let said = [
        ("--cluster", said(flags.cluster.as_ref()).is_some()),
        ("--user", said(flags.user.as_ref()).is_some()),
        ("--client-certificate", file(flags.client_certificate.as_ref()).is_some()),
        ("--client-key", file(flags.client_key.as_ref()).is_some()),
        ("--as-uid", said(flags.as_uid.as_ref()).is_some()),
        ("--token beside the kubeconfig's tokenFile", token_file),
    ];
    said.into_iter().filter(|(_, said)| *said).map(|(flag, _)| flag).collect()
}

/// A configuration, and the context that it is of.
struct Found {
    config: Config,
    context: Option<String>,
    token_file: bool,
}

/// The configuration that the flags and the kubeconfig name.
async fn config(flags: &Flags) -> anyhow::Result<Found> {
    // Its first line names file and place; the lines of the file that may follow can hold a token.
    let wrong = |e: &dyn std::fmt::Display| {
        let said = e.to_string();
        let place = said.lines().next().unwrap_or_default();
        Failure::unknown(format!("reading the kubeconfig: {place}")).hint("kubectl config view")
    };
    let named = |flag: &Option<String>| said(flag.as_ref()).is_some();
    let chosen = named(&flags.context) || named(&flags.cluster) || named(&flags.user) || named(&flags.server);
    let chosen = chosen || flags.kubeconfig.is_some();
    let read = match flags.kubeconfig.as_ref().map_or_else(from_environment, Kubeconfig::read_from) {
        // As kubectl: who names the server needs no file.
        Err(error) if flags.kubeconfig.is_none() && named(&flags.server) && is_absent(&error) => {
            Ok(Kubeconfig::default())
        }
        read => read,
    };
    let of_files = match read {
        Ok(read) => {
            let context = target::context_of(&read, flags);
            let target::Overridden { file, options, token_file } = target::overridden(read, flags)?;
            let config = Config::from_custom_kubeconfig(file, &options).await;
            config.map(|config| Found { config, context, token_file })
        }
        Err(error) => Err(error),
    };
    match of_files {
        Ok(found) => Ok(found),
        // As kubectl: in a pod without a kubeconfig, the pod's own service account.
        Err(error) if !chosen => {
            let mut config = Config::incluster().map_err(|_| wrong(&error))?;
            target::in_pod(&mut config, flags)?;
            Ok(Found { config, context: None, token_file: false })
        }
        Err(error) => Err(wrong(&error).into()),
    }
}

/// What `KUBECONFIG` lists, else the file at home.
fn from_environment() -> Result<Kubeconfig, KubeconfigError> {
    match std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()) {
        Some(list) => merged(std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty())),
        None => Kubeconfig::read(),
    }
}

/// The files of a list as one. As for kubectl, those that are not there do not count, unless none is there.
fn merged(files: impl Iterator<Item = PathBuf>) -> Result<Kubeconfig, KubeconfigError> {
    let (mut whole, mut absent) = (None::<Kubeconfig>, KubeconfigError::FindPath);
    for file in files {
        match Kubeconfig::read_from(file) {
            Ok(next) => whole = Some(whole.unwrap_or_default().merge(next)?),
            Err(error) if is_absent(&error) => absent = error,
            Err(error) => return Err(error),
        }
    }
    whole.ok_or(absent)
}

/// Whether there is no file, which is something else than one that cannot be read.
fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::ReadConfig(why, _) => why.kind() == std::io::ErrorKind::NotFound,
        KubeconfigError::FindPath => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u, namespace: data}}, {name: d, context: {cluster: l, user: v}}],
 clusters: [{name: k, cluster: {server: 'https://k:1', tls-server-name: k.local}}, {name: l, cluster: {server: 'https://l:2', insecure-skip-tls-verify: true}}],
 users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: /nowhere}, as: boss}}, {name: v, user: {tokenFile: /v, username: n, password: p}}]}";

    /// What is read of the file with these flags.
    async fn read(flags: Flags) -> anyhow::Result<Found> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, FILE).unwrap();
        let mut found = config(&Flags { kubeconfig: Some(file), ..flags.clone() }).await?;
        impersonate(&mut found.config, &flags)?;
        Ok(found)
    }

    #[test]
    fn of_a_list_what_is_not_there_does_not_count_and_what_cannot_be_read_does() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("one"), "{current-context: a, contexts: [{name: a}]}").unwrap();
        std::fs::write(at("two"), "{current-context: b, contexts: [{name: b}]}").unwrap();
        std::fs::write(at("bad"), "contexts: {").unwrap();
        let read = |names: &[&str]| merged(names.iter().map(|name| at(name)).collect::<Vec<_>>().into_iter());
        let both = read(&["none", "one", "two"]).unwrap();
        assert_eq!((both.current_context.as_deref(), both.contexts.len()), (Some("a"), 2));
        assert!(is_absent(&read(&["none", "nothing"]).unwrap_err()) && is_absent(&read(&[]).unwrap_err()));
        assert!(!is_absent(&read(&["one", "bad"]).unwrap_err()));
    }

    #[tokio::test]
    async fn without_flags_the_file_is_followed() {
        let Found { config, context, .. } = read(Flags::default()).await.unwrap();
        assert_eq!((config.cluster_url.to_string().as_str(), context.as_deref()), ("https://k:1/", Some("c")));
        assert_eq!(config.tls_server_name.as_deref(), Some("k.local"));
        assert!(config.auth_info.exec.is_some() && config.auth_info.token.is_none());
        // As for kubectl, an empty flag is none.
        let empty = || Some(String::new());
        let flags = Flags {
            server: empty(),
            context: empty(),
            cluster: empty(),
            user: empty(),
            as_uid: empty(),
            tls_server_name: empty(),
            token: Some(Secret::new(String::new())),
            ..Flags::default()
        };
        assert_eq!(read(flags).await.unwrap().config.cluster_url, config.cluster_url);
    }

    #[tokio::test]
    async fn each_flag_replaces_its_part_and_no_other() {
        let Found { config, context, .. } =
            read(Flags { server: Some("https://x:9".to_owned()), ..Flags::default() }).await.unwrap();
        assert_eq!((config.cluster_url.to_string().as_str(), context.as_deref()), ("https://x:9/", Some("c")));
        assert_eq!(
            (config.tls_server_name.as_deref(), config.default_namespace.as_str()),
            (None, "data"),
            "another server has another name"
        );
        assert!(config.auth_info.exec.is_some());
        let config = read(Flags { tls_server_name: Some("y".to_owned()), ..Flags::default() }).await.unwrap().config;
        assert_eq!((config.cluster_url.port_u16(), config.tls_server_name.as_deref()), (Some(1), Some("y")));
        let config = read(Flags { cluster: Some("l".to_owned()), ..Flags::default() }).await.unwrap().config;
        assert!(config.accept_invalid_certs && config.auth_info.exec.is_some());
        let config = read(Flags { insecure_skip_tls_verify: true, ..Flags::default() }).await.unwrap().config;
        assert!(config.accept_invalid_certs);
        let absent = read(Flags {
            certificate_authority: Some("/nowhere.pem".into()),
            context: Some("d".to_owned()),
            ..Flags::default()
        })
        .await
        .map(drop)
        .unwrap_err();
        assert!(absent.to_string().contains("/nowhere.pem"), "{absent:#}");
        let config = read(Flags { as_uid: Some("7".to_owned()), as_group: vec!["g".into()], ..Flags::default() })
            .await
            .unwrap()
            .config;
        let who = config.auth_info;
        assert_eq!((who.impersonate.as_deref(), who.impersonate_uid.as_deref()), (Some("boss"), Some("7")));
    }

    #[tokio::test]
    async fn a_token_is_the_only_way_to_log_in_where_one_is_typed() {
        for (context, token_file) in [("c", false), ("d", true)] {
            let flags = Flags {
                token: Some(Secret::new("t0ken".to_owned())),
                context: Some(context.to_owned()),
                ..Flags::default()
            };
            let found = read(flags.clone()).await.unwrap();
            let user = serde_json::to_value(&found.config.auth_info).unwrap();
            assert_eq!((user["token"].as_str(), found.token_file), (Some("t0ken"), token_file));
            assert!(["tokenFile", "username", "password", "exec"].iter().all(|way| user.get(way).is_none()), "{user}");
            assert!(!format!("{flags:?}").contains("t0ken"));
        }
        let both = Flags { client_certificate: Some("/c".into()), client_key: Some("/k".into()), ..Flags::default() };
        let user = read(both).await.unwrap().config.auth_info;
        assert_eq!((user.client_certificate.as_deref(), user.client_key.as_deref()), (Some("/c"), Some("/k")));
        assert!(user.exec.is_none());
        let one = read(Flags { client_key: Some("/k".into()), ..Flags::default() }).await.map(drop).unwrap_err();
        assert_eq!(crate::failure::exit_of(&one), crate::exit::Exit::Usage, "{one:#}");
    }

    #[tokio::test]
    async fn who_says_all_needs_no_context() {
        let nowhere = FILE.replace("current-context: c, ", "");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, nowhere).unwrap();
        let flags = Flags { kubeconfig: Some(file), ..Flags::default() };
        assert!(config(&flags).await.is_err());
        let found = config(&Flags { server: Some("https://x:9".to_owned()), ..flags.clone() }).await.unwrap();
        assert_eq!((found.config.cluster_url.port_u16(), found.context), (Some(9), None));
        let found = config(&Flags { cluster: Some("k".to_owned()), user: Some("u".to_owned()), ..flags.clone() })
            .await
            .unwrap();
        assert!(found.config.cluster_url.port_u16() == Some(1) && found.config.auth_info.exec.is_some());
        for flags in [
            Flags { user: Some("nobody".to_owned()), cluster: Some("k".to_owned()), ..flags.clone() },
            Flags { cluster: Some("nowhere".to_owned()), ..flags.clone() },
            Flags { context: Some("no-such".to_owned()), server: Some("https://x".to_owned()), ..flags },
        ] {
            assert!(config(&flags).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_token_goes_to_no_plain_http() {
        let flags = Flags {
            server: Some("http://x".to_owned()),
            token: Some(Secret::new("t0ken".to_owned())),
            ..Flags::default()
        };
        let refused = connect(&flags).await.unwrap_err();
        assert!(refused.to_string().contains("http://") && !format!("{refused:?}").contains("t0ken"), "{refused:#}");
    }

    #[test]
    fn helm_is_pointed_at_the_same_place() {
        let pointers = Pointers {
            kubeconfig: Some("/k".into()),
            context: Some("c".to_owned()),
            server: Some("https://x:9".to_owned()),
            certificate_authority: Some("ca.pem".into()),
            insecure: true,
            tls_server_name: Some("n".to_owned()),
            token: Secret::new("t0ken".to_owned()),
            as_user: Some("anna".to_owned()),
            as_groups: vec!["g".into(), "h".into()],
            ..Pointers::default()
        };
        let expected = "--kubeconfig=/k --kube-context=c --kube-apiserver=https://x:9 --kube-ca-file=ca.pem \
                        --kube-insecure-skip-tls-verify=true --kube-tls-server-name=n --kube-as-user=anna \
                        --kube-as-group=g --kube-as-group=h";
        assert_eq!(pointers.for_helm().join(" "), expected);
        let all = Flags {
            cluster: Some("k".to_owned()),
            user: Some("u".to_owned()),
            client_certificate: Some("/c".into()),
            client_key: Some("/k".into()),
            as_uid: Some("7".to_owned()),
            ..Flags::default()
        };
        assert_eq!(beyond_helm(&all, true).len(), 6);
        assert!(
            beyond_helm(
                &Flags {
                    token: Some(Secret::new("t".to_owned())),
                    server: Some("https://x".to_owned()),
                    ..Flags::default()
                },
                false
            )
            .is_empty()
        );
    }
}
