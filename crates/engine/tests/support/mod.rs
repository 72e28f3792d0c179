//! A small application of two tables and a blueprint for it, made by hand: one step of every kind.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use tenantry_blueprint::classify::{Class, Root};
use tenantry_blueprint::context;
use tenantry_blueprint::file::*;
use tenantry_engine::apply::{Event, Observer, Options};
use tenantry_model::{Ident, KeyKind, QualifiedName};
use tenantry_testkit::Database;

/// Rows in `note` for each team.
pub const SCHEMA: &str = "
CREATE TABLE team (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE member (id integer PRIMARY KEY, team_id integer NOT NULL REFERENCES team, email text NOT NULL UNIQUE);
CREATE TABLE note (id integer PRIMARY KEY, member_id integer NOT NULL REFERENCES member, body text, updated_at timestamptz);
COMMENT ON CONSTRAINT member_email_key ON member IS 'one account per e-mail';
GRANT SELECT, INSERT ON note TO PUBLIC;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO team SELECT i, 'team ' || i FROM generate_series(1, 5) i;
INSERT INTO member SELECT i, 1 + i % 5, 'm' || i || '@example.org' FROM generate_series(1, 50) i;
INSERT INTO note SELECT i, 1 + i % 50, repeat('x', 60) FROM generate_series(1, 4000) i;
";

pub fn ident(text: &str) -> Ident {
    Ident::new(text).unwrap()
}

pub fn table(name: &str) -> QualifiedName {
    QualifiedName::new(ident("public"), ident(name))
}

pub fn roles(db: &Database) -> RoleNames {
    RoleNames {
        keeper: ident(&db.role("tenantry")),
        owner: ident(&db.role("owner")),
        runtime: ident(&db.role("rt")),
        slots: vec![ident(&db.role("slot_01")), ident(&db.role("slot_02"))],
        quota: None,
    }
}

pub fn step(id: &str, phase: Phase, run: Run, about: Option<&str>, lock: Lock, up: &[&str], down: &[&str]) -> Step {
    let text = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    Step {
        id: id.to_owned(),
        kind: id.split(':').next().unwrap().to_owned(),
        title: format!("do {id}"),
        object: about.unwrap_or_default().to_owned(),
        table: about.map(table),
        phase,
        run,
        up: text(up),
        down: text(down),
        lock,
        effect: Effect::Catalog,
        estimate: Estimate::default(),
    }
}

/// The blueprint for [`SCHEMA`], for the database as it is now.
pub async fn blueprint(db: &Database) -> Blueprint {
    use Phase::{Apply, Complete};
    let roles = roles(db);
    let (rt, owner) = (roles.runtime.quoted(), roles.owner.quoted());
    let slots: Vec<String> = roles.slots.iter().map(Ident::quoted).collect();
    let made = context::install(&context::Options {
        key: KeyKind::Integer,
        scope: None,
        keeper: &roles.keeper,
        callers: std::slice::from_ref(&roles.runtime),
        readers: std::slice::from_ref(&roles.owner),
    });
    let mut role_up = vec![
        format!("CREATE ROLE {} NOLOGIN", roles.keeper.quoted()),
        format!("CREATE ROLE {owner} NOLOGIN"),
        format!("CREATE ROLE {rt} NOLOGIN"),
    ];
    role_up.extend(slots.iter().map(|s| format!("CREATE ROLE {s} LOGIN IN ROLE {rt}")));
    let role_down: Vec<String> =
        slots.iter().chain([&rt, &owner, &roles.keeper.quoted()]).map(|r| format!("DROP ROLE IF EXISTS {r}")).collect();
    let strs = |v: &'_ [String]| -> Vec<&'static str> { v.iter().map(|s| &*s.clone().leak()).collect() };
    let tx = Run::Transaction;
    let acc = Lock::AccessExclusive;
    let note = Some("note");
    let policy = |verb: &str, to: &str| match verb {
        "CREATE" => format!(
            "CREATE POLICY tenantry_tenant ON public.note AS RESTRICTIVE TO {to} USING (team_id = (SELECT tenantry.tenant_id_integer())) WITH CHECK (team_id = (SELECT tenantry.tenant_id_integer()))"
        ),
        _ => format!("ALTER POLICY tenantry_tenant ON public.note TO {to}"),
    };
    let steps = vec![
        step("roles", Apply, tx.clone(), None, Lock::None, &strs(&role_up), &strs(&role_down)),
        step("context", Apply, tx.clone(), None, Lock::None, &strs(&made.up), &strs(&made.down)),
        step("credentials", Apply, Run::Credentials, None, Lock::None, &[], &[]),
        step(
            "column:public.note",
            Apply,
            tx.clone(),
            note,
            acc,
            &[
                "ALTER TABLE public.note ADD COLUMN team_id integer",
                "CREATE FUNCTION tenantry.fill_note() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ BEGIN SELECT m.team_id INTO NEW.team_id FROM public.member m WHERE m.id = NEW.member_id; RETURN NEW; END $$",
                "CREATE TRIGGER tenantry_fill BEFORE INSERT OR UPDATE ON public.note FOR EACH ROW WHEN (NEW.team_id IS NULL) EXECUTE FUNCTION tenantry.fill_note()",
            ],
            &[
                "DROP TRIGGER IF EXISTS tenantry_fill ON public.note",
                "DROP FUNCTION IF EXISTS tenantry.fill_note()",
                "ALTER TABLE public.note DROP COLUMN IF EXISTS team_id",
            ],
        ),
        step(
            "backfill:public.note",
            Apply,
            Run::Backfill { table: table("note"), column: ident("team_id") },
            note,
            Lock::RowExclusive,
            &[
                "UPDATE public.note AS t SET team_id = m.team_id FROM public.member m WHERE m.id = t.member_id AND t.ctid >= $1 AND t.ctid < $2 AND t.team_id IS NULL",
            ],
            &[],
        ),
        step(
            "not-null:public.note",
            Apply,
            tx.clone(),
            note,
            acc,
            &["ALTER TABLE public.note ALTER COLUMN team_id SET NOT NULL"],
            &["ALTER TABLE public.note ALTER COLUMN team_id DROP NOT NULL"],
        ),
        step(
            "index:public.note",
            Apply,
            Run::ConcurrentIndex { index: table("tenantry_note_team_id") },
            note,
            Lock::ShareUpdateExclusive,
            &["CREATE UNIQUE INDEX CONCURRENTLY tenantry_note_team_id ON public.note (team_id, id)"],
            &["DROP INDEX CONCURRENTLY IF EXISTS public.tenantry_note_team_id"],
        ),
        step(
            "policies:public.note",
            Apply,
            tx.clone(),
            note,
            acc,
            &[
                "CREATE POLICY tenantry_base ON public.note USING (true) WITH CHECK (true)",
                policy("CREATE", &rt).leak(),
                "ALTER TABLE public.note ENABLE ROW LEVEL SECURITY",
                format!("GRANT SELECT, INSERT, UPDATE, DELETE ON public.note TO {rt}").leak(),
            ],
            &[
                format!("REVOKE ALL ON public.note FROM {rt}").leak(),
                "ALTER TABLE public.note DISABLE ROW LEVEL SECURITY",
                "DROP POLICY IF EXISTS tenantry_tenant ON public.note",
                "DROP POLICY IF EXISTS tenantry_base ON public.note",
            ],
        ),
        step(
            "unique:public.member",
            Complete,
            Run::ConcurrentIndexBack { index: table("member_email_key") },
            Some("member"),
            acc,
            &["ALTER TABLE public.member DROP CONSTRAINT member_email_key"],
            &[
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS member_email_key ON public.member USING btree (email)",
                "ALTER TABLE public.member ADD CONSTRAINT member_email_key UNIQUE USING INDEX member_email_key",
                "COMMENT ON CONSTRAINT member_email_key ON public.member IS 'one account per e-mail'",
            ],
        ),
        step(
            "force:public.note",
            Complete,
            tx,
            note,
            acc,
            &["ALTER TABLE public.note FORCE ROW LEVEL SECURITY", policy("ALTER", "PUBLIC").leak()],
            &[policy("ALTER", &rt).leak(), "ALTER TABLE public.note NO FORCE ROW LEVEL SECURITY"],
        ),
    ];
    Blueprint {
        format: FORMAT,
        tool: "0.1.0".to_owned(),
        database: db.name().to_owned(),
        fingerprint: fingerprint(db).await,
        server_major: db.server().version().major(),
        root: Root {
            table: Some(table("team")),
            key: vec![ident("id")],
            column: None,
            kind: Some(KeyKind::Integer),
            confidence: 1.0,
            reasons: Vec::new(),
            alternatives: Vec::new(),
            question: None,
        },
        key_kind: KeyKind::Integer,
        scope_kind: None,
        roles,
        tables: vec![ProtectedTable {
            table: table("note"),
            class: Class::Indirect,
            binding: Binding::Column {
                column: ident("team_id"),
                kind: KeyKind::Integer,
                added: true,
                null_is_shared: false,
            },
            scope_column: None,
            partition_of: None,
            writable: true,
            primary_key: vec![ident("id")],
        }],
        open_tables: Vec::new(),
        resources: Vec::new(),
        steps,
        findings: Vec::new(),
    }
}

/// Fingerprint of the database as it is now.
pub async fn fingerprint(db: &Database) -> String {
    let client = db.connect().await;
    let catalog = tenantry_engine::inspect::read(&client).await.unwrap();
    client.close().await;
    catalog.fingerprint()
}

/// A folder for the credentials file, and options that suit a test.
pub fn options() -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        credentials: folder.path().join("credentials.json"),
        allow_old_server: true,
        lock_patience: Duration::from_secs(20),
        ..Options::default()
    };
    (folder, options)
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Log(pub Mutex<Vec<Event>>);

impl Observer for Log {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

pub fn credentials(options: &Options) -> PathBuf {
    options.credentials.clone()
}

/// Does something to the database, or stops the run, when a step begins.
pub struct At {
    step: usize,
    sql: Option<(tenantry_pg::Target, String)>,
    reached: std::sync::atomic::AtomicBool,
}

impl At {
    /// Runs SQL from another connection when the step begins.
    pub fn step_started(step: usize, db: &Database, sql: &str) -> Self {
        Self { step, sql: Some((db.target(), sql.to_owned())), reached: false.into() }
    }

    /// Stops the run before the step, counted from 1 on the way there and from the last one on the way back.
    pub fn stop(step: usize) -> Self {
        Self { step: step - 1, sql: None, reached: false.into() }
    }
}

impl Observer for At {
    fn event(&self, event: Event) {
        match (event, &self.sql) {
            (Event::StepStarted { step, .. }, Some((target, sql))) if step == self.step => {
                let (target, sql) = (target.clone(), sql.clone());
                // a thread of its own: an observer cannot await
                let work = move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        let client = tenantry_pg::connect_with(&target, &tenantry_pg::Session::plain()).await.unwrap();
                        client.batch_execute(&sql).await.unwrap();
                        client.close().await;
                    });
                };
                std::thread::spawn(work).join().unwrap();
            }
            (Event::StepDone { step, .. }, None) if step == self.step => {
                self.reached.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            _ => {}
        }
    }

    fn stop(&self) -> bool {
        self.reached.load(std::sync::atomic::Ordering::SeqCst)
    }
}
