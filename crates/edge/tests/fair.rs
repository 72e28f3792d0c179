//! The queue between tenants: shares, newcomers, cancellation, memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

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

/// Serves from several connections at once in simulated time; gives server time per tenant.
fn serve_in_parallel(queue: &mut FairQueue<()>, weights: &[u32], connections: usize, costs: &[u64]) -> Vec<u64> {
    let mut got = vec![0; weights.len()];
    let mut busy: BinaryHeap<Reverse<(u64, u32, u64)>> = BinaryHeap::new();
    let mut now = 0;
    for tenant in (0..).take(weights.len()) {
        (0..=connections).for_each(|_| {
            queue.push(tenant, weights[tenant as usize], (), None).unwrap();
        });
    }
    for micros in costs {
        if busy.len() == connections {
            let Reverse((end, tenant, spent)) = busy.pop().unwrap();
            now = end;
            queue.charge(tenant, weights[tenant as usize], spent);
            got[tenant as usize] += spent;
        }
        let (tenant, ()) = queue.pop(|_| true).unwrap();
        busy.push(Reverse((now + micros, tenant, *micros)));
        queue.push(tenant, weights[tenant as usize], (), None).unwrap();
    }
    got
}

proptest! {
    /// Several connections at once loosen the bound by that many services (Jin, Chase, Kaur 2004).
    #[test]
    fn shares_follow_weights_on_several_connections(weights in prop::collection::vec(1u32..20, 2..5), connections in 1usize..8, costs in prop::collection::vec(500u64..20_000, 600)) {
        let got = serve_in_parallel(&mut FairQueue::new(), &weights, connections, &costs);
        let longest = *costs.iter().max().unwrap() as f64;
        let per_weight = |t: usize| got[t] as f64 / f64::from(weights[t]);
        for a in 0..weights.len() {
            for b in 0..weights.len() {
                let most = (connections + 1) as f64 * longest * (1.0 / f64::from(weights[a]) + 1.0 / f64::from(weights[b]));
                let apart = (per_weight(a) - per_weight(b)).abs();
                prop_assert!(apart <= most, "tenants {a} and {b} of {weights:?}: {got:?}, {apart} apart, at most {most}");
            }
        }
    }

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
    assert!((DEBT_MICROS_MAX - 2000..=DEBT_MICROS_MAX + 2000).contains(&others), "{others}");
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
fn a_quiet_moment_settles_all_debts() {
    let mut queue = FairQueue::new();
    queue.push(1, 1, (), None).unwrap();
    queue.push(2, 1, (), None).unwrap();
    assert_eq!(queue.pop(|_| true).unwrap().0, 1);
    queue.charge(1, 1, 5_000_000);
    assert_eq!(queue.pop(|_| true).unwrap().0, 2, "it waited for the other one");
    queue.charge(2, 1, 1000);
    queue.push(1, 1, (), None).unwrap();
    queue.push(2, 1, (), None).unwrap();
    assert_eq!(queue.pop(|_| true).unwrap().0, 1, "nobody waited and nobody ran: equal again, and first come");
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

fn flood(queue: &mut FairQueue<()>, tenant: u32, waiters: u32) {
    for _ in 0..waiters {
        queue.push(tenant, 1, (), None).unwrap();
    }
}

/// Gives away what may be given away of a pool of ten; says who got how many.
fn fill(queue: &mut FairQueue<()>, mut eligible: impl FnMut(u32, usize) -> bool) -> HashMap<u32, usize> {
    let mut holds: HashMap<u32, usize> = HashMap::new();
    while queue.in_service() < 10 {
        let Some((tenant, ())) = queue.pop_sharing(10, |t| eligible(t, holds.get(&t).copied().unwrap_or(0))) else {
            break;
        };
        *holds.entry(tenant).or_default() += 1;
    }
    holds
}

#[test]
fn a_flood_leaves_connections_for_others() {
    let mut queue = FairQueue::new();
    flood(&mut queue, 1, 1000);
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(1, 8)]));
    flood(&mut queue, 2, 1);
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(2, 1)]), "a newcomer is served at once");
    flood(&mut queue, 2, 1000);
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(2, 1)]), "a second flood gets what is free");
    assert_eq!((queue.in_service(), queue.in_service_of(1), queue.in_service_of(2)), (10, 8, 2));
    (0..8).for_each(|_| queue.charge(1, 1, 1000));
    (0..2).for_each(|_| queue.charge(2, 1, 1000));
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(1, 4), (2, 4)]), "two floods leave the headroom too");
    flood(&mut queue, 3, 1);
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(3, 1)]));
}

#[test]
fn nobody_gives_way_to_who_waits_for_itself() {
    let mut queue = FairQueue::new();
    flood(&mut queue, 1, 1000);
    flood(&mut queue, 2, 1000);
    let own_limit = |tenant, holds| tenant != 2 || holds < 1;
    assert_eq!(fill(&mut queue, own_limit), HashMap::from([(1, 8), (2, 1)]));
    (0..8).for_each(|_| queue.charge(1, 1, 1000));
    assert_eq!(fill(&mut queue, |tenant, _| tenant != 2), HashMap::from([(1, 8)]), "in the long run too");
}

#[test]
fn who_gives_something_back_counts_again() {
    let mut queue = FairQueue::new();
    flood(&mut queue, 1, 1000);
    flood(&mut queue, 2, 1000);
    fill(&mut queue, |tenant, holds| tenant != 2 || holds < 1);
    queue.charge(1, 1, 1);
    queue.charge(2, 1, 1_000_000);
    assert_eq!(queue.pop_sharing(10, |_| true).unwrap().0, 2, "one has more than its part, though its turn is first");
}

#[test]
fn who_neither_waits_nor_runs_takes_no_part() {
    let mut queue = FairQueue::new();
    for tenant in 3..50 {
        flood(&mut queue, tenant, 1);
        queue.pop_sharing(10, |_| true).unwrap();
        queue.charge(tenant, 1, 1000);
        let ticket = queue.push(tenant, 1, (), None).unwrap();
        queue.cancel(ticket).unwrap();
    }
    flood(&mut queue, 1, 1000);
    flood(&mut queue, 2, 1000);
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(1, 4), (2, 4)]));
}

#[test]
fn shares_of_floods_follow_weights() {
    let mut queue = FairQueue::new();
    for _ in 0..100 {
        queue.push(1, 3, (), None).unwrap();
        queue.push(2, 1, (), None).unwrap();
    }
    assert_eq!(fill(&mut queue, |_, _| true), HashMap::from([(1, 6), (2, 2)]));
}

/// A flood of long statements beside somebody who comes by every now and then with a short one, on ten connections,
/// in simulated time. Gives the longest wait of the latter in milliseconds.
fn longest_wait_beside_a_flood(sharing: bool) -> u64 {
    let (flood, light) = (1, 2);
    let mut queue: FairQueue<u64> = FairQueue::new();
    let mut busy: Vec<(u64, u32, u64)> = Vec::new();
    let mut longest = 0;
    for _ in 0..5000 {
        queue.push(flood, 1, 0, None).unwrap();
    }
    for now in 0..2000 {
        busy.retain(|(end, tenant, cost)| {
            let runs = *end > now;
            if !runs {
                queue.charge(*tenant, 1, cost * 1000);
            }
            runs
        });
        if now % 7 == 0 {
            queue.push(light, 1, now, None).unwrap();
        }
        while busy.len() < 10 {
            let next = if sharing { queue.pop_sharing(10, |_| true) } else { queue.pop(|_| true) };
            let Some((tenant, came)) = next else { break };
            let cost = if tenant == flood { 100 } else { 2 };
            busy.push((now + cost, tenant, cost));
            if tenant == light {
                longest = longest.max(now - came);
            }
        }
    }
    longest
}

#[test]
fn beside_a_flood_nobody_waits_thanks_to_the_headroom() {
    assert_eq!(longest_wait_beside_a_flood(true), 0);
    assert!(longest_wait_beside_a_flood(false) >= 90, "without it one waits for the flood's statements");
}

#[test]
fn an_estimate_of_something_endless_shuts_nobody_out() {
    let mut queue = FairQueue::new();
    queue.push(1, 1, (), None).unwrap();
    queue.pop(|_| true).unwrap();
    queue.charge(1, 1, u64::MAX);
    flood(&mut queue, 1, 50_000);
    flood(&mut queue, 2, 50_000);
    for _ in 0..8 {
        queue.pop(|t| t == 1).unwrap();
    }
    let others = (0..30_000).position(|_| {
        let (tenant, ()) = queue.pop(|_| true).unwrap();
        if tenant == 2 {
            queue.charge(2, 1, 1000);
        }
        tenant == 1
    });
    assert!(others.is_some_and(|n| n as u64 <= DEBT_MICROS_MAX / 1000 + 10), "{others:?}");
}

#[test]
fn who_need_not_wait_begins_at_once_and_is_charged_like_others() {
    let mut queue: FairQueue<()> = FairQueue::new();
    let begun = (0..20).filter(|_| queue.try_begin(1, 1, 10)).count();
    assert_eq!((begun, queue.in_service_of(1), queue.len()), (8, 8, 0), "the headroom stays free");
    assert!(queue.try_begin(2, 1, 10));
    queue.push(3, 1, (), None).unwrap();
    assert!(!queue.try_begin(2, 1, 10), "somebody waits");
    assert_eq!(queue.pop_sharing(10, |_| false), None);
    assert!(queue.try_begin(2, 1, 10), "for itself only");
    assert!(!queue.try_begin(3, 1, 10), "nobody overtakes its own tenant's waiters");
    (0..8).for_each(|_| queue.charge(1, 1, 1000));
    (0..2).for_each(|_| queue.charge(2, 1, 1000));
    assert_eq!(queue.in_service(), 0);

    assert_eq!(queue.pop_sharing(10, |_| true).unwrap().0, 3);
    queue.unserved(3);
    assert!(queue.try_begin(1, 1, 1));
    queue.push(2, 1, (), None).unwrap();
    queue.push(1, 1, (), None).unwrap();
    queue.charge(1, 1, 50_000);
    assert_eq!(queue.pop(|_| true).unwrap().0, 2, "it has used less");
}

#[test]
fn when_the_server_is_gone_everybody_is_told_and_nothing_stays_behind() {
    let mut queue = FairQueue::new();
    for item in 0..6 {
        queue.push(item % 2, 1, item, None).unwrap();
    }
    assert_eq!(queue.drain_all(), [(0, 0), (0, 2), (0, 4), (1, 1), (1, 3), (1, 5)]);
    assert_eq!((queue.len(), queue.in_service(), queue.waiting_tenants()), (0, 0, 0));
    queue.forget_idle();
    assert_eq!(queue.remembered(), 0);
}
