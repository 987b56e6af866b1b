//! Generated inputs: plain scalars of every family, and Deployments in many notations.
#![allow(dead_code)] // each test takes what it needs

use proptest::prelude::*;

/// Text that could be a plain scalar, weighted to where readers differ.
pub fn plain_scalar() -> BoxedStrategy<String> {
    prop_oneof![
        "[-+]?[0-9_]{1,6}(\\.[0-9_]{0,3})?([eE][-+]?[0-9]{1,3})?",
        "[-+]?0[xXoObB]?[0-9a-fA-F_]{1,5}",
        "[-+]?\\.[0-9]{1,3}([eE][-+]?[0-9])?",
        "(y|n|yes|no|on|off|true|false|null|~|Yes|NO|On|OFF|True|FALSE|Null|NULL|Y|N|yEs|oN)",
        "[0-9]{1,2}:[0-5][0-9](:[0-5][0-9])?",
        "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        "v?[0-9]{1,2}\\.[0-9]{1,2}(\\.[0-9]{1,2})?(-rc1)?",
        "[-+]?\\.(inf|Inf|INF|nan|NaN)",
        "[a-zA-Z=<.][a-zA-Z0-9._/:+-]{0,8}[a-z]",
    ]
    .boxed()
}

/// A string value in one of YAML's notations, for a line behind `key: `.
fn notation(indent: usize) -> BoxedStrategy<String> {
    let pad = " ".repeat(indent + 2);
    prop_oneof![
        plain_scalar(),
        "[a-z \"\\\\é☺#:-]{0,12}".prop_map(|s| serde_json::to_string(&s).unwrap()),
        "[a-z #:{-]{0,12}".prop_map(|s| format!("'{s}'")),
        ("[|>][-+]?", prop::collection::vec("[a-z#:-]{1,8}( [a-z]{1,4})?", 1..4))
            .prop_map(move |(head, lines)| format!("{head}\n{pad}{}", lines.join(&format!("\n{pad}")))),
        Just("{}".to_owned()),
        Just("[a, 'b', {c: d}]".to_owned()),
        Just(String::new()),
    ]
    .boxed()
}

fn comment() -> BoxedStrategy<String> {
    prop_oneof![4 => Just(String::new()), 1 => Just(" # why: not".to_owned()), 1 => Just("  #".to_owned())].boxed()
}

/// A Deployment whose parts stand in many notations: absent, null, flow, block, with comments, blank lines, odd
/// indentation, CRLF, no last line break.
pub fn deployment() -> BoxedStrategy<String> {
    let annotations = prop_oneof![
        Just(String::new()),
        Just("  annotations: {}\n".to_owned()),
        Just("  annotations:\n".to_owned()),
        Just("  annotations: null # none\n".to_owned()),
        (notation(4), comment()).prop_map(|(v, _)| format!("  annotations:\n    some.key/x: {v}\n")),
        Just("  annotations: {a: b, \"c\": 'd'} # flow\n".to_owned()),
    ];
    let strategy = prop_oneof![
        Just(String::new()),
        Just("  strategy: {}\n".to_owned()),
        Just("  strategy:\n    rollingUpdate: null\n".to_owned()),
        Just("  strategy:\n    # careful\n    type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 25%  # quarter\n".to_owned()),
        Just("  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}\n".to_owned()),
    ];
    let inits = prop_oneof![
        Just(String::new()),
        Just("      initContainers: []\n".to_owned()),
        Just("      initContainers:\n".to_owned()),
        Just("      initContainers:\n      # first\n      - name: a\n        image: b\n".to_owned()),
        Just("      initContainers:\n        -   name: a\n            image: b\n\n        # second\n        - {name: c}\n".to_owned()),
        Just("      initContainers: [{name: a, command: [sh, -c, \"x y\"]}]\n".to_owned()),
    ];
    let probe = prop_oneof![
        Just(String::new()),
        Just("          httpGet: {path: /, port: http}\n".to_owned()),
        Just("          httpGet:\n            path: \"/healthcheck\" # old\n            port: 8585\n".to_owned()),
        Just("          httpGet:\n            port: http\n            path:\n              /api\n".to_owned()),
    ];
    let parts = (annotations, strategy, inits, probe, notation(8), notation(2), comment(), any::<(bool, bool, bool)>());
    parts
        .prop_map(|(annotations, strategy, inits, probe, value, last, comment, (crlf, end, marker))| {
            let probe = if probe.is_empty() { "        livenessProbe:\n".to_owned() } else { format!("        livenessProbe:\n{probe}") };
            let mut text = format!(
                "{}# head\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: om{comment}\n{annotations}spec:\n  replicas: 2{comment}\n{strategy}  template:\n    spec:\n{inits}      containers:\n      - name: om\n        odd: {value}\n{probe}        last: 1\nlast:\n  key: {last}",
                if marker { "---\n" } else { "" },
            );
            if end {
                text.push('\n');
            }
            if crlf { text.replace('\n', "\r\n") } else { text }
        })
        .boxed()
}
