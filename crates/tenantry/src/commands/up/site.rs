//! The gateway of the demonstration, before a service of a few lines: what a tenant's host name shows is what the
//! database lets that tenant see. The service names no tenant itself: it hands on the pass that the gateway gave it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tenantry_gateway::tls::Certificates;
use tenantry_gateway::{Gateway, StartError};
use tenantry_model::Class;
use tenantry_pg::{Session, Target, connect_with};
use tokio::net::{TcpListener, TcpStream};

use super::demo::{DATABASE, Demo};
use super::doors::{COUNT, SERVICE};
use crate::config::gateway::{ContextSection, GatewaySection, PassSection, UpstreamSection, build};
use crate::errors::Failure;
use crate::output::Output;

/// A gateway that runs, and what it showed of each tenant.
pub(super) struct Site {
    gateway: Gateway,
    at: SocketAddr,
    seen: Vec<(String, i64)>,
}

impl Site {
    /// Starts service and gateway, and asks for each of these tenants.
    pub(super) async fn open(
        demo: &Demo,
        proxy: SocketAddr,
        password: &str,
        tenants: &[&str],
        output: &Output,
    ) -> Result<Self, Failure> {
        let target = Target::new(&proxy.ip().to_string(), proxy.port(), SERVICE, Some(password), DATABASE);
        let service = serve(target).await?;
        let gateway = start(demo, service, output)?;
        let at = *gateway.addresses().first().ok_or_else(|| Failure::bug("find out where the gateway listens"))?;
        let mut site = Self { gateway, at, seen: Vec::new() };
        for tenant in tenants {
            let rows = ask(at, tenant).await?;
            site.seen.push(((*tenant).to_owned(), rows));
        }
        Ok(site)
    }

    /// What it showed of a tenant.
    pub(super) fn rows_of(&self, tenant: &str) -> Option<i64> {
        self.seen.iter().find(|(name, _)| name == tenant).map(|(_, rows)| *rows)
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let seen: Vec<Value> = self.seen.iter().map(|(t, rows)| json!({ "tenant": t, "rows": rows })).collect();
        json!({ "address": self.at.to_string(), "seen": seen })
    }

    /// For people: where it is.
    pub(super) fn describe(&self) -> String {
        format!("gateway     {}\n", self.at)
    }

    /// For people: what to try.
    pub(super) fn commands(&self) -> String {
        let port = self.at.port();
        let line = |(tenant, _): &(String, i64)| format!("  curl http://{tenant}.localhost:{port}/\n");
        self.seen.iter().map(line).collect::<String>()
            + &format!(
                "  curl -H 'X-Tenant-ID: {}' http://127.0.0.1:{port}/       # refused: anybody can write that\n",
                self.seen.first().map_or("", |s| &s.0)
            )
    }

    /// Lets requests end, then closes.
    pub(super) fn close(self) {
        self.gateway.stop();
    }
}

/// On port 8080, or a free one where somebody has that.
fn start(demo: &Demo, service: SocketAddr, output: &Output) -> Result<Gateway, Failure> {
    let mut section = GatewaySection {
        tenants: Some(demo.tenants()),
        base_domains: vec!["localhost".into()],
        context: Some(ContextSection::at(demo.folder.join("context.key"))),
        pass: Some(PassSection { credentials: demo.credentials(), lifetime_s: 60 }),
        upstreams: BTreeMap::from([(
            "service".to_owned(),
            UpstreamSection { servers: vec![service.to_string()], ..UpstreamSection::default() },
        )]),
        ..GatewaySection::default()
    };
    section.times.drain_within_ms = Some(1_000);
    let (mut followed, certificates) = (BTreeMap::new(), Certificates::default());
    let file = demo.folder.join("tenantry.toml");
    let failed = |e: StartError| Failure::new(e.class(), "the gateway cannot start").because(e);
    let gateway = match Gateway::start(build(&section, &file, &mut followed, &certificates)?) {
        Err(StartError::Listen { .. }) => {
            output.say("port 8080 is taken, so the gateway listens on another");
            section.listen.iter_mut().for_each(|at| at.set_port(0));
            Gateway::start(build(&section, &file, &mut followed, &certificates)?).map_err(failed)?
        }
        started => started.map_err(failed)?,
    };
    for file in followed.into_values() {
        tokio::spawn(file.follow());
    }
    Ok(gateway)
}

/// The service: for each request it counts what the pass lets it see.
async fn serve(proxy: Target) -> Result<SocketAddr, Failure> {
    let failed = |e| Failure::new(Class::Unavailable, "cannot listen for the demonstration's service").because(e);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let proxy = proxy.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| answer(&proxy, request));
                let server = hyper::server::conn::http1::Builder::new();
                // whoever breaks off asks again
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(at)
}

async fn answer(proxy: &Target, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (status, body) = match count(proxy, &header("x-tenantry-pass")).await {
        Ok(rows) => (StatusCode::OK, json!({ "tenant": header("x-tenant-id"), "segments": rows })),
        Err(failure) => (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": failure.to_string() })),
    };
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn count(proxy: &Target, pass: &str) -> Result<i64, Failure> {
    let failed = |e| Failure::bug("count for a request").because(e);
    let mut client = connect_with(proxy, &Session::plain()).await?;
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.query("SELECT set_config('tenantry.token', $1, true)", &[&pass]).await.map_err(failed)?;
    let rows = transaction.query_one(COUNT, &[]).await.map_err(failed)?.get(0);
    transaction.commit().await.map_err(failed)?;
    client.close().await;
    Ok(rows)
}

/// What the gateway shows of a tenant.
async fn ask(at: SocketAddr, tenant: &str) -> Result<i64, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::bug(format!("ask the gateway for tenant {tenant}: {e}"));
    let stream = TcpStream::connect(at).await.map_err(|e| failed(&e))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
    tokio::spawn(connection);
    let request = Request::get("/").header("host", format!("{tenant}.localhost:{}", at.port()));
    let request = request.body(Empty::<Bytes>::new()).map_err(|e| failed(&e))?;
    let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
    let body = response.into_body().collect().await.map_err(|e| failed(&e))?.to_bytes();
    let value: Value = serde_json::from_slice(&body).map_err(|e| failed(&e))?;
    value["segments"].as_i64().ok_or_else(|| failed(&value))
}
