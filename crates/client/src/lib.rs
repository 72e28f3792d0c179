//! An isolated database from Rust, for applications that do without tenantry's SQL proxy.
//!
//! - [`TenantPool`]: connections, one per login of the credentials file that `tenantry apply` writes.
//! - [`TenantHandle`]: the only way to a connection. Nothing runs SQL without a tenant.
//! - [`TenantTransaction`]: dropped, it is rolled back; dropped in the middle of a statement, its connection is closed.
//! - [`scope()`], [`current`], [`spawn_with`], [`switch`]: the tenant of a task, which spawned tasks do not inherit.
//! - [`for_each_tenant`]: the same work for many.
//!
//! The wall is in the database. What this crate adds is that the right tenant's context is signed and held on a
//! connection before a statement runs, and that no connection goes to another tenant while anything on it is in
//! doubt.
//!
//! Absent on purpose: a way to the connection itself, statements over several tenants, standbys (a session cannot be
//! bound there), LISTEN, and streams of rows. `COPY … FROM` is refused by PostgreSQL on tables with row-level
//! security.
//!
//! ```no_run
//! use tenantry_client::{Credentials, Options, TenantKey, TenantPool, scope, current};
//!
//! # async fn example(workspace: TenantKey) -> Result<(), Box<dyn std::error::Error>> {
//! let pool = TenantPool::connect(Credentials::read("credentials.json")?, Options::default()).await?;
//! let acme = pool.tenant(&workspace);
//!
//! let projects = acme.query("SELECT name FROM project", &[]).await?; // acme's, whatever the statement says
//!
//! acme.transaction(|tx| async move {
//!     let project: i64 = tx.query_one("INSERT INTO project (name) VALUES ($1) RETURNING id", &[&"Moon"]).await?.get(0);
//!     tx.execute("INSERT INTO task (project_id, title) VALUES ($1, $2)", &[&project, &"Land"]).await?;
//!     Ok::<_, tenantry_client::Error>(())
//! })
//! .await?;
//!
//! // once per request; whatever it calls asks for `current()`
//! scope(acme, async {
//!     current()?.execute("DELETE FROM task WHERE done", &[]).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! })
//! .await??;
//! # Ok(())
//! # }
//! ```

mod connection;
mod credentials;
mod each;
mod error;
mod handle;
mod kinds;
mod lease;
mod options;
mod pool;
mod scope;
mod text;
mod transaction;

#[cfg(test)]
mod tests;

/// The guide's code compiles, or the tests fail.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/rust-client.md")]
mod guide {}

pub use credentials::{Credentials, CredentialsError, FORMAT};
pub use each::{Failure, Outcome, TenantReport, for_each_tenant};
pub use error::Error;
pub use handle::TenantHandle;
pub use options::{Isolation, Options, TransactionOptions};
pub use pool::{Counts, TenantPool};
pub use scope::{ScopeError, current, scope, spawn_with, switch};
pub use transaction::{Statements, TenantTransaction};

pub use tenantry_model::{KeyKind, TenantKey};
pub use tenantry_pg::tokio_postgres;
pub use tenantry_pg::{SslMode, Target};
