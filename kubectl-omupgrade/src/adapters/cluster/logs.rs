//! Lines of container logs: the last ones, or as they come.

use super::Cluster;
use crate::facts::Fact;
use crate::rollout::Wanted;
use futures::{AsyncBufReadExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use tokio::sync::mpsc::Sender;

/// Bytes of a log at most: a single line can be megabytes long.
const MOST: i64 = 1_000_000;

/// The last lines of a log; of what came since a moment, where one is named.
pub async fn tail(cluster: &Cluster, wanted: &Wanted, since: Option<Timestamp>) -> Fact<Vec<String>> {
    let source = format!("logs {}", wanted.key().as_str());
    let params = LogParams { since_time: since, ..params(wanted, false) };
    match cluster.within(cluster.api::<Pod>().logs(&wanted.pod, &params)).await {
        Ok(text) => Fact::known(text.lines().map(cleaned).collect(), source, Timestamp::now()),
        Err(refused) => Fact::unknown(refused.to_string(), source, Timestamp::now()),
    }
}

/// Hands on the lines of a growing log, in bunches, until it ends or nobody listens.
pub async fn follow(cluster: &Cluster, wanted: &Wanted, to: Sender<Vec<String>>) {
    let Ok(stream) = cluster.api::<Pod>().log_stream(&wanted.pod, &params(wanted, true)).await else { return };
    let mut bunches = Box::pin(stream).lines().ready_chunks(500);
    while let Some(bunch) = bunches.next().await {
        let lines: Vec<String> = bunch.into_iter().map_while(Result::ok).map(|l| cleaned(&l)).collect();
        if lines.is_empty() || to.send(lines).await.is_err() {
            return;
        }
    }
}

fn params(wanted: &Wanted, follow: bool) -> LogParams {
    LogParams {
        container: Some(wanted.container.clone()),
        previous: wanted.previous,
        tail_lines: wanted.tail,
        limit_bytes: (!follow).then_some(MOST),
        follow,
        ..LogParams::default()
    }
}

/// A line without what a terminal would obey, and not longer than anyone reads.
fn cleaned(line: &str) -> String {
    crate::view::clip(line, 2000)
}
