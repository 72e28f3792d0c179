//! A small isolated database, a proxy in front of it, and who may connect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tenantry_blueprint::context::{self, ADD_KEY, Options};
use tenantry_edge::admission::PassKeys;
use tenantry_edge::directory::{Credential, Directory, Isolation, SnapshotBuilder, TenantFacts, TenantState};
use tenantry_model::token::{ContextKey, PassClaims};
use tenantry_model::{Ident, KeyKind, TenantKey};
use tenantry_proxy::ablation::Protection;
use tenantry_proxy::settings::{Database, LoginSettings, Mode, Server, SlotLogin};
use tenantry_proxy::{Proxy, Settings};
use tenantry_wire::scram::{ITERATIONS_MIN, Verifier};

use crate::wire::{Told, Wire};

/// Names and keys of the tenants.
pub(crate) const TENANTS: [(&str, &str); 2] =
    [("acme", "00000000-0000-4000-8000-00000000000a"), ("bolt", "00000000-0000-4000-8000-00000000000b")];

/// The password of a tenant's credential.
pub(crate) fn password(tenant: &str) -> String {
    format!("password-of-{tenant}")
}

/// The password of the role that may name any tenant.
pub(crate) const BACKEND_PASSWORD: &str = "password-of-the-backend";

/// What stands in each row of a tenant, and must not be seen by another.
pub(crate) fn canary(tenant: &str) -> &'static str {
    match tenant {
        "acme" => "CANARY-acme",
        "bolt" => "CANARY-bolt",
        other => panic!("{other}"),
    }
}

/// A database with rows of two tenants, and a proxy.
pub(crate) struct Scene {
    pub(crate) db: tenantry_testkit::Database,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) at: SocketAddr,
    pub(crate) directory: Directory,
    slots: Vec<String>,
}

fn key() -> ContextKey {
    ContextKey::new(1, std::array::from_fn(|i| i as u8)).expect("a key")
}

fn pass_key() -> ContextKey {
    ContextKey::new(2, std::array::from_fn(|i| 2 * i as u8)).expect("a key")
}

fn tenant_key(text: &str) -> TenantKey {
    TenantKey::parse(KeyKind::Uuid, text).expect("a key")
}

/// A list of the two tenants, each in its state.
pub(crate) fn directory(generation: u64, states: [TenantState; 2]) -> tenantry_edge::directory::Snapshot {
    directory_with(generation, states, Isolation::Shared)
}

/// The same, and how the first is kept apart.
pub(crate) fn directory_with(
    generation: u64,
    states: [TenantState; 2],
    first: Isolation,
) -> tenantry_edge::directory::Snapshot {
    let mut first = Some(first);
    let mut list = SnapshotBuilder::new(KeyKind::Uuid, generation);
    for ((slug, id), state) in TENANTS.into_iter().zip(states) {
        let verifier = Verifier::from_password(password(slug).as_bytes(), b"salt-of-a-tenant", ITERATIONS_MIN);
        let verifier = verifier.expect("a verifier").to_text().as_str().into();
        let credentials = vec![Credential { id: "k1".into(), verifier, expires_at: None }];
        let isolation = first.take().unwrap_or_default();
        let facts =
            TenantFacts { slug: Some(slug.into()), state, isolation, credentials, ..TenantFacts::new(tenant_key(id)) };
        list.add(facts).expect("two tenants");
    }
    list.build().expect("two tenants")
}

impl Scene {
    /// With so many server connections.
    pub(crate) async fn new(size: usize) -> Self {
        Self::with(size, |_, _| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn with(size: usize, change: impl FnOnce(&mut Settings, &mut Database)) -> Self {
        Self::on(15, size, change).await
    }

    /// The same, on a server of this major version.
    pub(crate) async fn on(major: u32, size: usize, change: impl FnOnce(&mut Settings, &mut Database)) -> Self {
        let db = tenantry_testkit::postgres(major).database("proxy").await;
        let slots = install(&db, size).await;
        let directory = Directory::new(directory(1, [TenantState::Active; 2])).expect("a first list");
        let mut scene = Self { db, proxy: None, at: ([127, 0, 0, 1], 0).into(), directory, slots };
        scene.start(change);
        scene
    }

    /// Starts a proxy, in place of one that runs.
    pub(crate) fn start(&mut self, change: impl FnOnce(&mut Settings, &mut Database)) {
        self.start_as(change, None);
    }

    /// The same, without one of its protections.
    pub(crate) fn start_without(&mut self, protection: Option<Protection>) {
        self.start_as(|_, _| {}, protection);
    }

    fn start_as(&mut self, change: impl FnOnce(&mut Settings, &mut Database), without: Option<Protection>) {
        if let Some(running) = self.proxy.take() {
            running.stop();
        }
        let slot = |user: &String| SlotLogin { user: user.clone(), password: SecretString::from("test-only") };
        let mut database = Database {
            name: "shop".into(),
            server_name: self.db.name().to_owned(),
            server: Server { host: "127.0.0.1".into(), port: self.db.server().target().port(), tls: None },
            slots: self.slots.iter().map(slot).collect(),
            context_key: Some(Box::new(key)),
            pass_keys: Some(PassKeys::new([pass_key()], KeyKind::Uuid, None)),
            directory: self.directory.clone(),
            mode: Mode::Transaction,
            lifetime: Duration::from_secs(3600),
            idle_time: Duration::from_secs(3600),
            connect_within: Duration::from_secs(10),
        };
        let login = |name: &str, password: Option<&str>, mode| {
            let salt = b"salt-of-the-roles";
            let made = |p: &str| Verifier::from_password(p.as_bytes(), salt, ITERATIONS_MIN).expect("a verifier");
            Arc::new(LoginSettings {
                name: name.into(),
                verifier: password.map(made),
                databases: Vec::new(),
                admin: false,
                mode,
                certificate: None,
            })
        };
        let mut settings = Settings {
            listen: vec![([127, 0, 0, 1], 0).into()],
            socket_folder: None,
            workers: 1,
            databases: Vec::new(),
            logins: vec![
                login("app", None, None),
                login("backend", Some(BACKEND_PASSWORD), None),
                login("kept", Some(BACKEND_PASSWORD), Some(Mode::Session)),
            ],
            separator: '.',
            presets: ["app.tenant_id", "app.current_tenant"].map(Into::into).to_vec(),
            parameters: Vec::new(),
            tls: None,
            clients_max: 1000,
            prepared_max: 100,
            queue_wait: Duration::from_secs(10),
            login_within: Duration::from_secs(10),
            read_within: std::time::Duration::from_secs(60),
            drain_within: Duration::from_secs(1),
            mock_secret: [7; 32],
        };
        change(&mut settings, &mut database);
        settings.databases.push(Arc::new(database));
        let proxy = Proxy::start_without(settings, without).expect("a proxy");
        self.at = proxy.addresses()[0];
        self.proxy = Some(proxy);
    }

    /// A tenant's own login.
    pub(crate) async fn tenant(&self, tenant: &str) -> Wire {
        self.tenant_with(tenant, &[]).await.expect("a tenant may log in")
    }

    /// The same, with further settings in the startup message.
    pub(crate) async fn tenant_with(&self, tenant: &str, more: &[(&str, &str)]) -> Result<Wire, Told> {
        let user = format!("app.{tenant}");
        self.log_in(&user, &password(tenant), more).await
    }

    /// The role that names a tenant in each transaction.
    pub(crate) async fn backend(&self) -> Wire {
        self.log_in("backend", BACKEND_PASSWORD, &[]).await.expect("the backend may log in")
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str, more: &[(&str, &str)]) -> Result<Wire, Told> {
        let mut parameters = vec![("user", user), ("database", "shop")];
        parameters.extend(more);
        Wire::log_in(self.at, &parameters, password).await
    }

    /// A signed token that says to be of a tenant.
    pub(crate) fn token(&self, tenant: &str) -> String {
        let (_, id) = TENANTS.into_iter().find(|(slug, _)| *slug == tenant).expect("one of the two");
        let expires_at =
            i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs()).expect("a clock") + 60;
        let claims = PassClaims { tenant: tenant_key(id), scope: None, expires_at };
        pass_key().sign_pass(&claims).expect("a token")
    }

    /// How many rows each tenant has, as the superuser sees it.
    pub(crate) async fn rows(&self) -> Vec<(String, i64)> {
        let admin = self.db.connect().await;
        let rows = admin
            .query("SELECT tenant::text, pg_catalog.count(*) FROM public.notes GROUP BY tenant ORDER BY tenant", &[])
            .await
            .expect("rows");
        let rows = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        admin.close().await;
        rows
    }
}

/// Every row that can be seen.
pub(crate) const BODIES: &str = "SELECT body FROM notes";

/// Rows of each tenant.
pub(crate) const ROWS: usize = 3;

async fn install(db: &tenantry_testkit::Database, size: usize) -> Vec<String> {
    let role = |name: &str| Ident::new(db.role(name)).expect("a short name");
    let (keeper, owner, group) = (role("tenantry"), role("owner"), role("rt"));
    for role in [&keeper, &owner, &group] {
        db.execute(&format!("CREATE ROLE {} NOLOGIN", role.quoted())).await;
    }
    let mut slots = Vec::new();
    for number in 0..size {
        let name = format!("slot{number}");
        db.login(&name, &format!("IN ROLE {}", group.quoted())).await;
        slots.push(db.role(&name));
    }
    let admin = db.connect().await;
    let (callers, readers) = ([group.clone()], [owner.clone()]);
    let options = Options { key: KeyKind::Uuid, scope: None, keeper: &keeper, callers: &callers, readers: &readers };
    admin.batch_execute("BEGIN").await.expect("begin");
    for statement in context::install(&options).up {
        admin.batch_execute(&statement).await.unwrap_or_else(|e| panic!("{e:?}\n{statement}"));
    }
    admin.batch_execute("COMMIT").await.expect("commit");
    let (key, pads) = (key(), key().pads());
    admin.execute(ADD_KEY, &[&key.kid(), &&pads.ipad[..], &&pads.opad[..]]).await.expect("the key is stored");
    admin.close().await;
    let [a, b] = TENANTS;
    db.execute(&format!(
        "CREATE TABLE notes (tenant uuid NOT NULL DEFAULT tenantry.tenant_id(), body text);
         INSERT INTO notes SELECT t.id::uuid, 'CANARY-' || t.name FROM (VALUES ('{}', '{}'), ('{}', '{}')) AS t (name, id), generate_series(1, {ROWS});
         ALTER TABLE notes OWNER TO {owner};
         CREATE TABLE scratch (body text); -- nobody's: COPY FROM is refused on protected tables
         GRANT SELECT, INSERT ON scratch TO {group};
         REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM PUBLIC;
         REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {group};
         CREATE POLICY tenantry_base ON notes TO PUBLIC USING (true) WITH CHECK (true);
         CREATE POLICY tenantry_tenant ON notes AS RESTRICTIVE TO PUBLIC
           USING (tenant = (SELECT tenantry.tenant_id())) WITH CHECK (tenant = (SELECT tenantry.tenant_id()));
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;",
        a.0,
        a.1,
        b.0,
        b.1,
        owner = owner.quoted(),
        group = group.quoted(),
        name = Ident::new(db.name()).expect("a name").quoted(),
    ))
    .await;
    slots
}
