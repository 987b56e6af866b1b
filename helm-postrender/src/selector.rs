//! Label selectors, read off a manifest and judged on labels. Pure: knows nothing of workloads and namespaces.

use serde_json::{Map, Value};

/// What is known of one label of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label<'a> {
    /// The pod has no such label.
    Absent,
    /// The pod has it with this value.
    Is(&'a str),
    /// The pod will have it with a value that only the cluster knows (a Job's pods have `job-name`).
    SomeValue,
}

/// Whether a selector selects a pod. Ordered, so that the least of several parts is the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// It does not.
    No,
    /// It depends on a value that only the cluster knows.
    Perhaps,
    /// It does.
    Yes,
}

/// A label selector: all its parts must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector<'a> {
    equal: Vec<(&'a str, &'a str)>,
    expressions: Vec<Expression<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Expression<'a> {
    key: &'a str,
    operator: Operator,
    values: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl<'a> Selector<'a> {
    /// Reads a `LabelSelector` (`matchLabels`, `matchExpressions`). Nothing where it is none that the API takes:
    /// an unknown operator, a value that is no string.
    pub fn read(selector: &'a Value) -> Option<Self> {
        let selector = selector.as_object()?;
        let equal = match selector.get("matchLabels") {
            None | Some(Value::Null) => Vec::new(),
            Some(labels) => pairs(labels.as_object()?)?,
        };
        let expressions = match selector.get("matchExpressions") {
            None | Some(Value::Null) => Vec::new(),
            Some(list) => list.as_array()?.iter().map(Expression::read).collect::<Option<_>>()?,
        };
        Some(Self { equal, expressions })
    }

    /// Reads the plain mapping of a Service's `spec.selector`.
    pub fn of_labels(labels: &'a Map<String, Value>) -> Option<Self> {
        Some(Self { equal: pairs(labels)?, expressions: Vec::new() })
    }

    /// Whether it has no part at all. What that means is for its owner to say: everything for a `LabelSelector`,
    /// nothing for a Service.
    pub fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.expressions.is_empty()
    }

    /// The labels that it asks for by value.
    pub fn equal(&self) -> &[(&'a str, &'a str)] {
        &self.equal
    }

    /// Whether it selects a pod whose labels `label` tells.
    pub fn matches<'b>(&self, label: impl Fn(&str) -> Label<'b>) -> Match {
        let equal = self.equal.iter().map(|(key, value)| one_of(label(key), &[value]));
        let expressions = self.expressions.iter().map(|e| e.matches(label(e.key)));
        // `min` would go on after the first No.
        let mut whole = Match::Yes;
        for part in equal.chain(expressions) {
            whole = whole.min(part);
            if whole == Match::No {
                break;
            }
        }
        whole
    }
}

impl<'a> Expression<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        let operator = match value.get("operator")?.as_str()? {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            _ => return None,
        };
        let values = value.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let values = values.iter().map(Value::as_str).collect::<Option<_>>()?;
        Some(Self { key: value.get("key")?.as_str()?, operator, values })
    }

    fn matches(&self, label: Label<'_>) -> Match {
        match self.operator {
            Operator::In => one_of(label, &self.values),
            // A pod without the label passes NotIn.
            Operator::NotIn => not(one_of(label, &self.values)),
            Operator::Exists => not(absent(label)),
            Operator::DoesNotExist => absent(label),
        }
    }
}

fn pairs(labels: &Map<String, Value>) -> Option<Vec<(&str, &str)>> {
    labels.iter().map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

fn one_of(label: Label<'_>, values: &[&str]) -> Match {
    match label {
        Label::Is(value) if values.contains(&value) => Match::Yes,
        Label::SomeValue if !values.is_empty() => Match::Perhaps,
        _ => Match::No,
    }
}

fn absent(label: Label<'_>) -> Match {
    if label == Label::Absent { Match::Yes } else { Match::No }
}

fn not(part: Match) -> Match {
    match part {
        Match::No => Match::Yes,
        Match::Perhaps => Match::Perhaps,
        Match::Yes => Match::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn server(key: &str) -> Label<'static> {
        match key {
            "name" => Label::Is("openmetadata"),
            "hash" => Label::SomeValue,
            _ => Label::Absent,
        }
    }

    fn judged(selector: &Value) -> Option<Match> {
        Selector::read(selector).map(|s| s.matches(server))
    }

    #[test]
    fn each_operator_reads_as_kubernetes_reads_it() {
        let one = |key: &str, operator: &str, values: Value| {
            judged(&json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}))
        };
        for (key, operator, values, expected) in [
            ("name", "In", json!(["other", "openmetadata"]), Match::Yes),
            ("name", "In", json!(["other"]), Match::No),
            ("gone", "In", json!(["openmetadata"]), Match::No),
            ("hash", "In", json!(["1"]), Match::Perhaps),
            ("name", "NotIn", json!(["openmetadata"]), Match::No),
            ("gone", "NotIn", json!(["openmetadata"]), Match::Yes),
            ("hash", "NotIn", json!(["1"]), Match::Perhaps),
            ("name", "Exists", json!([]), Match::Yes),
            ("hash", "Exists", json!([]), Match::Yes),
            ("gone", "Exists", json!([]), Match::No),
            ("gone", "DoesNotExist", json!([]), Match::Yes),
            ("hash", "DoesNotExist", json!([]), Match::No),
        ] {
            assert_eq!(one(key, operator, values), Some(expected), "{key} {operator}");
        }
    }

    #[test]
    fn all_parts_must_hold() {
        let both = json!({"matchLabels": {"name": "openmetadata"},
            "matchExpressions": [{"key": "job-name", "operator": "DoesNotExist"}]});
        assert_eq!(judged(&both), Some(Match::Yes));
        let one = json!({"matchLabels": {"name": "openmetadata", "gone": "x"}, "matchExpressions": null});
        assert_eq!(judged(&one), Some(Match::No));
        assert_eq!(judged(&json!({})), Some(Match::Yes));
    }

    #[test]
    fn what_the_api_refuses_is_no_selector() {
        for bad in [json!(null), json!({"matchLabels": {"a": 1}}), json!({"matchExpressions": [{"key": "a"}]})] {
            assert_eq!(judged(&bad), None);
        }
        assert_eq!(judged(&json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]})), None);
    }
}
