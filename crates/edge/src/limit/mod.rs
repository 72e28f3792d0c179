//! How much of a database a tenant holds at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenantry_model::Class;

use crate::admission::Admitted;
use crate::directory::Tenant;

/// What one tenant holds at this moment, over all threads.
#[derive(Debug, Default)]
pub struct Occupancy {
    connections: AtomicU32,
    statements: AtomicU32,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Client connections.
    Connections,
    /// Statements running.
    Statements,
}

/// A limit of the tenant is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tenantry: the tenant's {limit} {} are in use", match .held { Held::Connections => "connections", Held::Statements => "concurrent statements" })]
pub struct OverLimit {
    /// Of what.
    pub held: Held,
    /// How many it may have.
    pub limit: u32,
}

impl OverLimit {
    /// The SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        match self.held {
            Held::Connections => "53300",
            Held::Statements => "53400",
        }
    }

    /// What the caller can do.
    pub fn hint(&self) -> &'static str {
        match self.held {
            Held::Connections => {
                "Close connections, use a smaller pool in the application, or raise the tenant's limit."
            }
            Held::Statements => "Run fewer statements at once, or raise the tenant's limit.",
        }
    }

    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Quota
    }
}

impl Occupancy {
    /// Takes one of the tenant's client connections, as long as the guard lives.
    pub fn try_connection(tenant: &Admitted) -> Result<ConnectionGuard, OverLimit> {
        let limit = tenant.limits().connections;
        take(&tenant.occupancy().connections, limit, Held::Connections)?;
        Ok(ConnectionGuard(tenant.tenant().clone()))
    }

    /// Takes one of the tenant's concurrent statements, as long as the guard lives.
    pub fn try_statement(tenant: &Admitted) -> Result<StatementGuard, OverLimit> {
        let limit = tenant.limits().concurrent_statements;
        take(&tenant.occupancy().statements, limit, Held::Statements)?;
        Ok(StatementGuard(tenant.tenant().clone()))
    }

    /// Client connections now.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Statements running now.
    pub fn statements(&self) -> u32 {
        self.statements.load(Ordering::Relaxed)
    }
}

fn take(count: &AtomicU32, limit: Option<u32>, held: Held) -> Result<(), OverLimit> {
    let limit = limit.unwrap_or(u32::MAX);
    let next = |n: u32| n.checked_add(1).filter(|n| *n <= limit);
    count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next).map_err(|_| OverLimit { held, limit })?;
    Ok(())
}

/// One client connection of a tenant. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping the guard gives the connection back at once"]
pub struct ConnectionGuard(Arc<Tenant>);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.occupancy.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One running statement of a tenant. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping the guard gives the statement back at once"]
pub struct StatementGuard(Arc<Tenant>);

impl Drop for StatementGuard {
    fn drop(&mut self) {
        self.0.occupancy.statements.fetch_sub(1, Ordering::AcqRel);
    }
}
