//! The arguments. Their docs are the help.

use crate::policy::Profile;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};
use shared::manifest::Dialect;
use std::path::PathBuf;

const AFTER: &str = "\
Examples:
  helm upgrade om open-metadata/openmetadata --post-renderer helm-postrender
  helm template om open-metadata/openmetadata | helm-postrender --diff

Helm 4 takes post-renderers from a plugin folder:
  HELM_PLUGINS=\"$(helm-postrender plugin-dir)\" helm upgrade …

Exit codes:
  0  done
  1  --check: something would change
  2  wrong arguments or policy
  3  input unreadable, or output not written
  5  refused: it needs a decision";

/// Makes an OpenMetadata upgrade safe: reads what helm rendered, writes it back with the missing safeguards, and
/// changes nothing else.
///
/// Without a subcommand it is a filter from standard input to standard output, as `helm --post-renderer` calls it.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(name = "helm-postrender", version, after_help = AFTER, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What helm rendered, for --diff, --check and --prove; else standard input.
    pub file: Option<PathBuf>,

    /// Show what would change and why, as a diff; `--diff=full` folds no long texts.
    #[arg(
        long,
        value_name = "full",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "folded",
        hide_possible_values = true,
        help_heading = "Show, without output for helm"
    )]
    pub diff: Option<DiffForm>,

    /// List what would change; exit 1 if anything would. As JSON with `--report-format json`.
    #[arg(long, help_heading = "Show, without output for helm")]
    pub check: bool,

    /// Prove that nothing else changes: digests, and every touched document read again.
    #[arg(long, help_heading = "Show, without output for helm")]
    pub prove: bool,

    /// Policy file (`helm-postrender schema` describes it).
    #[arg(long, value_name = "FILE", env = "OMUPGRADE_POLICY", hide_env_values = true, value_parser = path())]
    pub policy: Option<PathBuf>,

    /// Where a policy says nothing: safe (the default), minimal or gitops.
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub profile: Option<Profile>,

    /// Whether a backup must stand before the upgrade; goes before the policy's `backupHook`.
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    pub backup: Option<Switch>,

    /// Which helm rendered the stream; told by its marks unless given here.
    #[arg(
        long,
        value_name = "auto|helm3|helm4|plain",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub dialect: DialectWord,

    /// The fixed argument in our Helm 4 plugin's plugin.yaml.
    #[arg(long, value_name = "HELM", hide = true)]
    pub caller: Option<CallerWord>,

    /// Let a stream without an OpenMetadata server through as it is, instead of refusing it.
    #[arg(long)]
    pub pass_through: bool,

    /// Also write what was changed and said to a file; `-` is standard error, or what --diff, --check and --prove print to.
    #[arg(long, value_name = "FILE", env = "OMUPGRADE_REPORT", hide_env_values = true, value_parser = path())]
    pub report: Option<PathBuf>,

    /// Form of the report; by default json for a FILE that ends in .json, else text.
    #[arg(long, value_name = "text|json", hide_possible_values = true)]
    pub report_format: Option<ReportFormat>,

    /// Receipt of a proven backup, from `kubectl omupgrade backup`.
    #[arg(long, value_name = "FILE", env = "OMUPGRADE_RECEIPT", hide_env_values = true, value_parser = path())]
    pub receipt: Option<PathBuf>,
}

/// Questions that need no stream.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the rules.
    Rules,
    /// Explain a rule: what, why, what it leaves alone, settings, an example.
    Explain {
        /// Its name; without one, all are listed.
        rule: Option<String>,
    },
    /// Print the JSON Schema of a policy file.
    Schema,
    /// Make the folder that Helm 4 finds this plugin in, and print it for `HELM_PLUGINS`.
    PluginDir {
        /// Make the tree here, and not in the user's data folder.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// How much a diff shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffForm {
    #[value(hide = true)]
    Folded,
    Full,
}

/// A path; an empty one (a variable set to nothing) passes and counts as none.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Text,
    Json,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CallerWord {
    Helm4,
}

/// A dialect, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DialectWord {
    Auto,
    Helm3,
    Helm4,
    Plain,
}

impl DialectWord {
    /// The dialect, unless it is to be told by the marks.
    pub fn asked(self) -> Option<Dialect> {
        match self {
            Self::Auto => None,
            Self::Helm3 => Some(Dialect::Helm3),
            Self::Helm4 => Some(Dialect::Helm4),
            Self::Plain => Some(Dialect::Plain),
        }
    }
}
