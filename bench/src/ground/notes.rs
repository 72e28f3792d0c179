//! Notes of many tenants, in three forms: unprotected, protected by hand as is usual with a pooler, and isolated by
//! tenantry. Every note carries its tenant's number as canary, and its id tells the tenant too.

use tenantry_engine::bench::{Observer, Options};

use super::Ground;

/// Notes of each tenant.
pub const NOTES_PER_TENANT: u32 = 10;

/// The three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notes {
    /// Without row-level security: what a query costs by itself.
    Plain,
    /// With a policy on a setting that the application sets.
    ByHand,
    /// Isolated by plan, apply and complete.
    Isolated,
}

impl Notes {
    /// The table's name.
    pub fn table(self) -> &'static str {
        match self {
            Self::Plain => "plain.notes",
            Self::ByHand => "by_hand.notes",
            Self::Isolated => "public.notes",
        }
    }

    /// The first of a tenant's ids; [`NOTES_PER_TENANT`] follow one another.
    pub fn first_id(tenant: u32) -> u64 {
        u64::from(tenant) * u64::from(NOTES_PER_TENANT)
    }

    /// Makes and fills the tables; isolates the one for so many connections of tenantry, or not at all.
    pub async fn fill(
        ground: &mut Ground,
        options: &Options,
        tenants: u32,
        isolated: Option<u32>,
        observer: &dyn Observer,
    ) -> anyhow::Result<()> {
        observer.now(&format!("filling notes of {tenants} tenants"));
        ground.execute("fill the notes", &public(tenants)).await?;
        ground.execute("analyze", "VACUUM ANALYZE").await?;
        if let Some(pool) = isolated {
            ground.isolate(options, tenants, pool, observer).await?;
        }
        let roles: Vec<String> = ground.logins.iter().map(|l| format!("\"{}\"", l.user)).collect();
        ground.execute("copy the notes", &copies(&roles.join(", "))).await?;
        ground.execute("analyze", "VACUUM ANALYZE").await
    }
}

/// An application's tables; the two empty ones show the plan which table the tenants are in.
fn public(tenants: u32) -> String {
    format!(
        "CREATE TABLE workspaces (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO workspaces SELECT lpad(to_hex(n), 32, '0')::uuid, 'Workspace ' || n FROM generate_series(1, {tenants}) AS n;
         CREATE TABLE folders (id bigint PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces, name text NOT NULL);
         CREATE TABLE labels (id bigint PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces, name text NOT NULL);
         CREATE TABLE notes (id bigint PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces,
           canary int NOT NULL, seen int NOT NULL DEFAULT 0, body text NOT NULL);
         INSERT INTO notes (id, workspace_id, canary, body)
           SELECT t::bigint * {NOTES_PER_TENANT} + n, lpad(to_hex(t), 32, '0')::uuid, t, 'note ' || n || ' of tenant ' || t
           FROM generate_series(1, {tenants}) AS t, generate_series(0, {NOTES_PER_TENANT} - 1) AS n;"
    )
}

fn copies(roles: &str) -> String {
    let copy = |schema: &str| {
        format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.notes (LIKE public.notes);
             INSERT INTO {schema}.notes SELECT * FROM public.notes; ALTER TABLE {schema}.notes ADD PRIMARY KEY (id);
             GRANT USAGE ON SCHEMA {schema} TO {roles}; GRANT SELECT, UPDATE ON {schema}.notes TO {roles};"
        )
    };
    format!(
        "{} {}
         CREATE INDEX ON by_hand.notes (workspace_id, id);
         ALTER TABLE by_hand.notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON by_hand.notes
           USING (workspace_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));",
        copy("plain"),
        copy("by_hand")
    )
}
