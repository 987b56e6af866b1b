//! The limits of the numbers that a policy sets: what Kubernetes would refuse is refused at reading, in words.

use serde::de::{Deserialize, Deserializer, Error};

/// The largest number that Kubernetes keeps in its fields (`int32`).
pub const COUNT: u32 = i32::MAX.unsigned_abs();

/// The longest time, in seconds. Chosen: longer than any rollout, and no sum of such times leaves an `int32`.
pub const WEEK: u32 = 7 * 24 * 60 * 60;

/// The longest `stabilizationWindowSeconds` that Kubernetes takes (pkg/apis/autoscaling/validation).
pub const STABILIZATION: u32 = 3600;

/// Reads a whole number from `MIN` to `MAX`.
///
/// # Errors
/// When it is none.
pub fn within<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    checked::<MIN, MAX, _>(u32::deserialize(from)?)
}

/// The same, or null.
///
/// # Errors
/// When it is neither.
pub fn within_or_null<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<u32>, D::Error> {
    Option::deserialize(from)?.map(checked::<MIN, MAX, _>).transpose()
}

fn checked<const MIN: u32, const MAX: u32, E: Error>(number: u32) -> Result<u32, E> {
    if (MIN..=MAX).contains(&number) {
        return Ok(number);
    }
    let allowed = if number < MIN { format!("{MIN} or more") } else { format!("{MAX} or less") };
    Err(E::custom(format!("a whole number of {allowed} is expected here")))
}

#[cfg(test)]
mod tests {
    use crate::policy::{Policy, schema};
    use serde_json::Value;

    /// `section`, `key` and limits of each number of the rules that change what Kubernetes validates.
    fn numbers(schema: &Value) -> Vec<(&'static str, String, u64, u64)> {
        let mut found = Vec::new();
        for section in ["schemaGuard", "rollout", "probes", "hpa", "pdb", "backupHook"] {
            let name = schema.pointer(&format!("/properties/{section}/$ref")).unwrap().as_str().unwrap();
            let settings = schema.pointer(&format!("{}/properties", name.trim_start_matches('#'))).unwrap();
            for (key, setting) in settings.as_object().unwrap() {
                let types = setting["type"].to_string();
                if types.contains("integer") {
                    let limit =
                        |end: &str| setting[end].as_u64().unwrap_or_else(|| panic!("{section}.{key}: no {end}"));
                    found.push((section, key.clone(), limit("minimum"), limit("maximum")));
                }
            }
        }
        found
    }

    #[test]
    fn a_policy_may_say_just_what_its_schema_says() {
        let numbers = numbers(&schema());
        assert!(numbers.len() >= 13, "{numbers:?}");
        for (section, key, least, most) in numbers {
            let read = |number: u64| Policy::from_yaml(&format!("{section}: {{{key}: {number}}}"));
            assert!(read(least).is_ok() && read(most).is_ok(), "{section}.{key}: {least} to {most}");
            assert!(read(most + 1).is_err(), "{section}.{key}: above {most}");
            assert!(least == 0 || read(least - 1).is_err(), "{section}.{key}: below {least}");
            assert!(i32::try_from(most).is_ok(), "{section}.{key}");
        }
    }

    #[test]
    fn what_kubernetes_refuses_is_refused_in_words_and_at_its_place() {
        for (text, message) in [
            ("hpa:\n  cpu: 0\n", "a whole number of 1 or more is expected here"),
            ("hpa:\n  memory: 0\n", "a whole number of 1 or more is expected here"),
            ("hpa:\n  scaleDownSeconds: 9000\n", "a whole number of 3600 or less is expected here"),
            ("pdb:\n  maxUnavailable: 0\n", "a whole number of 1 or more is expected here"),
        ] {
            let error = Policy::from_yaml(text).unwrap_err();
            assert_eq!(error.message, message);
            assert_eq!(error.place.map(|p| p.0), Some(2), "{text}");
        }
        assert_eq!(Policy::from_yaml("hpa: {memory: null}").unwrap().hpa.memory, None);
    }
}
