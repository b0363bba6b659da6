//! Where a peer answers, and which key it must show there.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use types::Did;
use url::{Host, Url};

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an address of a peer.
    #[error(
        "{url:?} is not a peer's address ({reason}); https://host:port is needed, or \
         http://127.0.0.1:port on this machine, with #did:key:… behind it where the key is known"
    )]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Plain HTTP would leave this machine.
    #[error(
        "{0} would send plain HTTP to another machine; use https://, or allow it with --insecure-http"
    )]
    PlainRemote(String),
    /// The address names one key, and another is expected.
    #[error("{url} names the key {named}, but {expected} is expected there")]
    OtherKey {
        /// The address.
        url: String,
        /// The key behind its `#`.
        named: Did,
        /// The key that is expected.
        expected: Did,
    },
}

/// Whether unencrypted HTTP may leave this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to loopback addresses.
    #[default]
    LoopbackOnly,
    /// To any host: an explicit choice (`--insecure-http`).
    Anywhere,
}

/// A peer's address: scheme, host and port, and the key that is pinned there.
///
/// ```
/// use network::endpoint::{Endpoint, PlainHttp};
/// let here = Endpoint::parse("http://127.0.0.1:7000", PlainHttp::LoopbackOnly).unwrap();
/// assert_eq!(here.to_string(), "http://127.0.0.1:7000");
/// assert!(Endpoint::parse("http://198.51.100.7:7000", PlainHttp::LoopbackOnly).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: Host<String>,
    port: u16,
    pin: Option<Did>,
    plain: PlainHttp,
}

impl Endpoint {
    /// Reads `https://host:port`, `http://127.0.0.1:port`, either with `#did:key:…`.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, EndpointError> {
        let malformed = |reason: &str| EndpointError::Malformed {
            url: text.chars().take(200).collect(),
            reason: reason.to_owned(),
        };
        let url = Url::parse(text.trim()).map_err(|error| malformed(&error.to_string()))?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(malformed("neither https nor http")),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(malformed("it has a path"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(malformed("it has a user name"));
        }
        let host = url.host().ok_or_else(|| malformed("it has no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| malformed("it has no port"))?;
        let pin = match url.fragment() {
            None | Some("") => None,
            Some(did) => Some(Did::from_str(did).map_err(|e| malformed(&e.to_string()))?),
        };
        let endpoint = Self { tls, host, port, pin, plain };
        if !tls && plain == PlainHttp::LoopbackOnly && !endpoint.may_be_loopback() {
            return Err(EndpointError::PlainRemote(endpoint.to_string()));
        }
        Ok(endpoint)
    }

    /// This address with the key `did` pinned.
    ///
    /// # Errors
    /// [`EndpointError::OtherKey`] when the address itself names another key.
    pub fn pinned(mut self, did: Did) -> Result<Self, EndpointError> {
        if let Some(named) = self.pin.filter(|named| *named != did) {
            return Err(EndpointError::OtherKey { url: self.to_string(), named, expected: did });
        }
        self.pin = Some(did);
        Ok(self)
    }

    /// The key that the peer must show.
    pub fn pin(&self) -> Option<Did> {
        self.pin
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host name or address, without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a connection to `ip` keeps to what this address allows.
    pub(crate) fn allows(&self, ip: IpAddr) -> bool {
        self.tls || self.plain == PlainHttp::Anywhere || ip.to_canonical().is_loopback()
    }

    fn may_be_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.to_canonical().is_loopback(),
        }
    }
}

impl fmt::Display for Endpoint {
    /// The address without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{SecretKey, Signer};

    #[test]
    fn addresses_read_and_show_alike() {
        for text in ["https://example.org:7443", "http://127.0.0.1:1", "http://[::1]:80"] {
            let endpoint = Endpoint::parse(text, PlainHttp::LoopbackOnly).unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        for text in ["http://198.51.100.7:80", "http://example.org", "http://[2001:db8::1]:80"] {
            let refused = Endpoint::parse(text, PlainHttp::LoopbackOnly).unwrap_err();
            assert!(matches!(refused, EndpointError::PlainRemote(_)), "{refused}");
            assert!(Endpoint::parse(text, PlainHttp::Anywhere).is_ok());
        }
        let mapped = Endpoint::parse("http://[::ffff:127.0.0.1]:80", PlainHttp::LoopbackOnly);
        assert!(mapped.is_ok());
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_found_out_when_it_is_dialled() {
        let [here, there]: [IpAddr; 2] =
            ["127.0.0.1", "198.51.100.7"].map(|ip| ip.parse().unwrap());
        let allows = |text, plain| {
            let endpoint = Endpoint::parse(text, plain).unwrap();
            (endpoint.allows(here), endpoint.allows(there))
        };
        assert_eq!(allows("http://localhost:1", PlainHttp::LoopbackOnly), (true, false));
        assert_eq!(allows("http://localhost:1", PlainHttp::Anywhere), (true, true));
        assert_eq!(allows("https://localhost:1", PlainHttp::LoopbackOnly), (true, true));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "example.org", "ftp://example.org", "https://a/b", "https://u@a", "https://a#did"]
        {
            let refused = Endpoint::parse(text, PlainHttp::Anywhere).unwrap_err();
            assert!(matches!(refused, EndpointError::Malformed { .. }), "{text}: {refused}");
        }
    }

    #[test]
    fn a_key_behind_the_address_is_the_pin() {
        let did = SecretKey::from_seed(&[1; 32]).did();
        let text = format!("https://example.org:1#{did}");
        let endpoint = Endpoint::parse(&text, PlainHttp::LoopbackOnly).unwrap();
        assert_eq!(endpoint.pin(), Some(did));
        assert_eq!(endpoint.to_string(), "https://example.org:1");
        let other = SecretKey::from_seed(&[2; 32]).did();
        assert!(matches!(endpoint.pinned(other), Err(EndpointError::OtherKey { .. })));
    }
}
