//! A customer list in the names of roles.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "names of roles say nothing",
    attacks: &["P-65"],
    remove: &["DO $$ DECLARE w record; BEGIN FOR w IN SELECT id FROM public.workspace LOOP EXECUTE format('CREATE ROLE %I', current_database() || '_' || w.id); END LOOP; END $$"],
    restore: &["DO $$ DECLARE w record; BEGIN FOR w IN SELECT id FROM public.workspace LOOP EXECUTE format('DROP ROLE %I', current_database() || '_' || w.id); END LOOP; END $$"],
    one_login: false,
};
