//! The parts that run, started, read again and stopped together. A part that was not asked for is not there.

use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use tenantry_gateway::Gateway;
use tenantry_gateway::tls::Certificates;
use tenantry_proxy::Proxy;

use super::metrics::{Door, Seen};
use super::{FollowedFiles, Role};
use crate::config::RegistryFile;
use crate::config::gateway::{self, GatewaySection};
use crate::config::proxy::{self, ProxySection};
use crate::errors::Failure;

/// What runs.
pub(super) struct Running {
    proxy: Option<Proxy>,
    gateway: Option<Gateway>,
    machines: Vec<Door>,
    certificates: Certificates,
}

impl Running {
    /// Starts the parts. If one cannot start, none does.
    pub(super) async fn start(
        roles: &[Role],
        registry: &RegistryFile,
        followed: &mut FollowedFiles,
    ) -> Result<Self, Failure> {
        let certificates = Certificates::default();
        let mut running = Self { proxy: None, gateway: None, machines: Vec::new(), certificates };
        if roles.contains(&Role::Proxy) {
            let section: ProxySection = of_proxy(registry)?;
            let proxy = Proxy::start(proxy::build(&section, registry.path(), followed)?)
                .map_err(|e| Failure::new(e.class(), "the proxy cannot start").because(e))?;
            if let Some(at) = section.metrics {
                running.machines.push(Door::open(at, Seen::Proxy(proxy.observer(), Default::default())).await?);
            }
            running.proxy = Some(proxy);
        }
        if roles.contains(&Role::Gateway) {
            let section: GatewaySection = of_gateway(registry)?;
            let gateway = Gateway::start(gateway::build(&section, registry.path(), followed, &running.certificates)?)
                .map_err(|e| Failure::new(e.class(), "the gateway cannot start").because(e))?;
            if let Some(at) = section.metrics {
                let seen = Seen::Gateway(gateway.observer(), Default::default());
                running.machines.push(Door::open(at, seen).await?);
            }
            running.gateway = Some(gateway);
        }
        Ok(running)
    }

    /// Where metrics are.
    pub(super) fn metrics(&self) -> impl Iterator<Item = SocketAddr> {
        self.machines.iter().map(Door::address)
    }

    /// What looks at the gateway and at the proxy.
    pub(super) fn observers(&self) -> (Option<tenantry_gateway::Observer>, Option<tenantry_proxy::Observer>) {
        (self.gateway.as_ref().map(Gateway::observer), self.proxy.as_ref().map(Proxy::observer))
    }

    /// Where clients are served, by part.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let proxy = self.proxy.iter().flat_map(Proxy::addresses).map(|a| ("proxy", *a));
        proxy.chain(self.gateway.iter().flat_map(Gateway::addresses).map(|a| ("gateway", *a)))
    }

    /// Waits until an operator asks in the console for the files to be read again.
    pub(super) async fn reload_asked(&self) {
        match &self.proxy {
            Some(proxy) => proxy.reload_asked().await,
            None => std::future::pending().await,
        }
    }

    /// Takes what the files say now: all of it, or nothing.
    pub(super) fn reload(&self, registry: &RegistryFile, followed: &mut FollowedFiles) -> Result<(), Failure> {
        let of_proxy = self.proxy.as_ref().map(|proxy| {
            let section = of_proxy(registry)?;
            Ok::<_, Failure>((proxy, proxy::build(&section, registry.path(), followed)?))
        });
        let of_proxy = of_proxy.transpose()?;
        if let Some(gateway) = &self.gateway {
            let section: GatewaySection = of_gateway(registry)?;
            gateway
                .reload(gateway::build(&section, registry.path(), followed, &self.certificates)?)
                .map_err(|e| Failure::new(e.class(), "the gateway keeps its settings").because(e))?;
        }
        if let Some((proxy, settings)) = of_proxy {
            proxy.reload(settings);
        }
        Ok(())
    }

    /// From now on nobody is told that we are ready.
    pub(super) fn drain(&self) {
        self.machines.iter().for_each(Door::drain);
    }

    /// Lets what is under way end.
    pub(super) fn stop(self) {
        // whoever asks the application over HTTP may need the proxy until the answer is there
        if let Some(gateway) = self.gateway {
            gateway.stop();
        }
        if let Some(proxy) = self.proxy {
            proxy.stop();
        }
    }
}

/// What the file says the proxy shall be.
fn of_proxy<T: DeserializeOwned>(registry: &RegistryFile) -> Result<T, Failure> {
    section(registry, "proxy", registry.content.proxy.as_ref()).map_err(|f| f.code("proxy-settings"))
}

/// What the file says the gateway shall be.
fn of_gateway<T: DeserializeOwned>(registry: &RegistryFile) -> Result<T, Failure> {
    section(registry, "gateway", registry.content.gateway.as_ref()).map_err(|f| f.code("gateway-settings"))
}

fn section<T: DeserializeOwned>(
    registry: &RegistryFile,
    name: &str,
    value: Option<&serde_json::Value>,
) -> Result<T, Failure> {
    let value = value.cloned().unwrap_or_else(|| serde_json::json!({}));
    serde_json::from_value(value).map_err(|e| {
        Failure::caller(format!("[{name}] in {} cannot be read", registry.path().display()))
            .because(e)
            .remedy(format!("docs/reference/{name}.md says what it may hold"))
    })
}
