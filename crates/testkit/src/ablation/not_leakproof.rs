//! A function called leakproof.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no function of our own is leakproof",
    attacks: &["P-55"],
    remove: &["CREATE FUNCTION public.quick(text) RETURNS boolean LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT true'"],
    restore: &["DROP FUNCTION public.quick(text)"],
    one_login: false,
};
