//! The control plane's API, as the commands use it: one request, one typed answer, one failure with its page.
//!
//! The key comes from the environment or a file, never from an argument: other users of a machine can read those.

mod line;

pub(crate) use line::raw;

use std::path::PathBuf;
use std::time::Duration;

use hyper::http::uri::Scheme;
use hyper::{Method, Uri};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tenantry_control::{Tenant, TenantId};
use tenantry_model::Class;

use crate::config::{Settings, control, env};
use crate::errors::Failure;

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(30);
/// Entries asked for at once: the most a page may hold.
const PAGE: usize = 200;

/// Where the API is, and who asks.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The control plane")]
pub(crate) struct Place {
    /// Its address, like `https://control.example.com` [default: `listen` in [control] of the configuration]
    #[arg(long, global = true, env = "TENANTRY_API", value_name = "URL")]
    api: Option<String>,
    /// File that holds the API key; TENANTRY_API_KEY, the key itself, wins
    #[arg(long, global = true, env = "TENANTRY_API_KEY_FILE", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
}

impl Place {
    /// Whether it was said where the API is.
    pub(crate) fn is_named(&self) -> bool {
        self.api.is_some()
    }
}

/// The API.
pub(crate) struct Api {
    /// Scheme, host and port.
    base: Uri,
    key: SecretString,
}

/// What was answered.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// The version, for `If-Match`.
    pub(crate) version: Option<String>,
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_page_token: Option<String>,
}

/// What a failure says of itself: RFC 9457.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    title: String,
    detail: String,
    code: String,
    request_id: String,
}

impl Api {
    /// The one that flags, environment and configuration name.
    pub(crate) fn of(args: &Place, settings: &Settings) -> Result<Self, Failure> {
        let url = match &args.api {
            Some(url) => url.clone(),
            None => format!("http://{}", control::section(&settings.registry)?.listen),
        };
        let base = base_of(&url)?;
        Ok(Self { base, key: key(args)?.into() })
    }

    /// Asks without a body.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, Failure> {
        self.call(Method::GET, path, None::<&()>, None).await
    }

    /// Asks for something to be made or done.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        Ok(self.call(Method::POST, path, Some(body), None).await?.value)
    }

    /// One request. `version` is what must still be there for a change.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        version: Option<&str>,
    ) -> Result<Answer<T>, Failure> {
        let body = body.map(serde_json::to_vec).transpose().map_err(|e| Failure::bug("write a request").because(e))?;
        let asked = line::Asked { method, path, body, version };
        let sent = tokio::time::timeout(WITHIN, line::send(&self.base, &self.key, asked)).await;
        let answered = sent.unwrap_or_else(|_| {
            let what = format!("the control plane at {} gave no answer within {} s", self.base, WITHIN.as_secs());
            Err(Failure::new(Class::Unavailable, what).code("unavailable"))
        })?;
        if answered.status >= 400 {
            return Err(failed(answered.status, &answered.body));
        }
        // nothing is an answer too
        let text = if answered.body.is_empty() { b"null" } else { &*answered.body };
        let value = serde_json::from_slice(text).map_err(|e| {
            Failure::new(
                Class::Unavailable,
                format!("what answers at {} is no control plane of this version", self.base),
            )
            .because(e)
        })?;
        Ok(Answer { value, version: answered.version })
    }

    /// The tenant of this id or slug, with its version.
    pub(crate) async fn tenant(&self, name: &str) -> Result<Answer<Tenant>, Failure> {
        if let Ok(id) = name.parse::<TenantId>() {
            return self.get(&format!("/api/tenants/{id}")).await;
        }
        // the search is for words, and what holds none is no slug
        let has_words = name.chars().any(char::is_alphanumeric);
        let query = format!("search={}", encoded(name));
        let found = if has_words { self.tenants(&query, usize::MAX).await? } else { Vec::new() };
        match found.into_iter().find(|tenant| tenant.slug == name) {
            Some(tenant) => self.get(&format!("/api/tenants/{}", tenant.id)).await,
            None => Err(Failure::new(Class::Missing, format!("there is no tenant `{name}`, or you may not see it"))
                .code("not-found")
                .remedy("`tenantry tenant list` shows slugs and ids; deleted ones are found by --status deleted")),
        }
    }

    /// The path of a tenant.
    pub(crate) async fn place(&self, name: &str) -> Result<String, Failure> {
        Ok(format!("/api/tenants/{}", self.tenant(name).await?.value.id))
    }

    /// Tenants by a query, at most so many.
    pub(crate) async fn tenants(&self, query: &str, most: usize) -> Result<Vec<Tenant>, Failure> {
        self.list("/api/tenants", query, most).await
    }

    /// The entries of a list, page by page, at most so many.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        while items.len() < most {
            let after = token.map(|token| format!("&pageToken={}", encoded(&token))).unwrap_or_default();
            let size = PAGE.min(most - items.len());
            let page: Page<T> = self.get(&format!("{path}?pageSize={size}&{query}{after}")).await?.value;
            items.extend(page.items);
            token = page.next_page_token;
            if token.is_none() {
                break;
            }
        }
        Ok(items)
    }
}

/// Scheme, host and port of an address.
pub(crate) fn base_of(url: &str) -> Result<Uri, Failure> {
    let bad = || {
        Failure::caller(format!("`{url}` is no address of the API"))
            .code("control-settings")
            .remedy("give http:// or https://, a host and a port, and nothing behind them")
    };
    let base: Uri = url.parse().map_err(|_| bad())?;
    let scheme = [Scheme::HTTP, Scheme::HTTPS].contains(base.scheme().ok_or_else(bad)?);
    if !scheme || base.host().is_none() || !matches!(base.path(), "" | "/") || base.query().is_some() {
        return Err(bad());
    }
    Ok(base)
}

/// A value as it may stand in a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The key of whoever asks.
fn key(args: &Place) -> Result<String, Failure> {
    let key = match (env("TENANTRY_API_KEY"), &args.api_key_file) {
        (Some(key), _) => key,
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|e| {
            Failure::caller(format!("cannot read the API key in {}", file.display())).because(e).code("unauthenticated")
        })?,
        (None, None) => {
            return Err(Failure::caller("no API key is given").code("unauthenticated").remedy(
                "set TENANTRY_API_KEY, or name a file by --api-key-file; the first start of the control plane prints \
                 the operator's, and `tenantry up` says where it keeps it",
            ));
        }
    };
    let key = key.trim();
    // a header holds no line breaks, and nobody means an empty key
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::caller("the API key is empty, or holds what no key holds").code("unauthenticated"));
    }
    Ok(key.to_owned())
}

/// The control plane's own words, under the class of the status.
fn failed(status: u16, body: &[u8]) -> Failure {
    let class = match status {
        401 | 403 => Class::Denied,
        404 => Class::Missing,
        409 | 412 | 428 => Class::Conflict,
        429 => Class::Quota,
        500.. => Class::Unavailable,
        _ => Class::Caller,
    };
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return Failure::new(class, format!("the control plane answered with status {status}"))
            .remedy("is it a control plane that listens there?");
    };
    let page = problem.code.to_ascii_lowercase().replace('_', "-");
    let what = format!("{} ({}, request {})", problem.title, problem.code, problem.request_id);
    Failure::new(class, what).remedy(problem.detail).code(page)
}
