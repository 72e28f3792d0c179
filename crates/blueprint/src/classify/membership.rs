//! Tables that join people to something: to the tenant, to a team below it, to a room or a unit.

use super::facts::Facts;
use super::references::Role;
use super::words;

const SAYS_SO: &[&str] =
    &["member", "membership", "collaborator", "participant", "guest", "seat", "occupant", "teammate"];
/// A join of people with one of these words is about something that happened or was set, not about belonging.
const SAYS_NOT: &[&str] = &[
    "invite",
    "invitation",
    "invitee",
    "notification",
    "setting",
    "preference",
    "favorite",
    "favourite",
    "star",
    "view",
    "read",
    "reaction",
    "like",
    "vote",
    "comment",
    "log",
    "activity",
    "event",
    "session",
    "token",
    "profile",
    "assignment",
    "assignee",
    "subscription",
    "watch",
    "watcher",
    "follow",
    "follower",
    "history",
    "stat",
    "integration",
    "device",
    "draft",
    "recent",
    "pin",
    "bookmark",
    "mention",
    "audit",
    "request",
    "message",
    "post",
    "key",
    "credential",
    "push",
    "count",
    "email",
    "job",
    "task",
    "file",
    "document",
    "attachment",
    "order",
    "payment",
    "invoice",
    "channelidentity",
    "identity",
    "rating",
    "review",
    "score",
    "report",
    "mute",
    "block",
    "ban",
    "visit",
    "progress",
    "state",
    "answer",
    "response",
];
const GROUPS: &[&str] = &[
    "team",
    "group",
    "project",
    "namespace",
    "workspace",
    "organization",
    "department",
    "unit",
    "space",
    "channel",
    "room",
    "inbox",
    "site",
    "role",
    "collection",
    "company",
    "account",
    "tenant",
    "portal",
    "board",
    "community",
    "business",
    "realm",
    "repository",
    "environment",
    "folder",
    "website",
    "store",
    "shop",
    "club",
    "class",
    "course",
    "calendar",
    "property",
    "vault",
    "base",
    "squad",
    "crew",
    "division",
    "branch",
    "location",
    "mailbox",
    "queue",
    "permission",
];

/// The references to people and to the thing they are joined to, by position; `None` if the table is no such join.
///
/// `root` counts as a group whatever its name.
pub(super) fn joined(facts: &Facts<'_>, t: usize, root: Option<usize>) -> Option<(usize, usize)> {
    if facts.people[t] || Some(t) == root {
        return None;
    }
    let person = match person(facts, t) {
        Some(person) => person,
        None => return named_membership(facts, t, root),
    };
    let stems = &facts.names[t];
    let group_like = |g: usize| Some(g) == root || facts.names[g].iter().any(|w| GROUPS.contains(&w.as_str()));
    let mut groups: Vec<usize> = (0..facts.references[t].len())
        .filter(|&n| {
            let r = &facts.references[t][n];
            r.target != t
                && !facts.people[r.target]
                && r.role != Role::Pointer
                && !r.columns.iter().any(|c| facts.references[t][person].columns.contains(c))
        })
        .collect();
    // the tenant itself first, then what is named like a group, then what the key names first
    groups.sort_by_key(|&n| {
        let g = facts.references[t][n].target;
        ((Some(g) != root), !group_like(g), facts.references[t][n].nullable, n)
    });
    let group = *groups.first()?;
    let target = facts.references[t][group].target;
    let whole = words::squashed(stems);
    let says_so = stems.iter().any(|w| SAYS_SO.contains(&w.as_str()))
        || ["member", "membership", "collaborator", "participant"].iter().any(|w| whole.ends_with(w))
        || names_both(facts, t, person, group);
    let says_not = stems.iter().any(|w| SAYS_NOT.contains(&w.as_str()))
        || ["invite", "invitation", "notification", "token", "session", "setting"].iter().any(|w| whole.ends_with(w));
    if says_not {
        return None;
    }
    let pair = pairs(facts, t, person, group);
    let small = facts.payload(t) <= 4;
    let is =
        (says_so && (group_like(target) || pair) && facts.payload(t) <= 9) || (pair && group_like(target) && small);
    is.then_some((person, group))
}

/// The table joins people to the root itself, and not to something inside it that also names the root.
pub(super) fn joins_root(facts: &Facts<'_>, t: usize, root: usize) -> bool {
    let Some((person, group)) = joined(facts, t, Some(root)) else { return false };
    let list = &facts.references[t];
    let inside = list.iter().enumerate().any(|(n, r)| {
        // roles of the product say as what somebody is a member; roles of a tenant are a thing inside it
        let role = facts.names[r.target].iter().any(|w| w == "role")
            && facts.references[r.target].iter().all(|up| up.target != root);
        n != person
            && n != group
            && r.target != root
            && r.target != t
            && !facts.people[r.target]
            && r.role == Role::Owner
            && !role
    });
    let pair = [list[person].columns.clone(), list[group].columns.clone()].concat();
    list[group].target == root && (!inside || person != group && facts.is_unique(t, &pair))
}

/// `workspace_members` with a person of another service (`user_id text`, or an e-mail): the name says it, and the
/// group stands for the person too in what is given back.
fn named_membership(facts: &Facts<'_>, t: usize, root: Option<usize>) -> Option<(usize, usize)> {
    let whole = words::squashed(&facts.names[t]);
    let stem = whole.strip_suffix("membership").or_else(|| whole.strip_suffix("member")).filter(|s| !s.is_empty())?;
    let person =
        facts.has_column(t, &["userid", "memberid", "email", "profileid", "personid", "authuserid", "useremail"]);
    let group = (0..facts.references[t].len()).find(|&n| {
        let target = facts.references[t][n].target;
        let called = words::squashed(&facts.names[target]);
        (Some(target) == root || facts.names[target].iter().any(|w| GROUPS.contains(&w.as_str())))
            && stem.ends_with(&called)
            || called == stem
    })?;
    // `identity_team_memberships`: a machine, a client, a group joined to the team
    let another = facts.references[t]
        .iter()
        .enumerate()
        .any(|(n, r)| n != group && r.target != t && Some(r.target) != root && r.role == Role::Owner);
    ((person || another) && facts.references[t][group].role != Role::Pointer).then_some((group, group))
}

/// The reference that names the person, or the person's membership of something larger; who created or invited
/// does not count.
fn person(facts: &Facts<'_>, t: usize) -> Option<usize> {
    let list = &facts.references[t];
    let mut found: Vec<usize> = (0..list.len())
        .filter(|&n| list[n].target != t && list[n].role != Role::Pointer)
        .filter(|&n| facts.people[list[n].target] || is_membership_of_people(facts, list[n].target))
        .filter(|&n| {
            let stems = list[n].columns.first().map(|c| words::stems(c.as_str())).unwrap_or_default();
            !stems
                .iter()
                .any(|w| w == "by" || matches!(w.as_str(), "inviter" | "creator" | "author" | "updater" | "sender"))
        })
        .collect();
    found.sort_by_key(|&n| (!facts.people[list[n].target], list[n].nullable, n));
    found.first().copied()
}

/// `organization_members`: a row stands for a person in something.
fn is_membership_of_people(facts: &Facts<'_>, t: usize) -> bool {
    facts.has_word(t, &["member", "membership"])
        && facts.references[t].iter().any(|r| facts.people[r.target] && r.target != t)
}

/// `team_users`, `UserBusinessUnit`: the name holds a word for the person and one for the group.
fn names_both(facts: &Facts<'_>, t: usize, person: usize, group: usize) -> bool {
    let stems = &facts.names[t];
    let list = &facts.references[t];
    let user = facts.names[list[person].target].last();
    let group = facts.names[list[group].target].last();
    let says_user = stems.iter().any(|w| Some(w) == user || w == "user" || w == "member");
    let says_group = stems.iter().any(|w| Some(w) == group || GROUPS.contains(&w.as_str()));
    says_user && says_group && stems.len() > 1
}

/// Person and group together are unique, perhaps with a role beside them.
fn pairs(facts: &Facts<'_>, t: usize, person: usize, group: usize) -> bool {
    let table = facts.tables[t];
    let list = &facts.references[t];
    // a third column may say as what, but not name a third thing
    let third = |c: &tenantry_model::Ident| {
        list.iter().enumerate().all(|(n, r)| {
            n == person || n == group || !r.columns.contains(c) || facts.names[r.target].iter().any(|w| w == "role")
        })
    };
    let holds = |columns: &[tenantry_model::Ident]| {
        columns.len() <= 3
            && columns.iter().all(third)
            && list[person].columns.iter().all(|c| columns.contains(c))
            && list[group].columns.iter().all(|c| columns.contains(c))
    };
    table.primary_key.iter().chain(&table.uniques).any(|k| holds(&k.columns))
        || table.indexes.iter().any(|i| i.unique && i.plain_columns().is_some_and(|c| holds(&c)))
}
