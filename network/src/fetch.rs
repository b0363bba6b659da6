//! One small document from a server of the world's: over HTTPS by the certificates that this system trusts, or over plain
//! HTTP. Redirects are not followed.

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long it may take in all.
const WITHIN: Duration = Duration::from_secs(20);
/// Where systems keep the certificates that they trust.
const TRUSTED: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The variable that names another file of certificates.
const TRUSTED_FILE: &str = "SSL_CERT_FILE";

/// Why a document was not fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not an address.
    #[error("{0:?} is no http:// or https:// address")]
    Address(String),
    /// Nothing to trust.
    #[error("no certificates of this system can be read at {}; set {TRUSTED_FILE} to a file of them", .0.display())]
    Certificates(PathBuf),
    /// Unreachable, or not trusted.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Which host.
        host: String,
        /// Why.
        reason: String,
    },
    /// It answered something else.
    #[error("{host} answered with status {status}; 200 is needed")]
    Status {
        /// Which host.
        host: String,
        /// What it answered.
        status: u16,
    },
    /// It took too long.
    #[error("{host} did not answer within {WITHIN:?}")]
    Slow {
        /// Which host.
        host: String,
    },
}

/// What `url` answers to a `GET`, at most `bytes_max` of it.
///
/// # Errors
/// [`FetchError`] where it is no address, nobody answers, or something else than a document comes.
pub async fn fetch(url: &str, bytes_max: usize) -> Result<Bytes, FetchError> {
    let wrong = || FetchError::Address(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let is_tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(wrong()),
    };
    let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let fetched = timeout(WITHIN, async {
        let failed = |reason: String| FetchError::Unreachable { host: host.clone(), reason };
        let tcp = TcpStream::connect((host.as_str(), port)).await;
        let tcp = tcp.map_err(|error| failed(error.to_string()))?;
        if !is_tls {
            return get(tcp, &uri, bytes_max).await;
        }
        let connector = TlsConnector::from(Arc::new(trusting().await?));
        let name = ServerName::try_from(host.clone()).map_err(|e| failed(e.to_string()))?;
        let tls = connector.connect(name, tcp).await.map_err(|e| failed(e.to_string()))?;
        get(tls, &uri, bytes_max).await
    });
    fetched.await.unwrap_or_else(|_| Err(FetchError::Slow { host: host.clone() }))
}

/// TLS by this system's certificates.
async fn trusting() -> Result<ClientConfig, FetchError> {
    let named = std::env::var_os(TRUSTED_FILE).map(PathBuf::from);
    let usual = || TRUSTED.iter().map(Path::new).find(|path| path.exists()).map(Path::to_path_buf);
    let path = named.or_else(usual).unwrap_or_else(|| PathBuf::from(TRUSTED[0]));
    let missing = || FetchError::Certificates(path.clone());
    let pem = tokio::fs::read(&path).await.map_err(|_| missing())?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if roots.is_empty() {
        return Err(missing());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| missing())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn get(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    uri: &Uri,
    bytes_max: usize,
) -> Result<Bytes, FetchError> {
    let host = uri.host().unwrap_or_default().to_owned();
    let failed = |reason: String| FetchError::Unreachable { host: host.clone(), reason };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let request = Request::get(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "bondstore")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Address(uri.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(socket)).await.map_err(|error| failed(error.to_string()))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|e| failed(e.to_string()))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(FetchError::Status { host: host.clone(), status });
        }
        let body = Limited::new(answer.into_body(), bytes_max).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|e| failed(e.to_string()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        done = &mut exchange => done,
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(failed(error.to_string())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers one request with these bytes.
    async fn serving(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /rate?of=btc HTTP/1.1\r\n"));
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        format!("http://{address}/rate?of=btc")
    }

    #[tokio::test]
    async fn a_document_comes_whole_and_nothing_else_is_taken_for_one() {
        let url = serving("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n1234").await;
        assert_eq!(fetch(&url, 4).await.unwrap(), "1234");
        let url = serving("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345").await;
        assert!(matches!(fetch(&url, 4).await, Err(FetchError::Unreachable { .. })));
        let url =
            serving("HTTP/1.1 302 Found\r\nlocation: http://x/\r\ncontent-length: 0\r\n\r\n").await;
        assert!(matches!(fetch(&url, 4).await, Err(FetchError::Status { status: 302, .. })));
        let url = serving("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12").await;
        assert!(matches!(fetch(&url, 9).await, Err(FetchError::Unreachable { .. })));
        for wrong in ["rate.json", "ftp://host/x", "https://", ""] {
            assert!(matches!(fetch(wrong, 4).await, Err(FetchError::Address(_))), "{wrong}");
        }
    }
}
