//! What kubectl's flags replace of a kubeconfig: the API server, how it is known, who asks. Flag by flag as client-go does
//! it (`tools/clientcmd/client_config.go`), since helm, which is driven beside us, is built on that. Asks nobody.

use crate::cli::flags::Flags;
use crate::failure::Failure;
use kube::Config;
use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use std::path::PathBuf;

/// The name under which a kubeconfig holds what the flags made of it. No file has it.
const AS_TYPED: &str = "as the flags of omupgrade say";

/// A flag's value; as for kubectl, an empty one is none.
pub(super) fn said(flag: Option<&String>) -> Option<&String> {
    flag.filter(|value| !value.is_empty())
}

/// The same of one that names a file.
pub(super) fn file(flag: Option<&PathBuf>) -> Option<&PathBuf> {
    flag.filter(|file| !file.as_os_str().is_empty())
}

/// The context that is meant, by name.
pub(super) fn context_of(file: &Kubeconfig, flags: &Flags) -> Option<String> {
    said(flags.context.as_ref()).or(said(file.current_context.as_ref())).cloned()
}

/// The kubeconfig with what the flags say in place of what it says, and what is to be read of it.
pub(super) struct Overridden {
    pub(super) file: Kubeconfig,
    pub(super) options: KubeConfigOptions,
    /// Whether a token was typed where the user has a file for one: client-go, and helm with it, goes on reading the file.
    pub(super) token_file: bool,
}

/// Puts the flags in place of what a kubeconfig says. What it does not hold stays missing: whoever reads it says so.
pub(super) fn overridden(mut file: Kubeconfig, flags: &Flags) -> Result<Overridden, Failure> {
    let mut options = KubeConfigOptions {
        context: context_of(&file, flags),
        cluster: said(flags.cluster.as_ref()).cloned(),
        user: said(flags.user.as_ref()).cloned(),
    };
    let server = said(flags.server.as_ref());
    if options.context.is_none() && (server.is_some() || options.cluster.is_some()) {
        // Without a context the flags say all that it would.
        let context = Context { cluster: AS_TYPED.to_owned(), ..Context::default() };
        file.contexts.push(NamedContext {
            name: AS_TYPED.to_owned(),
            context: Some(context),
            ..NamedContext::default()
        });
        options.context = Some(AS_TYPED.to_owned());
    }
    let context = file.contexts.iter().find(|named| Some(&named.name) == options.context.as_ref());
    let Some(context) = context.and_then(|named| named.context.clone()) else {
        return Ok(Overridden { file, options, token_file: false });
    };
    let cluster_name = options.cluster.as_ref().unwrap_or(&context.cluster);
    let cluster = file.clusters.iter().find(|named| named.name == *cluster_name).and_then(|n| n.cluster.clone());
    let cluster = cluster.or_else(|| (cluster_name == AS_TYPED).then(Cluster::default));
    if let Some(cluster) = cluster {
        let cluster = Some(cluster_as_typed(cluster, flags));
        file.clusters.push(NamedCluster { name: AS_TYPED.to_owned(), cluster, ..NamedCluster::default() });
        options.cluster = Some(AS_TYPED.to_owned());
    }
    let user_name = options.user.as_ref().or(context.user.as_ref());
    let user = file.auth_infos.iter().find(|named| Some(&named.name) == user_name).and_then(|n| n.auth_info.clone());
    if let Some(name) = options.user.as_ref().filter(|_| user.is_none()) {
        return Err(
            Failure::unknown(format!("reading the kubeconfig: it holds no user {name}")).hint("kubectl config view")
        );
    }
    let user = user.unwrap_or_default();
    let token_file = user.token_file.is_some() && token(flags).is_some();
    let auth_info = Some(user_as_typed(user, flags)?);
    file.auth_infos.push(NamedAuthInfo { name: AS_TYPED.to_owned(), auth_info, ..NamedAuthInfo::default() });
    options.user = Some(AS_TYPED.to_owned());
    Ok(Overridden { file, options, token_file })
}

fn cluster_as_typed(mut cluster: Cluster, flags: &Flags) -> Cluster {
    let (server, name) = (said(flags.server.as_ref()), said(flags.tls_server_name.as_ref()));
    if let Some(server) = server {
        cluster.server = Some(server.clone());
    }
    // Another server has another name.
    if server.is_some() || name.is_some() {
        cluster.tls_server_name = name.cloned();
    }
    let authority = file(flags.certificate_authority.as_ref());
    if flags.insecure_skip_tls_verify || authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(flags.insecure_skip_tls_verify);
        cluster.certificate_authority = authority.map(|file| file.display().to_string());
        cluster.certificate_authority_data = None;
    }
    cluster
}

fn user_as_typed(mut user: AuthInfo, flags: &Flags) -> Result<AuthInfo, Failure> {
    let (shown, own) = (file(flags.client_certificate.as_ref()), file(flags.client_key.as_ref()));
    let certificates = shown.is_some() || own.is_some();
    if let Some(file) = shown {
        (user.client_certificate, user.client_certificate_data) = (Some(file.display().to_string()), None);
    }
    if let Some(file) = own {
        (user.client_key, user.client_key_data) = (Some(file.display().to_string()), None);
    }
    let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let key = user.client_key.is_some() || user.client_key_data.is_some();
    if certificates && certificate != key {
        return Err(Failure::usage("--client-certificate and --client-key need each other"));
    }
    // Who shows a certificate or a token runs no program for one.
    if certificates {
        user.exec = None;
    }
    if let Some(token) = token(flags) {
        user.token = Some(token.clone().into());
        (user.token_file, user.exec, user.auth_provider, user.username, user.password) = (None, None, None, None, None);
    }
    Ok(user)
}

/// The token that was typed.
pub(super) fn token(flags: &Flags) -> Option<&String> {
    said(flags.token.as_ref().and_then(|token| token.expose()))
}

/// The same where no kubeconfig is read: in a pod. As client-go, no more than token and authority can be replaced there.
pub(super) fn in_pod(config: &mut Config, flags: &Flags) -> Result<(), Failure> {
    let others = [
        ("--insecure-skip-tls-verify", flags.insecure_skip_tls_verify),
        ("--tls-server-name", said(flags.tls_server_name.as_ref()).is_some()),
        ("--client-certificate", file(flags.client_certificate.as_ref()).is_some()),
        ("--client-key", file(flags.client_key.as_ref()).is_some()),
    ];
    if let Some((flag, _)) = others.into_iter().find(|(_, said)| *said) {
        return Err(Failure::usage(format!(
            "{flag} replaces a part of a kubeconfig, and there is none; or name --server"
        )));
    }
    if let Some(file) = file(flags.certificate_authority.as_ref()) {
        config.root_cert_file = Some(file.clone());
    }
    config.auth_info = user_as_typed(std::mem::take(&mut config.auth_info), flags)?;
    Ok(())
}
