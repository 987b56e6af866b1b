//! The flags that every verb takes: kubectl's own names and meanings. Data only.

use crate::facts::Secret;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// kubectl's flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct Flags {
    /// The kubeconfig file; without it KUBECONFIG (a list) and ~/.kube/config are read.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The cluster of the kubeconfig, instead of the context's.
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The user of the kubeconfig, instead of the context's.
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// The API server, instead of the kubeconfig's: https://HOST:PORT.
    #[arg(short, long, global = true, value_name = "URL", value_parser = url)]
    pub server: Option<String>,
    /// The authority that the API server's certificate has to be of, instead of the kubeconfig's.
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Take any certificate for the API server's: whoever stands between reads along.
    #[arg(long, global = true, conflicts_with = "certificate_authority")]
    pub insecure_skip_tls_verify: bool,
    /// The name in the API server's certificate, where it is not the one that it is reached by.
    #[arg(long, global = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// The token to log in with, instead of the kubeconfig's user.
    #[arg(long, global = true, value_name = "TOKEN")]
    pub token: Option<Secret<String>>,
    /// The certificate to log in with.
    #[arg(long, global = true, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, global = true, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// The namespace of the release; without it the context's.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Act as this user.
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Act as a member of this group; repeatable.
    #[arg(long, global = true, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// Act as the user with this identity, besides the name.
    #[arg(long, global = true, value_name = "UID")]
    pub as_uid: Option<String>,
    /// How long one question to the cluster may take (30s, 2m; 0: for ever).
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,
    /// How the answer is written.
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: Format,
    /// Log every question to the API server on standard error; twice for what the client does besides.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The address of an API server; an empty one is none.
///
/// ```
/// use kubectl_omupgrade::cli::flags::url;
/// assert!(url("https://10.0.0.1:6443").is_ok() && url("http://localhost:8001/proxy").is_ok() && url("").is_ok());
/// for wrong in ["10.0.0.1:6443", "localhost", "ftp://x", "https://", "https://a b", "https://u:p@x"] {
///     assert!(url(wrong).is_err(), "{wrong}");
/// }
/// ```
pub fn url(text: &str) -> Result<String, String> {
    let read = text.parse::<http::Uri>().ok();
    // A password in it would be shown with it.
    let fine = |url: http::Uri| {
        matches!(url.scheme_str(), Some("https" | "http")) && url.authority().is_some_and(|a| !a.as_str().contains('@'))
    };
    if text.is_empty() || read.is_some_and(fine) {
        Ok(text.to_owned())
    } else {
        Err("no address of an API server: write https://HOST:PORT".to_owned())
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For people, with more columns.
    Wide,
    /// For programs.
    Json,
    /// For programs.
    Yaml,
}

/// What `-o` takes: an [`Output`], or one of those that only verbs with checks can write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For people, with more columns.
    Wide,
    /// For programs.
    Json,
    /// For programs.
    Yaml,
    /// For CI, a case per check: precheck and validate only.
    Junit,
    /// For a change request, a table of the checks: precheck and validate only.
    Markdown,
}

impl Format {
    /// The one that every verb can write.
    pub fn output(self) -> Option<Output> {
        match self {
            Self::Text => Some(Output::Text),
            Self::Wide => Some(Output::Wide),
            Self::Json => Some(Output::Json),
            Self::Yaml => Some(Output::Yaml),
            Self::Junit | Self::Markdown => None,
        }
    }
}

impl Output {
    /// Whether a program reads it: then standard output holds nothing else.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// No span is longer: a moment that lies further ahead than clocks reach cannot be waited for. Chosen: a hundred years.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// A span as kubectl and Go write it: `90s`, `1h30m`, `500ms`, and bare numbers as seconds.
///
/// ```
/// use kubectl_omupgrade::cli::flags::duration;
/// assert_eq!(duration("1h30m").unwrap().as_secs(), 5400);
/// assert_eq!(duration("45").unwrap().as_secs(), 45);
/// assert!(duration("0s").unwrap().is_zero());
/// assert!(duration("soon").is_err());
/// assert!(duration("18446744073709551615").is_err() && duration("9000000h").is_err());
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time: write 30s, 5m or 1h30m");
    let sane = |span: Duration| if span > LONGEST { Err(wrong()) } else { Ok(span) };
    if let Ok(seconds) = text.parse::<u64>() {
        return sane(Duration::from_secs(seconds));
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        total = sane(total + Duration::from_millis(number.checked_mul(milliseconds).ok_or_else(wrong)?))?;
        rest = tail;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// A host, or a host with a port.
///
/// ```
/// use kubectl_omupgrade::cli::flags::address;
/// assert!(address("om.data.svc").is_ok() && address("localhost:8585").is_ok() && address("[::1]:8585").is_ok());
/// for wrong in ["", "https://om.example", "om.example/path", "om:port", "om:", "::1", "a b"] {
///     assert!(address(wrong).is_err(), "{wrong}");
/// }
/// ```
pub fn address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).filter(|_| port.is_some());
    let named = !host.is_empty() && !host.contains([':', '/', '@']) && !host.contains(char::is_whitespace);
    let written = bare.is_some_and(|h| h.parse::<std::net::Ipv6Addr>().is_ok());
    let port = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0));
    if (named || written) && port {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no address: write host or host:port, without https:// and without a path"))
    }
}

/// An address, or a Service of a namespace: `monitoring/prometheus:9090`.
///
/// ```
/// use kubectl_omupgrade::cli::flags::service;
/// assert!(service("monitoring/prometheus:9090").is_ok() && service("monitoring/prometheus").is_ok());
/// assert!(service("localhost:9090").is_ok());
/// for wrong in ["http://localhost:9090", "/prometheus", "monitoring/", "a/b/c", "a/b:x"] {
///     assert!(service(wrong).is_err(), "{wrong}");
/// }
/// ```
pub fn service(text: &str) -> Result<String, String> {
    let fine = match text.split_once('/') {
        Some((namespace, service)) => {
            !namespace.is_empty() && !namespace.contains(':') && !service.starts_with('[') && address(service).is_ok()
        }
        None => address(text).is_ok(),
    };
    let wrong = || format!("`{text}` is neither host:port nor NAMESPACE/SERVICE:PORT");
    if fine { Ok(text.to_owned()) } else { Err(wrong()) }
}
