//! The same command, to be typed again: hints carry everything that was said the first time, so that they can be typed as
//! they stand.

use super::Of;
use super::make::Args;
use shared::backup::JOBS;
use std::fmt::Write;
use std::time::Duration;

/// The command that backs up with what was said, of a release `RELEASE -n NAMESPACE`.
pub(super) fn again(args: &Args, on: &str) -> String {
    let mut out = format!("kubectl omupgrade backup {on}{}", of(&args.of));
    if let Some(to) = &args.to {
        let _ = write!(out, " --to {to}");
    }
    if let Some(receipt) = &args.receipt {
        let _ = write!(out, " --receipt {}", receipt.display());
    }
    if args.with_secrets {
        out.push_str(" --with-secrets");
    }
    for recipient in &args.recipients {
        let _ = write!(out, " --recipient '{recipient}'");
    }
    if let Some(age) = &args.age {
        let _ = write!(out, " --age {}", age.display());
    }
    if args.fernet_key_held_elsewhere {
        out.push_str(" --fernet-key-held-elsewhere");
    }
    if args.jobs != JOBS {
        let _ = write!(out, " --jobs {}", args.jobs);
    }
    if args.timeout != Args::default().timeout {
        let _ = write!(out, " --timeout {}", span(args.timeout));
    }
    out
}

/// What was said of the claim and of our Pods.
pub(super) fn of(of: &Of) -> String {
    let named = [("--claim", &of.claim), ("--client-image", &of.client_image)];
    let named = named.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", value.as_ref()?)));
    named.chain(of.pod_labels.iter().map(|(key, value)| format!(" --pod-label {key}={value}"))).collect()
}

/// As it is typed.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_said_is_lost() {
        assert_eq!(again(&Args::default(), "om -n data"), "kubectl omupgrade backup om -n data");
        let args = Args {
            of: Of {
                release: Some("om".into()),
                claim: Some("c".into()),
                client_image: Some("mirror/postgres:15".into()),
                pod_labels: vec![("net".into(), "db".into())],
            },
            to: Some("1.13.1".into()),
            receipt: Some("r.json".into()),
            with_secrets: true,
            recipients: vec!["ssh-ed25519 AAAA".into()],
            age: Some("/opt/age".into()),
            fernet_key_held_elsewhere: false,
            jobs: 2,
            timeout: Duration::from_mins(90),
            dry_run: true,
        };
        assert_eq!(
            again(&args, "om -n data"),
            "kubectl omupgrade backup om -n data --claim c --client-image mirror/postgres:15 --pod-label net=db \
             --to 1.13.1 --receipt r.json --with-secrets --recipient 'ssh-ed25519 AAAA' --age /opt/age --jobs 2 --timeout 90m"
        );
    }
}
