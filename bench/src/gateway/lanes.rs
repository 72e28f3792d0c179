//! What stands before the application: nginx, and tenantry's gateway doing less and more. Here alone are their
//! configurations.

use std::fs;

use anyhow::Context;

use crate::peer::process::{As, Process, folder, free_port};
use crate::peer::tenantry::program;

/// One of the things to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// nginx with a map of subdomains.
    Nginx,
    /// The gateway, and no tenant is looked for.
    Passing,
    /// The tenant of the subdomain.
    Tenant,
    /// And two rate limits, headers for browsers, a context signed with a shared secret.
    AllShared,
    /// The same, signed with a key pair.
    AllSigned,
}

impl Lane {
    /// The first is what the others are compared with.
    pub(super) const ALL: [Self; 5] = [Self::Nginx, Self::Passing, Self::Tenant, Self::AllShared, Self::AllSigned];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Passing => "passing",
            Self::Tenant => "tenant",
            Self::AllShared => "all, HS256",
            Self::AllSigned => "all, EdDSA",
        }
    }

    /// Starts it before the application.
    pub(super) async fn start(self, application: u16) -> anyhow::Result<(Process, u16)> {
        let (folder, port) = (folder()?, free_port()?);
        if self == Self::Nginx {
            let map = "map $host $tenant { default \"\"; acme.example.com 1; bolt.example.com 2; }";
            let server = format!(
                "{map}\nupstream app {{ server 127.0.0.1:{application}; keepalive 128; keepalive_requests 100000000; }}\n\
                 server {{ listen 127.0.0.1:{port} backlog=1024;\n location / {{\n  if ($tenant = \"\") {{ return 404; }}\n  \
                 proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\";\n  \
                 proxy_set_header Host $host; proxy_set_header X-Tenant-ID $tenant; proxy_set_header X-Forwarded-For $remote_addr;\n }}\n}}"
            );
            return nginx(folder, port, &server).await;
        }
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).context("configure the gateway");
        write("tenants.json", TENANTS)?;
        write("tenantry.toml", &self.config(port, application))?;
        let program = program()?.display().to_string();
        let command = [&*program, "serve", "--roles", "gateway", "--config", "tenantry.toml"];
        Ok((Process::start(folder, As::Ourselves, &command, port).await?, port))
    }

    fn config(self, port: u16, application: u16) -> String {
        let all = matches!(self, Self::AllShared | Self::AllSigned);
        let mut text = format!(
            "format = 1\n[gateway]\nlisten = [\"127.0.0.1:{port}\"]\ntenants = \"tenants.json\"\n\
             base_domains = [\"example.com\"]\nsecurity_headers = {all}\n\
             [gateway.upstreams.app]\nservers = [\"127.0.0.1:{application}\"]\n"
        );
        if self == Self::Passing {
            text.push_str("[gateway.routes.all]\ntenant = \"none\"\n");
        }
        if all {
            let shared = self == Self::AllShared;
            text.push_str(&format!(
                "[gateway.rates]\naddress = {{ per_second = 10000000 }}\ntenant = {{ per_second = 10000000 }}\n\
                 [gateway.context]\nkey_file = \"context.key\"\nshared = {shared}\n"
            ));
        }
        text
    }
}

const TENANTS: &str =
    r#"{"format": 1, "keyKind": "integer", "tenants": [{"key": 1, "slug": "acme"}, {"key": 2, "slug": "bolt"}]}"#;

/// An nginx that answers the same to everybody.
pub(super) async fn application(bytes: usize) -> anyhow::Result<(Process, u16)> {
    let port = free_port()?;
    let body = "x".repeat(bytes);
    let server = format!(
        "server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ default_type text/plain; return 200 \"{body}\"; }} }}"
    );
    nginx(folder()?, port, &server).await
}

/// One process, which is its own master: a worker would outlive the one that is ended.
async fn nginx(folder: tempfile::TempDir, port: u16, server: &str) -> anyhow::Result<(Process, u16)> {
    let at = folder.path().display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.map(|p| format!("{p}_temp_path {at}/{p};\n")).concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/log.nginx;\nevents {{ worker_connections 4096; }}\n\
         http {{\naccess_log off;\nkeepalive_requests 100000000;\n{paths}{server}\n}}\n"
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, text).context("configure nginx")?;
    let command = ["nginx", "-p", &at.to_string(), "-c", &file.display().to_string()].map(str::to_owned);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    Ok((Process::start(folder, As::NotRoot, &command, port).await?, port))
}
