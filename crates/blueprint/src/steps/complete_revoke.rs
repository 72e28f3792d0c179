//! The rights of other roles go: those of PUBLIC and of the old logins. Kept roles lose only what passes by the
//! policies (TRUNCATE, REFERENCES, TRIGGER, MAINTAIN).

use tenantry_model::Ident;

use super::{object, table, table_object};
use crate::catalog::Column;
use crate::ddl::acl::{self, Item, items};
use crate::file::{Lock, Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for t in &design.tables {
        for relation in t.relations() {
            let name = &relation.name;
            let step = table(Phase::Complete, name, format!("Take the rights of old logins on {name}"));
            let on = table_object(name, &relation.owner);
            out.extend(revoke(design, step, &on, relation.acl.as_deref(), &relation.columns));
        }
    }
    for view in &design.catalog.views {
        let step =
            object(Phase::Complete, view.name.to_string(), format!("Take the rights of old logins on {}", view.name));
        out.extend(revoke(design, step, &table_object(&view.name, &view.owner), view.acl.as_deref(), &[]));
    }
    out
}

fn revoke(
    design: &Design<'_>,
    mut step: Step,
    on: &acl::Object,
    original: Option<&[String]>,
    columns: &[Column],
) -> Option<Step> {
    let held = original.map(items).unwrap_or_default();
    let on_columns: Vec<Item> = columns.iter().filter_map(|c| c.acl.as_deref()).flat_map(items).collect();
    let mut done: Vec<Option<&Ident>> = Vec::new();
    for item in held.iter().chain(&on_columns).filter(|i| i.grantee.as_ref() != Some(&on.owner)) {
        let role = item.grantee.as_ref();
        if done.contains(&role) {
            continue;
        }
        done.push(role);
        if role.is_some_and(|r| design.kept_roles.contains(r)) {
            let past = words_of(&held, role, "Dxtm");
            if !past.is_empty() {
                step.up.push(acl::revoke_cascade(&past, on, role));
            }
        } else {
            step.up.push(acl::revoke_cascade("ALL", on, role));
        }
    }
    if step.up.is_empty() {
        return None;
    }
    step.lock = Lock::None;
    step.down = acl::restore(on, original, &[]);
    step.down.extend(acl::restore_columns(on, columns));
    Some(step)
}

fn words_of(held: &[Item], role: Option<&Ident>, letters: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for item in held.iter().filter(|i| i.grantee.as_ref() == role) {
        for word in acl::words(item, letters).split(", ").filter(|w| !w.is_empty()) {
            if !words.iter().any(|w| w == word) {
                words.push(word.to_owned());
            }
        }
    }
    words.join(", ")
}
