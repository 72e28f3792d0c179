//! Asks servers whether they are well, where a path for that is named. Each thread asks for itself.

use std::rc::{Rc, Weak};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Link, Upstream};

/// Watches all servers for as long as the application is known.
pub(super) fn watch(upstream: &Rc<Upstream>) {
    let Some(path) = upstream.settings.health_path.clone() else { return };
    for at in 0..upstream.servers.len() {
        let (weak, path) = (Rc::downgrade(upstream), path.clone());
        tokio::task::spawn_local(async move { ask_on_and_on(weak, at, &path).await });
    }
}

async fn ask_on_and_on(upstream: Weak<Upstream>, at: usize, path: &str) {
    loop {
        let every = {
            let Some(upstream) = upstream.upgrade() else { return };
            let server = &upstream.servers[at];
            let answered = tokio::time::timeout(upstream.times.connect_within, ask(&upstream, at, path)).await;
            let well = answered.is_ok_and(|a| a.is_ok_and(|status| (200..300).contains(&status)));
            if server.well.replace(well) != well {
                let state = if well { "well again" } else { "not well" };
                tracing::warn!("upstream {} at {} is {state}", upstream.settings.name, server.address);
            }
            if well {
                upstream.succeeded(at);
            }
            upstream.settings.health_every
        };
        tokio::time::sleep(every).await;
    }
}

async fn ask(upstream: &Upstream, at: usize, path: &str) -> std::io::Result<u16> {
    let address = &upstream.servers[at].address;
    let tls = upstream.settings.tls.as_ref();
    let mut link = Link::connect(address, tls, upstream.times.connect_within).await?;
    let host = tls.map_or(address.as_str(), |(_, name)| name.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: tenantry\r\n\r\n");
    link.stream.get_mut().write_all(request.as_bytes()).await?;
    link.stream.get_mut().flush().await?;
    let mut head = [0; 12];
    link.stream.get_mut().read_exact(&mut head).await?;
    let status = std::str::from_utf8(&head[9..]).ok().and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}
