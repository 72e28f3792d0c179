//! Look-ups that come before a tenant is known: one row, the listed columns, found by a unique key.
//!
//! Each is a function of the keeper, which may read just those columns of just that table. The keeper has no way past
//! row-level security in general: on this table the restrictive policies name whom they hold, and it is not named.

use tenantry_model::{Ident, QualifiedName};

use super::{object, table_object};
use crate::ddl::acl::{self, Kind, Object};
use crate::ddl::function::Lookup;
use crate::ddl::table::function_owner;
use crate::file::{Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for l in &design.lookups {
        let lookup = Lookup {
            name: QualifiedName::new(Ident::composed("tenantry", "", ""), Ident::composed("lookup_", &l.name, "")),
            table: &l.table.name,
            arguments: &l.arguments,
            returns: &l.returns,
            search_path: &l.search_path,
        };
        let on = Object { kind: Kind::Function, sql: lookup.signature(), owner: design.roles.keeper.clone() };
        let mut step =
            object(Phase::Apply, l.name.clone(), format!("Look-up {} in {}: {}", l.name, l.table.name, l.reason));
        step.up = vec![
            lookup.create(),
            acl::revoke("ALL", &on, None),
            function_owner(&lookup.signature(), &design.roles.keeper),
            acl::grant("EXECUTE", &on, Some(&design.roles.runtime)),
        ];
        step.down = vec![format!("DROP FUNCTION IF EXISTS {}", lookup.signature())];
        // the right to a column that this plan adds goes with the column
        let added = l.arguments.iter().chain(&l.returns).map(|(c, _)| c).find(|c| l.table.column(c.as_str()).is_none());
        if let Some(column) = added {
            let table = table_object(&l.table.name, &l.table.owner);
            step.up.push(acl::grant(&format!("SELECT ({})", column.quoted()), &table, Some(&design.roles.keeper)));
        }
        out.push(step);
    }
    out
}
