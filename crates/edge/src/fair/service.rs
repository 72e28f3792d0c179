//! Beginning services and settling them: the part of the queue that moves virtual time.

use super::flow::{Flow, Tag, virtual_cost};
use super::{DEBT_MICROS_MAX, FairQueue, Waiter};
use crate::directory::facts::WEIGHT_MAX;
use crate::limit::{Demand, fair_share};

impl<T> FairQueue<T> {
    /// Begins a service: takes the first waiter of the eligible tenant whose turn it is. Each service is settled by
    /// one [`charge`](Self::charge) or [`unserved`](Self::unserved).
    ///
    /// Tenants that are not eligible are asked one after the other, so whether the pool has a connection at all is
    /// to be asked before.
    pub fn pop(&mut self, eligible: impl FnMut(u32) -> bool) -> Option<(u32, T)> {
        self.serve(None, eligible)
    }

    /// The same for a pool of so many server connections, of which nobody gets more than its
    /// [`fair_share`]: the services of this queue are the connections in use. `eligible` answers for the tenant's
    /// own limits only; who is at those waits for itself, and others need not give way to it.
    pub fn pop_sharing(&mut self, pool_size: u32, eligible: impl FnMut(u32) -> bool) -> Option<(u32, T)> {
        self.serve(Some(pool_size), eligible)
    }

    /// Begins a service without a wait, if nobody waits who could be preferred and the tenant is below its share of
    /// the pool. `false` means: [`push`](Self::push), and let [`pop_sharing`](Self::pop_sharing) decide. Whether the
    /// tenant's own limits and the pool have room is to be asked before.
    pub fn try_begin(&mut self, tenant: u32, weight: u32, pool_size: u32) -> bool {
        let (own, weight) = (self.flows.get(&tenant), weight.clamp(1, WEIGHT_MAX));
        if self.sums.wanting > 0 || own.is_some_and(|flow| flow.ends.is_some()) {
            return false;
        }
        let (runs, counted) = own.map_or((0, 0), |flow| (flow.assumed.len(), flow.counted.weight));
        let weight_active = self.sums.weight - counted + u64::from(weight);
        if runs >= fair_share(&Demand { pool_size, weight, weight_active, others_waiting: 0 }) as usize {
            return false;
        }
        let now = self.arrive(tenant);
        let flow = self.flows.entry(tenant).or_insert_with(Flow::new);
        (flow.weight, flow.floor, flow.passed_over, flow.blocked) = (weight, now, false, false);
        self.begin(tenant);
        self.recount(tenant);
        true
    }

    /// Settles a service with what it cost.
    pub fn charge(&mut self, tenant: u32, weight: u32, micros: u64) {
        self.settle(tenant, virtual_cost(micros, weight));
        if let Some(flow) = self.flows.get_mut(&tenant) {
            flow.learn(micros);
        }
    }

    /// Charges part of a service that goes on. What is charged so is left out of the closing [`charge`](Self::charge).
    pub fn charge_part(&mut self, tenant: u32, weight: u32, micros: u64) {
        self.correct(tenant, virtual_cost(micros, weight), 0);
    }

    /// Settles a service that never began: no connection could be had after all.
    pub fn unserved(&mut self, tenant: u32) {
        self.settle(tenant, 0);
    }

    fn serve(&mut self, pool_size: Option<u32>, eligible: impl FnMut(u32) -> bool) -> Option<(u32, T)> {
        let tenant = self.choose(pool_size, eligible)?;
        let flow = self.flows.get_mut(&tenant)?;
        let (first, _) = flow.ends?;
        self.order.remove(&(flow.start(), flow.sequence, tenant));
        if std::mem::take(&mut flow.passed_over) {
            flow.floor = flow.floor.max(self.now);
        }
        self.begin(tenant);
        let flow = self.flows.get_mut(&tenant)?;
        self.sequence += 1;
        flow.sequence = self.sequence;
        self.order.insert((flow.start(), flow.sequence, tenant));
        let Waiter { item, before, after, .. } = self.waiters.remove(first)?;
        self.unlink(tenant, before, after);
        Some((tenant, item))
    }

    /// Moves a tenant, whose place in the order is not filled, past a service of the cost it is expected to have.
    fn begin(&mut self, tenant: u32) {
        let Some(flow) = self.flows.get_mut(&tenant) else { return };
        let start = flow.start();
        self.now = self.now.max(start);
        let most = self.now + virtual_cost(DEBT_MICROS_MAX, flow.weight);
        flow.finish = most.min(start + virtual_cost(flow.estimate_micros, flow.weight));
        flow.assumed.push_back(flow.finish - start);
        self.in_service += 1;
        self.finish_max = self.finish_max.max(flow.finish);
    }

    /// The tenant whose turn it is among those that may. Those before it are passed over.
    fn choose(&mut self, pool_size: Option<u32>, mut eligible: impl FnMut(u32) -> bool) -> Option<u32> {
        self.passed_over.clear();
        let mut chosen = None;
        for (_, _, tenant) in &self.order {
            let Some(flow) = self.flows.get_mut(tenant) else { continue };
            flow.blocked = !eligible(*tenant);
            let new = flow.count();
            self.sums.replace(std::mem::replace(&mut flow.counted, new), new);
            let has_share = |size| {
                let demand = Demand {
                    pool_size: size,
                    weight: flow.weight,
                    weight_active: self.sums.weight,
                    others_waiting: u32::try_from(self.sums.wanting - new.wanting).unwrap_or(u32::MAX),
                };
                flow.assumed.len() < fair_share(&demand) as usize
            };
            if !flow.blocked && pool_size.is_none_or(has_share) {
                chosen = Some(*tenant);
                break;
            }
            self.passed_over.push(*tenant);
        }
        // if nobody was chosen, nobody was preferred
        if chosen.is_some() {
            for skipped in self.passed_over.drain(..) {
                if let Some(flow) = self.flows.get_mut(&skipped) {
                    flow.passed_over = true;
                }
            }
        }
        chosen
    }

    fn settle(&mut self, tenant: u32, cost: Tag) {
        let flow = self.flows.entry(tenant).or_insert_with(Flow::new);
        // whoever gives something back may be below its limit again
        flow.blocked = false;
        let assumed = flow.assumed.pop_front();
        self.in_service -= usize::from(assumed.is_some());
        self.recount(tenant);
        // charged without a service: count it all, so that a mistake of the caller is no gift
        self.correct(tenant, cost, assumed.unwrap_or(0));
    }

    /// Moves a tenant's tags on by `cost` and back by `assumed`.
    fn correct(&mut self, tenant: u32, cost: Tag, assumed: Tag) {
        let now = self.now;
        let flow = self.flows.entry(tenant).or_insert_with(Flow::new);
        let others_wait = self.sums.wanting > flow.counted.wanting;
        let most = now + virtual_cost(DEBT_MICROS_MAX, flow.weight);
        let (old, most) = (flow.start(), most.max(flow.finish));
        flow.finish = (flow.finish + cost).saturating_sub(assumed).min(most);
        if flow.ends.is_some() {
            self.order.remove(&(old, flow.sequence, tenant));
            self.order.insert((flow.start(), flow.sequence, tenant));
        }
        self.finish_max = self.finish_max.max(flow.finish);
        if !others_wait {
            // nobody was kept waiting by this service: no debt comes of it
            self.now = self.now.max(flow.finish);
        }
    }
}
