//! The classifier where schemas mislead: people with a home, columns that look like the tenant, roots that may be a
//! level below, tools' own tables. Sketches as in `classification.rs`.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use support::classes::{expect, found, root};
use support::sketch::{catalog, name};
use tenantry_blueprint::classify::{Class, classify};
use tenantry_blueprint::registry::Registry;

#[test]
fn people_who_belong_to_one_tenant_carry_it() {
    let f = found(
        "companies: id bigint pk, name text!
        users: id bigint pk, company_id bigint! > companies, email text! unique, password text!
        device_tokens: id bigint pk, user_id bigint! >> users, token text!
        invoices: id bigint pk, company_id bigint! > companies, number text!
        invoice_items: id bigint pk, invoice_id bigint! >> invoices, amount numeric!
        currencies: id bigint pk, code text! unique
        failed_jobs: id bigint pk, payload text!, exception text!
        password_reset_tokens: email text pk, token text!, created_at timestamptz
        migrations: id integer pk, migration text!, batch integer!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.companies"));
    expect(
        &f,
        "users direct company_id
        device_tokens indirect
        invoices direct company_id
        invoice_items indirect
        currencies shared
        failed_jobs system
        password_reset_tokens shared
        migrations system",
    );
}

#[test]
fn a_home_tenant_beside_memberships_is_asked_about() {
    let f = found(
        "orgs: id integer pk, name text!
        users: id integer pk, login text! unique, password text, org_id integer!
        org_users: id integer pk, org_id integer!, user_id integer!, role text!, unique(org_id, user_id)
        dashboards: id integer pk, org_id integer!, title text!
        panels: id integer pk, dashboard_id integer!, title text!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.orgs"));
    expect(
        &f,
        "users unknown
        org_users membership org_id
        dashboards direct org_id
        panels indirect",
    );
    assert!(f.verdict(&name("users")).unwrap().question.is_some());
}

#[test]
fn what_looks_like_the_tenant_and_is_not() {
    let f = found(
        "teams: id uuid pk, name text!, stripe_account_id text
        users: id uuid pk, email text! unique, password text, current_team_id uuid >? teams
        team_users: team_id uuid! >> teams, user_id uuid! >> users, pk(team_id, user_id)
        projects: id uuid pk, team_id uuid! >> teams, name text!
        tasks: id uuid pk, project_id uuid! >> projects, title text!
        chat_integrations: id uuid pk, project_id uuid! >> projects, team_id text!, bot_token text!
        slack_users: id uuid pk, slack_team_id text!, user_id uuid! >> users
        exchange_rates: id uuid pk, currency text!, rate numeric!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.teams"));
    expect(
        &f,
        "users shared
        slack_users shared
        exchange_rates shared
        projects direct team_id
        tasks indirect",
    );
    let chat = f.verdict(&name("chat_integrations")).unwrap();
    assert!(chat.class.is_scoped(), "it is a team's either way, by its project");
}

#[test]
fn the_tenant_table_goes_by_an_unusual_name() {
    let f = found(
        "families: id uuid pk, name text!
        users: id uuid pk, family_id uuid! > families, email text! unique, password_digest text!
        accounts: id uuid pk, family_id uuid! > families, name text!, balance numeric
        entries: id uuid pk, account_id uuid! > accounts, amount numeric!
        categories: id uuid pk, family_id uuid! > families, name text!
        sessions: id uuid pk, user_id uuid! > users, user_agent text
        good_jobs: id uuid pk, queue_name text",
    );
    assert_eq!(root(&f).as_deref(), Some("public.families"));
    expect(
        &f,
        "users direct family_id
        accounts direct family_id
        entries indirect
        categories direct family_id
        good_jobs system",
    );
}

#[test]
fn partitions_follow_and_children_of_inheritance_stand_alone() {
    let mut c = catalog(
        "teams: id uuid pk, name text!
        docs: id uuid pk, team_id uuid! > teams
        events: id uuid!, team_id uuid! > teams, at timestamptz!
        events_2026: id uuid!, team_id uuid!, at timestamptz!
        special_docs: id uuid!, team_id uuid!",
    );
    for t in &mut c.tables {
        match t.name.name.as_str() {
            "events" => t.kind = tenantry_blueprint::catalog::TableKind::Partitioned,
            "events_2026" => {
                t.kind = tenantry_blueprint::catalog::TableKind::Partition;
                t.parents = vec![name("events")];
            }
            "special_docs" => t.parents = vec![name("docs")],
            _ => {}
        }
    }
    let f = classify(&c, &Registry::default());
    assert!(f.verdict(&name("events_2026")).is_none());
    expect(&f, "events direct team_id\nspecial_docs direct team_id");
}

#[test]
fn schemas_of_tools_are_left_to_them() {
    let f = found(
        "auth.users: id uuid pk, email text unique, encrypted_password text
        auth.sessions: id uuid pk, user_id uuid! >> auth.users
        public.organizations: id uuid pk, name text!
        public.profiles: id uuid pk >> auth.users, full_name text
        public.organization_members: organization_id uuid! >> organizations, user_id uuid! >> auth.users, role text, pk(organization_id, user_id)
        public.invoices: id uuid pk, organization_id uuid! >> organizations
        public.invoice_lines: id uuid pk, invoice_id uuid! >> invoices
        cron.job: jobid bigint pk, schedule text
        drizzle.__drizzle_migrations: id integer pk, hash text!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.organizations"));
    expect(
        &f,
        "auth.users shared
        auth.sessions shared
        profiles shared
        organization_members membership organization_id
        invoices direct organization_id
        invoice_lines indirect
        cron.job system
        drizzle.__drizzle_migrations system",
    );
}

#[test]
fn the_same_catalog_gives_the_same_classes() {
    let sketch = "teams: id uuid pk, name text!
        docs: id uuid pk, team_id uuid! > teams
        parts: id uuid pk, doc_id uuid! > docs, other_id uuid > parts
        loops: id uuid pk, part_id uuid > parts, loop_id uuid > loops";
    assert_eq!(found(sketch), found(sketch));
}

#[test]
fn an_empty_database_has_no_classes() {
    let f = found("");
    assert!(f.tables.is_empty() && f.root.table.is_none() && f.root.column.is_none());
}

#[test]
fn whoever_is_scoped_has_a_reason_and_whoever_is_unknown_a_question() {
    let f = found(
        "teams: id uuid pk, name text!
        docs: id uuid pk, team_id uuid! > teams
        comments: id uuid pk, subject_type text!, subject_id uuid!, body text!
        mails: id uuid pk, message_ref text, body text!",
    );
    for v in &f.tables {
        assert!(!v.reasons.is_empty(), "{} has no reason", v.table);
        assert_eq!(v.class == Class::Unknown, v.question.is_some(), "{}", v.table);
    }
}

#[test]
fn a_root_that_may_be_a_level_below_is_asked_about() {
    let f = found(
        "users: id bigint pk, email text! unique, password text!
        projects: id bigint pk, name text!
        project_members: project_id bigint! >> projects, user_id bigint! >> users, pk(project_id, user_id)
        tasks: id bigint pk, project_id bigint! >> projects, title text!
        comments: id bigint pk, task_id bigint! >> tasks, body text!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.projects"));
    let question = f.root.question.unwrap();
    assert!(question.contains("public.projects") && question.contains("create = true"), "{question}");
}

#[test]
fn a_root_of_a_plain_name_is_not_asked_about() {
    let f = found(
        "workspaces: id uuid pk, name text!\na: id uuid pk, workspace_id uuid! > workspaces\nb: id uuid pk, workspace_id uuid! > workspaces",
    );
    assert_eq!((root(&f).as_deref(), f.root.question.as_deref()), (Some("public.workspaces"), None));
}

#[test]
fn names_of_frameworks_do_not_hide_what_belongs_to_a_tenant() {
    let f = found(
        "companies: id uuid pk, name text!
        sites: id uuid pk, company_id uuid! > companies, name text!
        users: id uuid pk, email text! unique, password text!, site_id uuid! > sites
        devices: id uuid pk, user_id uuid! > users, token text!
        jobs: id uuid pk, site_id uuid! > sites, title text!
        cache: key text pk, value text
        files: id uuid pk, filename text!, byte_size bigint!
        reports: id uuid pk, site_id uuid! > sites, file_id uuid! unique > files
        downloads: id uuid pk, file_id uuid! > files, user_agent text",
    );
    assert_eq!(root(&f).as_deref(), Some("public.companies"));
    expect(
        &f,
        "sites direct company_id
        users indirect
        devices indirect
        jobs indirect
        cache system
        files indirect
        reports indirect
        downloads indirect",
    );
}
