//! The section `[control.audit]`: where audit entries go besides the database.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::errors::Failure;

/// `[control.audit]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditSection {
    /// A file that gets one JSON text a line.
    file: Option<PathBuf>,
    /// `udp://host:514`, `tcp://host:601` or `unix:///dev/log`.
    syslog: Option<String>,
}

/// A place outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    File(PathBuf),
    Udp(String),
    Tcp(String),
    Unix(PathBuf),
}

impl Sink {
    /// Its name in the database: another place is another sink, and gets everything.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Udp(to) => format!("udp:{to}"),
            Self::Tcp(to) => format!("tcp:{to}"),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

/// The places. Paths are relative to `base`.
pub(crate) fn build(section: &AuditSection, base: &Path) -> Result<Vec<Sink>, Failure> {
    let file = section.file.as_ref().map(|path| Sink::File(base.join(path)));
    let syslog = section.syslog.as_deref().map(|url| {
        let bad = || {
            Failure::caller(format!("`syslog` in [control.audit] is `{url}`"))
                .code("control-settings")
                .remedy("give udp://host:514, tcp://host:601 or unix:///dev/log")
        };
        let has_port =
            |to: &str| to.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        match url.split_once("://") {
            Some(("udp", to)) if has_port(to) => Ok(Sink::Udp(to.to_owned())),
            Some(("tcp", to)) if has_port(to) => Ok(Sink::Tcp(to.to_owned())),
            Some(("unix", path)) if path.starts_with('/') => Ok(Sink::Unix(path.into())),
            _ => Err(bad()),
        }
    });
    Ok(file.into_iter().chain(syslog.transpose()?).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let syslog = |url: &str| build(&AuditSection { file: None, syslog: Some(url.into()) }, Path::new("/x"));
        assert_eq!(syslog("udp://[::1]:514").unwrap(), [Sink::Udp("[::1]:514".into())]);
        assert_eq!(syslog("unix:///dev/log").unwrap(), [Sink::Unix("/dev/log".into())]);
        for bad in ["", "udp://host", "tcp://:601", "unix://log", "http://host:1", "tcp://host:x"] {
            assert!(syslog(bad).is_err(), "{bad}");
        }
        let file = AuditSection { file: Some("audit.jsonl".into()), syslog: None };
        assert_eq!(build(&file, Path::new("/x")).unwrap(), [Sink::File("/x/audit.jsonl".into())]);
    }
}
