//! `minAvailable` and `maxUnavailable` of a budget: what they allow and what is wrong with them. Pure.

use crate::scene::Object;
use serde_json::Value;
use std::fmt;

/// A number of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u64),
    /// Such a part of all, in percent, at most 100.
    Percent(u64),
    /// A number in quotes: the API takes a string only as a percentage.
    Quoted(u64),
    /// Something that the API refuses.
    Odd,
}

impl Amount {
    fn read(value: &Value) -> Option<Self> {
        let whole = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        match value {
            Value::Null => None,
            Value::Number(number) => Some(number.as_u64().map_or(Self::Odd, Self::Count)),
            Value::String(text) => Some(match (whole(text), text.strip_suffix('%').and_then(whole)) {
                (Some(count), _) => Self::Quoted(count),
                (_, Some(percent @ 0..=100)) => Self::Percent(percent),
                _ => Self::Odd,
            }),
            _ => Some(Self::Odd),
        }
    }

    /// How many of `pods` that is; Kubernetes rounds both fields up.
    fn of(self, pods: u64) -> Option<u64> {
        match self {
            Self::Count(count) | Self::Quoted(count) => Some(count),
            Self::Percent(percent) => Some(pods.saturating_mul(percent).div_ceil(100)),
            Self::Odd => None,
        }
    }

    fn is_one(self) -> bool {
        matches!(self, Self::Count(1) | Self::Quoted(1))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Quoted(count) => write!(f, "\"{count}\""),
            Self::Odd => f.write_str("a value that is no number of pods"),
        }
    }
}

/// The two fields of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// `minAvailable`.
    pub min: Option<Amount>,
    /// `maxUnavailable`.
    pub max: Option<Amount>,
}

/// Why a budget lets no pod go, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// `minAvailable` is as many as there are.
    All(Amount),
    /// `maxUnavailable` is none.
    Zero(Amount),
    /// It has neither field: Kubernetes then allows no disruption.
    Neither,
}

impl Fields {
    /// Reads a budget's fields; null counts as absent.
    pub fn of(budget: &Object) -> Self {
        let amount = |path| budget.get(path).and_then(Amount::read);
        Self { min: amount("/spec/minAvailable"), max: amount("/spec/maxUnavailable") }
    }

    /// Whether one of them is a value that the API refuses and nobody can guess.
    pub fn is_odd(self) -> bool {
        self.min == Some(Amount::Odd) || self.max == Some(Amount::Odd)
    }

    /// Whether both are there and `minAvailable` is the one to keep. A field that is not 1 was set by a person: both
    /// are 1 in the chart. Where nothing tells, `maxUnavailable` stays: it is right for every number of pods.
    pub fn keeps_min(self, pods: Option<u64>) -> bool {
        let (Some(min), Some(max)) = (self.min, self.max) else { return false };
        let alone = Self { max: None, ..self };
        !min.is_one() && max.is_one() && alone.block(pods).is_none()
    }

    /// Why a budget with one of these fields over `pods` pods (`None`: unknown) never lets one go.
    pub fn block(self, pods: Option<u64>) -> Option<Block> {
        match (self.min, self.max) {
            (None, None) => Some(Block::Neither),
            (_, Some(max)) => (max.of(pods.unwrap_or(1)) == Some(0)).then_some(Block::Zero(max)),
            (Some(min), None) => {
                let pods = pods.filter(|p| *p > 0)?;
                (min.of(pods)? >= pods).then_some(Block::All(min))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(min: &str, max: &str) -> Fields {
        let read = |text: &str| Amount::read(&serde_json::from_str(text).unwrap());
        Fields { min: read(min), max: read(max) }
    }

    #[test]
    fn percentages_round_up_as_in_kubernetes() {
        // 34 % of 3 are 2 of 3: one may go. 67 % of 3 are 3 of 3: none may.
        assert_eq!(fields("\"34%\"", "null").block(Some(3)), None);
        assert_eq!(fields("\"67%\"", "null").block(Some(3)), Some(Block::All(Amount::Percent(67))));
        assert_eq!(fields("null", "\"1%\"").block(Some(3)), None);
        assert_eq!(fields("null", "\"0%\"").block(Some(3)), Some(Block::Zero(Amount::Percent(0))));
    }

    #[test]
    fn unknown_or_no_pods_block_nothing_by_number() {
        assert_eq!(fields("5", "null").block(None), None);
        assert_eq!(fields("5", "null").block(Some(0)), None);
        assert_eq!(fields("null", "0").block(None), Some(Block::Zero(Amount::Count(0))));
    }

    #[test]
    fn of_two_fields_the_one_that_a_person_set_stays() {
        assert!(!fields("1", "1").keeps_min(Some(2)));
        assert!(!fields("\"1\"", "2").keeps_min(Some(3)));
        assert!(fields("2", "\"1\"").keeps_min(Some(3)));
        assert!(!fields("3", "1").keeps_min(Some(3)), "three of three can never be met");
        assert!(!fields("2", "2").keeps_min(Some(5)));
    }

    #[test]
    fn odd_values_are_seen() {
        for odd in ["-1", "\"one\"", "\"50 %\"", "\"101%\"", "true", "1.5"] {
            assert!(fields(odd, "null").is_odd(), "{odd}");
        }
        assert!(!fields("\"1\"", "\"50%\"").is_odd());
    }
}
