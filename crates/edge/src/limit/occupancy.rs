//! What a tenant holds at this moment, counted over all threads. A guard is one thing held; dropping it gives it
//! back, also when a thread panics.

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
    requests: AtomicU32,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Client connections.
    Connections,
    /// Statements running.
    Statements,
    /// HTTP requests under way.
    Requests,
}

/// A limit of the tenant is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tenantry: the tenant's {limit} {} are in use", match .held { Held::Connections => "connections", Held::Statements => "concurrent statements", Held::Requests => "concurrent requests" })]
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
            Held::Statements | Held::Requests => "53400",
        }
    }

    /// What the caller can do.
    pub fn hint(&self) -> &'static str {
        match self.held {
            Held::Connections => {
                "Close connections, use a smaller pool in the application, or raise the tenant's limit."
            }
            Held::Statements => "Run fewer statements at once, or raise the tenant's limit.",
            Held::Requests => "Send fewer requests at once, or raise the tenant's limit.",
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

    /// Takes one of the tenant's concurrent requests, as long as the guard lives.
    pub fn try_request(tenant: &Admitted) -> Result<RequestGuard, OverLimit> {
        let limit = tenant.limits().concurrent_requests;
        take(&tenant.occupancy().requests, limit, Held::Requests)?;
        Ok(RequestGuard(tenant.tenant().clone()))
    }

    /// Client connections now.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Statements running now.
    pub fn statements(&self) -> u32 {
        self.statements.load(Ordering::Relaxed)
    }

    /// HTTP requests under way now.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
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

/// One HTTP request of a tenant. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping the guard gives the request back at once"]
pub struct RequestGuard(Arc<Tenant>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.occupancy.requests.fetch_sub(1, Ordering::AcqRel);
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

#[cfg(test)]
mod tests {
    use tenantry_model::{KeyKind, TenantKey};

    use super::*;
    use crate::admission::Claim;
    use crate::directory::{Directory, Limits};

    fn tenant(limits: Limits) -> Admitted {
        Directory::open(KeyKind::Integer, limits).admit(&Claim::Key(TenantKey::Integer(1))).unwrap()
    }

    #[test]
    fn the_limit_is_the_last_one_that_gets_in() {
        let tenant = tenant(Limits { connections: Some(2), concurrent_statements: Some(1), ..Limits::NONE });
        let first = Occupancy::try_connection(&tenant).unwrap();
        let _second = Occupancy::try_connection(&tenant).unwrap();
        let over = Occupancy::try_connection(&tenant).unwrap_err();
        assert_eq!((over.held, over.limit, over.sqlstate()), (Held::Connections, 2, "53300"));
        assert_eq!(over.to_string(), "tenantry: the tenant's 2 connections are in use");
        drop(first);
        let _third = Occupancy::try_connection(&tenant).unwrap();
        let _statement = Occupancy::try_statement(&tenant).unwrap();
        let over = Occupancy::try_statement(&tenant).unwrap_err();
        assert_eq!((over.held, over.limit, over.sqlstate()), (Held::Statements, 1, "53400"));
    }

    #[test]
    fn without_a_limit_it_only_counts() {
        let tenant = tenant(Limits::NONE);
        let held: Vec<_> = (0..1000).map(|_| Occupancy::try_connection(&tenant).unwrap()).collect();
        assert_eq!(tenant.occupancy().connections(), 1000);
        drop(held);
        assert_eq!(tenant.occupancy().connections(), 0);
    }
}
