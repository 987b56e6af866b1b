//! Kubernetes quantities as numbers.

/// The suffixes of quantities, longest first.
const SUFFIXES: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
];

/// A quantity: `500m` is 0.5, `1Gi` is 1073741824.
///
/// ```
/// use kubectl_omupgrade::checks::precheck::read::quantity;
/// assert_eq!(quantity("500m"), Some(0.5));
/// assert_eq!(quantity("1Gi"), quantity("1024Mi"));
/// assert_eq!(quantity("1e3"), Some(1000.0));
/// assert_eq!(quantity("much"), None);
/// ```
pub fn quantity(text: &str) -> Option<f64> {
    let text = text.trim();
    let found = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    number.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n * factor)
}
