//! Owned through an incoming reference: `documents.meta_id` points here, one row each.

use super::{Case, Evidence};
use crate::classify::references::Role;
use crate::classify::{Class, Hop};

/// Column names that only content has.
const CONTENT: &[&str] = &[
    "content",
    "body",
    "text",
    "url",
    "filename",
    "path",
    "storagekey",
    "email",
    "phone",
    "street",
    "city",
    "address",
    "addressline1",
    "line1",
    "data",
    "document",
    "secret",
    "token",
    "accesstoken",
    "refreshtoken",
    "password",
    "encryptedkey",
    "credential",
    "config",
    "payload",
    "message",
    "subject",
    "html",
    "json",
    "blob",
    "filesize",
    "size",
    "mimetype",
    "contenttype",
    "byte",
    "checksum",
    "zip",
    "postalcode",
];

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    if case.facts.people[case.table] {
        return None;
    }
    let mut owners: Vec<(Vec<u8>, usize, usize, bool)> = case.facts.incoming[case.table]
        .iter()
        .filter(|(from, _)| *from != case.table && !case.facts.people[*from])
        .filter_map(|&(from, n)| {
            let r = &case.facts.references[from][n];
            let class = case.class_of(from)?;
            if !(class.is_scoped() || class == Class::Unknown) || r.role == Role::Pointer {
                return None;
            }
            let one_each = case.facts.is_unique(from, &r.columns);
            let join = case.facts.payload(from) == 0;
            Some((
                vec![
                    u8::from(class == Class::Unknown),
                    u8::from(!one_each),
                    u8::from(join),
                    u8::from(r.nullable),
                    u8::from(!r.enforced),
                ],
                from,
                n,
                one_each,
            ))
        })
        .collect();
    owners.sort_by(|a, b| a.0.cmp(&b.0));
    let &(_, from, n, one_each) = owners.first()?;
    let r = &case.facts.references[from][n];
    let content = case.facts.has_column(case.table, CONTENT);
    let lookup = super::reference_data::looks_like_it(case);
    let weight = match (one_each, content, lookup) {
        (true, _, false) => 0.88,
        (false, true, false) => 0.72,
        (false, true, true) => 0.62,
        (true, _, true) => 0.5,
        _ => return None,
    };
    let mut e = Evidence::new(
        Class::Indirect,
        weight,
        format!("owned through {} of {}, which refers to it", super::list(&r.columns), case.name(from)),
    );
    let hop = Hop {
        columns: r.target_columns.clone(),
        references: case.name(from).clone(),
        referenced_columns: r.columns.clone(),
        enforced: r.enforced,
        nullable: true,
        reverse: true,
    };
    let onward = case.settled[from].as_ref().map(|s| s.path.clone()).unwrap_or_default();
    e.path = std::iter::once(hop).chain(onward).collect();
    e.nullable = true;
    Some(e)
}
