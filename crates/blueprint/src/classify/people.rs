//! Which tables hold the people who log in.
//!
//! An end customer of a tenant (contact, subscriber, lead) is tenant data and not meant here.

use super::facts::Facts;
use super::references::Role;
use super::words;

const CREDENTIALS: &[&str] = &[
    "password",
    "passwordhash",
    "passwordhashed",
    "passworddigest",
    "encryptedpassword",
    "hashedpassword",
    "hashpassword",
    "cryptedpassword",
    "passwd",
    "passwordsalt",
    "pas",
    "pass",
];
const ADDRESSES: &[&str] =
    &["email", "username", "login", "emailaddress", "mail", "primaryemail", "useremail", "phone", "handle"];
const SIGNS: &[&str] = &[
    "emailverified",
    "emailverifiedat",
    "emailconfirmed",
    "isemailverified",
    "emailconfirmedat",
    "confirmedat",
    "lastlogin",
    "lastloginat",
    "lastsigninat",
    "image",
    "avatar",
    "avatarurl",
    "issuperuser",
    "isstaff",
    "isadmin",
    "twofactorenabled",
    "mfaenabled",
    "lastactiveat",
    "lastseenat",
    "issuperadmin",
];

/// Finds the people.
pub(super) fn find(facts: &Facts<'_>) -> Vec<bool> {
    let mut people: Vec<bool> = (0..facts.tables.len()).map(|t| is_people(facts, t)).collect();
    // a join table such as account_users refers to the people and is none itself
    let joins: Vec<usize> = (0..people.len())
        .filter(|&t| {
            people[t] && facts.references[t].iter().any(|r| r.target != t && people[r.target] && r.role == Role::Owner)
        })
        .collect();
    for t in joins {
        people[t] = false;
    }
    let base = people.clone();
    for (t, is_people) in people.iter_mut().enumerate() {
        let extends = facts.tables[t].primary_key.as_ref().is_some_and(|key| {
            facts.references[t].iter().any(|r| base[r.target] && r.target != t && r.columns == key.columns)
        });
        if extends && facts.has_word(t, &["user", "profile", "person", "member"]) {
            *is_people = true;
        }
    }
    people
}

fn is_people(facts: &Facts<'_>, t: usize) -> bool {
    let last = facts.names[t].last().map(String::as_str).unwrap_or_default();
    let named = matches!(last, "user" | "userprofile" | "person" | "principal" | "login" | "identity" | "authuser")
        || (last == "user" || words::squashed(&facts.names[t]).ends_with("user") && facts.names[t].len() == 1);
    // people who do not log in yet, no more, or only at a tenant's own site
    if facts.names[t].len() > 1
        && facts.has_word(
            t,
            &["temp", "pending", "invited", "deleted", "end", "external", "anonymous", "blocked", "banned", "archived"],
        )
    {
        return false;
    }
    let known = facts.has_column(t, ADDRESSES);
    let credentials = facts.has_column(t, CREDENTIALS);
    let sign = facts.has_column(t, SIGNS);
    let referred = !facts.incoming[t].is_empty();
    if named && matches!(last, "user" | "authuser" | "userprofile") && facts.names[t].len() <= 2 {
        return known || credentials || referred;
    }
    let person_word =
        named || matches!(last, "member" | "account" | "profile" | "employee" | "admin" | "staff" | "operator");
    let globally_known = facts.tables[t]
        .columns
        .iter()
        .filter(|c| ADDRESSES.contains(&words::squashed(&words::stems(c.name.as_str())).as_str()))
        .any(|c| facts.is_unique(t, std::slice::from_ref(&c.name)));
    referred && known && ((person_word && (credentials || sign && globally_known)) || (credentials && globally_known))
}
