//! The way back by a snapshot that somebody else keeps. No helm and no Pod of ours can go it: a restored instance has a new
//! address, so what is left to say is exactly which steps a person takes.

use super::Refusal;
use crate::verdict::Way;
use shared::backup::Record;

/// What stands against restoring from a snapshot, where the backup that would be taken is one.
pub fn elsewhere(
    way: Way,
    backup: Option<&str>,
    backups: &[(String, Record)],
    release: &str,
    namespace: &str,
) -> Option<Refusal> {
    let (name, record) = backups.iter().find(|(name, _)| Some(name.as_str()) == backup)?;
    let external = record.external.as_ref().filter(|_| way == Way::Restore)?;
    let of = record.of.as_ref();
    let version = of.map_or("VERSION", |of| of.chart_version.as_str());
    let revision = of.map_or(0, |of| of.revision);
    Some(Refusal {
        why: format!(
            "{name} is a snapshot that {} keeps: it comes back as an instance with a new address, so the way back is the old chart, the old values and that host, checked by fingerprint",
            external.provider
        ),
        hints: vec![
            format!(
                "kubectl omupgrade backup bring-back {release} -n {namespace} {name} --commands FILE    # makes the instance, compares it, prints its host"
            ),
            format!(
                "(umask 077 && helm get values {release} -n {namespace} --revision {revision} -o yaml > old.yaml)    # holds secrets"
            ),
            format!(
                "helm upgrade {release} CHART --version {version} -n {namespace} -f old.yaml --set openmetadata.config.database.host=HOST"
            ),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_no_backup_that_a_pod_restores() {
        let record = |external: &str| -> Record {
            serde_json::from_str(&format!(
                r#"{{"v":1,"origin":"snapshot","release":"om","namespace":"data","target":"","engine":"mysql","server_version":"9","client_version":"","database":"d","host":"","started":"2026-11-22T12:00:00Z","finished":"2026-11-22T12:00:00Z","files":[],"fingerprint":{{}},"schema_head":"1.12.3"{external}}}"#
            ))
            .unwrap()
        };
        let all = [
            ("dump".to_owned(), record("")),
            (
                "s1".to_owned(),
                record(r#","external":{"provider":"rds","snapshot":"s1","commands_sha256":"","rows_after":{}}"#),
            ),
        ];
        let refused = elsewhere(Way::Restore, Some("s1"), &all, "om", "data").unwrap();
        assert!(refused.why.contains("rds keeps") && refused.why.contains("checked by fingerprint"), "{}", refused.why);
        assert!(refused.hints[0].contains("backup bring-back om -n data s1"));
        assert_eq!(elsewhere(Way::Restore, Some("dump"), &all, "om", "data"), None);
        assert_eq!(elsewhere(Way::CodeOnly, Some("s1"), &all, "om", "data"), None);
        assert_eq!(elsewhere(Way::Restore, None, &all, "om", "data"), None);
    }
}
