//! What must hold while several threads read and one publishes.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use tenantry_edge::admission::{Claim, Refusal};
use tenantry_edge::directory::{Directory, Limits, Snapshot, SnapshotBuilder, TenantFacts, TenantState};
use tenantry_edge::limit::Occupancy;
use tenantry_edge::usage::{Counters, RollUp};
use tenantry_model::{KeyKind, TenantKey};

const READERS: usize = 4;
const TENANTS: i32 = 50;

/// In even generations tenant 0 works, in odd ones it does not: suspended or gone, in turns.
fn list(generation: u64) -> Snapshot {
    let mut builder = SnapshotBuilder::new(KeyKind::Integer, generation);
    for key in 0..TENANTS {
        let mut facts = TenantFacts::new(TenantKey::Integer(key));
        // a slug that wanders: each generation another tenant is called `wanderer`
        let called = i64::from(key) == i64::try_from(generation).unwrap() % i64::from(TENANTS);
        facts.slug = Some(if called { Arc::from("wanderer") } else { Arc::from(format!("t-{key}")) });
        if key == 0 {
            match generation % 4 {
                1 => facts.state = TenantState::Suspended,
                3 => continue,
                _ => {}
            }
        }
        builder.add(facts).unwrap();
    }
    builder.build().unwrap()
}

fn publish_all(directory: &Directory) {
    for generation in 1..300 {
        directory.publish(list(generation)).unwrap();
    }
}

/// `published` is twice the generation once publish returned, and odd while one is on its way: an answer that no
/// publish overlapped must be that of the generation.
#[test]
fn nobody_is_admitted_after_publish_returned() {
    let directory = Directory::new(list(0)).unwrap();
    let published = AtomicU64::new(0);
    let (admitted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (done, wrong) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let key = TenantKey::Integer(0);
                while !done.load(Ordering::Acquire) {
                    let before = published.load(Ordering::Acquire);
                    let answer = directory.admit(&Claim::Key(key.clone()));
                    let still = answer.as_ref().is_ok_and(|a| a.check().is_ok());
                    let after = published.load(Ordering::Acquire);
                    match &answer {
                        Ok(_) => admitted.fetch_add(1, Ordering::Relaxed),
                        Err(_) => refused.fetch_add(1, Ordering::Relaxed),
                    };
                    let works = (before / 2).is_multiple_of(2);
                    if before == after && before.is_multiple_of(2) && (answer.is_ok() != works || still != works) {
                        // kept for the end: a reader that stops here would leave the publisher waiting
                        wrong.lock().unwrap().push(format!("generation {}: {answer:?}, {still}", before / 2));
                    }
                }
            });
        }
        for generation in 1..400 {
            published.store(generation * 2 - 1, Ordering::SeqCst);
            directory.publish(list(generation)).unwrap();
            published.store(generation * 2, Ordering::SeqCst);
            // the next publish waits until somebody asked in this one
            let asked = || admitted.load(Ordering::Relaxed) + refused.load(Ordering::Relaxed);
            let before = asked();
            while asked() < before + READERS {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(wrong.into_inner().unwrap(), Vec::<String>::new());
    assert!(admitted.into_inner() > 0 && refused.into_inner() > 0);
}

#[test]
fn who_holds_a_tenant_sees_its_suspension_without_asking_again() {
    let directory = Directory::new(list(0)).unwrap();
    let held: Vec<_> = (0..READERS).map(|_| directory.admit(&Claim::Slug("wanderer")).unwrap()).collect();
    thread::scope(|scope| {
        for tenant in &held {
            scope.spawn(move || {
                while tenant.check().is_ok() {
                    thread::yield_now();
                }
                assert_eq!(tenant.check().unwrap_err(), Refusal::Suspended);
            });
        }
        directory.publish(list(1)).unwrap();
    });
}

/// Two claims that name one tenant by two ways agree in every list, or are refused: lists are never mixed.
#[test]
fn a_name_that_wanders_is_never_resolved_from_two_lists() {
    let directory = Directory::new(list(0)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let both = directory.admit_all(&[Claim::Slug("wanderer"), Claim::SlugOrKey("wanderer")]);
                    assert_ne!(both.err(), Some(Refusal::Disagree));
                }
            });
        }
        publish_all(&directory);
        done.store(true, Ordering::Release);
    });
}

#[test]
fn no_limit_is_passed_and_no_guard_leaks_though_threads_panic() {
    let limits = Limits { connections: Some(7), concurrent_statements: Some(3), ..Limits::NONE };
    let directory = Directory::open(KeyKind::Integer, limits);
    let tenant = directory.admit(&Claim::Key(TenantKey::Integer(1))).unwrap();
    let (got, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let most = (AtomicU32::new(0), AtomicU32::new(0));
    let together = Barrier::new(8);
    thread::scope(|scope| {
        for reader in 0..8 {
            let (tenant, got, over, most, together) = (&tenant, &got, &over, &most, &together);
            scope.spawn(move || {
                together.wait();
                for turn in 0..5000 {
                    let work = AssertUnwindSafe(|| {
                        let _connection = Occupancy::try_connection(tenant)?;
                        let _statement = Occupancy::try_statement(tenant)?;
                        most.0.fetch_max(tenant.occupancy().connections(), Ordering::Relaxed);
                        most.1.fetch_max(tenant.occupancy().statements(), Ordering::Relaxed);
                        got.fetch_add(1, Ordering::Relaxed);
                        if turn % 64 == 0 {
                            thread::yield_now();
                        }
                        // no message: a panic here is what is tested, and hundreds would fill the output
                        if (turn + reader) % 100 == 0 {
                            std::panic::resume_unwind(Box::new("meant"));
                        }
                        Ok::<_, tenantry_edge::limit::OverLimit>(())
                    });
                    if catch_unwind(work).is_ok_and(|result| result.is_err()) {
                        over.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(got.into_inner() > 0);
    assert!(most.0.into_inner() <= 7 && most.1.into_inner() <= 3);
    assert_eq!((tenant.occupancy().connections(), tenant.occupancy().statements()), (0, 0));
}

#[test]
fn two_threads_never_both_get_the_last_one() {
    let limits = Limits { connections: Some(1), ..Limits::NONE };
    let directory = Directory::open(KeyKind::Integer, limits);
    let tenant = directory.admit(&Claim::Key(TenantKey::Integer(1))).unwrap();
    let (inside, both) = (AtomicU32::new(0), AtomicBool::new(false));
    let together = Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                together.wait();
                for _ in 0..300_000 {
                    if let Ok(_held) = Occupancy::try_connection(&tenant) {
                        both.fetch_or(inside.fetch_add(1, Ordering::SeqCst) > 0, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert!(!both.into_inner());
    assert_eq!(tenant.occupancy().connections(), 0);
}

#[test]
fn nothing_used_is_lost_or_counted_twice_while_tenants_come_and_go() {
    let directory = Directory::new(list(0)).unwrap();
    let done = AtomicBool::new(false);
    let one = Counters { statements: 1, ..Counters::default() };
    let mut roll_up = RollUp::new();
    let mut collected = 0;
    let used: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut used = 0;
                    while !done.load(Ordering::Acquire) {
                        if let Ok(tenant) = directory.admit(&Claim::Key(TenantKey::Integer(0))) {
                            tenant.usage().add(&one, 1);
                            used += 1;
                        }
                    }
                    used
                })
            })
            .collect();
        let publisher = scope.spawn(|| publish_all(&directory));
        while !publisher.is_finished() {
            collected += roll_up.take(&directory).iter().map(|(_, used)| used.statements).sum::<u64>();
        }
        done.store(true, Ordering::Release);
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    collected += roll_up.take(&directory).iter().map(|(_, used)| used.statements).sum::<u64>();
    assert!(used > 0);
    assert_eq!(collected, used);
}

#[test]
fn one_key_that_many_admit_at_once_gets_one_entry() {
    let directory = Directory::open(KeyKind::Integer, Limits::NONE);
    for key in 0..200 {
        let numbers: Vec<u32> = thread::scope(|scope| {
            let each = || directory.admit(&Claim::Key(TenantKey::Integer(key))).unwrap().number();
            let threads: Vec<_> = (0..READERS).map(|_| scope.spawn(each)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(numbers.iter().all(|n| *n == numbers[0]), "{numbers:?}");
    }
}
