//! Rows copied to where no policy is.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "triggers write protected tables only",
    attacks: &["P-05", "P-33"],
    remove: &["CREATE TABLE public.project_history (workspace_id uuid, name text)", "CREATE FUNCTION public.remember() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN INSERT INTO public.project_history VALUES (NEW.workspace_id, NEW.name); RETURN NEW; END $$", "CREATE TRIGGER remember AFTER INSERT ON public.project FOR EACH ROW EXECUTE FUNCTION public.remember()", "GRANT SELECT ON public.project_history TO {rt}"],
    restore: &["DROP TRIGGER remember ON public.project", "DROP FUNCTION public.remember()", "DROP TABLE public.project_history"],
    one_login: false,
};
