//! Where to connect: a URL or a `key=value` text, checked and with its password out of sight.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tenantry_model::Class;
use tokio_postgres::config::Host;
use url::form_urlencoded;

/// How long one host may take to answer when the target does not say.
pub(crate) const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Options of libpq and of application frameworks that mean nothing here and are dropped without a word.
const IGNORED: &[&str] = &[
    "client_encoding",
    "connection_limit",
    "fallback_application_name",
    "gssencmode",
    "krbsrvname",
    "gsslib",
    "max_protocol_version",
    "min_protocol_version",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "socket_timeout",
    "sslaccept",
    "sslcompression",
    "sslsni",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "statement_cache_size",
    "uselibpqcompat",
];

/// A text that names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The text is neither a URL nor `key=value` pairs.
    #[error(
        "the database address is neither a URL (postgres://user@host/database) nor key=value pairs (host=… dbname=…)"
    )]
    Form,
    /// An option is not known.
    #[error("the database address has an unknown option `{0}`")]
    Option(String),
    /// An option has a value that cannot be.
    #[error("the database address has a bad value for `{option}`: expected {expected}")]
    Value {
        /// The option.
        option: String,
        /// What would do.
        expected: &'static str,
    },
}

impl TargetError {
    /// Always the caller's fault.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

/// How much the connection must be protected, in libpq's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS if the server has it; nothing is verified.
    #[default]
    Prefer,
    /// TLS or no connection; the certificate is verified only if a root certificate is named.
    Require,
    /// TLS, and the certificate comes from a trusted authority.
    VerifyCa,
    /// TLS, and the certificate comes from a trusted authority and names the host.
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = TargetError;
    fn from_str(text: &str) -> Result<Self, TargetError> {
        Ok(match text {
            "disable" => Self::Disable,
            // what libpq calls `allow` differs from `prefer` only in the order of the attempts
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let expected = "disable, prefer, require, verify-ca or verify-full";
                return Err(TargetError::Value { option: "sslmode".into(), expected });
            }
        })
    }
}

/// A database on a server, and who connects to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) ssl_mode: SslMode,
    /// PEM file of trusted authorities; `system` or nothing means the system's.
    pub(crate) ssl_root_cert: Option<PathBuf>,
    /// Client certificate and its key.
    pub(crate) ssl_client: Option<(PathBuf, PathBuf)>,
}

impl Target {
    /// Reads a URL (`postgres://user:password@host:port/database?sslmode=…`) or libpq's `key=value` form.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        let url = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let pairs = match url {
            Some(rest) => url_pairs(rest)?,
            None => conninfo_pairs(text).ok_or(TargetError::Form)?,
        };
        Self::from_pairs(pairs)
    }

    /// A target from its parts; a host that begins with `/` is the folder of a Unix socket.
    pub fn new(host: &str, port: u16, user: &str, password: Option<&str>, database: &str) -> Self {
        let mut config = tokio_postgres::Config::new();
        config.host(host).port(port).user(user).dbname(database);
        config.application_name("tenantry").connect_timeout(CONNECT_TIMEOUT_DEFAULT);
        if let Some(password) = password {
            config.password(password);
        }
        Self { config, ssl_mode: SslMode::default(), ssl_root_cert: None, ssl_client: None }
    }

    fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, TargetError> {
        let mut ours = Self::new("", 5432, "", None, "");
        let (mut conninfo, mut cert, mut key) = (String::new(), None, None);
        let has = |name: &str| pairs.iter().any(|(k, _)| k == name);
        let (has_timeout, has_name) = (has("connect_timeout"), has("application_name"));
        for (name, value) in pairs {
            match name.as_str() {
                "sslmode" => ours.ssl_mode = value.parse()?,
                "sslrootcert" => ours.ssl_root_cert = (value != "system").then(|| PathBuf::from(value)),
                "sslcert" => cert = Some(PathBuf::from(value)),
                "sslkey" => key = Some(PathBuf::from(value)),
                "application_name" if value.is_empty() => {}
                ignored if IGNORED.contains(&ignored) => {}
                _ => {
                    let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
                    let alone: Result<tokio_postgres::Config, _> = format!("{name}='{quoted}'").parse();
                    alone.map_err(|_| refused(&name))?;
                    conninfo.push_str(&format!(" {name}='{quoted}'"));
                }
            }
        }
        ours.config = conninfo.parse().map_err(|_| TargetError::Form)?;
        if !has_timeout {
            ours.config.connect_timeout(CONNECT_TIMEOUT_DEFAULT);
        }
        if !has_name {
            ours.config.application_name("tenantry");
        }
        ours.ssl_client = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(missing("sslkey")),
            (None, Some(_)) => return Err(missing("sslcert")),
        };
        Ok(ours)
    }

    /// The same database, entered as somebody else.
    pub fn with_login(&self, user: &str, password: &str) -> Self {
        let mut other = self.clone();
        other.config.user(user).password(password);
        other
    }

    /// Another database of the same server.
    pub fn with_database(&self, database: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(database);
        other
    }

    /// The same, seen in `pg_stat_activity` under another name.
    pub fn with_application_name(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.application_name(name);
        other
    }

    /// The same with another protection of the connection.
    pub fn with_ssl(&self, mode: SslMode, root_cert: Option<&Path>) -> Self {
        Self { ssl_mode: mode, ssl_root_cert: root_cert.map(Into::into), ..self.clone() }
    }

    /// The first host, a folder for a Unix socket; empty if none was given.
    pub fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The first port.
    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// Who connects; empty if the operating system's user name is to be used.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The database; PostgreSQL takes the user's name if none was given.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// Whether a password was given.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The target as environment for PostgreSQL's own programs (`pg_dump`, `psql`), which must not get a
    /// password in their arguments. Hand it to the child only.
    pub fn libpq_env(&self) -> Vec<(&'static str, String)> {
        let mode = match self.ssl_mode {
            SslMode::Disable => "disable",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        };
        let mut env = vec![
            ("PGHOST", self.host()),
            ("PGPORT", self.port().to_string()),
            ("PGUSER", self.user().to_owned()),
            ("PGDATABASE", self.database().to_owned()),
            ("PGSSLMODE", mode.to_owned()),
            ("PGAPPNAME", "tenantry".to_owned()),
        ];
        if let Some(password) = self.config.get_password() {
            env.push(("PGPASSWORD", String::from_utf8_lossy(password).into_owned()));
        }
        if let Some(root) = &self.ssl_root_cert {
            env.push(("PGSSLROOTCERT", root.display().to_string()));
        }
        env.retain(|(_, value)| !value.is_empty());
        env
    }

    /// Host and port as people write them.
    pub(crate) fn at(&self) -> String {
        match self.host() {
            host if host.is_empty() => format!("localhost:{}", self.port()),
            host if host.starts_with('/') => format!("{host}/.s.PGSQL.{}", self.port()),
            host if host.contains(':') => format!("[{host}]:{}", self.port()),
            host => format!("{host}:{}", self.port()),
        }
    }
}

/// `user@host:port/database`, never the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.user().is_empty() {
            write!(f, "{}@", self.user())?;
        }
        write!(f, "{}", self.at())?;
        if !self.database().is_empty() { write!(f, "/{}", self.database()) } else { Ok(()) }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self}, {:?})", self.ssl_mode)
    }
}

impl FromStr for Target {
    type Err = TargetError;
    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::parse(text)
    }
}

fn missing(option: &str) -> TargetError {
    TargetError::Value { option: option.into(), expected: "a file, because its counterpart is given" }
}

/// Why the driver refused one option. The value is not repeated: it may be a secret put in the wrong place.
fn refused(option: &str) -> TargetError {
    let expected = match option {
        "port" => "a number from 1 to 65535",
        "connect_timeout" | "tcp_user_timeout" => "seconds",
        "keepalives" | "keepalives_idle" | "keepalives_interval" | "keepalives_retries" => "a number",
        "hostaddr" => "an IP address",
        "target_session_attrs" => "any, read-write or read-only",
        "channel_binding" => "disable, prefer or require",
        "load_balance_hosts" => "disable or random",
        "sslnegotiation" => "postgres or direct",
        _ => return TargetError::Option(option.to_owned()),
    };
    TargetError::Value { option: option.to_owned(), expected }
}

/// `user:password@host:port,host:port/database?key=value&…`, without the scheme.
fn url_pairs(rest: &str) -> Result<Vec<(String, String)>, TargetError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // a password may hold an unescaped `/`; a host may not
    let (login, place) = rest.rsplit_once('@').map_or(("", rest), |(login, place)| (login, place));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',').filter(|h| !h.is_empty()) {
        let bracket = host.rfind(']').map_or(0, |end| end + 1);
        let (name, port) = match host[bracket..].split_once(':') {
            Some((name, port)) => (&host[..bracket + name.len()], port),
            None => (host, ""),
        };
        names.push(decode(name.trim_start_matches('[').trim_end_matches(']')));
        ports.push(if port.is_empty() { "5432".to_owned() } else { decode(port) });
    }
    let given =
        [("host", names.join(",")), ("port", ports.join(",")), ("user", decode(user)), ("dbname", decode(database))];
    let mut pairs: Vec<(String, String)> =
        given.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), v)).collect();
    if let Some(password) = password {
        pairs.push(("password".to_owned(), decode(password)));
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(TargetError::Form)?;
        pairs.retain(|(k, _)| k != key);
        pairs.push((decode(key), decode(value)));
    }
    Ok(pairs)
}

/// Undoes percent-encoding; unlike in a web form, `+` stays what it is.
fn decode(text: &str) -> String {
    let form = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap_or_default()
}

/// libpq's `key = value` pairs with its quotes and backslashes; `None` if the text is not of that form.
fn conninfo_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let (mut pairs, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let after = after.trim_start();
        let quoted = after.starts_with('\'');
        let mut chars = after.char_indices().skip(usize::from(quoted));
        let mut value = String::new();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => value.push(chars.next()?.1),
                Some((at, '\'')) if quoted => break at + 1,
                Some((at, c)) if !quoted && c.is_whitespace() => break at,
                Some((_, c)) => value.push(c),
                None if quoted => return None,
                None => break after.len(),
            }
        };
        pairs.push((key.to_owned(), value));
        rest = after[end..].trim_start();
    }
    (!pairs.is_empty()).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Target::parse(text).map_or_else(|e| format!("error: {e}"), |t| format!("{t:?}"))
    }

    #[test]
    fn both_forms_are_understood() {
        assert_eq!(shown("postgres://ann:p%40ss@db.example:6000/app"), "Target(ann@db.example:6000/app, Prefer)");
        assert_eq!(shown("postgresql:///app?host=/run/pg&user=ann"), "Target(ann@/run/pg/.s.PGSQL.5432/app, Prefer)");
        assert_eq!(
            shown("postgres://ann@[::1]:6000/app?sslmode=verify-full"),
            "Target(ann@[::1]:6000/app, VerifyFull)"
        );
        assert_eq!(shown(r"host=h user = ann password='a\'b c' dbname=x"), "Target(ann@h:5432/x, Prefer)");
        assert_eq!(shown("postgres://a@h1:1,h2:2/x"), "Target(a@h1:1/x, Prefer)");
    }

    #[test]
    fn passwords_keep_every_character() {
        let password = |text: &str| {
            let target = Target::parse(text).unwrap();
            String::from_utf8(target.config.get_password().unwrap().to_vec()).unwrap()
        };
        assert_eq!(password("postgres://ann:a+b%26c%20d:e/f@h/x"), "a+b&c d:e/f");
        assert_eq!(password(r"host=h password='a\'b \\c=d'"), r"a'b \c=d");
        assert_eq!(password("host=h user=u password=pass%40word"), "pass%40word");
    }

    #[test]
    fn options_of_frameworks_are_dropped_and_unknown_ones_named() {
        assert_eq!(shown("postgres://ann@h/app?schema=public&connection_limit=5"), "Target(ann@h:5432/app, Prefer)");
        assert_eq!(
            shown("postgres://ann@h/app?colour=red"),
            "error: the database address has an unknown option `colour`"
        );
        assert!(shown("postgres://ann@h/app?sslmode=maybe").contains("verify-ca"));
        assert!(shown("postgres://ann@h:99999/app").contains("1 to 65535"));
        assert!(shown("my database").contains("neither a URL"));
        assert!(shown("postgres://ann@h/app?sslcert=/c").contains("sslkey"));
    }

    #[test]
    fn no_text_shows_the_password() {
        for text in ["postgres://ann:hunter2@h/x", "host=h user=ann password=hunter2", "postgres://ann:hunter2@h:x/x"] {
            assert!(!shown(text).contains("hunter2"), "{}", shown(text));
        }
        let other = Target::parse("host=h user=ann").unwrap().with_login("bob", "hunter2");
        assert!(!format!("{other:?} {other}").contains("hunter2"));
        assert!(other.libpq_env().contains(&("PGPASSWORD", "hunter2".into())));
    }
}
