//! Two tenants that are let in, each as itself.

use super::{Request, Side, client};
use crate::verify::outcome::Stop;

/// Everything an attack works with.
pub(crate) struct Scene {
    pub(super) request: Request,
}

impl Scene {
    /// Both are let in with their own, and neither without. Nothing is attacked if they are not.
    pub(super) async fn new(request: &Request) -> Result<Self, Stop> {
        let scene = Self { request: request.clone() };
        for side in [&request.a, &request.b] {
            let status = scene.get(&side.host, &request.path, &[&scene.credential(side)]).await?;
            if !let_in(status) {
                return Err(Stop(format!("{} is answered {status} with its own credential", side.host)));
            }
            let status = scene.get(&side.host, &request.path, &[]).await?;
            if let_in(status) {
                return Err(Stop(format!(
                    "{}{} needs no credential ({status}), so it shows nothing: name another path",
                    side.host, request.path
                )));
            }
        }
        if request.a.host == request.b.host {
            return Err(Stop("both tenants have one host name".into()));
        }
        Ok(scene)
    }

    /// The header line of a side's credential.
    pub(super) fn credential(&self, side: &Side) -> String {
        format!("Authorization: Bearer {}", side.credential)
    }

    /// Status of a GET with these lines.
    pub(super) async fn get(&self, host: &str, path: &str, lines: &[&str]) -> Result<u16, Stop> {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n")).await
    }

    /// Status of whatever this is.
    pub(super) async fn send(&self, request: &str) -> Result<u16, Stop> {
        client::status_of(&self.request.address, request).await
    }
}

/// Whether a request with this status came through to the application, as far as one can see from here.
pub(super) fn let_in(status: u16) -> bool {
    (100..400).contains(&status)
}
