//! What is said where a protocol begins without TLS and changes over to it. It asks for the change and for nothing else.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How a place begins. `MySQL` is none of these: it counts a handshake that goes no further as an error of its caller, and
/// shuts out who has a hundred of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prelude {
    /// With TLS.
    #[default]
    Tls,
    /// With `SSLRequest`. Source: the frontend/backend protocol of `PostgreSQL`.
    Postgres,
    /// With `EHLO` and `STARTTLS`. Source: RFC 3207.
    Smtp,
}

/// The longest answer that is read.
const LONGEST: usize = 8 * 1024;

/// Says what comes before the handshake.
pub async fn begin<S: AsyncRead + AsyncWrite + Unpin>(prelude: Prelude, stream: &mut S) -> Result<(), String> {
    match prelude {
        Prelude::Tls => Ok(()),
        Prelude::Postgres => {
            // Its length, and the number of no version.
            say(stream, &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await?;
            let answer = stream.read_u8().await.map_err(|e| format!("asking for TLS: {e}"))?;
            if answer == b'S' { Ok(()) } else { Err("it speaks no TLS".to_owned()) }
        }
        Prelude::Smtp => {
            reply(stream, "220").await?;
            say(stream, b"EHLO localhost\r\n").await?;
            reply(stream, "250").await?;
            say(stream, b"STARTTLS\r\n").await?;
            reply(stream, "220").await
        }
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, words: &[u8]) -> Result<(), String> {
    stream.write_all(words).await.map_err(|e| format!("asking for TLS: {e}"))?;
    stream.flush().await.map_err(|e| format!("asking for TLS: {e}"))
}

/// An answer of one or more lines, each with a number before it; the last has a space after that. Byte by byte: what comes
/// after it is the handshake's.
async fn reply<S: AsyncRead + Unpin>(stream: &mut S, wanted: &str) -> Result<(), String> {
    let mut line = Vec::new();
    for _ in 0..LONGEST {
        line.push(stream.read_u8().await.map_err(|e| format!("asking for TLS: {e}"))?);
        if line.last() != Some(&b'\n') {
            continue;
        }
        let said = String::from_utf8_lossy(&line);
        match said.split_at_checked(3) {
            Some((code, rest)) if code == wanted && rest.starts_with('-') => line.clear(),
            Some((code, _)) if code == wanted => return Ok(()),
            _ => return Err(format!("it does not begin TLS: {}", said.trim_end())),
        }
    }
    Err("it does not begin TLS: its answer has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// What comes of it beside a server that answers so, and what that heard.
    async fn beside(prelude: Prelude, answers: &[&[u8]]) -> (Result<(), String>, Vec<u8>) {
        let (mut ours, mut theirs) = duplex(LONGEST * 2);
        for answer in answers {
            theirs.write_all(answer).await.unwrap();
        }
        let ended = begin(prelude, &mut ours).await;
        drop(ours);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        (ended, heard)
    }

    #[tokio::test]
    async fn each_protocol_is_asked_in_its_own_words_and_nothing_after_them_is_read() {
        assert_eq!(beside(Prelude::Tls, &[]).await, (Ok(()), Vec::new()));
        let (ended, heard) = beside(Prelude::Postgres, &[b"S"]).await;
        assert_eq!((ended, heard.as_slice()), (Ok(()), &[0, 0, 0, 8, 4, 210, 22, 47][..]));
        let mail: &[&[u8]] = &[b"220 mail\r\n", b"250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n", b"220 go on\r\n"];
        let (ended, heard) = beside(Prelude::Smtp, mail).await;
        assert_eq!((ended, heard.as_slice()), (Ok(()), &b"EHLO localhost\r\nSTARTTLS\r\n"[..]));
    }

    #[tokio::test]
    async fn who_speaks_no_tls_is_not_called_broken_but_said() {
        assert_eq!(beside(Prelude::Postgres, &[b"N"]).await.0, Err("it speaks no TLS".to_owned()));
        let refused: &[&[u8]] = &[b"220 mail\r\n", b"250 mail\r\n", b"454 TLS not available\r\n"];
        assert_eq!(
            beside(Prelude::Smtp, refused).await.0,
            Err("it does not begin TLS: 454 TLS not available".to_owned())
        );
        let endless = vec![b'2'; LONGEST];
        assert!(beside(Prelude::Smtp, &[&endless]).await.0.unwrap_err().contains("no end"));
    }
}
