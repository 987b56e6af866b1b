//! Takes out of words what is different every time: names that the cluster makes up, times, ages, sizes. It never leaves
//! a line out.

use std::sync::LazyLock;

use regex::Regex;
use similar::{ChangeTag, TextDiff};

/// What is replaced by what, in this order. Kubernetes makes names up from letters that spell no words.
static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    const RULES: &[(&str, &str)] = &[
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "TIME"),
        (r"\b\d\d:\d\d:\d\d(\.\d+)?\b", "TIME"),
        (r"\bopenmetadata-[bcdfghjklmnpqrstvwxz2456789]{7,10}\b", "openmetadata-HASH"),
        (r"\b(openmetadata-HASH|om-omupgrade-[a-z0-9-]*?)-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "$1-POD"),
        (r"\bom-omupgrade-(probe|folders|search)-[0-9a-f]+\b", "om-omupgrade-$1-POD"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
        (r"\b10\.\d+\.\d+\.\d+\b", "ADDRESS"),
        (r"\b\d+(\.\d+)?(h|m|s|ms|d)( ?\d+(m|s))?\b", "SPAN"),
        (r"\b\d+(\.\d+)? (h|min|minutes|s|seconds|ms)\b", "SPAN"),
        (r"\b\d+ to SPAN\b", "SPAN"),
        (r"\b\d+(\.\d+)? (bytes|[kKMG]i?B)\b", "SIZE"),
        (r"\b\d+(\.\d+)? %", "N %"),
        (r"\b\d+ of \d+ (requests|answered)\b", "N of N $1"),
        (r"\bholds about \d+\b", "holds about N"),
        (r"\blast \d+ lines?\b", "last N lines"),
        (r"\bcontainerd://[0-9a-f]+…?", "containerd://ID"),
        (r"\b\d{7,}\b", "N"),
        (r"_rebuild_\d+\b", "_rebuild_N"),
        (r"\bstarted again (once|\d+ times)\b", "started again N times"),
        (r"\b\d+ restarts?\b", "N restarts"),
    ];
    RULES.iter().filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, *word))).collect()
});

/// Words without what is different every time.
pub fn normal(namespace: &str, said: &str) -> String {
    let said = said.replace(namespace, "NAMESPACE");
    RULES.iter().fold(said, |said, (pattern, word)| pattern.replace_all(&said, *word).into_owned())
}

/// What says the same at another moment; kept as it was said, for whoever reads it.
static ALIKE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    const ALIKE: &[(&str, &str)] = &[
        // Between two starts the kubelet says now the one, now the other, and the log is the last start's or this one's.
        (
            r"\b(init|container) (\S+) (ended with \d+|crashed, waiting to be started again|crashes again and again \(N restarts\))",
            "$1 $2 CRASHED",
        ),
        (r"( -c \S+) --previous\b", "$1"),
        // Another verb's Pod, which that took away meanwhile.
        (r"\? not seen: om-omupgrade-probe-POD/probe: not found: pods .om-omupgrade-probe-POD. not found ?", ""),
        // One of an earlier turn may still be on its way out.
        (r"\bnone of \d+ pods\b", "none of N pods"),
        (r"\? not seen: \S+@previous: kubelet has no log of it any more ?", ""),
        (r"@previous\b", ""),
        // A client whose connection was cut tells of the statement that it was at.
        (
            r"or the connection broke\. The client's words: (pg_dump: |mysqldump: |none; ).*?(?P<end> → | certain;| \(certain| exit \d)",
            "or the connection broke.$end",
        ),
    ];
    ALIKE.iter().filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, *word))).collect()
});

/// Whether two texts say the same: where a line is broken depends on the width of what was replaced.
pub fn same(one: &str, other: &str) -> bool {
    flat(one) == flat(other)
}

fn flat(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter == '│').filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join(" ");
    ALIKE.iter().fold(words, |words, (pattern, word)| pattern.replace_all(&words, *word).into_owned())
}

/// The lines that differ.
pub fn differences(wanted: &str, said: &str) -> String {
    let diff = TextDiff::from_lines(wanted, said);
    let lines = diff.iter_all_changes().filter_map(|change| match change.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("  - {change}")),
        ChangeTag::Insert => Some(format!("  + {change}")),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_read() {
        assert_eq!((RULES.len(), ALIKE.len()), (20, 7));
    }

    #[test]
    fn what_is_different_every_time_goes_and_nothing_else() {
        let said = "Pod openmetadata-6d8f9c7b4-x2k9z of words-rollout (2m 5s): started again 3 times, 4.5 MiB, 12 pods\n\
                    2026-11-26T10:11:12.5Z 10:11:12 connect to 10.244.0.7:5432, revision 3 of openmetadata-server";
        assert_eq!(
            normal("words-rollout", said),
            "Pod openmetadata-HASH-POD of NAMESPACE (SPAN): started again N times, SIZE, 12 pods\n\
             TIME TIME connect to ADDRESS:5432, revision 3 of openmetadata-server"
        );
    }

    #[test]
    fn between_two_starts_a_container_has_crashed_either_way() {
        let said =
            |how: &str, more: &str| format!("│ ├─✖ init a-b  {how}\n│ → kubectl -n n logs om -c a-b{more}\nexit 1");
        let crashed = said("crashed, waiting to be started again", " --previous");
        assert!(same(&crashed, &said("ended with 1", "")));
        assert!(same(&crashed, &said("crashes again and again (N restarts)", "")));
        assert!(!same(&crashed, &said("done", "")));
        let seen = "M03 likely; log POD/run-db-migrations@previous\nom: it failed";
        let gone = "M03 likely; log POD/run-db-migrations\n? not seen: POD/run-db-migrations@previous: kubelet has no log of it any\n  more\nom: it failed";
        assert!(same(seen, gone));
    }

    #[test]
    fn at_which_statement_a_dump_was_cut_does_not_count_but_that_it_was() {
        let said =
            |words: &str, end: &str| format!("went away, or the connection\nbroke. The client's words: {words}{end}");
        for end in [" (certain), and 1 more", "\n   certain; Job om", "\nexit 1", "\n  │   → kubectl logs"] {
            let one = said("pg_dump: error: query failed: FATAL: terminating\n connection", end);
            assert!(same(&one, &said("pg_dump: error: Dumping the contents of table \"t\" failed", end)), "{end}");
            assert!(same(&one, &said("none; it ends without a word where its connection is closed", end)), "{end}");
            assert!(!same(&one, &said("pg_dump: error: query failed", &format!("{end} and something else"))), "{end}");
        }
    }

    #[test]
    fn only_where_lines_break_does_not_count() {
        assert!(same("├─Pod a\n│   it is\n│   full\n", "├─Pod a\n│   it is full\n"));
        assert!(!same("it is full", "it is not full"));
        assert_eq!(differences("a\nb\n", "a\nc\n"), "  - b\n  + c\n");
    }
}
