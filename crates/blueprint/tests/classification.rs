//! The classifier on schemas of our own making, one per style of naming and of tenancy.
//!
//! Each is a sketch (see `support/sketch.rs`) and the classes a careful person would give.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use support::classes::{expect, found, root};
use support::sketch::name;

#[test]
fn camel_case_keys_and_pascal_case_tables() {
    let f = found(
        "Workspace: id uuid pk, name text!, parentWorkspaceId uuid
        Person: id uuid pk, email text! unique, emailVerified boolean!, image text, lastWorkspaceId uuid >? Workspace
        PersonAccount: id uuid pk, personId uuid! >> Person, provider text!, providerAccountId text!
        WorkspaceRole: workspaceId uuid! >> Workspace, personId uuid! >> Person, role text!, pk(workspaceId, personId)
        Campaign: id uuid pk, workspaceId uuid! >> Workspace, name text!
        Recipient: id uuid pk, workspaceId uuid! >> Workspace, campaignId uuid! >> Campaign
        ClickEvent: recipientId uuid, url text!
        WorkspaceLink: parentWorkspaceId uuid! >> Workspace, childWorkspaceId uuid! >> Workspace, pk(parentWorkspaceId, childWorkspaceId)
        _prisma_migrations: id text pk, checksum text!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.Workspace"));
    expect(
        &f,
        "Workspace root
        Person shared
        PersonAccount shared
        WorkspaceRole membership workspaceId
        Campaign direct workspaceId
        Recipient direct workspaceId
        ClickEvent indirect
        WorkspaceLink unknown
        _prisma_migrations system",
    );
    let click = f.verdict(&name("ClickEvent")).unwrap();
    assert!(click.nullable && !click.path[0].enforced && click.question.is_some());
}

#[test]
fn plural_snake_case_without_a_single_foreign_key() {
    let f = found(
        "accounts: id integer pk, name text!, locale text
        users: id bigint pk, email text! unique, encrypted_password text!
        account_users: id bigint pk, account_id bigint, user_id bigint, role integer, unique(account_id, user_id)
        inboxes: id bigint pk, account_id integer!, name text!, channel_type text, channel_id bigint
        tickets: id bigint pk, account_id integer!, inbox_id bigint!, team_id bigint, title text!
        teams: id bigint pk, account_id bigint!, name text!
        team_members: id bigint pk, team_id bigint!, user_id bigint!
        ticket_labels: id bigint pk, ticket_id bigint!, name text!
        canned_replies: id bigint pk, account_id bigint, body text!
        taggings: id bigint pk, taggable_type text!, taggable_id bigint!, tag_id bigint
        tags: id bigint pk, name text! unique
        push_subscriptions: id bigint pk, user_id bigint!, endpoint text!
        installation_settings: id bigint pk, name text!, value text
        schema_migrations: version text pk
        ar_internal_metadata: key text pk, value text",
    );
    assert_eq!(root(&f).as_deref(), Some("public.accounts"));
    expect(
        &f,
        "users shared
        account_users membership account_id
        inboxes direct account_id
        tickets direct account_id
        teams direct account_id
        team_members membership
        ticket_labels indirect
        canned_replies direct account_id
        taggings unknown
        push_subscriptions shared
        installation_settings shared
        schema_migrations system
        ar_internal_metadata system",
    );
    let question = f.verdict(&name("canned_replies")).unwrap().question.clone().unwrap();
    assert!(question.contains("account_id"), "{question}");
}

#[test]
fn all_lower_case_without_borders() {
    let f = found(
        "teams: id character varying(26) pk, name text unique
        users: id character varying(26) pk, username text unique, password text
        teammembers: teamid character varying(26)!, userid character varying(26)!, roles text, pk(teamid, userid)
        channels: id character varying(26) pk, teamid character varying(26), creatorid character varying(26)
        channelmembers: channelid character varying(26)!, userid character varying(26)!, pk(channelid, userid)
        posts: id character varying(26) pk, channelid character varying(26)!, userid character varying(26)!, message text
        reactions: userid character varying(26)!, postid character varying(26)!, emojiname text!, pk(postid, userid, emojiname)
        commands: id character varying(26) pk, teamid character varying(26)!
        preferences: userid character varying(26)!, name text!, value text, pk(userid, name)
        systems: name text pk, value text",
    );
    assert_eq!(root(&f).as_deref(), Some("public.teams"));
    expect(
        &f,
        "users shared
        teammembers membership teamid
        channels direct teamid
        channelmembers membership
        posts indirect
        reactions indirect
        commands direct teamid
        preferences shared
        systems shared",
    );
}

#[test]
fn tables_with_the_applications_prefix() {
    let f = found(
        "hive_user: id integer pk, email text! unique, password text!, current_team_id integer >? hive_team, current_organization_id uuid >? hive_organization
        hive_organization: id uuid pk, name text!
        hive_organizationmembership: id uuid pk, organization_id uuid! > hive_organization, user_id integer! > hive_user, unique(organization_id, user_id)
        hive_organizationinvite: id uuid pk, organization_id uuid! > hive_organization, target_email text!
        hive_team: id integer pk, organization_id uuid! > hive_organization, name text!
        hive_explicitteammembership: id uuid pk, team_id integer! > hive_team, parent_membership_id uuid! > hive_organizationmembership
        hive_dashboard: id integer pk, team_id integer! > hive_team, created_by_id integer > hive_user
        hive_tile: id integer pk, dashboard_id integer! > hive_dashboard
        hive_deletion: id integer pk, team_id integer!, key text!
        hive_instancesetting: id integer pk, key text! unique, raw_value text!
        auth_group: id integer pk, name text! unique
        django_content_type: id integer pk, app_label text!
        django_migrations: id integer pk, app text!
        django_session: session_key text pk, session_data text!, expire_date timestamptz!
        social_auth_usersocialauth: id integer pk, provider text!, uid text!, user_id integer! > hive_user",
    );
    assert_eq!(root(&f).as_deref(), Some("public.hive_organization"));
    expect(
        &f,
        "hive_user shared
        hive_organizationmembership membership organization_id
        hive_organizationinvite direct organization_id
        hive_team direct organization_id
        hive_explicitteammembership membership
        hive_dashboard indirect
        hive_tile indirect
        hive_deletion indirect
        hive_instancesetting shared
        auth_group system
        django_session system
        social_auth_usersocialauth shared",
    );
    let levels: Vec<String> = f.root.alternatives.iter().map(|(t, _)| t.to_string()).collect();
    assert!(levels.contains(&"public.hive_team".to_owned()), "{levels:?}");
}

#[test]
fn the_tenant_is_part_of_every_primary_key() {
    let f = found(
        "tenants: id character varying(21) pk, name text!
        users: tenant_id character varying(21)! >> tenants, id character varying(21)!, primary_email text, username text, pk(tenant_id, id)
        roles: tenant_id character varying(21)! >> tenants, id character varying(21)!, name text!, pk(tenant_id, id)
        user_roles: tenant_id character varying(21)! >> tenants, user_id character varying(21)!, role_id character varying(21)!, pk(tenant_id, user_id, role_id)
        resources: tenant_id character varying(21)!, id character varying(21)!, indicator text!, pk(tenant_id, id)
        scopes: tenant_id character varying(21)!, id character varying(21)!, resource_id character varying(21)!, pk(tenant_id, id)
        systems: key text pk, value jsonb!",
    );
    assert_eq!(root(&f).as_deref(), Some("public.tenants"));
    expect(
        &f,
        "users direct tenant_id
        roles direct tenant_id
        user_roles membership tenant_id
        resources direct tenant_id
        scopes direct tenant_id
        systems shared",
    );
}

#[test]
fn tenancy_is_only_a_column() {
    let f = found(
        "runs: cluster text!, uid text!, namespace text!, body json!, pk(cluster, uid)
        templates: id integer pk, namespace text!, name text!
        schedules: id integer pk, namespace text!, name text!
        run_labels: cluster text!, uid text!, name text!, pk(cluster, uid, name), fk(cluster, uid > runs)
        schema_history: schema_version integer!",
    );
    assert_eq!((root(&f), f.root.column.as_ref().map(ToString::to_string).as_deref()), (None, Some("namespace")));
    expect(
        &f,
        "runs direct namespace
        templates direct namespace
        schedules direct namespace
        run_labels indirect
        schema_history system",
    );
}

#[test]
fn a_database_without_tenancy() {
    let f = found(
        "users: id integer pk, username text! unique, password text!, role_id integer! > roles
        roles: id integer pk, name text!, list_id integer >> lists
        user_options: user_id integer pk >> users, theme text
        lists: id integer pk, name text!
        subscribers: id integer pk, email text! unique
        list_subscribers: list_id integer! >> lists, subscriber_id integer! >> subscribers, pk(list_id, subscriber_id)
        mailings: id integer pk, subject text!, template_id integer >? templates, max_subscriber_id integer!
        mailing_opens: id integer pk, mailing_id integer! >> mailings, subscriber_id integer >? subscribers
        mailing_files: mailing_id integer >> mailings, media_id integer >? media
        templates: id integer pk, name text!
        media: id integer pk, filename text!
        settings: key text! unique, value jsonb!
        countries: code text pk, name text!
        goose_db_version: id integer pk, version_id bigint!",
    );
    assert_eq!((root(&f), f.root.column.clone()), (None, None));
    expect(
        &f,
        "users direct
        roles direct
        user_options indirect
        lists direct
        subscribers direct
        list_subscribers indirect
        mailings direct
        mailing_opens indirect
        mailing_files indirect
        templates direct
        media direct
        settings direct
        countries shared
        goose_db_version system",
    );
}

#[test]
fn a_forum_of_one_community_has_no_tenant() {
    let f = found(
        "users: id integer pk, username text! unique, name text
        user_emails: id integer pk, user_id integer!, email text!
        categories: id integer pk, name text!, user_id integer!, parent_category_id integer
        topics: id integer pk, title text!, user_id integer, category_id integer
        posts: id integer pk, topic_id integer!, user_id integer, raw text!
        groups: id integer pk, name text!
        group_users: id integer pk, group_id integer!, user_id integer!
        topic_users: id integer pk, topic_id integer!, user_id integer!
        accounts: id integer pk, username text!, display_name text
        site_settings: id integer pk, name text!, value text",
    );
    assert_eq!((root(&f), f.root.column.clone()), (None, None));
    expect(
        &f,
        "users direct
        user_emails indirect
        topics direct
        posts indirect
        groups direct
        group_users indirect
        topic_users indirect
        site_settings direct",
    );
}

#[test]
fn a_lax_schema_where_everything_may_be_null() {
    let f = found(
        "user: id bigint pk, name text! unique, email text!, passwd text!
        repository: id bigint pk, owner_id bigint, name text!
        issue: id bigint pk, repo_id bigint, poster_id bigint, name text
        comment: id bigint pk, issue_id bigint, content text
        label: id bigint pk, repo_id bigint, name text
        issue_label: id bigint pk, issue_id bigint, label_id bigint
        star: id bigint pk, uid bigint, repo_id bigint
        email_address: id bigint pk, uid bigint!, email text!",
    );
    assert_eq!(root(&f), None);
    expect(
        &f,
        "repository direct
        issue indirect
        comment indirect
        label indirect
        issue_label indirect
        star indirect
        email_address indirect",
    );
}

#[test]
fn two_levels_and_things_owned_from_outside() {
    let f = found(
        "User: id integer pk, email text! unique, password text, avatarImageId text
        Organisation: id text pk, name text!, planId text > Plan, settingsId text! unique > OrganisationSettings
        OrganisationSettings: id text pk, brandingEnabled boolean!
        Plan: id text pk, name text! unique
        OrganisationMember: id text pk, userId integer! >> User, organisationId text! >> Organisation, unique(userId, organisationId)
        OrganisationGroup: id text pk, name text!, organisationId text! >> Organisation
        OrganisationGroupMember: id text pk, groupId text! >> OrganisationGroup, organisationMemberId text! >> OrganisationMember
        Team: id integer pk, name text!, organisationId text! >> Organisation
        Document: id text pk, teamId integer! >> Team, userId integer! > User, metaId text! unique > DocumentMeta, title text!
        DocumentMeta: id text pk, subject text, message text
        Recipient: id text pk, documentId text! >> Document, email text!, token text!
        Signature: id text pk, recipientId text! unique >> Recipient
        ApiToken: id text pk, token text! unique, teamId integer! >> Team, userId integer > User
        Invite: id text pk, email text!, token text!, organisationId text! >> Organisation
        Session: id text pk, sessionToken text! unique, userId integer! >> User, activeOrganisationId text
        VerificationToken: identifier text!, token text! unique, expires timestamptz!
        BackgroundJob: id text pk, name text!, payload jsonb, attempts integer!, runAt timestamptz
        BackgroundTask: id text pk, backgroundJobId text! >> BackgroundJob",
    );
    assert_eq!(root(&f).as_deref(), Some("public.Organisation"));
    expect(
        &f,
        "User shared
        OrganisationSettings indirect
        Plan shared
        OrganisationMember membership organisationId
        OrganisationGroup direct organisationId
        OrganisationGroupMember membership
        Team direct organisationId
        Document indirect
        DocumentMeta indirect
        Recipient indirect
        Signature indirect
        ApiToken indirect
        Invite direct organisationId
        Session shared
        VerificationToken shared
        BackgroundJob system
        BackgroundTask system",
    );
    assert!(f.verdict(&name("DocumentMeta")).unwrap().path[0].reverse);
}

#[test]
fn rows_of_a_person_or_of_a_team() {
    let f = found(
        "users: id integer pk, email text! unique, password text
        teams: id integer pk, name text!, parent_id integer > teams
        memberships: id integer pk, team_id integer! >> teams, user_id integer! >> users, unique(user_id, team_id)
        event_types: id integer pk, title text!, user_id integer >> users, team_id integer >> teams
        bookings: id integer pk, user_id integer >> users, event_type_id integer > event_types
        attendees: id integer pk, booking_id integer >> bookings, email text!
        webhooks: id integer pk, user_id integer >> users, team_id integer >> teams
        schedules: id integer pk, user_id integer! >> users, name text!
        user_preferences: id integer pk, user_id integer! unique >> users, last_team_id integer >? teams",
    );
    assert_eq!(root(&f).as_deref(), Some("public.teams"));
    expect(
        &f,
        "users shared
        memberships membership team_id
        event_types direct team_id
        bookings indirect
        attendees indirect
        webhooks direct team_id
        schedules shared
        user_preferences shared",
    );
    for table in ["event_types", "bookings", "webhooks"] {
        let v = f.verdict(&name(table)).unwrap();
        assert!(v.nullable && v.question.is_some(), "{table} may belong to a person: somebody must say so");
    }
}
