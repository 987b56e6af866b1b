//! Encrypts to recipients with the user's own `age` executable. (The crate of that name would bring some 180 more.) What is
//! encrypted goes through pipes only: never onto a disk, never onto a command line.

use crate::failure::Failure;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What every file of age begins with.
const HEAD: &[u8] = b"age-encryption.org/v1\n";

/// Whether these recipients can be encrypted to; asked before the first write. Without a program the one on the PATH.
pub async fn check(program: Option<&Path>, recipients: &[String]) -> anyhow::Result<()> {
    encrypt(program, recipients, b"").await.map(drop).map_err(|why| {
        Failure::usage(format!("nothing can be encrypted to {}: {why}", recipients.join(", ")))
            .hint("age-keygen -o omupgrade.key    # prints the recipient; keep the file where the cluster is not")
            .hint("kubectl omupgrade backup RELEASE --with-secrets --recipient age1… --age /path/to/age")
            .into()
    })
}

/// The text, for these recipients' eyes only.
pub async fn encrypt(program: Option<&Path>, recipients: &[String], plain: &[u8]) -> Result<Vec<u8>, String> {
    if let Some(odd) = recipients.iter().find(|r| !(r.starts_with("age1") || r.starts_with("ssh-"))) {
        return Err(format!("`{odd}` is no recipient: age1…, or an ssh public key"));
    }
    let program = program.unwrap_or(Path::new("age"));
    let mut command = Command::new(program);
    for recipient in recipients {
        command.arg("--recipient").arg(recipient);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let shown = program.display();
    let mut child = command.spawn().map_err(|e| format!("starting {shown}: {e}"))?;
    let mut stdin = child.stdin.take().ok_or("age has no standard input")?;
    let text = plain.to_vec();
    let feeding = tokio::spawn(async move {
        stdin.write_all(&text).await?;
        stdin.shutdown().await
    });
    let output = child.wait_with_output().await.map_err(|e| format!("waiting for {shown}: {e}"))?;
    let fed = feeding.await;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown} says: {}", said.lines().next().unwrap_or("nothing").trim()));
    }
    match fed {
        Ok(Ok(())) if output.stdout.starts_with(HEAD) => Ok(output.stdout),
        _ => Err(format!("{shown} made no file of age")),
    }
}
