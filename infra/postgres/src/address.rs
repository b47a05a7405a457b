//! A server's address: what the URL says to the driver, and what it says of TLS.
//!
//! The driver knows `sslmode` up to `require` and nothing of certificates, so those parameters are taken out of the URL
//! here; all others are the driver's, and it refuses what it does not know.

use std::path::PathBuf;
use std::str::FromStr;

use carelog_domain::ports::Failure;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::failure::PORT;

/// How far the server is trusted, as libpq means it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it; whoever listens in learns nothing, but nobody is identified.
    Prefer,
    /// TLS or nothing; the certificate is looked at only when `sslrootcert` is given.
    Require,
    /// The certificate must come from a known authority.
    VerifyCa,
    /// And it must be made out to the host that was asked for.
    VerifyFull,
}

/// A parsed address.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: TlsMode,
    /// PEM file of the authorities; the system's where there is none.
    pub(crate) authorities: Option<PathBuf>,
}

impl FromStr for TlsMode {
    type Err = Failure;

    fn from_str(word: &str) -> Result<TlsMode, Failure> {
        Ok(match word {
            "disable" => TlsMode::Disable,
            "prefer" => TlsMode::Prefer,
            "require" => TlsMode::Require,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-full" => TlsMode::VerifyFull,
            _ => return Err(refused("sslmode is disable, prefer, require, verify-ca or verify-full")),
        })
    }
}

impl Address {
    /// Reads a URL. What is wrong with one is said without showing it, since it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Address, Failure> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(refused("it begins with postgres:// and looks like postgres://user@host:5432/database"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut tls, mut authorities, mut others) = (None, None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", word)) => tls = Some(word.parse()?),
                Some(("sslrootcert", path)) => authorities = Some(PathBuf::from(decoded(path)?)),
                _ => others.push(parameter),
            }
        }
        let url = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let config: Config = url.parse().map_err(|error| refused("check its parts").caused_by(shown(&error)))?;
        Address::new(config, tls, authorities)
    }

    fn new(mut config: Config, asked: Option<TlsMode>, authorities: Option<PathBuf>) -> Result<Address, Failure> {
        if config.get_hosts().is_empty() {
            return Err(refused("it names no host"));
        }
        // Nobody stands between this program and a socket of this machine, and servers there have no certificate as a
        // rule; across a network patients' names go to nobody but the one who was asked for.
        let mut tls = asked.unwrap_or(if is_here(&config) { TlsMode::Prefer } else { TlsMode::VerifyFull });
        if tls == TlsMode::Require && authorities.is_some() {
            tls = TlsMode::VerifyCa;
        }
        if config.get_hosts().iter().all(is_socket) && config.get_hostaddrs().is_empty() {
            tls = TlsMode::Disable;
        }
        config.ssl_mode(match tls {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        Ok(Address { config, tls, authorities })
    }

    /// Each host with its port.
    pub(crate) fn hosts(&self) -> Vec<(Host, u16)> {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().cloned().enumerate();
        hosts.map(|(index, host)| (host, port(index))).collect()
    }

    /// Host and port, for messages.
    pub(crate) fn shown(&self) -> String {
        let hosts = self.hosts().into_iter().map(|(host, port)| match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        });
        hosts.collect::<Vec<_>>().join(",")
    }
}

fn is_socket(host: &Host) -> bool {
    !matches!(host, Host::Tcp(_))
}

fn is_here(config: &Config) -> bool {
    let here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(here) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// Undoes percent encoding, which a path in a URL may need.
fn decoded(text: &str) -> Result<String, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        let byte = match (first, others) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let digits = [*high, *low];
                std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            (byte, _) => Some(*byte),
        };
        bytes.push(byte.ok_or_else(|| refused("sslrootcert has a % that is not followed by two hex digits"))?);
    }
    String::from_utf8(bytes).map_err(|_| refused("sslrootcert is not UTF-8"))
}

fn refused(how: &str) -> Failure {
    Failure::lasting(PORT, format!("the address of the database cannot be used: {how}"))
}

/// The driver's complaint about a URL names a parameter, never its value.
fn shown(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls_of(url: &str) -> TlsMode {
        Address::parse(url).expect("an address").tls
    }

    #[test]
    fn what_is_not_on_this_machine_must_prove_who_it_is_unless_the_url_says_otherwise() {
        assert_eq!(tls_of("postgres://u@db.chain.example/carelog"), TlsMode::VerifyFull);
        assert_eq!(tls_of("postgres://u@10.0.0.7/carelog?sslmode=prefer"), TlsMode::Prefer);
        assert_eq!(tls_of("postgres://u@127.0.0.1:5433/carelog"), TlsMode::Prefer);
        assert_eq!(tls_of("postgres://u@db/carelog?sslmode=require"), TlsMode::Require);
        assert_eq!(tls_of("postgres://u@db/carelog?sslmode=require&sslrootcert=%2Fetc%2Fca.pem"), TlsMode::VerifyCa);
        assert_eq!(tls_of("postgres://u@%2Frun%2Fpostgresql/carelog?sslmode=verify-full"), TlsMode::Disable);
    }

    #[test]
    fn what_the_driver_knows_stays_in_the_url_and_what_nobody_knows_is_refused() {
        let address = Address::parse("postgres://u@a,b:6432/carelog?sslmode=disable&target_session_attrs=read-write");
        let address = address.expect("an address");
        assert_eq!(address.shown(), "a:5432,b:6432");
        assert!(Address::parse("postgres://u@a/carelog?sslcert=mine.pem").is_err());
        assert!(Address::parse("postgres://u@a/carelog?sslmode=allow").is_err());
        assert!(Address::parse("host=a user=u").is_err());
        assert!(Address::parse("postgres:///carelog").is_err());
    }

    #[test]
    fn a_refusal_does_not_show_the_password() {
        let error = Address::parse("postgres://u:hunter2@a:notaport/carelog").expect_err("refused");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
