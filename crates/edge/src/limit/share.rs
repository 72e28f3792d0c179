//! How many server connections of a pool one tenant may hold at once, where its plan does not say.
//!
//! A queue alone cannot keep a flood out: a connection that is in use is not taken back, so whoever holds all of
//! them makes a newcomer wait for the flood's statements, however fair the queue. Hence a share:
//!
//! - **Headroom.** A fifth of the pool, at least one and at most [`HEADROOM_MAX`], is never one tenant's. However
//!   wildly one tenant floods, the next tenant's first statement finds a connection free.
//! - **Alone, a tenant borrows.** While nobody else waits it may hold all but the headroom: what it leaves unused
//!   costs it at most a fifth, and only while it alone has work for the whole pool.
//! - **When others wait, it gives back.** It may hold its weight's part of the pool without the headroom. Nothing is
//!   taken away; it gets no further connection until it is below its part. Transactions are short, so it soon is.
//! - **One is always allowed**, whatever the weights: a limit of none would be a suspension.
//!
//! The parts of many tenants may add up to more than the pool (each has at least one); then the pool itself is the
//! limit and the queue decides. Reasons and alternatives: ADR 0014.

/// Most connections of a pool that are kept from any one tenant.
pub const HEADROOM_MAX: u32 = 8;

/// One of so many connections is headroom.
const HEADROOM_PART: u32 = 5;

/// Who wants what of a pool at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Server connections the pool may open.
    pub pool_size: u32,
    /// Weight of the tenant asked about.
    pub weight: u32,
    /// Weights of all tenants that hold a connection or wait for one, this one's included.
    pub weight_active: u64,
    /// Other tenants that wait.
    pub others_waiting: u32,
}

/// Connections of a pool of this size that no single tenant may take.
pub fn headroom(pool_size: u32) -> u32 {
    if pool_size < 2 { 0 } else { pool_size.div_ceil(HEADROOM_PART).min(HEADROOM_MAX) }
}

/// How many server connections the tenant may hold now: it may take one more if it holds fewer.
pub fn fair_share(demand: &Demand) -> u32 {
    if demand.pool_size == 0 {
        return 0;
    }
    let most = demand.pool_size - headroom(demand.pool_size);
    if demand.others_waiting == 0 {
        return most;
    }
    let weight = u64::from(demand.weight.max(1));
    let part = u64::from(most) * weight / demand.weight_active.max(weight);
    // at most `most`, which is a u32
    u32::try_from(part).unwrap_or(most).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(pool_size: u32, weight: u32, weight_active: u64, others_waiting: u32) -> u32 {
        fair_share(&Demand { pool_size, weight, weight_active, others_waiting })
    }

    #[test]
    fn headroom_by_size() {
        let sizes = [0, 1, 2, 3, 5, 6, 10, 11, 20, 40, 41, 100, 1000];
        assert_eq!(sizes.map(headroom), [0, 0, 1, 1, 1, 2, 2, 3, 4, 8, 8, 8, 8]);
    }

    #[test]
    fn table() {
        for (what, pool, weight, active, waiting, expected) in [
            ("no pool", 0, 1, 1, 0, 0),
            ("a pool of one is everybody's in turn", 1, 1, 2, 1, 1),
            ("a flood alone leaves two of ten", 10, 1, 1, 0, 8),
            ("a flood next to one that works but does not wait", 10, 1, 2, 0, 8),
            ("two that wait halve what is no headroom", 10, 1, 2, 1, 4),
            ("three", 10, 1, 3, 2, 2),
            ("more tenants than connections: one each", 10, 1, 50, 49, 1),
            ("a heavy one among light ones", 10, 6, 8, 2, 6),
            ("the heaviest weight leaves the headroom too", 10, 1000, 1001, 1, 7),
            ("a light one among heavy ones still gets one", 10, 1, 1001, 1, 1),
            ("weights that were not summed up yet", 10, 5, 0, 1, 8),
            ("weight 0 counts as 1", 10, 0, 2, 1, 4),
            ("a large pool", 100, 1, 2, 1, 46),
            ("the largest pool does not overflow", u32::MAX, u32::MAX, u64::MAX, 1, 1),
            ("the smallest pool that can spare one", 2, 1, 1, 0, 1),
        ] {
            assert_eq!(share(pool, weight, active, waiting), expected, "{what}");
        }
    }

    #[test]
    fn nobody_ever_gets_the_headroom_and_everybody_gets_one() {
        for pool in 1..200 {
            for weight in [1, 3, 1000] {
                for others in [0u32, 1, 7, 500] {
                    let got = share(pool, weight, u64::from(weight + others), others);
                    assert!(got >= 1 && got <= (pool - headroom(pool)).max(1), "{pool} {weight} {others}: {got}");
                }
            }
        }
    }

    /// All flood: what each may hold adds up to the pool without headroom, or to one each.
    #[test]
    fn the_shares_of_all_who_wait_fit() {
        for pool in 1..100 {
            for tenants in 2..=pool {
                let all: u32 = (0..tenants).map(|_| share(pool, 1, tenants.into(), tenants - 1)).sum();
                assert!(all <= (pool - headroom(pool)).max(tenants), "{pool} {tenants}: {all}");
            }
        }
    }
}
