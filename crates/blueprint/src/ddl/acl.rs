//! Rights: reading the server's `aclitem` texts, and bringing a list of them back exactly, order included.
//!
//! `pg_dump` writes grants in the order of the list, so a list whose items come back in another order is another dump.
//! Items given by somebody else than the owner (with a grant option) are granted again under that role's name.
//! A built-in default comes back as the explicit list that means the same, which `pg_dump` does not tell apart.

use tenantry_model::Ident;

use crate::catalog::Column;

/// What rights are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table, view or materialized view.
    Table,
    /// A sequence.
    Sequence,
    /// A function or procedure.
    Function,
    /// A schema.
    Schema,
    /// A database.
    Database,
}

impl Kind {
    /// The word in GRANT.
    fn word(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Sequence => "SEQUENCE",
            Self::Function => "ROUTINE",
            Self::Schema => "SCHEMA",
            Self::Database => "DATABASE",
        }
    }

    /// What the built-in default gives to PUBLIC; the owner always has everything.
    fn public_default(self) -> &'static str {
        match self {
            Self::Function => "EXECUTE",
            Self::Database => "CONNECT, TEMPORARY",
            Self::Table | Self::Sequence | Self::Schema => "",
        }
    }
}

/// An object with rights, as it stands in GRANT.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name as SQL.
    pub sql: String,
    /// Its owner.
    pub owner: Ident,
}

/// One `aclitem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Who has the rights; `None` is PUBLIC.
    pub grantee: Option<Ident>,
    /// Who gave them.
    pub grantor: Option<Ident>,
    /// The letters of the rights, each with whether it may be passed on.
    pub rights: Vec<(char, bool)>,
}

impl Item {
    /// Reads `grantee=arw*/grantor`.
    pub fn parse(text: &str) -> Option<Self> {
        let (grantee, rest) = take_role(text)?;
        let rest = rest.strip_prefix('=')?;
        let (letters, grantor) = rest.split_once('/')?;
        let (grantor, end) = take_role(grantor)?;
        if !end.is_empty() {
            return None;
        }
        let mut rights: Vec<(char, bool)> = Vec::new();
        for c in letters.chars() {
            match c {
                '*' => rights.last_mut()?.1 = true,
                c => rights.push((c, false)),
            }
        }
        Some(Self { grantee, grantor, rights })
    }

    /// True if it gives the right of this letter.
    pub fn has(&self, letter: char) -> bool {
        self.rights.iter().any(|(c, _)| *c == letter)
    }
}

/// The items of a list; those that cannot be read are left out (the server prints none such).
pub fn items(acl: &[String]) -> Vec<Item> {
    acl.iter().filter_map(|text| Item::parse(text)).collect()
}

fn take_role(text: &str) -> Option<(Option<Ident>, &str)> {
    if !text.starts_with('"') {
        let end = text.find(['=', '/']).unwrap_or(text.len());
        let name = &text[..end];
        return Some((if name.is_empty() { None } else { Some(Ident::new(name).ok()?) }, &text[end..]));
    }
    let mut name = String::new();
    let mut rest = &text[1..];
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((Some(Ident::new(name).ok()?), rest)),
        }
    }
}

/// The word of a right's letter.
fn word(letter: char) -> Option<&'static str> {
    Some(match letter {
        'r' => "SELECT",
        'a' => "INSERT",
        'w' => "UPDATE",
        'd' => "DELETE",
        'D' => "TRUNCATE",
        'x' => "REFERENCES",
        't' => "TRIGGER",
        'm' => "MAINTAIN",
        'X' => "EXECUTE",
        'U' => "USAGE",
        'C' => "CREATE",
        'c' => "CONNECT",
        'T' => "TEMPORARY",
        _ => return None,
    })
}

fn role(name: Option<&Ident>) -> String {
    name.map_or_else(|| "PUBLIC".to_owned(), Ident::quoted)
}

/// `GRANT rights ON object TO role`
pub fn grant(rights: &str, object: &Object, to: Option<&Ident>) -> String {
    format!("GRANT {rights} ON {} {} TO {}", object.kind.word(), object.sql, role(to))
}

/// `REVOKE rights ON object FROM role`
pub fn revoke(rights: &str, object: &Object, from: Option<&Ident>) -> String {
    format!("REVOKE {rights} ON {} {} FROM {}", object.kind.word(), object.sql, role(from))
}

/// Takes the rights of an item away, together with everything that hangs on them.
pub fn revoke_cascade(rights: &str, object: &Object, from: Option<&Ident>) -> String {
    format!("{} CASCADE", revoke(rights, object, from))
}

/// Rights of an item as SQL words, those of the given letters only if `letters` is not empty.
pub fn words(item: &Item, letters: &str) -> String {
    let chosen = item.rights.iter().filter(|(c, _)| letters.is_empty() || letters.contains(*c));
    chosen.filter_map(|(c, _)| word(*c)).collect::<Vec<_>>().join(", ")
}

/// Statements that bring back exactly this list, in this order. `touched` are roles that may have got rights meanwhile.
pub fn restore(object: &Object, original: Option<&[String]>, touched: &[&Ident]) -> Vec<String> {
    let items = original.map(items);
    let mut out = vec![revoke_cascade("ALL", object, None)];
    let mut cleared: Vec<&Ident> = vec![&object.owner];
    for name in items.iter().flatten().filter_map(|i| i.grantee.as_ref()).chain(touched.iter().copied()) {
        if !cleared.contains(&name) {
            cleared.push(name);
            out.push(revoke_cascade("ALL", object, Some(name)));
        }
    }
    // The owner last: what others gave on hangs on it no more.
    out.push(revoke_cascade("ALL", object, Some(&object.owner)));
    match items {
        None => {
            if !object.kind.public_default().is_empty() {
                out.push(grant(object.kind.public_default(), object, None));
            }
            out.push(grant("ALL", object, Some(&object.owner)));
        }
        Some(items) => {
            for item in &items {
                out.extend(again(object, item, None));
            }
        }
    }
    out
}

/// Statements that bring back the rights on single columns, which go with the rights on the whole table.
pub fn restore_columns(object: &Object, columns: &[Column]) -> Vec<String> {
    let mut out = Vec::new();
    for column in columns {
        let of_column = items(column.acl.as_deref().unwrap_or_default());
        out.extend(of_column.iter().flat_map(|item| again(object, item, Some(&column.name))));
    }
    out
}

/// Statements that grant one item again, by the one who gave it: on the object, or on a column of it.
fn again(object: &Object, item: &Item, column: Option<&Ident>) -> Vec<String> {
    let suffix_of = |word: &str| column.map_or_else(|| word.to_owned(), |c| format!("{word} ({})", c.quoted()));
    let mut grants = Vec::new();
    for (passed_on, suffix) in [(false, ""), (true, " WITH GRANT OPTION")] {
        let chosen: Vec<String> = item
            .rights
            .iter()
            .filter(|(_, option)| *option == passed_on)
            .filter_map(|(c, _)| word(*c).map(suffix_of))
            .collect();
        // The owner passes on whatever it has; a grant option of its own is not stored.
        if !chosen.is_empty() {
            grants.push(format!("{}{suffix}", grant(&chosen.join(", "), object, item.grantee.as_ref())));
        }
    }
    match &item.grantor {
        Some(grantor) if grantor != &object.owner => {
            grants.insert(0, format!("SET LOCAL ROLE {}", grantor.quoted()));
            grants.push("RESET ROLE".to_owned());
        }
        _ => {}
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Object {
        Object { kind: Kind::Table, sql: "\"public\".\"t\"".into(), owner: Ident::new("app").unwrap() }
    }

    #[test]
    fn items_are_read_with_their_quoting_and_options() {
        let item = Item::parse("\"we\"\"ird=/x\"=ar*w/app").unwrap();
        assert_eq!(item.grantee.unwrap().as_str(), "we\"ird=/x");
        assert_eq!(item.rights, vec![('a', false), ('r', true), ('w', false)]);
        let public = Item::parse("=r/app").unwrap();
        assert_eq!(public.grantee, None);
        assert_eq!(Item::parse("nonsense"), None);
    }

    #[test]
    fn a_list_comes_back_in_its_order_and_by_its_grantors() {
        let acl =
            ["app=arwdDxt/app".to_owned(), "lead=r*/app".to_owned(), "guest=r/lead".to_owned(), "=r/app".to_owned()];
        insta::assert_snapshot!(restore(&table(), Some(&acl), &[]).join("\n"), @r#"
        REVOKE ALL ON TABLE "public"."t" FROM PUBLIC CASCADE
        REVOKE ALL ON TABLE "public"."t" FROM "lead" CASCADE
        REVOKE ALL ON TABLE "public"."t" FROM "guest" CASCADE
        REVOKE ALL ON TABLE "public"."t" FROM "app" CASCADE
        GRANT INSERT, SELECT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON TABLE "public"."t" TO "app"
        GRANT SELECT ON TABLE "public"."t" TO "lead" WITH GRANT OPTION
        SET LOCAL ROLE "lead"
        GRANT SELECT ON TABLE "public"."t" TO "guest"
        RESET ROLE
        GRANT SELECT ON TABLE "public"."t" TO PUBLIC
        "#);
    }

    #[test]
    fn a_default_comes_back_as_what_it_means() {
        let function = Object { kind: Kind::Function, sql: "f()".into(), owner: Ident::new("app").unwrap() };
        assert_eq!(
            restore(&function, None, &[])[2..],
            ["GRANT EXECUTE ON ROUTINE f() TO PUBLIC", "GRANT ALL ON ROUTINE f() TO \"app\""]
        );
    }
}
