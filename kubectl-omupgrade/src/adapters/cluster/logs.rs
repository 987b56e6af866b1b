//! Lines of container logs: the last ones, or as they come.

use super::Cluster;
use crate::facts::{Fact, NO_LOG};
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
        Ok(text) if text.starts_with(NO_LOG) => {
            Fact::unknown("kubelet has no log of it any more", source, Timestamp::now())
        }
        Ok(text) => {
            let lines: Vec<Line> = text.lines().map(|line| Line::read(line, params.timestamps)).collect();
            // How old a growing log's last line is tells whether something works or waits.
            let at = lines.iter().rev().find_map(|line| line.at).unwrap_or_else(Timestamp::now);
            Fact::known(lines.into_iter().map(|line| line.text).collect(), source, at)
        }
        Err(refused) => Fact::unknown(refused.to_string(), source, Timestamp::now()),
    }
}

/// Hands on the lines of a growing log, in bunches, until it ends or nobody listens.
pub async fn follow(cluster: &Cluster, wanted: &Wanted, to: Sender<Vec<Line>>) {
    let Ok(stream) = cluster.api::<Pod>().log_stream(&wanted.pod, &params(wanted, true)).await else { return };
    let mut bunches = Box::pin(stream).lines().ready_chunks(500);
    while let Some(bunch) = bunches.next().await {
        let lines: Vec<Line> = bunch.into_iter().map_while(Result::ok).map(|line| Line::read(&line, true)).collect();
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
        timestamps: wanted.follow,
        ..LogParams::default()
    }
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, where the API was asked for it.
    pub at: Option<Timestamp>,
    /// What it says, without what a terminal would obey, and not longer than anyone reads.
    pub text: String,
}

impl Line {
    /// Reads a line as the API gives it, `stamped` with its time in front.
    fn read(line: &str, stamped: bool) -> Self {
        let apart = line.split_once(' ').filter(|_| stamped);
        let (at, text) = match apart.and_then(|(time, rest)| Some((time.parse::<Timestamp>().ok()?, rest))) {
            Some((at, text)) => (Some(at), text),
            None => (None, line),
        };
        Self { at, text: crate::view::clip(text, 2000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_lines_are_read_where_they_were_asked_for() {
        let line = "2026-11-22T12:00:00.123456789Z INFO [main] Migration Run started for Version: 1.13.0";
        let read = Line::read(line, true);
        assert_eq!(read.text, "INFO [main] Migration Run started for Version: 1.13.0");
        assert_eq!(
            read.at.map(Timestamp::as_second),
            "2026-11-22T12:00:00Z".parse::<Timestamp>().ok().map(Timestamp::as_second)
        );
        assert_eq!(Line::read(line, false).text, line);
        assert_eq!(Line::read("unable to retrieve container logs", true).at, None);
    }
}
