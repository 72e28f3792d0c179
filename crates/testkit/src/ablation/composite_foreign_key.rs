//! A reference that does not name the tenant.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "foreign keys carry the tenant",
    attacks: &["P-40", "P-41", "P-42"],
    remove: &["ALTER TABLE public.task DROP CONSTRAINT task_project_id_fkey_tenantry", "ALTER TABLE public.task ADD CONSTRAINT task_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project (id) ON DELETE CASCADE"],
    restore: &["ALTER TABLE public.task DROP CONSTRAINT task_project_id_fkey", "ALTER TABLE public.task ADD CONSTRAINT task_project_id_fkey_tenantry FOREIGN KEY (workspace_id, project_id) REFERENCES public.project (workspace_id, id) ON DELETE CASCADE"],
    one_login: false,
};
