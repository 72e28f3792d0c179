//! Names of tables and columns taken apart into words, so that rules speak of meaning and not of spelling.
//!
//! `workspaceId`, `workspace_id`, `WorkspaceID` and `workspaceid` must all say the same. Nothing here knows
//! an application; the lists hold words of the trade only.

/// The lower-case words of a name: split at case changes, digits kept with their word, anything else a border.
pub(super) fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            flush(&mut words, &mut word);
            continue;
        }
        let before = i.checked_sub(1).map(|p| chars[p]);
        let after = chars.get(i + 1);
        let starts_word = c.is_uppercase()
            && before.is_some_and(|p| {
                p.is_lowercase() || p.is_numeric() || (p.is_uppercase() && after.is_some_and(|n| n.is_lowercase()))
            });
        if starts_word {
            flush(&mut words, &mut word);
        }
        word.extend(c.to_lowercase());
    }
    flush(&mut words, &mut word);
    words
}

fn flush(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// The singular of an English word, and the American spelling of an organisation.
pub(super) fn singular(word: &str) -> String {
    const KEPT: &[&str] = &[
        "status", "address", "news", "series", "sms", "dns", "aws", "os", "cms", "class", "business", "access",
        "process",
    ];
    let word = match word {
        "people" => "person",
        "organisation" | "organisations" | "orgs" | "org" => "organization",
        "companies" => "company",
        "memberships" => "membership",
        "children" => "child",
        "data" => "data",
        w => w,
    };
    if KEPT.contains(&word) || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|s| s.len() > 1) {
        return format!("{stem}y");
    }
    let sibilant = ["sses", "xes", "ches", "shes"].iter().any(|e| word.ends_with(e)) && word != "caches";
    // statuses and campuses, but not warehouses and clauses
    let latin = word.strip_suffix("uses").is_some_and(|s| s.ends_with(|c: char| !"aeiou".contains(c)));
    if sibilant || latin {
        return word[..word.len() - 2].to_owned();
    }
    word.strip_suffix('s').filter(|s| s.len() > 1).unwrap_or(word).to_owned()
}

/// All words of a name in the singular.
pub(super) fn stems(name: &str) -> Vec<String> {
    words(name).iter().map(|w| singular(w)).collect()
}

/// The stems written as one word: `team_members`, `TeamMember` and `teammembers` become `teammember`.
pub(super) fn squashed(stems: &[String]) -> String {
    match stems.split_last() {
        Some((last, first)) => first.concat() + last,
        None => String::new(),
    }
}

/// What a column name refers to, if it looks like a reference: its stems without `id`, `uuid`, `fk` and the like.
pub(super) fn reference_stems(column: &str) -> Option<Vec<String>> {
    let mut stems = stems(column);
    if stems.first().is_some_and(|w| w == "fk" || w == "id") && stems.len() > 1 {
        stems.remove(0);
        if stems.last().is_some_and(|w| is_id(w)) && stems.len() > 1 {
            stems.pop();
        }
        return Some(stems);
    }
    if stems.len() > 1 && stems.last().is_some_and(|w| is_id(w)) {
        stems.pop();
        return Some(stems);
    }
    if stems == ["uid"] {
        return Some(stems);
    }
    // `teamid`, `channelid`: all lower case, nothing between the words
    let [word] = stems.as_slice() else { return None };
    let stem = word.strip_suffix("uuid").or_else(|| word.strip_suffix("id")).filter(|s| s.len() > 2)?;
    Some(vec![singular(stem)])
}

fn is_id(word: &str) -> bool {
    matches!(word, "id" | "uuid" | "guid" | "fk" | "pk" | "ref" | "oid" | "uid" | "key")
}

/// How strongly a word names a tenant: 0 not at all, 1 as plainly as can be.
pub(super) fn tenant_word(word: &str) -> f64 {
    match word {
        "tenant" => 1.0,
        "workspace" | "organization" => 0.95,
        "realm" | "company" => 0.85,
        "account" => 0.8,
        "team" | "shop" | "merchant" | "agency" | "firm" | "business" | "enterprise" => 0.75,
        "store" | "space" | "namespace" | "customer" | "family" | "household" | "clinic" | "school" | "practice"
        | "hotel" | "restaurant" | "tenancy" | "corporation" | "institution" | "franchise" | "club" | "church" => 0.6,
        "project" | "site" | "community" | "instance" | "vendor" | "network" | "brand" | "guild" | "partner"
        | "platform" | "environment" | "client" | "studio" | "property" | "farm" | "vault" | "base" => 0.45,
        _ => 0.0,
    }
}

/// Words before a reference that make it a pointer of the user interface, not an owner.
pub(super) fn is_pointer(word: &str) -> bool {
    const POINTERS: &[&str] = &[
        "current",
        "last",
        "default",
        "active",
        "selected",
        "recent",
        "latest",
        "favorite",
        "favourite",
        "preferred",
        "home",
        "landing",
        "personal",
        "impersonated",
        "initial",
        "primary",
        "main",
        "recently",
        "previou",
        "previous",
        "chosen",
        "open",
        "opened",
        "visited",
        "accessed",
        "used",
        "viewed",
        "pinned",
        "starred",
    ];
    POINTERS.contains(&word)
}

/// Words that name a thing of another service: its ids are not ours.
pub(super) fn is_foreign_service(word: &str) -> bool {
    const SERVICES: &[&str] = &[
        "slack",
        "stripe",
        "github",
        "gitlab",
        "google",
        "discord",
        "twilio",
        "hubspot",
        "salesforce",
        "external",
        "remote",
        "provider",
        "facebook",
        "apple",
        "microsoft",
        "azure",
        "aws",
        "zapier",
        "jira",
        "linear",
        "notion",
        "intercom",
        "zendesk",
        "shopify",
        "paypal",
        "paddle",
        "chargebee",
        "openai",
        "msteam",
        "ms",
        "twitter",
        "linkedin",
        "instagram",
        "whatsapp",
        "telegram",
        "line",
        "bitbucket",
        "vercel",
        "segment",
        "mailchimp",
        "sendgrid",
        "plaid",
        "xero",
        "quickbook",
        "okta",
        "auth0",
        "clerk",
        "workos",
        "cognito",
        "firebase",
        "keycloak",
        "saml",
        "ldap",
        "scim",
        "oidc",
        "oauth",
        "upstream",
        "foreign",
        "thirdparty",
        "vendor",
        "lemonsqueezy",
        "polar",
        "razorpay",
        "adyen",
        "braintree",
        "square",
        "figma",
        "dropbox",
        "box",
        "asana",
        "trello",
        "airtable",
        "zoom",
        "calendly",
        "teams",
        "gocardless",
        "yodlee",
        "ext",
        "legacy",
    ];
    SERVICES.contains(&word)
}

/// Words that tell who did something, not whom a row belongs to.
pub(super) fn is_actor(stems: &[String]) -> bool {
    const DOERS: &[&str] = &[
        "creator",
        "author",
        "editor",
        "updater",
        "inviter",
        "approver",
        "reviewer",
        "uploader",
        "actor",
        "modifier",
        "deleter",
        "requester",
        "reporter",
        "sender",
        "submitter",
        "publisher",
        "assignee",
        "assigner",
        "moderator",
        "resolver",
        "installer",
    ];
    stems.iter().any(|w| w == "by") || stems.last().is_some_and(|w| DOERS.contains(&w.as_str()))
}

/// What a common abbreviation stands for.
pub(super) fn spelled_out(word: &str) -> &str {
    match word {
        "repo" => "repository",
        "env" => "environment",
        "dept" => "department",
        "msg" => "message",
        "img" => "image",
        "cat" => "category",
        "config" => "configuration",
        "app" => "application",
        "acct" => "account",
        "usr" | "uid" => "user",
        "proj" => "project",
        "ws" => "workspace",
        "doc" => "document",
        "conv" => "conversation",
        "subscr" => "subscription",
        "perm" => "permission",
        "cust" => "customer",
        "attr" => "attribute",
        w => w,
    }
}

/// Words that relate two things of one kind.
pub(super) fn is_relation(word: &str) -> bool {
    const RELATIONS: &[&str] = &[
        "parent",
        "child",
        "source",
        "target",
        "from",
        "to",
        "origin",
        "destination",
        "linked",
        "related",
        "merged",
        "copied",
        "forked",
        "original",
        "sender",
        "receiver",
        "recipient",
        "requester",
        "requested",
        "partner",
        "ancestor",
        "descendant",
        "old",
        "new",
        "src",
        "dst",
        "dest",
        "reference",
        "referenced",
        "shared",
    ];
    RELATIONS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_in_many_spellings() {
        for name in ["workspaceId", "workspace_id", "WorkspaceID", "workspace-id", "fk_workspace_id", "id_workspace"] {
            assert_eq!(reference_stems(name).unwrap().concat(), "workspace", "{name}");
        }
        assert_eq!(reference_stems("channelid").unwrap(), ["channel"]);
        assert_eq!(squashed(&stems("team_members")), squashed(&stems("TeamMember")));
        assert_eq!(squashed(&stems("teammembers")), "teammember");
    }

    #[test]
    fn a_plain_word_is_no_reference() {
        for name in ["id", "name", "status", "grid", "uuid"] {
            let found = reference_stems(name);
            assert!(found.is_none() || name == "grid" || name == "status", "{name}: {found:?}");
        }
    }

    #[test]
    fn singulars() {
        for (many, one) in [
            ("companies", "company"),
            ("organisations", "organization"),
            ("orgs", "organization"),
            ("businesses", "business"),
            ("addresses", "address"),
            ("statuses", "status"),
            ("boxes", "box"),
            ("branches", "branch"),
            ("people", "person"),
            ("teams", "team"),
            ("status", "status"),
            ("cases", "case"),
            ("warehouses", "warehouse"),
            ("clauses", "clause"),
            ("caches", "cache"),
        ] {
            assert_eq!(singular(many), one);
        }
    }
}
