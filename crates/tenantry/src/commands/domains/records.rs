//! TXT records, from the system's name servers or the one that was named. Nothing is kept: an answer is as old as the
//! name server makes it.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use tenantry_model::Class;

use crate::errors::Failure;

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Times a name server is asked before it counts as silent.
const ATTEMPTS: usize = 2;
/// Most records of a name that are looked at.
const RECORDS_MAX: usize = 100;

/// The texts at a name, each as one; none if there is no such name.
pub(super) async fn txt(name: &str, resolver: Option<SocketAddr>) -> Result<Vec<String>, Failure> {
    let failed = |error: NetError| {
        Failure::new(Class::Unavailable, format!("cannot look up TXT {name}"))
            .because(error)
            .code("domain-unanswered")
            .remedy("check the name servers of this machine, or name one with --resolver")
    };
    // a dot at the end: no search list of this machine applies
    let asked = Name::from_ascii(format!("{name}.")).map_err(|e| failure_of_name(name, e))?;
    let resolver = built(resolver).map_err(failed)?;
    let found = match resolver.txt_lookup(asked).await {
        Ok(found) => found,
        Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let texts = found.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    });
    Ok(texts.take(RECORDS_MAX).collect())
}

fn failure_of_name(name: &str, error: impl std::error::Error) -> Failure {
    Failure::caller(format!("`{name}` is too long for the name system")).because(error).code("domain-refused")
}

fn built(resolver: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match resolver {
        None => TokioResolver::builder_tokio()?,
        Some(address) => {
            let with_port = |mut connection: ConnectionConfig| {
                connection.port = address.port();
                connection
            };
            let connections = vec![with_port(ConnectionConfig::udp()), with_port(ConnectionConfig::tcp())];
            let server = NameServerConfig::new(address.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    (options.timeout, options.attempts, options.cache_size) = (ANSWER_WITHIN, ATTEMPTS, 0);
    options.use_hosts_file = ResolveHosts::Never;
    builder.build()
}
