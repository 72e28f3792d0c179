//! Every attack, one a file. The order is the catalogue's.

mod quotas;
mod tools;
mod units;

use super::outcome::Attack;

macro_rules! attacks {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// All attacks.
        pub fn all() -> &'static [&'static Attack] {
            &[$(&$module::ATTACK),*]
        }

        #[cfg(test)]
        const FILES: &[(&str, &str)] = &[$((stringify!($module), $module::ATTACK.id)),*];
    };
}

attacks! {
    p01_superuser_or_bypassrls
    p02_set_role_to_bypass
    p03_owner_without_force
    p04_member_of_owner
    p05_unprotected_table
    p06_policies_not_enabled
    p07_no_permissive_policy
    p08_write_for_other_tenant
    p09_give_row_away
    p10_permissive_or
    p11_write_without_where
    p12_policy_roles
    p13_no_tenant_fails_open
    p14_empty_tenant
    p15_clean_refusal
    p16_null_tenant
    p17_trusted_table
    p19_prefix_comparison
    p20_list_in_setting
    p21_tenant_collation
    p23_registry_readable
    p24_default_only_on_insert
    p25_editable_claim
    p27_view_without_invoker
    p28_stacked_view
    p30_materialized_view
    p31_definer_function
    p32_definer_search_path
    p33_trigger_copies
    p34_spy_trigger
    p35_truncate
    p36_references
    p37_lock_table
    p38_rules
    p40_foreign_parent
    p41_cascade
    p42_pinning
    p43_on_update_cascade
    p44_match_simple
    p45_global_unique
    p46_on_conflict_oracle
    p47_conflict_expression
    p48_conflict_through_view
    p49_exclusion
    p51_sequences
    p53_leaky_predicate
    p54_own_operator
    p55_leakproof
    p57_statistics
    p58_explain_estimates
    p59_policy_text
    p61_public_counters
    p62_activity
    p63_terminate
    p64_statement_statistics
    p65_catalog_names
    p66_stored_secret
    p67_predefined_roles
    p68_raw_readers
    p69_large_objects
    p70_copy_of_table
    p71_partition_direct
    p72_routing
    p73_foreign_table
    p74_loop_back
    p75_create
    p76_temp_shadow
    p77_notify
    p78_advisory_locks
    p79_prepared_transactions
    p80_copy_from
    p81_copy_to
    p82_merge
    p83_cached_plan
    p84_role_change
    p85_drop_owned
    p86_version_floor
    p87_role_interplay
    p88_serializable
    p89_resource_settings
    p90_publication
    p91_replication
    p94_row_security_off
    p95_parameter_rights
    p98_default_privileges
    c01_writable_setting
    c02_dynamic_sql
    c03_spellings
    c04_pg_settings
    c05_crafted_token
    c07_commit_escape
    c08_set_local_autocommit
    c09_reset_role
    c10_other_logins
    c11_wipe_context
    c12_key_in_reach
    c13_helper_in_reach
    c14_parallel_workers
    s01_context_survives
    s02_settings
    s03_hold_cursor
    s04_prepared_statement
    s05_temporary_objects
    s06_listen
    s07_advisory_lock
    s08_last_value
    s09_untrusted_languages
    s10_open_transaction
    s11_hidden_state
    s12_failed_reset
    q01_race
    q02_other_ways
    q03_bad_amounts
    q04_drift
    q05_soft_delete
    q07_hierarchy
    q12_others_quota
    q14_fill_another
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_attack_and_the_order_is_the_catalogues() {
        let mut before = (0, 0);
        for (file, id) in FILES {
            let (letter, number) = id.split_once('-').unwrap();
            assert!(file.starts_with(&format!("{}{number}_", letter.to_lowercase())), "{file} holds {id}");
            let place = ("PCSQ".find(letter).unwrap(), number.parse::<u32>().unwrap());
            assert!(place > before || before == (0, 0), "{id} is out of order or doubled");
            before = place;
        }
    }

    #[test]
    fn every_text_is_written() {
        for a in all() {
            for text in [a.title, a.meaning, a.method, a.remedy] {
                assert!(text.len() > 15 && !text.ends_with(' '), "{}: {text}", a.id);
            }
            assert!(!a.title.ends_with('.'), "{}", a.id);
        }
    }
}
