//! TLS as libpq's `sslmode` has it, made with rustls and aws-lc-rs.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::ConnectError;
use crate::target::{SslMode, Target};

/// A connector that checks what the target's `sslmode` asks for.
pub(crate) fn connector(target: &Target) -> Result<MakeRustlsConnect, ConnectError> {
    Ok(MakeRustlsConnect::new(client_config(target)?))
}

/// TLS towards a server that checks what the target's `sslmode` asks for, for whoever speaks the protocol without us.
/// Whether TLS may be left out is not in it.
pub fn client_config(target: &Target) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let checks = match target.ssl_mode {
        SslMode::VerifyFull => Checks::ChainAndName,
        SslMode::VerifyCa => Checks::Chain,
        // as libpq: naming an authority asks for it to be verified
        SslMode::Require if target.ssl_root_cert.is_some() => Checks::Chain,
        SslMode::Disable | SslMode::Prefer | SslMode::Require => Checks::Nothing,
    };
    let trusted = match (&target.ssl_root_cert, checks) {
        (_, Checks::Nothing) => Vec::new(),
        (Some(file), _) => certificates(file)?,
        (None, _) => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());
    if checks != Checks::Nothing && roots.is_empty() {
        return Err(ConnectError::NoTrustedAuthority { at: target.at() });
    }
    let verifier = Arc::new(Verifier { checks, roots, trusted, provider: provider.clone() });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| ConnectError::TlsSetup { source })?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match &target.ssl_client {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|source| ConnectError::CertificateFile { path: key.clone(), source })?;
            builder.with_client_auth_cert(chain, key).map_err(|source| ConnectError::TlsSetup { source })?
        }
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let unreadable = |source| ConnectError::CertificateFile { path: file.to_owned(), source };
    CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checks {
    Nothing,
    Chain,
    ChainAndName,
}

/// Checks a server's certificate as far as asked. The handshake's signature is checked in every mode.
#[derive(Debug)]
struct Verifier {
    checks: Checks,
    roots: RootCertStore,
    trusted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.checks == Checks::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(server)?;
        // a self-signed certificate that is itself trusted needs no chain
        if !self.trusted.iter().any(|t| t.as_ref() == server.as_ref()) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)?;
        }
        if self.checks == Checks::ChainAndName {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
