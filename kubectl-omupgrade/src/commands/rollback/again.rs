//! The same command, to be typed again: hints carry everything that was said the first time, so that they can be typed as
//! they stand.

use super::Args;
use super::check::CHECKING;

/// The command that restores this backup under a revision; under the one that runs where the revision stays.
pub(super) fn again(args: &Args, release: &str, namespace: &str, revision: u64, backup: &str) -> String {
    let mut out = if args.stay {
        format!("kubectl omupgrade backup restore {release} {backup} -n {namespace}")
    } else {
        format!("kubectl omupgrade rollback {release} {revision} -n {namespace} --restore --backup {backup}")
    };
    let image = if args.stay { "--client-image" } else { "--probe-image" };
    let named = [
        ("--claim", &args.claim),
        ("--admin-secret", &args.admin_secret),
        (image, &args.probe_image),
        ("--backup-of", &args.backup_of),
    ];
    for (flag, value) in named.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?))) {
        out = format!("{out} {flag} {value}");
    }
    if let Some(helm) = args.helm.as_ref().filter(|_| !args.stay) {
        out = format!("{out} --helm {}", helm.display());
    }
    for (key, value) in &args.pod_labels {
        out = format!("{out} --pod-label {key}={value}");
    }
    // A shorter one is shorter than any check of a backup may take.
    if args.timeout > CHECKING {
        out = format!("{out} --timeout {}m", args.timeout.as_secs().div_ceil(60));
    }
    let said = [
        ("--no-dump", args.no_dump),
        ("--in-place", args.in_place),
        ("--accept-other-fernet-key", args.accept_other_fernet_key),
        ("--accept-other-jwt-key", args.accept_other_jwt_key),
        ("--yes", args.yes),
    ];
    said.into_iter().filter(|(_, said)| *said).fold(out, |out, (flag, _)| format!("{out} {flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn nothing_that_was_said_is_lost() {
        let args = Args {
            claim: Some("c".into()),
            admin_secret: Some("a".into()),
            probe_image: Some("mirror/postgres:15".into()),
            pod_labels: vec![("net".into(), "db".into())],
            in_place: true,
            timeout: Duration::from_hours(30),
            ..Args::default()
        };
        assert_eq!(
            again(&args, "om", "data", 3, "b"),
            "kubectl omupgrade rollback om 3 -n data --restore --backup b --claim c --admin-secret a \
             --probe-image mirror/postgres:15 --pod-label net=db --timeout 1800m --in-place"
        );
        let stays = Args { stay: true, ..args };
        assert!(again(&stays, "om", "data", 3, "b").starts_with(
            "kubectl omupgrade backup restore om b -n data --claim c --admin-secret a --client-image mirror/postgres:15"
        ));
    }
}
