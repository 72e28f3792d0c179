//! Certificates from a real authority: Let's Encrypt's Pebble (the Debian package `pebble`), on loopback ports.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod pebble;

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tenantry_edge::directory::{Directory, Snapshot, SnapshotBuilder, TenantFacts, TenantState};
use tenantry_gateway::settings::*;
use tenantry_gateway::tls::{Certificates, server_config};
use tenantry_gateway::{Gateway, Settings};
use tenantry_model::{KeyKind, TenantKey};
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use pebble::Pebble;

/// Longest wait for a certificate.
const WAIT_MAX: Duration = Duration::from_secs(150);

fn tenants(generation: u64, state: TenantState) -> Snapshot {
    let mut builder = SnapshotBuilder::new(KeyKind::Integer, generation);
    let domains = vec![Arc::from("shop.acme.com")];
    builder.add(TenantFacts { domains, state, ..TenantFacts::new(TenantKey::Integer(1)) }).unwrap();
    builder.build().unwrap()
}

fn start(pebble: &Pebble, folder: &Path, challenge: Challenge, directory: Directory) -> Gateway {
    let certificates = Certificates::default();
    let upstream = UpstreamSettings {
        name: "app".into(),
        servers: vec!["127.0.0.1:1".into()],
        tls: None,
        connections_max: 1,
        idle_max: 1,
        idle_within: Duration::from_secs(1),
        health_path: None,
        health_every: Duration::from_secs(1),
    };
    let route = RouteSettings {
        name: "all".into(),
        path: "/".into(),
        upstream: 0,
        tenant: TenantNeed::Required,
        authentication: Authentication::Anonymous,
        trust_names: false,
        query_names: Vec::new(),
        body_names: Vec::new(),
        body_bytes_max: None,
        webhook: None,
        cors: None,
        cache: None,
    };
    let acme = AcmeSettings {
        directory_url: pebble.directory(),
        contacts: vec!["mailto:ops@example.com".into()],
        challenge,
        folder: folder.join("certificates"),
        key: Zeroizing::new([3; 32]),
        root: Some(pebble.root()),
        names: Vec::new(),
        orders_per_hour: 10,
        certificates: certificates.clone(),
    };
    let settings = Settings {
        listen: vec![format!("127.0.0.1:{}", pebble.tls_port).parse().unwrap()],
        redirect: vec![format!("127.0.0.1:{}", pebble.http_port).parse().unwrap()],
        workers: 1,
        directory,
        base_domains: Vec::new(),
        reserved_labels: Vec::new(),
        hosts: Vec::new(),
        single_tenant: None,
        tenant_headers: Vec::new(),
        stamp_headers: Vec::new(),
        trusted_proxies: Vec::new(),
        routes: vec![Arc::new(route)],
        upstreams: vec![Arc::new(upstream)],
        issuers: Vec::new(),
        context: None,
        pass: None,
        tls: Some(Arc::new(server_config(certificates).unwrap())),
        acme: Some(Arc::new(acme)),
        bounds: Bounds::default(),
        times: Times::default(),
        rates: Rates::default(),
        exact: None,
        maintenance: Maintenance::default(),
        security_headers: true,
        access_log: AccessLog::Off,
        answers: None,
        traces: None,
        ask_path: None,
    };
    Gateway::start(settings).unwrap()
}

/// Takes every certificate: here it is looked at, not trusted.
#[derive(Debug)]
struct Any(rustls::crypto::CryptoProvider);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Who issued the certificate that is shown for a name; `None` if there is no handshake.
fn issuer_of(gateway: &Gateway, name: &str) -> Option<String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider.clone()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
    let config = builder.with_custom_certificate_verifier(Arc::new(Any(provider))).with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let mut stream = TcpStream::connect(gateway.addresses()[0]).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut stream).ok()?;
    }
    let shown = x509_cert::Certificate::from_der(&session.peer_certificates()?[0]).unwrap();
    Some(shown.tbs_certificate.issuer.to_string())
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < WAIT_MAX, "never {what}");
        std::thread::yield_now();
    }
}

fn has_certificate(gateway: &Gateway) -> bool {
    issuer_of(gateway, "shop.acme.com").is_some_and(|issuer| issuer.contains("Pebble"))
}

#[test]
fn a_tenants_domain_gets_a_certificate_keeps_it_and_loses_it_with_the_tenant() {
    let pebble = Pebble::start();
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(tenants(1, TenantState::Active)).unwrap();
    let gateway = start(&pebble, folder.path(), Challenge::TlsAlpn01, directory.clone());
    assert!(issuer_of(&gateway, "shop.bolt.com").is_none(), "h12: nobody's name");
    until("a certificate", || has_certificate(&gateway));
    for name in ["shop.bolt.com", "x.shop.acme.com", "acme.com"] {
        assert!(issuer_of(&gateway, name).is_none(), "h12: {name}");
    }
    assert_eq!(pebble.orders(), 1, "names that nobody has are not asked for");
    gateway.stop();

    // it is kept: the authority is not needed to begin again
    let gateway = start(&pebble, folder.path(), Challenge::TlsAlpn01, directory.clone());
    assert!(has_certificate(&gateway));
    assert_eq!(pebble.orders(), 1);
    directory.publish(tenants(2, TenantState::Suspended)).unwrap();
    until("gone", || !has_certificate(&gateway));
    gateway.stop();
}

#[test]
fn over_http_as_well() {
    use std::io::{Read, Write};
    let pebble = Pebble::start();
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(tenants(1, TenantState::Active)).unwrap();
    let gateway = start(&pebble, folder.path(), Challenge::Http01, directory);
    until("a certificate", || has_certificate(&gateway));
    // everything else at that address leads to the other
    let mut stream = TcpStream::connect(gateway.addresses()[1]).unwrap();
    write!(stream, "GET /a?b=c HTTP/1.1\r\nHost: shop.acme.com:{}\r\nConnection: close\r\n\r\n", pebble.http_port)
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 308 ") && answer.contains("\r\nLocation: https://shop.acme.com/a?b=c\r\n"),
        "{answer}"
    );
    gateway.stop();
}
