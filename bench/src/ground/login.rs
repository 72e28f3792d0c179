//! A database login of the benchmarks, the same for every peer.

use tenantry_model::{Ident, literal};
use tenantry_pg::Client;

/// A role that may log in.
#[derive(Clone)]
pub struct DatabaseLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The SCRAM secret that the server keeps: PgBouncer is given this one.
    pub secret: String,
}

impl DatabaseLogin {
    /// Makes the role. It goes with the scratch database whose name its own begins with.
    pub(super) async fn create(admin: &Client, user: &str) -> anyhow::Result<Self> {
        let (role, password) = (Ident::new(user)?, "bench-only");
        admin.batch_execute(&format!("CREATE ROLE {} LOGIN PASSWORD {}", role.quoted(), literal(password))).await?;
        let secret = "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1";
        let secret = admin.query_one(secret, &[&user]).await?.get(0);
        Ok(Self { user: user.to_owned(), password: password.to_owned(), secret })
    }
}
