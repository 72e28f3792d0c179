//! What an operator can type.

use crate::refusal::Refusal;

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    Tenants,
    Pools,
    Clients,
    Servers,
    Stats,
    Databases,
    Lists,
    Config,
    Version,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// New transactions wait.
    Pause,
    /// They go on.
    Resume,
    /// The files are read again.
    Reload,
    /// Clients of this tenant, or all, are ended.
    Kill(Option<String>),
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Show(Show),
    Act(Act),
    /// White space and a semicolon, with which drivers see whether somebody is there.
    Nothing,
}

const SHOWS: &[(&str, Show)] = &[
    ("TENANTS", Show::Tenants),
    ("POOLS", Show::Pools),
    ("CLIENTS", Show::Clients),
    ("SERVERS", Show::Servers),
    ("STATS", Show::Stats),
    ("DATABASES", Show::Databases),
    ("LISTS", Show::Lists),
    ("CONFIG", Show::Config),
    ("VERSION", Show::Version),
];

impl Command {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim().trim_end_matches(';').trim_end();
        if text.contains(';') {
            return Err(Refusal::new("42601", "tenantry: one command at a time"));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
        match words.as_slice() {
            [] => Ok(Self::Nothing),
            [show, what] if is(show, "SHOW") => {
                let found = SHOWS.iter().find(|(name, _)| is(what, name));
                found.map(|(_, show)| Self::Show(*show)).ok_or_else(unknown)
            }
            [word] if is(word, "PAUSE") => Ok(Self::Act(Act::Pause)),
            [word] if is(word, "RESUME") => Ok(Self::Act(Act::Resume)),
            [word, _] if is(word, "PAUSE") || is(word, "RESUME") => {
                Err(Refusal::new("0A000", format!("tenantry: {} is for everybody", word.to_ascii_uppercase()))
                    .hint("One tenant is kept out by `tenantry tenants suspend` and its clients ended by KILL tenant."))
            }
            [word] if is(word, "RELOAD") => Ok(Self::Act(Act::Reload)),
            [word] if is(word, "KILL") => Ok(Self::Act(Act::Kill(None))),
            [word, tenant] if is(word, "KILL") => Ok(Self::Act(Act::Kill(Some(unquoted(tenant))))),
            _ => Err(unknown()),
        }
    }
}

fn unquoted(word: &str) -> String {
    let inner = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).unwrap_or(word).to_owned()
}

fn unknown() -> Refusal {
    let shows: Vec<&str> = SHOWS.iter().map(|(name, _)| *name).collect();
    Refusal::new("42601", "tenantry: the console does not know this command")
        .hint(format!("It knows SHOW {}, PAUSE, RESUME, RELOAD and KILL [tenant].", shows.join("|")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let parse = |text: &str| Command::parse(text).ok();
        assert_eq!(parse("show pools;"), Some(Command::Show(Show::Pools)));
        assert_eq!(parse(" SHOW\n Tenants "), Some(Command::Show(Show::Tenants)));
        assert_eq!(parse(";"), Some(Command::Nothing));
        assert_eq!(parse("KILL 'acme'"), Some(Command::Act(Act::Kill(Some("acme".into())))));
        assert_eq!(parse("kill"), Some(Command::Act(Act::Kill(None))));
        for bad in ["SHOW", "SHOW ALL", "SELECT 1", "SHOW POOLS; KILL", "KILL a b", "PAUSE acme", "SHOW POOLS POOLS"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
