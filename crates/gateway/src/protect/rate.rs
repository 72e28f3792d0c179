//! How often: by address before anything is looked at, by credential, by tenant. GCRA, counted over all threads of this
//! gateway, which has its part of each budget where there are several ([`super::exact`] counts for all of them).
//!
//! A tenant has two budgets: one for requests with a proof, one for all others. Strangers who ask for a tenant's host
//! name spend the second, and keep nobody out who belongs there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::settings::{Rate, Rates};

type Keyed = RateLimiter<u128, DashMapStateStore<u128>, DefaultClock, NoOpMiddleware>;
type Single = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Tenants with a budget that are remembered before those with a full one are forgotten.
const TENANTS_MAX: usize = 200_000;

/// The budgets, shared by all threads.
#[derive(Default)]
pub(crate) struct Limiters {
    address: Option<Keyed>,
    key: Option<Keyed>,
    tenants: Mutex<HashMap<(u32, bool), Arc<Budget>>>,
    instances: u32,
    clock: DefaultClock,
}

/// One tenant's budget.
pub(crate) struct Budget {
    pub(crate) rate: Rate,
    limiter: Single,
}

/// The part of a rate that one of so many gateways has. One request at once is the least.
fn quota(rate: Rate, instances: u32) -> Quota {
    let some = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let instances = instances.max(1);
    let every = Duration::from_secs(u64::from(instances)) / rate.per_second.max(1);
    let whole = Quota::with_period(every).unwrap_or_else(|| Quota::per_second(some(rate.per_second)));
    whole.allow_burst(some(rate.burst / instances))
}

impl Limiters {
    /// Full budgets.
    pub(crate) fn new(rates: &Rates) -> Self {
        let instances = rates.instances;
        let keyed = |rate: Option<Rate>| rate.map(|rate| RateLimiter::keyed(quota(rate, instances)));
        Self { address: keyed(rates.address), key: keyed(rates.key), instances, ..Self::default() }
    }

    /// Whether an address may come now.
    pub(crate) fn address(&self, address: IpAddr) -> Result<(), Duration> {
        self.keyed(self.address.as_ref(), || number_of(address))
    }

    /// Whether a credential may be used now.
    pub(crate) fn key(&self, number: u128) -> Result<(), Duration> {
        self.keyed(self.key.as_ref(), || number)
    }

    fn keyed(&self, limiter: Option<&Keyed>, number: impl FnOnce() -> u128) -> Result<(), Duration> {
        let Some(limiter) = limiter else { return Ok(()) };
        limiter.check_key(&number()).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// The budget of a tenant, a new one if its rate has changed.
    pub(crate) fn budget(&self, tenant: u32, proven: bool, rate: Rate) -> Arc<Budget> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= TENANTS_MAX {
            // those that nobody holds; each thread holds those it has seen lately
            tenants.retain(|_, budget| Arc::strong_count(budget) > 1);
        }
        let make = || Arc::new(Budget { rate, limiter: Single::new_with(quota(rate, self.instances)) });
        let budget = tenants.entry((tenant, proven)).or_insert_with(make);
        if budget.rate != rate {
            *budget = make();
        }
        Arc::clone(budget)
    }

    /// Takes a request out of a budget; how many are left.
    pub(crate) fn take(&self, budget: &Budget) -> Result<u32, Duration> {
        match budget.limiter.check() {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_until) => Err(not_until.wait_time_from(self.clock.now())),
        }
    }

    /// Forgets whoever has not come lately. To be called from time to time, or the maps grow for ever.
    pub(crate) fn tidy(&self) {
        for limiter in [&self.address, &self.key].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

trait NewWith {
    fn new_with(quota: Quota) -> Self;
}

impl NewWith for Single {
    fn new_with(quota: Quota) -> Self {
        RateLimiter::direct(quota).with_middleware::<StateInformationMiddleware>()
    }
}

/// An address; of IPv6 the half that a customer gets, since the other half is theirs to choose.
fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => u128::from(v4.to_bits()),
            None => v6.to_bits() >> 64 << 64,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Rate = Rate { per_second: 1, burst: 3 };

    #[test]
    fn an_address_is_counted_as_its_owner_has_it() {
        let limiters = Limiters::new(&Rates { address: Some(FEW), ..Rates::default() });
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 1..=3 {
            assert!(limiters.address(of(&format!("2001:db8::{last}"))).is_ok());
        }
        assert!(limiters.address(of("2001:db8::ffff:1")).is_err(), "the same /64");
        assert!(limiters.address(of("2001:db8:0:1::1")).is_ok(), "another /64");
        for text in ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1"] {
            assert!(limiters.address(of(text)).is_ok());
        }
        assert!(limiters.address(of("::ffff:10.0.0.1")).is_err());
        limiters.tidy();
    }

    #[test]
    fn one_of_several_gateways_has_its_part() {
        let many = Rate { per_second: 10, burst: 9 };
        let limiters = Limiters::new(&Rates { instances: 3, ..Rates::default() });
        let budget = limiters.budget(1, true, many);
        let taken = (0..9).filter(|_| limiters.take(&budget).is_ok()).count();
        assert_eq!(taken, 3);
        // three gateways with ten in a second: each gets one in 300 ms
        let wait = limiters.take(&budget).unwrap_err();
        assert!(wait <= Duration::from_millis(300) && wait > Duration::from_millis(200), "{wait:?}");
        let few = Limiters::new(&Rates { instances: 100, ..Rates::default() });
        assert_eq!(few.take(&few.budget(1, true, many)), Ok(0), "one is the least");
    }

    #[test]
    fn strangers_spend_another_budget() {
        let limiters = Limiters::default();
        let (own, strangers) = (limiters.budget(1, true, FEW), limiters.budget(1, false, FEW));
        assert_eq!(limiters.take(&strangers), Ok(2));
        assert!((0..3).any(|_| limiters.take(&strangers).is_err()));
        assert_eq!(limiters.take(&own), Ok(2));
        let again = limiters.budget(1, false, FEW);
        assert!(limiters.take(&again).is_err(), "it is the same one");
        let more = limiters.budget(1, false, Rate { burst: 10, ..FEW });
        assert_eq!(limiters.take(&more), Ok(9));
    }
}
