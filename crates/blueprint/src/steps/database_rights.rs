//! Rights on the database and its schemas that everybody has: temporary tables, which could stand in front of real
//! ones, and new objects. The roles of today keep them by name; the runtime logins never get them.

use tenantry_model::Ident;

use super::object;
use crate::ddl::acl::{self, Item, Kind, Object, items};
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    if let (Some(owner), Ok(name)) = (&design.catalog.database_owner, Ident::new(design.catalog.database.clone())) {
        let on = Object { kind: Kind::Database, sql: name.quoted(), owner: owner.clone() };
        let acl = design.catalog.database_acl.as_deref();
        let public = acl.map_or_else(|| Item::parse(&format!("=Tc/{}", owner.quoted())), public);
        let may_connect = public.as_ref().is_some_and(|i| i.has('c'));
        let moved = public.map(|i| acl::words(&i, "CT")).unwrap_or_default();
        let mut step =
            object(Phase::Apply, String::new(), "Take TEMPORARY and CREATE on the database from everybody".to_owned());
        move_rights(design, &mut step, &on, &moved, acl, !may_connect);
        if !step.up.is_empty() {
            out.push(step);
        }
    }
    for schema in &design.catalog.schemas {
        let Some(public) = schema.acl.as_deref().and_then(public).filter(|i| i.has('C')) else { continue };
        let on = Object { kind: Kind::Schema, sql: schema.name.quoted(), owner: schema.owner.clone() };
        let title = format!("Take CREATE in schema {} from everybody", schema.name);
        let mut step = object(Phase::Apply, schema.name.to_string(), title);
        move_rights(design, &mut step, &on, &acl::words(&public, "C"), schema.acl.as_deref(), false);
        out.push(step);
    }
    out
}

fn public(acl: &[String]) -> Option<Item> {
    items(acl).into_iter().find(|i| i.grantee.is_none())
}

/// Gives rights to the roles of today and takes them from everybody. The way back touches nobody else's entries:
/// other roles may have got rights meanwhile, ours among them.
fn move_rights(design: &Design<'_>, step: &mut Step, on: &Object, words: &str, acl: Option<&[String]>, connect: bool) {
    let held = acl.map(items).unwrap_or_default();
    if !words.is_empty() {
        for role in design.existing_roles.iter().filter(|r| *r != &on.owner) {
            let missing: Vec<&str> = words.split(", ").filter(|w| !has_word(&held, role, w)).collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                step.up.push(acl::grant(&missing, on, Some(role)));
                step.down.insert(0, acl::revoke(&missing, on, Some(role)));
            }
        }
        step.up.push(acl::revoke(words, on, None));
        step.down.insert(0, acl::grant(words, on, None));
    }
    if connect {
        step.up.push(acl::grant("CONNECT", on, Some(&design.roles.runtime)));
        step.down.insert(0, acl::revoke("CONNECT", on, Some(&design.roles.runtime)));
    }
}

fn has_word(held: &[Item], role: &Ident, word: &str) -> bool {
    held.iter().any(|i| i.grantee.as_ref() == Some(role) && acl::words(i, "").split(", ").any(|w| w == word))
}
