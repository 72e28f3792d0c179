//! Children that move with their parent.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no ON UPDATE CASCADE on the tenant",
    attacks: &["P-43"],
    remove: &["ALTER TABLE public.task DROP CONSTRAINT task_project_id_fkey_tenantry", "ALTER TABLE public.task ADD CONSTRAINT task_project_id_fkey_tenantry FOREIGN KEY (workspace_id, project_id) REFERENCES public.project (workspace_id, id) ON DELETE CASCADE ON UPDATE CASCADE"],
    restore: &["ALTER TABLE public.task DROP CONSTRAINT task_project_id_fkey_tenantry", "ALTER TABLE public.task ADD CONSTRAINT task_project_id_fkey_tenantry FOREIGN KEY (workspace_id, project_id) REFERENCES public.project (workspace_id, id) ON DELETE CASCADE"],
    one_login: false,
};
