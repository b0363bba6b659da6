//! TLS 1.3 in which a node's own Ed25519 key is its certificate (RFC 7250 raw public keys).
//!
//! There are no authorities: a client knows whom it wants to reach, and accepts that key alone.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::{CertifiedKey, Signer as TlsSigner, SigningKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, ServerConfig,
    SignatureAlgorithm, SignatureScheme,
};
use std::fmt;
use std::sync::{Arc, OnceLock};
use types::{Did, Signer};

/// What precedes an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// The peer showed another key than the one expected of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer there shows the key of {presented}, but {expected} is expected")]
pub struct WrongKey {
    /// Who was to be reached.
    pub expected: Did,
    /// Who answered.
    pub presented: Did,
}

/// How a server proves that it is the party that `signer` signs for.
///
/// # Errors
/// Only where the cryptography library lacks TLS 1.3.
pub fn server_config(signer: Arc<dyn Signer>) -> Result<Arc<ServerConfig>, Error> {
    let spki = spki(&signer.did());
    let key = Arc::new(PartyKey(signer));
    let certified = CertifiedKey::new(vec![CertificateDer::from(spki)], key);
    let resolver = AlwaysResolvesServerRawPublicKeys::new(Arc::new(certified));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// How a client recognises the one peer that `pin` stands for.
pub(crate) fn client_config(pin: Arc<Pin>) -> Result<Arc<ClientConfig>, Error> {
    let verifier = PinVerifier { pin, provider: provider() };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The one key that is accepted: given, or that of the first handshake.
#[derive(Debug, Default)]
pub(crate) struct Pin(OnceLock<Did>);

impl Pin {
    /// Accepts `did` alone; without it, whoever answers first, and nobody else afterwards.
    pub(crate) fn new(did: Option<Did>) -> Self {
        Self(did.map_or_else(OnceLock::new, OnceLock::from))
    }

    /// The accepted key, once there is one.
    pub(crate) fn did(&self) -> Option<Did> {
        self.0.get().copied()
    }

    fn check(&self, presented: Did) -> Result<(), WrongKey> {
        let expected = *self.0.get_or_init(|| presented);
        if expected == presented { Ok(()) } else { Err(WrongKey { expected, presented }) }
    }

    /// The same check for a handshake whose signature is not verified yet: it must not fill the pin.
    fn check_known(&self, presented: Did) -> Result<(), WrongKey> {
        self.did().map_or(Ok(()), |_| self.check(presented))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn spki(did: &Did) -> Vec<u8> {
    [SPKI_PREFIX.as_slice(), &did.0].concat()
}

fn party_of(spki: &CertificateDer<'_>) -> Result<Did, Error> {
    spki.as_ref()
        .strip_prefix(&SPKI_PREFIX)
        .and_then(|key| key.try_into().ok())
        .map(Did)
        .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn refuse(wrong: WrongKey) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(wrong))))
}

#[derive(Debug)]
struct PinVerifier {
    pin: Arc<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.pin.check_known(party_of(end_entity)?).map_err(refuse)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let key = SubjectPublicKeyInfoDer::from(cert.as_ref());
        let valid = verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)?;
        self.pin.check(party_of(cert)?).map_err(refuse)?;
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A party's [`Signer`] as a TLS key, so that a key that never leaves its hardware can serve TLS too.
struct PartyKey(Arc<dyn Signer>);

impl fmt::Debug for PartyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartyKey({})", self.0.did())
    }
}

impl SigningKey for PartyKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn TlsSigner>> {
        offered
            .contains(&SignatureScheme::ED25519)
            .then(|| Box::new(Self(Arc::clone(&self.0))) as Box<dyn TlsSigner>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(spki(&self.0.did())))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl TlsSigner for PartyKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
