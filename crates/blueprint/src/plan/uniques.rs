//! Unique keys without the tenant: which tell a tenant what another one has, and so get the tenant in front; and which
//! stay global, with the reason.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::design::{Bound, Design, Fill, TableDesign, UniqueDesign, owning_columns};
use super::findings::note;
use super::names::Names;
use super::references::partition_columns;
use crate::catalog::{Index, Key, Table};
use crate::classify::Class;
use crate::ddl::index::NewIndex;
use crate::file::{Finding, KEPT_GLOBAL, Severity};

/// Designs every unique key of the bound tables.
pub(super) fn design<'a>(design: &Design<'a>, names: &mut Names, findings: &mut Vec<Finding>) -> Vec<UniqueDesign<'a>> {
    let mut out = Vec::new();
    for t in &design.tables {
        let Some(column) = t.column_bound().map(|c| c.column.clone()) else { continue };
        for index in t.table.indexes.iter().filter(|i| i.unique && i.valid && i.method == "btree") {
            let constraint = t.table.uniques.iter().find(|k| k.name == index.name);
            if index.of_constraint && constraint.is_none() {
                continue; // The primary key: random, or a number that tells nothing but that it is taken.
            }
            if index.keys.iter().any(|k| k.column.as_ref() == Some(&column)) {
                continue;
            }
            let object = format!("{}.{}", t.table.name, index.name);
            match why_global(design, t, index, constraint) {
                Some(reason) => findings.push(kept(object, reason)),
                None => {
                    findings.push(replaced(object, &column, index));
                    let replacement = replacement(t, &column, index, names);
                    findings.extend(replacement.iter().skip(1).map(|i| without_tenant(t, i)));
                    out.push(UniqueDesign { table: t.table, index, constraint, replacement });
                }
            }
        }
    }
    out
}

fn replaced(object: String, column: &Ident, index: &Index) -> Finding {
    let keys = index.keys.iter().map(|k| k.sql.as_str()).collect::<Vec<_>>().join(", ");
    note(
        "unique-gets-tenant",
        Severity::Low,
        object,
        format!("This unique key gets the tenant in front and is global no more after complete: ({column}, {keys})."),
        format!(
            "Statements with ON CONFLICT ({keys}) must then say ON CONFLICT ({column}, {keys}). To keep it global, write the reason under global_uniques in tenantry.toml."
        ),
    )
}

/// The second of a pair of keys: over rows without a tenant only.
fn without_tenant(t: &TableDesign<'_>, index: &NewIndex) -> Finding {
    kept(
        format!("{}.{}", t.table.name, index.name),
        "it holds only rows without a tenant, and no tenant writes those".to_owned(),
    )
}

fn kept(object: String, reason: String) -> Finding {
    Finding {
        accepted: Some(reason.clone()),
        ..note(
            KEPT_GLOBAL,
            Severity::Low,
            object,
            format!("This unique key stays global: {reason}."),
            "If tenants may have equal values here, remove the reason under global_uniques, or rename the key's columns.",
        )
    }
}

/// A key column holds the id of a row of one tenant, of a type that nobody guesses: equal values cannot belong to two
/// tenants, and none can be tried. A number can be.
fn within_owner(design: &Design<'_>, t: &TableDesign<'_>, index: &Index) -> bool {
    let random = |c: &Ident| {
        t.table.column(c.as_str()).is_some_and(|c| matches!(c.key_kind(), Some(KeyKind::Uuid | KeyKind::Text)))
    };
    let held = |set: &[Ident]| {
        let of_index = |c: &Ident| index.keys.iter().any(|k| k.column.as_ref() == Some(c));
        !set.is_empty() && set.iter().all(of_index) && set.iter().any(random)
    };
    let owned = |table: &QualifiedName, columns: &[Ident]| {
        design
            .table(table)
            .filter(|p| p.bound.is_some())
            .and_then(|p| p.table.primary_key.as_ref())
            .is_some_and(|k| k.columns.len() == columns.len() && k.columns.iter().all(|c| columns.contains(c)))
    };
    let by_key = t.table.foreign_keys.iter().any(|k| held(&k.columns) && owned(&k.references, &k.referenced_columns));
    let by_way = match &t.bound {
        Some(Bound::Column(c)) => match &c.fill {
            Some(Fill::Along(way)) => {
                held(owning_columns(&way.hops))
                    && way.hops.first().is_some_and(|h| owned(&h.references, &h.referenced_columns))
            }
            _ => false,
        },
        _ => false,
    };
    by_key || by_way
}

/// Why a unique key must stay as it is, if it must.
fn why_global(design: &Design<'_>, t: &TableDesign<'_>, index: &Index, constraint: Option<&Key>) -> Option<String> {
    let recorded = design.registry.table(&t.table.name).and_then(|e| e.global_uniques.get(index.name.as_str()));
    if let Some(reason) = recorded {
        return Some(reason.clone());
    }
    let columns = index.plain_columns();
    if t.class == Class::Root {
        return Some("it names the tenant itself, and so comes before the tenant is known".to_owned());
    }
    if let Some(lookup) = design.lookups.iter().find(|l| {
        l.table.name == t.table.name
            && columns.as_ref().is_some_and(|c| c.iter().all(|c| l.arguments.iter().any(|(a, _)| a == c)))
    }) {
        return Some(format!("look-up {} needs it before the tenant is known ({})", lookup.name, lookup.reason));
    }
    if within_owner(design, t, index) {
        return Some("it holds the random id of a row of one tenant".to_owned());
    }
    if let Some(columns) = &columns
        && let Some(key) = still_referenced(design, t.table, columns)
    {
        return Some(format!("foreign key {key} refers to it"));
    }
    if t.table.replica_identity == 'i' && constraint.is_none() && index.predicate.is_none() {
        return Some("it may be the replica identity of the table".to_owned());
    }
    if let Some(key) = &t.table.partition_key
        && partition_columns(key).is_none()
    {
        return Some("the table is partitioned by an expression".to_owned());
    }
    index.keys.iter().find_map(|k| words_of(&k.sql, t)).map(str::to_owned)
}

/// A foreign key that stays and needs this very unique key.
fn still_referenced(design: &Design<'_>, table: &Table, columns: &[Ident]) -> Option<String> {
    design.catalog.tables.iter().flat_map(|t| t.foreign_keys.iter().map(move |k| (t, k))).find_map(|(from, key)| {
        let same = key.references == table.name
            && key.referenced_columns.len() == columns.len()
            && columns.iter().all(|c| key.referenced_columns.contains(c));
        let goes = design.references.iter().any(|r| r.replaced && r.table.name == from.name && r.key.name == key.name);
        (same && !goes && table.primary_key.as_ref().is_none_or(|p| p.columns != columns))
            .then(|| format!("{} of {}", key.name, from.name))
    })
}

/// Why a column with such a name and type is unguessable, or needed before the tenant is known.
fn words_of(sql: &str, t: &TableDesign<'_>) -> Option<&'static str> {
    let column = t
        .table
        .columns
        .iter()
        .find(|c| sql == c.name.as_str() || sql == c.name.quoted() || sql.contains(c.name.as_str()))?;
    let words = split_words(column.name.as_str());
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    let table_words = split_words(t.table.name.name.as_str());
    if column.data_type == "uuid"
        || column.default.as_deref().is_some_and(|d| d.contains("gen_random") || d.contains("uuid"))
    {
        return Some("its values are made at random and cannot be guessed");
    }
    if has(&["token", "tokens", "secret", "secrets", "hash", "digest", "nonce", "signature", "jti", "fingerprint"]) {
        return Some("its values are secrets that nobody can guess");
    }
    if has(&["key"])
        && (has(&["api", "access", "write", "public", "private", "license", "hmac", "lookup", "client"])
            || table_words.iter().any(|w| w == "api" || w == "access"))
    {
        return Some("an API key is looked up before the tenant is known");
    }
    if has(&["session", "sessions", "invite", "invitation"]) {
        return Some("it is looked up before the tenant is known");
    }
    if has(&["domain", "domains", "host", "hostname", "subdomain"]) {
        return Some("a domain is looked up before the tenant is known");
    }
    if has(&["email", "mail", "username", "login"])
        && table_words.iter().any(|w| {
            [
                "user",
                "users",
                "identity",
                "identities",
                "login",
                "logins",
                "account",
                "accounts",
                "credential",
                "credentials",
                "person",
                "people",
            ]
            .contains(&w.as_str())
        })
    {
        return Some("a login is looked up before the tenant is known");
    }
    let last = words.last().map(String::as_str);
    let outside = matches!(last, Some("id" | "sid" | "uid" | "guid" | "uuid")) && words.len() > 1;
    if outside && matches!(column.data_type.as_str(), t if t == "text" || t.starts_with("character varying")) {
        return Some("it is an id that another system gave");
    }
    None
}

/// `customDomain`, `custom_domain` and `CUSTOM-DOMAIN` are the words `custom`, `domain`.
pub(super) fn split_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            lower_before = false;
            words.push(String::new());
            continue;
        }
        if (c.is_uppercase() && lower_before) || words.is_empty() {
            words.push(String::new());
        }
        lower_before = c.is_lowercase() || c.is_numeric();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// The same key with the tenant in front; rows without a tenant keep theirs.
fn replacement(t: &TableDesign<'_>, column: &Ident, index: &Index, names: &mut Names) -> Vec<NewIndex> {
    let key = |k: &crate::catalog::IndexKey| match &k.column {
        Some(c) => c.quoted(),
        None => format!("({})", k.sql),
    };
    let keys: Vec<String> = index.keys.iter().map(key).collect();
    let first = NewIndex {
        name: names.relation(&t.table.name, index.name.as_str(), "_tenantry"),
        unique: true,
        keys: std::iter::once(column.quoted()).chain(keys.iter().cloned()).collect(),
        include: index.include.clone(),
        nulls_not_distinct: index.nulls_not_distinct,
        predicate: index.predicate.clone(),
    };
    let mut out = vec![first];
    if t.nulls().remain() {
        let without = format!("{} IS NULL", column.quoted());
        out.push(NewIndex {
            name: names.relation(&t.table.name, index.name.as_str(), "_no_tenant_tenantry"),
            unique: true,
            keys,
            include: index.include.clone(),
            nulls_not_distinct: index.nulls_not_distinct,
            predicate: Some(match &index.predicate {
                Some(p) => format!("({p}) AND {without}"),
                None => without,
            }),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::split_words;

    #[test]
    fn names_of_every_style_are_split() {
        for name in ["customDomain", "custom_domain", "CustomDomain", "custom-domain"] {
            assert_eq!(split_words(name), ["custom", "domain"], "{name}");
        }
        assert_eq!(split_words("oauth2Token"), ["oauth2", "token"]);
    }
}
