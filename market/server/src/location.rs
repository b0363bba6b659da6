//! In which network an endpoint is: what placement keeps slots of one contract apart by.

use network::api::Problem;
use network::endpoint::{Endpoint, PlainHttp};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// How long a name may take to be looked up.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// The /24 or /64 that `endpoint` is in.
///
/// Loopback addresses are in no network, so there each endpoint stands for itself: such a market is one
/// machine's.
///
/// # Errors
/// 422 where it is no address, or a name that stands for none.
pub(crate) async fn network_of(endpoint: &str) -> Result<String, Problem> {
    let parsed =
        Endpoint::parse(endpoint, PlainHttp::Anywhere).map_err(|e| invalid(&e.to_string()))?;
    let (host, port) = (parsed.host(), parsed.port());
    let ip = match host.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) => look_up(&host, port).await?,
    };
    Ok(network(ip.to_canonical(), port))
}

async fn look_up(host: &str, port: u16) -> Result<IpAddr, Problem> {
    let found = timeout(LOOKUP_MAX, tokio::net::lookup_host((host, port))).await;
    let found = found.ok().and_then(Result::ok).and_then(|mut addresses| addresses.next());
    found.map(|address| address.ip()).ok_or_else(|| {
        invalid(&format!("the name {host:?} stands for no address; give one that can be reached"))
    })
}

fn network(ip: IpAddr, port: u16) -> String {
    match ip {
        ip if ip.is_loopback() => format!("{ip}:{port}"),
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn invalid(reason: &str) -> Problem {
    let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "invalid_field", format!("endpoint: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn neighbours_share_a_network_and_loopback_endpoints_do_not() {
        for (endpoint, expected) in [
            ("https://198.51.100.7:7443", "198.51.100.0/24"),
            ("https://198.51.100.250:1", "198.51.100.0/24"),
            ("https://[2001:db8:1:2:3::4]:1", "2001:db8:1:2::/64"),
            ("https://[::ffff:198.51.100.7]:1", "198.51.100.0/24"),
            ("http://127.0.0.1:7001", "127.0.0.1:7001"),
            ("http://127.0.0.1:7002", "127.0.0.1:7002"),
        ] {
            assert_eq!(network_of(endpoint).await.as_deref(), Ok(expected), "{endpoint}");
        }
        assert!(network_of("ftp://198.51.100.7").await.is_err());
    }
}
