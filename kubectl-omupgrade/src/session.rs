//! What every command has at hand: the flags of the command line, and the way to the cluster. Decides nothing.

use crate::adapters::cluster::{self, Cluster};
use crate::cli::flags::{Flags, Output};
use std::io::IsTerminal;

/// One run of one command.
#[derive(Debug, Clone)]
pub struct Session {
    /// The flags that all verbs share.
    pub flags: Flags,
}

/// Columns of what is not read on a terminal.
const PAGE: usize = 100;

impl Session {
    /// The cluster and namespace that the flags and the kubeconfig name.
    pub async fn connect(&self) -> anyhow::Result<Cluster> {
        cluster::connect(&self.flags).await
    }

    /// The asked output format, of those that every verb can write: the others are refused before such a verb runs.
    pub fn output(&self) -> Output {
        self.flags.output.output().unwrap_or_default()
    }

    /// The columns that fit: the terminal's, within reason.
    pub fn width(&self) -> usize {
        if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|c| c.parse::<usize>().ok()) {
            return columns.clamp(40, 200);
        }
        let columns = terminal_size::terminal_size_of(std::io::stdout()).map(|(w, _)| usize::from(w.0));
        columns.unwrap_or(PAGE).clamp(40, 200)
    }

    /// The rows of the terminal that standard output is; none where it is read elsewhere.
    pub fn rows(&self) -> Option<usize> {
        terminal_size::terminal_size_of(std::io::stdout()).map(|(_, rows)| usize::from(rows.0))
    }

    /// The columns of the terminal that standard output is; none where it is read elsewhere.
    pub fn fits(&self) -> Option<usize> {
        std::io::stdout().is_terminal().then(|| self.width())
    }

    /// Whether standard output is a terminal that can be repainted.
    pub fn live(&self) -> bool {
        std::io::stdout().is_terminal() && std::env::var("TERM").is_ok_and(|t| t != "dumb")
    }

    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }
}
