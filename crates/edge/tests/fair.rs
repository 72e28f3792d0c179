//! The queue between tenants: shares, newcomers, cancellation, memory.

use std::collections::HashMap;

use proptest::prelude::*;
use tenantry_edge::fair::{DEBT_MICROS_MAX, FairQueue};

/// Serves one after the other, each tenant always with waiters; gives server time per tenant.
fn serve(
    queue: &mut FairQueue<()>,
    weights: &HashMap<u32, u32>,
    services: usize,
    mut cost: impl FnMut(u32) -> u64,
) -> HashMap<u32, u64> {
    let mut got: HashMap<u32, u64> = HashMap::new();
    for (tenant, weight) in weights {
        queue.push(*tenant, *weight, (), None).unwrap();
        queue.push(*tenant, *weight, (), None).unwrap();
    }
    for _ in 0..services {
        let (tenant, ()) = queue.pop(|_| true).unwrap();
        let micros = cost(tenant);
        queue.charge(tenant, weights[&tenant], micros);
        *got.entry(tenant).or_default() += micros;
        queue.push(tenant, weights[&tenant], (), None).unwrap();
    }
    got
}

proptest! {
    /// The bound of the paper: two backlogged tenants differ, in server time per weight, by at most one service of each.
    #[test]
    fn shares_follow_weights_within_one_service(weights in prop::collection::vec(1u32..100, 1..8), costs in prop::collection::vec(1u64..50_000, 400)) {
        let weights: HashMap<u32, u32> = (0..).zip(weights).collect();
        let mut costs = costs.into_iter();
        let mut longest: HashMap<u32, u64> = HashMap::new();
        let got = serve(&mut FairQueue::new(), &weights, 400, |tenant| {
            let micros = costs.next().unwrap();
            let most = longest.entry(tenant).or_default();
            *most = micros.max(*most);
            micros
        });
        let per_weight = |map: &HashMap<u32, u64>, tenant: u32| map.get(&tenant).copied().unwrap_or(0) as f64 / f64::from(weights[&tenant]);
        for a in weights.keys() {
            for b in weights.keys() {
                let apart = (per_weight(&got, *a) - per_weight(&got, *b)).abs();
                let most = per_weight(&longest, *a) + per_weight(&longest, *b);
                prop_assert!(apart <= most + 1.0, "tenants {a} and {b}: {apart} apart, at most {most}");
            }
        }
    }

    #[test]
    fn a_newcomer_is_served_within_one_round(tenants in 1u32..30, before in 0usize..300, costs in prop::collection::vec(1u64..50_000, 400)) {
        let weights: HashMap<u32, u32> = (0..tenants).map(|t| (t, 1)).collect();
        let mut costs = costs.into_iter();
        let mut queue = FairQueue::new();
        serve(&mut queue, &weights, before, |_| costs.next().unwrap());
        queue.push(1000, 1, (), None).unwrap();
        let turns = (0..=tenants as usize).position(|_| {
            let (tenant, ()) = queue.pop(|_| true).unwrap();
            if tenant != 1000 {
                queue.charge(tenant, 1, costs.next().unwrap_or(1000));
            }
            tenant == 1000
        });
        prop_assert!(turns.is_some(), "not among the first {}", tenants + 1);
    }

    /// Whatever is done in whatever order: every waiter leaves exactly once, each tenant's in the order they came.
    #[test]
    fn nobody_is_lost(steps in prop::collection::vec((0u8..6, 0u32..5, any::<prop::sample::Index>(), 0u64..100_000), 1..300)) {
        let mut queue = FairQueue::new();
        let mut waiting: Vec<(u32, u32, tenantry_edge::fair::Ticket)> = Vec::new();
        let mut running: Vec<u32> = Vec::new();
        let mut next = 0u32;
        for (step, tenant, which, micros) in steps {
            match step {
                0 | 1 => match queue.push(tenant, tenant + 1, next, Some(7)) {
                    Ok(ticket) => { waiting.push((tenant, next, ticket)); next += 1; }
                    Err(full) => {
                        prop_assert_eq!((full.item, full.length, full.limit), (next, 7, 7));
                        prop_assert_eq!(waiting.iter().filter(|w| w.0 == tenant).count(), 7);
                    }
                },
                2 => {
                    let served = queue.pop(|t| t != tenant);
                    let expected = waiting.iter().any(|w| w.0 != tenant);
                    prop_assert_eq!(served.is_some(), expected);
                    if let Some((who, item)) = served {
                        let first = waiting.iter().position(|w| w.0 == who).unwrap();
                        let (_, number, ticket) = waiting.remove(first);
                        prop_assert_eq!(number, item);
                        prop_assert_eq!(queue.cancel(ticket), None);
                        running.push(who);
                    }
                }
                3 if !waiting.is_empty() => {
                    let (_, number, ticket) = waiting.remove(which.index(waiting.len()));
                    prop_assert_eq!(queue.cancel(ticket), Some(number));
                    prop_assert_eq!(queue.cancel(ticket), None);
                }
                4 if !running.is_empty() => {
                    let who = running.swap_remove(which.index(running.len()));
                    if micros % 5 == 0 { queue.unserved(who) } else { queue.charge(who, who + 1, micros) }
                }
                5 => queue.charge_part(tenant, 1, micros),
                _ => {}
            }
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert_eq!(queue.in_service(), running.len());
            for tenant in 0..5 {
                prop_assert_eq!(queue.len_of(tenant), waiting.iter().filter(|w| w.0 == tenant).count());
            }
            prop_assert_eq!(queue.waiting().map(|(_, n)| n).sum::<usize>(), waiting.len());
        }
        for tenant in 0..5 {
            let left: Vec<u32> = waiting.iter().filter(|w| w.0 == tenant).map(|w| w.1).collect();
            prop_assert_eq!(queue.drain(tenant), left);
        }
        prop_assert!(queue.is_empty() && queue.pop(|_| true).is_none());
    }
}

#[test]
fn who_was_idle_for_long_has_saved_nothing() {
    let mut queue = FairQueue::new();
    let weights = HashMap::from([(1, 1)]);
    serve(&mut queue, &weights, 10_000, |_| 1000);
    let both = HashMap::from([(1, 1), (2, 1)]);
    let got = serve(&mut queue, &both, 100, |_| 1000);
    assert!(got[&2].abs_diff(got[&1]) <= 2000, "{got:?}");
}

#[test]
fn who_is_passed_over_at_its_limit_has_saved_nothing() {
    let mut queue = FairQueue::new();
    for tenant in [1, 2] {
        (0..2000).for_each(|_| {
            queue.push(tenant, 1, (), None).unwrap();
        });
    }
    for _ in 0..1000 {
        let (tenant, ()) = queue.pop(|t| t != 2).unwrap();
        queue.charge(tenant, 1, 1000);
    }
    let mut got = HashMap::from([(1, 0), (2, 0)]);
    for _ in 0..100 {
        let (tenant, ()) = queue.pop(|_| true).unwrap();
        queue.charge(tenant, 1, 1000);
        *got.get_mut(&tenant).unwrap() += 1;
    }
    assert!(got[&1] >= 49, "{got:?}");
}

#[test]
fn one_endless_statement_is_forgiven_in_bounded_time() {
    let mut queue = FairQueue::new();
    for tenant in [1, 2] {
        (0..100_000).for_each(|_| {
            queue.push(tenant, 1, (), None).unwrap();
        });
    }
    let (first, ()) = queue.pop(|_| true).unwrap();
    queue.charge(first, 1, 3_600_000_000);
    let mut others = 0;
    loop {
        let (tenant, ()) = queue.pop(|_| true).unwrap();
        if tenant == first {
            break;
        }
        queue.charge(tenant, 1, 1000);
        others += 1000;
    }
    assert!(others >= DEBT_MICROS_MAX - 2000 && others <= DEBT_MICROS_MAX + 2000, "{others}");
}

#[test]
fn what_kept_nobody_waiting_is_no_debt() {
    let mut queue = FairQueue::new();
    queue.push(1, 1, (), None).unwrap();
    queue.pop(|_| true).unwrap();
    queue.charge(1, 1, 5_000_000);
    queue.push(1, 1, (), None).unwrap();
    queue.push(2, 1, (), None).unwrap();
    assert_eq!(queue.pop(|_| true).unwrap().0, 1, "equal again, and first come");
}

#[test]
fn a_hundred_thousand_tenants_leave_nothing_behind() {
    let mut queue = FairQueue::new();
    for tenant in 0..100_000 {
        queue.push(tenant, 1, (), None).unwrap();
        queue.pop(|_| true).unwrap();
        queue.charge(tenant, 1, 1000);
    }
    assert!(queue.remembered() <= 2048, "{}", queue.remembered());
    queue.forget_idle();
    assert_eq!(queue.remembered(), 0);
}
