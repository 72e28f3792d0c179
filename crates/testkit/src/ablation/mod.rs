//! Each protection of an isolated database, with the SQL that takes it away and puts it back, and the attacks of
//! `tenantry verify` that must succeed while it is gone. A protection nobody misses is no protection, and an attack
//! that can never succeed proves nothing.
//!
//! One protection a file. The texts are for the small application of [`SCENE`].

/// The schema and rows of a small application to try it on.
pub const SCENE: &str = include_str!("scene.sql");

/// The registry that goes with [`SCENE`].
pub const REGISTRY: &str = include_str!("scene.toml");

/// One protection.
#[derive(Clone, Copy, Debug)]
pub struct Ablation {
    /// What protects, in a few words.
    pub protection: &'static str,
    /// Ids of the checks that must fail without it.
    pub attacks: &'static [&'static str],
    /// Takes it away. `{db}`, `{rt}`, `{owner}`, `{slot}` and `{slot2}` stand for names.
    pub remove: &'static [&'static str],
    /// Puts it back.
    pub restore: &'static [&'static str],
    /// Taken away by giving the attacks one login instead of several.
    pub one_login: bool,
}

/// Names that stand for the braces, already quoted for SQL.
pub struct Names {
    /// The database.
    pub db: String,
    /// The runtime group.
    pub rt: String,
    /// The owner of the tables.
    pub owner: String,
    /// The login the attacks use for tenant A.
    pub slot: String,
    /// Another login.
    pub slot2: String,
}

impl Ablation {
    /// The statements with names filled in.
    pub fn sql(texts: &[&str], names: &Names) -> Vec<String> {
        let fill = |text: &&str| {
            text.replace("{db}", &names.db)
                .replace("{rt}", &names.rt)
                .replace("{owner}", &names.owner)
                .replace("{slot2}", &names.slot2)
                .replace("{slot}", &names.slot)
        };
        texts.iter().map(fill).collect()
    }
}

macro_rules! ablations {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// All of them, by layer of the wall.
        pub fn all() -> &'static [Ablation] {
            &[$($module::ABLATION),*]
        }
    };
}

ablations! {
    row_level_security
    root_policy
    force
    restrictive
    base_policy
    with_check
    with_check_of_partitions
    all_commands
    to_everybody
    closed_without_tenant
    empty_is_no_tenant
    null_refused
    tenant_required
    policy_reads_own_rows
    whole_keys
    one_tenant
    unit_reads_own
    unit_writes_own
    unit_takes_nothing
    unit_deletes_nothing
    unit_is_no_tenant
    signed_policy
    no_constant
    signed_context
    token_checked
    context_memory
    held_form
    held_seal
    held_forgets_first
    held_settings
    held_cursors
    held_statements
    held_channels
    held_locks
    held_numbers
    signing_key
    no_helper
    bypassrls
    not_owner
    not_each_other
    slot_logins
    predefined_roles
    no_replication
    parameter_rights
    no_trigger
    no_truncate
    no_references
    no_temporary
    no_create
    security_invoker
    honest_below
    no_writable_view
    materialized_view
    definer_function
    definer_search_path
    trigger_target
    new_table
    no_rule
    composite_foreign_key
    tenant_does_not_cascade
    tenant_unique
    exclusion
    sequence_rights
    not_leakproof
    partition_policy
    partition_rls
    foreign_table
    opaque_names
    stored_secret
    raw_readers
    large_objects
    publication
    default_privileges
    quota_charge
    quota_guard
    quota_no_negative
    quota_books
    quota_restore
    quota_given
    quota_rights
    quota_own_rows
}
