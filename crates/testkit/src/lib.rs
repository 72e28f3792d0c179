//! What tests need and nothing else may use: real throw-away PostgreSQL servers, a database per test, dumps, and
//! the corpus of real schemas.
//!
//! ```no_run
//! # async fn test() {
//! let db = tenantry_testkit::postgres(15).database("inspect").await;
//! db.execute("CREATE TABLE t (id int)").await;
//! let client = db.connect().await;
//! # }
//! ```
//!
//! Everything here panics with a clear text when it cannot do its work: a test that cannot run has failed.

pub mod ablation;
pub mod corpus;
mod database;
mod dump;
pub mod place;
mod python;
mod restartable;
mod server;

pub use database::Database;
pub use dump::{dump, dump_roles, pg_dump_for};
pub use python::python;
pub use restartable::Restartable;
pub use server::{Server, available, postgres};
