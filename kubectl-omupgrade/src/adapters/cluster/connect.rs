//! From kubectl's flags and files to a client. Asks the cluster nothing.

use super::patient::{AWAY, Patient};
use super::{Cluster, Pointers};
use crate::cli::flags::Flags;
use crate::failure::Failure;
use kube::Config;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// The cluster and namespace that the flags and the kubeconfig name; inside a pod, that pod's.
pub async fn connect(flags: &Flags) -> anyhow::Result<Cluster> {
    let (mut config, current) = config(flags).await?;
    if let Some(user) = &flags.as_user {
        config.auth_info.impersonate = Some(user.clone());
    }
    if !flags.as_group.is_empty() {
        if flags.as_user.is_none() {
            return Err(
                Failure::usage("`--as-group` needs `--as`: the API server takes no group without a user").into()
            );
        }
        config.auth_info.impersonate_groups = Some(flags.as_group.clone());
    }
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
        context: flags.context.clone(),
        current,
        mixed: flags.cluster.is_some() || flags.user.is_some(),
        as_user: flags.as_user.clone(),
        as_groups: flags.as_group.clone(),
    };
    Ok(Cluster { client, namespace, patience, pointers })
}

/// The configuration, and the context that it is of.
async fn config(flags: &Flags) -> anyhow::Result<(Config, Option<String>)> {
    // Its first line names file and place; the lines of the file that may follow can hold a token.
    let wrong = |e: &dyn std::fmt::Display| {
        let said = e.to_string();
        let place = said.lines().next().unwrap_or_default();
        Failure::unknown(format!("reading the kubeconfig: {place}")).hint("kubectl config view")
    };
    let options =
        KubeConfigOptions { context: flags.context.clone(), cluster: flags.cluster.clone(), user: flags.user.clone() };
    let chosen =
        flags.context.is_some() || flags.cluster.is_some() || flags.user.is_some() || flags.kubeconfig.is_some();
    let read = flags.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    let of_files = match read {
        Ok(read) => {
            let current =
                flags.context.clone().or_else(|| read.current_context.clone()).filter(|name| !name.is_empty());
            Config::from_custom_kubeconfig(read, &options).await.map(|config| (config, current))
        }
        Err(error) => Err(error),
    };
    match of_files {
        Ok(found) => Ok(found),
        // As kubectl: in a pod without a kubeconfig, the pod's own service account.
        Err(error) if !chosen => Config::incluster().map(|config| (config, None)).map_err(|_| wrong(&error).into()),
        Err(error) => Err(wrong(&error).into()),
    }
}
