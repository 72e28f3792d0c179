//! NOT NULL without reading the table under a lock: a CHECK for new rows, validated with writers going on, after which
//! the server takes the table's word.

use tenantry_model::Ident;

use super::{sized, table};
use crate::ddl::{column, constraint};
use crate::file::{Effect, Lock, Phase, Step};
use crate::plan::design::{Design, Nulls};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, bound) in design.columns() {
        if bound.nulls != Nulls::Forbidden {
            continue;
        }
        let name = &t.table.name;
        let check = Ident::composed("", t.table.name.name.as_str(), "_tenantry_not_null");
        let mut add = table(Phase::Apply, name, format!("Refuse new rows of {name} without a tenant"));
        add.id = format!("{name}/check");
        add.up = vec![constraint::add_not_null_check(name, &check, &bound.column)];
        add.down = vec![constraint::drop(name, &check)];
        let mut validate = table(Phase::Apply, name, format!("Check that every row of {name} has a tenant"));
        validate.id = format!("{name}/validate");
        validate.up = vec![constraint::validate(name, &check)];
        validate.lock = Lock::ShareUpdateExclusive;
        validate.effect = Effect::Scan;
        validate.estimate = sized::sum(t.leaves().map(sized::scan));
        let mut set = table(Phase::Apply, name, format!("Mark {} of {name} NOT NULL", bound.column));
        set.up = vec![column::set_not_null(name, &bound.column), constraint::drop(name, &check)];
        set.down = vec![column::drop_not_null(name, &bound.column)];
        // Partitions that had it on their own keep it.
        for part in &t.partitions {
            if part.column(bound.column.as_str()).is_some_and(|c| c.not_null) {
                set.down.push(column::set_not_null(&part.name, &bound.column));
            }
        }
        out.extend([add, validate, set]);
    }
    out
}
