//! The foreign keys without the tenant go, where one with it stands. On the way back they are added for new rows first
//! and then checked, as gently as they were replaced.

use super::{sized, table};
use crate::ddl::constraint::{self, TO_DROP, TO_MAKE, lock_parent};
use crate::file::{Effect, Lock, Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for r in design.references.iter().filter(|r| r.replaced) {
        let name = &r.table.name;
        let partitioned = r.table.partition_key.is_some();
        // Undone last first: the check comes after the key is back.
        if r.key.validated && !partitioned {
            let mut check = table(Phase::Complete, name, format!("(On the way back: check {} of {name})", r.key.name));
            check.id = format!("{name}/{}/validate", r.key.name);
            check.lock = Lock::ShareUpdateExclusive;
            check.effect = Effect::Scan;
            check.estimate = sized::scan(r.table);
            check.down = vec![constraint::validate(name, &r.key.name)];
            out.push(check);
        }
        let mut drop =
            table(Phase::Complete, name, format!("Drop {} of {name}, which does not hold the tenant", r.key.name));
        drop.id = format!("{name}/{}", r.key.name);
        drop.up = vec![lock_parent(&r.key.references, TO_DROP), constraint::drop(name, &r.key.name)];
        drop.down = vec![lock_parent(&r.key.references, TO_MAKE)];
        drop.down.extend(if partitioned {
            constraint::restore_foreign_key_checked(name, r.key)
        } else {
            constraint::restore_foreign_key(name, r.key)
        });
        if let Some(comment) = &r.key.comment {
            drop.down.push(constraint::comment(name, &r.key.name, comment));
        }
        out.push(drop);
    }
    out
}
