//! Lists that are the same for every tenant: countries, currencies, plans, permissions, features.

use super::{Case, Evidence};
use crate::classify::Class;

/// Words that only such lists have, wherever they stand in the name.
const PLAIN: &[&str] =
    &["country", "currency", "timezone", "zipcode", "continent", "holiday", "exchange", "geoname", "airport", "iso"];
/// Words that often do, as the last of the name.
const LIKELY: &[&str] = &[
    "language",
    "locale",
    "translation",
    "permission",
    "plan",
    "price",
    "tier",
    "feature",
    "module",
    "flag",
    "capability",
    "privilege",
    "category",
    "type",
    "definition",
    "unit",
    "release",
    "announcement",
    "broadcast",
    "notice",
    "new",
    "news",
    "changelog",
    "tag",
    "product",
    "industry",
    "region",
    "city",
    "state",
    "province",
    "rate",
    "blocklist",
    "blacklist",
    "whitelist",
    "allowlist",
    "denylist",
    "reserved",
    "waitlist",
    "model",
    "provider",
    "catalog",
    "kind",
    "status",
    "level",
    "skill",
    "icon",
    "emoji",
    "font",
    "theme",
    "app",
    "package",
    "package_version",
    "currencyrate",
    "quota",
    "catalogue",
    "scope",
    "right",
    "addon",
    "coupon",
    "benefit",
    "faq",
    "banner",
    "keyword",
];

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let towards_tenant = case.references().iter().any(|r| case.class_of(r.target).is_some_and(Class::is_scoped));
    if towards_tenant || case.facts.people[case.table] {
        return None;
    }
    let stems = &case.facts.names[case.table];
    if stems.iter().any(|w| PLAIN.contains(&w.as_str())) {
        return Some(Evidence::new(Class::Shared, 0.88, "a list that is the same for every tenant, by its name"));
    }
    if case.root.is_none() && case.root_column.is_none() {
        return None;
    }
    let last = stems.last().is_some_and(|w| LIKELY.iter().any(|l| w == l || l.len() >= 6 && w.ends_with(l)));
    if last && !refers_anywhere(case) {
        // a mark for built-in rows means that there are others, which somebody made
        let mixed =
            case.facts.has_column(case.table, &["issystem", "builtin", "isbuiltin", "isdefault", "iscustom", "custom"])
                && !looks_like_it(case);
        if mixed {
            return None;
        }
        let weight = if looks_like_it(case) { 0.8 } else { 0.68 };
        return Some(Evidence::new(
            Class::Shared,
            weight,
            "a list offered to every tenant, by its name; nothing in it leads to a tenant",
        ));
    }
    let child = case
        .references()
        .iter()
        .any(|r| !r.nullable && case.class_of(r.target) == Some(Class::Shared) && !case.facts.people[r.target]);
    let elsewhere =
        case.references().iter().any(|r| r.target != case.table && case.class_of(r.target) != Some(Class::Shared));
    (child && !elsewhere)
        .then(|| Evidence::new(Class::Shared, 0.72, "part of a list that is the same for every tenant"))
}

/// Few columns, one of them a unique code, key, slug or name.
pub(super) fn looks_like_it(case: &Case<'_>) -> bool {
    let table = case.facts.tables[case.table];
    let named_key = ["code", "key", "slug", "name", "identifier", "iso", "symbol"].iter().any(|n| {
        table
            .columns
            .iter()
            .any(|c| c.name.as_str() == *n && case.facts.is_unique(case.table, std::slice::from_ref(&c.name)))
    });
    named_key && table.columns.len() <= 15
}

fn refers_anywhere(case: &Case<'_>) -> bool {
    case.references()
        .iter()
        .any(|r| r.target != case.table && case.class_of(r.target) != Some(Class::Shared) && !case.is_actor(r))
}
