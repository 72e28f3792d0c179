//! The SQL of quotas: how much of a resource each tenant may have, held in the statement that makes the rows.
//!
//! A guard on the table ([`guard`]) charges the tenant of every row in the transaction of its statement, whoever sends
//! it. So usage and rows are committed together, or not at all; nothing drifts when a transaction fails, and no path
//! into the table goes round it. The counters lie in schema `tenantry`, the keeper's; nobody else has a right on them.
//!
//! Three ways to charge, chosen by the tenant's row: without a limit the change is only written down, so that no writer
//! waits for another; with one, a single UPDATE holds the bound; a tenant with many writers at once has its counter
//! split into shards. Setting a limit waits for the charges under way, adds up, and is exact from then on.
//!
//! What it refuses to do: it decides about no plan, sends no warning, and trusts no number that a caller names.

pub(crate) mod counted;
pub mod guard;

use tenantry_model::{Ident, KeyKind};

/// Most units of a limit. Sums are `numeric`, so that nothing overflows on the way there.
pub const UNITS_MAX: u64 = 1_000_000_000_000_000_000;
/// Most parts a counter is split into.
const SHARDS_MAX: u32 = 256;
/// Most units that one part takes at once.
const CHUNK_MAX: u32 = 1_000;
/// Most levels of a hierarchy.
const LEVELS_MAX: u32 = 32;
/// How many of the charges without a limit add up what was written down.
const FOLD_SHARE: &str = "0.01";
/// Most notes added up at once.
const FOLD_ROWS: u32 = 1_000;

/// For which database the counters are made.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Type of the tenant key.
    pub key: KeyKind,
    /// Owns everything. The installing role must be a member of it.
    pub keeper: &'a Ident,
    /// Group of those that set limits and read usage of every tenant: the control plane's.
    pub admin: &'a Ident,
    /// May use a reservation of their own tenant and read its usage: the runtime group, and roles that are kept.
    pub callers: &'a [Ident],
}

/// SQL of the counters, each text one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Makes tables and functions.
    pub up: Vec<String>,
    /// Removes them.
    pub down: Vec<String>,
}

/// Who may run a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Called by the other functions only.
    Keeper,
    /// The control plane.
    Admin,
    /// Everybody with a tenant.
    Callers,
}

const TABLES: [&str; 5] = ["quota_reservation", "quota_shard", "quota_delta", "quota", "quota_resource"];

/// Every function with its arguments, in the order of making. `{key}` is the type of the tenant key.
const FUNCTIONS: &[(&str, Audience)] = &[
    ("quota_period(text)", Audience::Keeper),
    ("quota_bound(tenantry.quota)", Audience::Keeper),
    ("quota_fold(text, {key}, integer)", Audience::Keeper),
    ("quota_refuse(text, numeric, numeric, numeric, numeric)", Audience::Keeper),
    ("quota_take(text, {key}, date, numeric)", Audience::Keeper),
    ("quota_charge(text, {key}, date, numeric)", Audience::Keeper),
    ("quota_needs_read_committed()", Audience::Keeper),
    ("quota_known(text)", Audience::Keeper),
    ("quota_settle(text, {key})", Audience::Keeper),
    ("quota_apply_default(text, bigint)", Audience::Keeper),
    ("quota_set_limit({key}, text, bigint, {key})", Audience::Admin),
    ("quota_reset_limit({key}, text)", Audience::Admin),
    ("quota_set_grace({key}, text, integer, timestamptz)", Audience::Admin),
    ("quota_set_hot({key}, text, integer)", Audience::Admin),
    ("quota_reserve({key}, text, bigint, interval)", Audience::Admin),
    ("quota_end_reservation({key}, uuid)", Audience::Keeper),
    ("use_reservation(uuid)", Audience::Callers),
    ("quota_commit({key}, uuid)", Audience::Admin),
    ("quota_release({key}, uuid)", Audience::Admin),
    ("quota_resources()", Audience::Admin),
    ("quota_usage({key})", Audience::Admin),
    ("quota_mine()", Audience::Callers),
    ("quota_recalculate({key}, text)", Audience::Admin),
    ("quota_sweep(integer)", Audience::Admin),
];

/// The SQL of the counters for one kind of key.
pub fn install(options: &Options<'_>) -> Installed {
    let key = options.key.sql_type();
    let keeper = options.keeper.quoted();
    let admin = options.admin.quoted();
    let callers = options.callers.iter().map(Ident::quoted).collect::<Vec<_>>().join(", ");
    let signatures: Vec<(String, Audience)> =
        FUNCTIONS.iter().map(|(f, to)| (format!("tenantry.{}", f.replace("{key}", key)), *to)).collect();

    // Made by the keeper itself: its objects get nobody's default privileges.
    let mut up = vec![format!("SET LOCAL ROLE {keeper}")];
    let files = [
        include_str!("tables.sql"),
        include_str!("charge.sql"),
        include_str!("settle.sql"),
        include_str!("manage.sql"),
        include_str!("reserve.sql"),
        include_str!("read.sql"),
        include_str!("upkeep.sql"),
    ];
    for file in files {
        up.extend(file.split("\n--;\n").map(|text| fill(text, options.key)));
    }
    up.extend(signatures.iter().map(|(f, _)| format!("REVOKE ALL ON FUNCTION {f} FROM PUBLIC")));
    up.push(format!("GRANT USAGE ON SCHEMA tenantry TO {admin}"));
    for (function, to) in &signatures {
        let to = match to {
            Audience::Keeper => continue,
            Audience::Admin => &admin,
            Audience::Callers => &callers,
        };
        if !to.is_empty() {
            up.push(format!("GRANT EXECUTE ON FUNCTION {function} TO {to}"));
        }
    }
    up.push("RESET ROLE".to_owned());

    // Functions that take a table's row go before the table.
    let mut down: Vec<String> = signatures.iter().rev().map(|(f, _)| format!("DROP FUNCTION IF EXISTS {f}")).collect();
    down.extend(TABLES.iter().map(|t| format!("DROP TABLE IF EXISTS tenantry.{t}")));
    down.push(format!("REVOKE ALL ON SCHEMA tenantry FROM {admin}"));
    Installed { up, down }
}

/// One statement with its places filled.
fn fill(text: &str, key: KeyKind) -> String {
    let values = [
        ("{key}", key.sql_type().to_owned()),
        ("{tenant}", key.context_function().to_owned()),
        ("{definer}", "SECURITY DEFINER SET search_path = pg_catalog, pg_temp".to_owned()),
        ("{units_max}", UNITS_MAX.to_string()),
        ("{shards_max}", SHARDS_MAX.to_string()),
        ("{chunk_max}", CHUNK_MAX.to_string()),
        ("{levels_max}", LEVELS_MAX.to_string()),
        ("{fold_share}", FOLD_SHARE.to_owned()),
        ("{fold_rows}", FOLD_ROWS.to_string()),
    ];
    let text = text.trim().trim_end_matches(';').to_owned();
    values.iter().fold(text, |text, (place, value)| text.replace(place, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(key: KeyKind) -> Installed {
        let role = |name: &str| Ident::new(name).unwrap();
        let (keeper, admin, callers) = (role("app_tenantry"), role("app_quota"), [role("app_rt")]);
        install(&Options { key, keeper: &keeper, admin: &admin, callers: &callers })
    }

    #[test]
    fn every_place_of_the_templates_is_filled() {
        for key in [KeyKind::Uuid, KeyKind::Integer, KeyKind::Bigint, KeyKind::Text] {
            let made = installed(key);
            for statement in made.up.iter().chain(&made.down) {
                assert!(!statement.contains('{') && !statement.ends_with(';'), "{statement}");
            }
        }
    }

    #[test]
    fn every_function_is_closed_to_everybody_and_taken_away() {
        let made = installed(KeyKind::Uuid);
        let names: Vec<&str> =
            made.up.iter().filter_map(|s| Some(s.split_once("CREATE FUNCTION ")?.1.split_once('(')?.0)).collect();
        assert_eq!(names.len(), FUNCTIONS.len());
        for name in names {
            let closed = format!("REVOKE ALL ON FUNCTION {name}(");
            let gone = format!("DROP FUNCTION IF EXISTS {name}(");
            assert!(made.up.iter().any(|s| s.starts_with(&closed)), "{name} is open");
            assert!(made.down.iter().any(|s| s.starts_with(&gone)), "{name} stays");
        }
    }

    #[test]
    fn what_runs_with_the_keepers_rights_has_a_pinned_path() {
        let made = installed(KeyKind::Text);
        let definers = made.up.iter().filter(|s| s.contains("SECURITY DEFINER"));
        assert!(definers.clone().count() > 10);
        for text in definers {
            assert!(text.contains("SECURITY DEFINER SET search_path = pg_catalog, pg_temp"), "{text}");
        }
    }
}
