//! `[gateway.traces]`: which requests are traced, and who is told.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tenantry_gateway::settings::{ExporterSettings, Join, Sampler, TraceSettings};

use super::build::wrong;
use super::files;
use crate::errors::Failure;

/// `[gateway.traces]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracesSection {
    /// Where the collector takes OTLP over HTTP.
    pub(crate) endpoint: String,
    /// Part of the requests that is traced.
    #[serde(default = "ratio")]
    pub(crate) ratio: f64,
    /// Whose traces are joined.
    #[serde(default)]
    pub(crate) join: JoinName,
    /// `service.name` of the spans.
    #[serde(default = "service")]
    pub(crate) service: String,
    /// File with headers for the collector, TOML.
    #[serde(default)]
    pub(crate) headers_file: Option<PathBuf>,
    /// Authorities of the collector's certificate, PEM; the system's if left out.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
    /// Requests whose spans wait.
    #[serde(default = "queue_max")]
    pub(crate) queue_max: usize,
}

fn ratio() -> f64 {
    0.01
}

fn service() -> String {
    "tenantry-gateway".into()
}

fn queue_max() -> usize {
    4096
}

/// `join` of `[gateway.traces]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JoinName {
    #[default]
    All,
    Trusted,
}

/// What the section becomes.
pub(super) fn traces_of(section: &TracesSection, base: &Path) -> Result<TraceSettings, Failure> {
    let mut exporter = ExporterSettings::new(&section.endpoint, &section.service)
        .map_err(|e| Failure::caller("[gateway.traces] cannot be used").because(e).code("gateway-settings"))?;
    if !(0.0..=1.0).contains(&section.ratio) {
        return Err(wrong(&format!("`ratio` in `traces` is {}", section.ratio), "write 0 to 1; 1 traces all requests"));
    }
    if section.queue_max == 0 {
        return Err(wrong("`queue_max` in `traces` is 0", "write how many requests' spans may wait"));
    }
    exporter.queue_max = section.queue_max;
    if let Some(file) = &section.headers_file {
        exporter.headers = files::headers(&base.join(file))?;
    }
    if exporter.wants_tls() {
        let ca = section.ca.as_ref().map(|ca| base.join(ca));
        exporter.tls = Some(files::client(ca.as_deref())?);
    }
    let join = match section.join {
        JoinName::All => Join::All,
        JoinName::Trusted => Join::Trusted,
    };
    Ok(TraceSettings { exporter, sampler: Sampler::new(section.ratio), join })
}
