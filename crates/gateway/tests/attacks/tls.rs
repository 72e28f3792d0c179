//! H-07, H-12: TLS names, HTTP/2 authorities, and certificates for names that are here only.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tenantry_gateway::ablation::Protection;
use tenantry_gateway::tls::{Certificates, server_config};
use tokio::net::TcpStream;

use crate::scene::Scene;

thread_local! {
    static AUTHORITY: std::cell::RefCell<Option<CertificateDer<'static>>> = const { std::cell::RefCell::new(None) };
}

/// A scene that speaks TLS for `*.example.com`.
pub(crate) fn scene(protection: Option<Protection>) -> Scene {
    Scene::without(protection, |settings| {
        let made = rcgen::generate_simple_self_signed(vec!["*.example.com".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = rustls::sign::CertifiedKey::from_der(vec![certificate.clone()], key, &provider).unwrap();
        let certificates = Certificates::default();
        certificates.replace([("*.example.com".to_owned(), Arc::new(certified))]).unwrap();
        settings.tls = Some(Arc::new(server_config(certificates).unwrap()));
        AUTHORITY.set(Some(certificate));
    })
}

async fn connect(
    scene: &Scene,
    name: &str,
    alpn: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    AUTHORITY.with_borrow(|authority| roots.add(authority.clone().unwrap()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(scene.gateway.addresses()[0]).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Status and body of a request of HTTP/2 over what speaks it already.
async fn h2(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    request: Request<http_body_util::combinators::BoxBody<Bytes, Infallible>>,
) -> Result<(u16, String, hyper::HeaderMap), hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move { drop(connection.await) });
    let response: Response<_> = sender.send_request(request).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned(), headers))
}

fn empty(uri: &str) -> Request<http_body_util::combinators::BoxBody<Bytes, Infallible>> {
    Request::get(uri).body(Empty::new().boxed()).unwrap()
}

/// H-07: the connection was made for acme, the request is for bolt.
pub(crate) fn another_host(scene: &Scene) -> bool {
    block(async {
        let stream = connect(scene, "acme.example.com", b"h2").await.unwrap();
        h2(stream, empty("https://bolt.example.com/x")).await.unwrap().0 == 200
    })
}

#[test]
fn h07_the_name_of_the_connection_is_the_host_of_its_requests() {
    let scene = scene(None);
    block(async {
        for alpn in [&b"h2"[..], b"http/1.1"] {
            let stream = connect(&scene, "acme.example.com", alpn).await.unwrap();
            if alpn == b"h2" {
                let (status, body, headers) = h2(stream, empty("https://acme.example.com/x")).await.unwrap();
                assert_eq!(status, 200);
                assert!(body.starts_with("tenant=1\n") && body.contains("X-Forwarded-Proto: https"), "{body}");
                assert!(headers.contains_key("strict-transport-security"));
            }
        }
        for (request, status) in [
            (empty("https://bolt.example.com/x"), 421),
            (
                Request::get("https://acme.example.com/x")
                    .header("host", "bolt.example.com")
                    .body(Empty::new().boxed())
                    .unwrap(),
                421,
            ),
            (
                Request::get("https://acme.example.com/x")
                    .header("x-tenant-id", "bolt")
                    .body(Empty::new().boxed())
                    .unwrap(),
                403,
            ),
            (empty("https://acme.example.com/../x"), 400),
        ] {
            let stream = connect(&scene, "acme.example.com", b"h2").await.unwrap();
            assert_eq!(h2(stream, request).await.unwrap().0, status);
        }
    });
}

#[test]
fn h12_who_is_not_here_gets_no_handshake() {
    let scene = scene(None);
    block(async {
        for name in ["example.org", "a.b.example.com", "example.com"] {
            assert!(connect(&scene, name, b"http/1.1").await.is_err(), "{name}");
        }
    });
}

#[test]
fn http2_without_tls_with_bodies_both_ways() {
    let scene = Scene::new();
    block(async {
        let body = "0123456789".repeat(50_000);
        for (path, sent) in [("/x", String::new()), ("/x", body), ("/chunks", String::new()), ("/x", "hello".into())] {
            scene.application.take();
            let stream = TcpStream::connect(scene.gateway.addresses()[0]).await.unwrap();
            let request = Request::post(format!("http://acme.example.com{path}"))
                .header("x_tenant_id", "bolt")
                .body(Full::new(Bytes::from(sent.clone())).boxed())
                .unwrap();
            let (status, got, _) = h2(stream, request).await.unwrap();
            assert_eq!(status, 200, "{got}");
            let received = scene.application.take();
            assert_eq!((received.len(), received[0].one("x-tenant-id").as_str()), (1, "1"));
            assert_eq!(received[0].body, sent.as_bytes());
            assert!(!received[0].head.contains("bolt"));
            assert!(path != "/chunks" || got == "hello world", "{got}");
        }
        let stream = TcpStream::connect(scene.gateway.addresses()[0]).await.unwrap();
        let (status, _, headers) = h2(stream, empty("http://nobody.example.com/x")).await.unwrap();
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (404, "application/problem+json"));
    });
}

#[test]
fn http2_is_answered_from_what_is_kept() {
    let scene = Scene::new();
    block(async {
        let mut bodies = Vec::new();
        for number in 0..3 {
            scene.application.take();
            let stream = TcpStream::connect(scene.gateway.addresses()[0]).await.unwrap();
            let request = empty("http://acme.example.com/kept/all/h2?cc=max-age=60");
            let (status, body, headers) = h2(stream, request).await.unwrap();
            assert_eq!((status, scene.application.take().len()), (200, usize::from(number == 0)));
            assert_eq!((headers.contains_key("age"), headers.contains_key("connection")), (number > 0, false));
            bodies.push(body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1);
    });
}
