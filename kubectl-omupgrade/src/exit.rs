//! The one table of exit codes, for all verbs. Exits nowhere itself.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done.
    Done,
    /// The answer is no: a check, a rollout, a validation failed.
    No,
    /// The command line or a policy file is wrong.
    Usage,
    /// The answer could not be found out.
    Unknown,
    /// Out of time.
    OutOfTime,
    /// Going on needs a decision.
    Refused,
    /// Ctrl-C or a signal.
    Interrupted,
    /// A verdict of `--exit-verdict`: 20 to 33.
    Verdict(u8),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            Self::OutOfTime => 4,
            Self::Refused => 5,
            Self::Interrupted => 130,
            Self::Verdict(code) => code,
        }
    }
}

/// The table as `--help` shows it.
pub const TABLE: &str = "\
Exit codes:
    0  yes, or done
    1  the answer is no: a check, a rollout, a validation failed
    2  usage, or a policy file that cannot be read
    3  could not find out
    4  out of time
    5  refused: it needs a decision
  130  interrupted";
