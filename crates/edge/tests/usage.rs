//! What is counted stays counted: through deltas, names in metrics, and tenants that leave.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::{Directory, Limits, SnapshotBuilder, TenantFacts};
use tenantry_edge::usage::{Counters, RollUp, Top};
use tenantry_model::{KeyKind, TenantKey};

fn key(n: i32) -> TenantKey {
    TenantKey::Integer(n)
}

fn open() -> Directory {
    Directory::open(KeyKind::Integer, Limits::NONE)
}

fn admit(directory: &Directory, n: i32) -> Admitted {
    directory.admit(&Claim::Key(key(n))).unwrap()
}

fn work(micros: u64) -> Counters {
    Counters { statements: 1, server_micros: micros, ..Counters::default() }
}

fn list(generation: u64, keys: &[i32]) -> tenantry_edge::directory::Snapshot {
    let mut builder = SnapshotBuilder::new(KeyKind::Integer, generation);
    keys.iter().for_each(|n| builder.add(TenantFacts::new(key(*n))).unwrap());
    builder.build().unwrap()
}

#[test]
fn every_counter_is_added_and_last_seen_never_goes_back() {
    let tenant = admit(&open(), 1);
    let one = Counters {
        statements: 1,
        transactions: 2,
        rows: 3,
        bytes_in: 4,
        bytes_out: 5,
        server_micros: 6,
        errors: 7,
        waits: 8,
        wait_micros: 9,
        refused: 10,
        timeouts: 11,
        connections: 12,
        requests: 13,
    };
    tenant.usage().add(&one, 50);
    tenant.usage().add(&one, 40);
    let total = tenant.usage().snapshot();
    assert!(
        total.each().zip(one.each()).all(|((name, twice), (same, once))| name == same && twice == 2 * once && once > 0)
    );
    assert_eq!(total.since(&one), one);
    assert_eq!(tenant.usage().last_seen_micros(), 50);
}

#[test]
fn a_roll_up_holds_what_is_new_and_what_was_not_delivered() {
    let directory = open();
    let mut roll_up = RollUp::new();
    admit(&directory, 2).usage().add(&work(10), 1);
    admit(&directory, 1).usage().add(&work(5), 1);
    let first = roll_up.take(&directory);
    assert_eq!(first, [(key(1), work(5)), (key(2), work(10))]);
    assert_eq!(roll_up.take(&directory), []);
    admit(&directory, 2).usage().add(&work(1), 1);
    roll_up.put_back(first);
    let both = Counters { statements: 2, ..work(11) };
    assert_eq!(roll_up.take(&directory), [(key(1), work(5)), (key(2), both)]);
}

#[test]
fn who_leaves_is_still_counted_once() {
    let directory = Directory::new(list(1, &[1, 2])).unwrap();
    let mut roll_up = RollUp::new();
    let held = admit(&directory, 1);
    held.usage().add(&work(5), 1);
    assert_eq!(roll_up.take(&directory), [(key(1), work(5))]);
    directory.publish(list(2, &[2])).unwrap();
    held.usage().add(&work(7), 1);
    assert_eq!(roll_up.take(&directory), [(key(1), work(7))], "its last statement ended after it left");
    directory.publish(list(3, &[1, 2])).unwrap();
    admit(&directory, 1).usage().add(&work(1), 1);
    assert_eq!(roll_up.take(&directory), [(key(1), work(1))], "a new entry of the same tenant");
    drop(held);
    assert_eq!(roll_up.take(&directory), []);
}

#[test]
fn whom_an_open_directory_forgets_is_still_counted() {
    let directory = Directory::open_with(KeyKind::Integer, Limits::NONE, 1);
    (0..5000).for_each(|n| admit(&directory, n).usage().add(&work(1), 1));
    let total: u64 = RollUp::new().take(&directory).iter().map(|(_, used)| used.server_micros).sum();
    assert_eq!(total, 5000);
}

fn named(top: &Top) -> Vec<(i32, u64)> {
    let mut all: Vec<_> = top
        .named()
        .map(|(key, used)| match key {
            TenantKey::Integer(n) => (*n, used.server_micros),
            _ => unreachable!("all keys here are integers"),
        })
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn the_heaviest_get_a_name_and_no_series_ever_falls() {
    let directory = open();
    let mut top = Top::new(2);
    let mut sum = 0;
    for (round, heavy) in [1, 1, 2, 3, 3, 3, 3, 3, 3].into_iter().enumerate() {
        for n in 0..100 {
            let micros = if n == heavy { 100_000 } else { 10 };
            admit(&directory, n).usage().add(&work(micros), 1);
            sum += micros;
        }
        let before: Vec<(i32, u64)> = named(&top);
        let other = top.other().server_micros;
        top.update(&directory);
        assert!(top.named().len() <= 2);
        assert!(top.other().server_micros >= other, "round {round}");
        for (n, micros) in named(&top) {
            let earlier = before.iter().find(|(m, _)| *m == n).map_or(0, |(_, was)| *was);
            assert!(micros >= earlier, "round {round}: the series of {n} fell from {earlier} to {micros}");
        }
    }
    let names: Vec<i32> = named(&top).iter().map(|(n, _)| *n).collect();
    assert!(names.contains(&3), "{names:?}");
    assert!(top.other().server_micros < sum);
}

#[test]
fn names_do_not_flicker_between_equals() {
    let directory = open();
    let mut top = Top::new(1);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..50u64 {
        admit(&directory, 1).usage().add(&work(1000 + 300 * (round % 2)), 1);
        admit(&directory, 2).usage().add(&work(1300 - 300 * (round % 2)), 1);
        top.update(&directory);
        seen.extend(named(&top).iter().map(|(n, _)| *n));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn without_names_everybody_is_other() {
    let directory = open();
    let mut top = Top::new(0);
    admit(&directory, 1).usage().add(&work(9), 1);
    top.update(&directory);
    assert_eq!((top.named().len(), top.other().server_micros), (0, 9));
}
