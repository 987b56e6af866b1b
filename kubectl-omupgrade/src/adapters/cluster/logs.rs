//! Lines of container logs: the last ones, or as they come.

use super::{Cluster, Refused};
use crate::facts::{Fact, says_no_log};
use crate::rollout::Wanted;
use futures::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, Stream, StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use tokio::sync::mpsc::Sender;

/// Bytes of a log at most, and of one line of a growing one: a single line can be megabytes long.
const MOST: i64 = 1_000_000;

impl Cluster {
    /// A log. Bytes that are no text make no log unreadable: a limit cuts letters in two, and programs print what they got.
    pub async fn log(&self, pod: &str, params: &LogParams) -> Result<String, Refused> {
        let read = async {
            let mut bytes = Vec::new();
            let mut log = Box::pin(self.api::<Pod>().log_stream(pod, params).await?);
            log.read_to_end(&mut bytes).await.map_err(|e| kube::Error::Service(e.into()))?;
            Ok::<_, kube::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        self.within(read).await
    }
}

/// The last lines of a log; of what came since a moment, where one is named.
pub async fn tail(cluster: &Cluster, wanted: &Wanted, since: Option<Timestamp>) -> Fact<Vec<String>> {
    let source = format!("logs {}", wanted.key().as_str());
    let params = LogParams { since_time: since, ..params(wanted, false) };
    match cluster.log(&wanted.pod, &params).await {
        Ok(text) if says_no_log(&text) => Fact::unknown("kubelet has no log of it any more", source, Timestamp::now()),
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
    let mut bunches = Box::pin(lines(stream).ready_chunks(500));
    while let Some(bunch) = bunches.next().await {
        if to.send(bunch).await.is_err() {
            return;
        }
    }
}

/// The lines of a growing log until it ends or breaks. A line without an end comes in parts, and bytes that are no text
/// end nothing.
fn lines(log: impl AsyncBufRead) -> impl Stream<Item = Line> {
    stream::unfold(Box::pin(log), |mut log| async move {
        let mut line = Vec::new();
        let read = (&mut log).take(MOST.unsigned_abs()).read_until(b'\n', &mut line).await;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        matches!(read, Ok(1..)).then(|| (Line::read(text, true), log))
    })
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

    #[tokio::test]
    async fn a_line_without_an_end_and_bytes_that_are_no_text_end_no_log() {
        let endless = "x".repeat(3_000_000);
        let log = [&b"one\r\ntwo \xff\xfe\n\nfour\n"[..], endless.as_bytes(), &b"\nlast"[..]].concat();
        let read: Vec<Line> = lines(futures::io::Cursor::new(log)).collect().await;
        let texts: Vec<&str> = read.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts[..4], ["one", "two \u{fffd}\u{fffd}", "", "four"]);
        assert_eq!(texts.last(), Some(&"last"));
        assert!(read.len() >= 8 && texts.iter().all(|text| text.chars().count() <= 2000), "{}", read.len());
    }

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
