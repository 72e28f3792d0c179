//! What a directory of many tenants costs: reading, indexing, looking up, publishing, memory.
//!
//! `cargo run --release -p tenantry-edge --example measure -- 100000`. Prints time on the processor; asserts no
//! times.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement is printed, and has failed where it cannot"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tenantry_edge::admission::Claim;
use tenantry_edge::directory::Directory;
use tenantry_edge::directory::file::DirectoryFile;
use tenantry_edge::fair::FairQueue;
use tenantry_model::{KeyKind, TenantKey};

const VERIFIER: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
const LOOKUPS: usize = 2_000_000;

fn key(n: usize) -> String {
    format!("{n:08x}-4e5f-4a6b-8c7d-9e0f1a2b3c4d")
}

fn text(tenants: usize, odd: &str) -> String {
    let mut text = r#"{"format":1,"plans":{"free":{"connections":20}},"tenants":["#.to_owned();
    for n in 0..tenants {
        let comma = if n == 0 { "" } else { "," };
        let state = if n % 2 == 1 { odd } else { "active" };
        let _ = write!(
            text,
            r#"{comma}{{"key":"{}","slug":"tenant-{n}","plan":"free","state":"{state}","credentials":[{{"id":"k1","verifier":"{VERIFIER}"}}]}}"#,
            key(n)
        );
    }
    text + "]}"
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|p| p.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Time this thread was on a processor, so that a busy machine says little; elapsed time where that is not told.
fn on_processor(since: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn each(what: &str, times: usize, mut work: impl FnMut(usize)) {
    let since = Instant::now();
    let start = on_processor(since);
    (0..times).for_each(&mut work);
    println!("{what:<46}{:>9.0} ns", (on_processor(since) - start).as_nanos() as f64 / times as f64);
}

fn took<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let since = Instant::now();
    let start = on_processor(since);
    let result = work();
    println!("{what:<46}{:>9.1} ms", (on_processor(since) - start).as_secs_f64() * 1000.0);
    result
}

fn main() {
    let tenants: usize = std::env::args().nth(1).map_or(100_000, |n| n.parse().unwrap());
    println!("{tenants} tenants, each with a slug, a plan and one credential\n");
    let (first, second) = (text(tenants, "active"), text(tenants, "suspended"));
    println!("{:<46}{:>9.1} MB", "text", first.len() as f64 / 1e6);

    let before = resident();
    let directory = {
        let file = took("parse", || DirectoryFile::parse(&first).unwrap());
        let snapshot = took("resolve and index", || file.snapshot(1).unwrap());
        drop(file);
        took("first publish", || Directory::new(snapshot).unwrap())
    };
    println!(
        "{:<46}{:>9} bytes\n",
        "memory per tenant, entry and index, at most",
        (resident() - before) / tenants as u64
    );

    let slugs: Vec<String> = (0..tenants).map(|n| format!("tenant-{n}")).collect();
    let texts: Vec<String> = (0..tenants).map(key).collect();
    let keys: Vec<TenantKey> = (0..tenants).map(|n| TenantKey::parse(KeyKind::Uuid, &key(n)).unwrap()).collect();
    for (which, among) in [("some tenants", 100), ("all tenants, none in the cache", tenants)] {
        let at = |n: usize| n.wrapping_mul(7919) % among;
        println!("{which}:");
        each("  find by slug", LOOKUPS, |n| drop(black_box(directory.find(&slugs[at(n)]))));
        each("  find by key text", LOOKUPS, |n| drop(black_box(directory.find(&texts[at(n)]))));
        each("  admit by slug", LOOKUPS, |n| drop(black_box(directory.admit(&Claim::Slug(&slugs[at(n)])))));
        each("  admit by key", LOOKUPS, |n| drop(black_box(directory.admit(&Claim::Key(keys[at(n)].clone())))));
    }
    each("find, no such name", LOOKUPS, |_| drop(black_box(directory.find("nobody"))));
    let one = directory.admit(&Claim::Slug("tenant-0")).unwrap();
    each("may it still work", LOOKUPS, |_| {
        let _ = black_box(one.check());
    });
    each("its limits", LOOKUPS, |_| {
        black_box(one.limits());
    });
    let mut queue = FairQueue::new();
    (0..1000).for_each(|tenant| {
        let _ = queue.push(tenant, 1, (), None);
    });
    each("queue of 1000 tenants: push, pop, charge", LOOKUPS, |n| {
        let tenant = n as u32 % 1000;
        let _ = black_box(queue.push(tenant, 1, (), None));
        let (served, ()) = queue.pop(|_| true).unwrap();
        queue.charge(served, 1, 1000);
    });

    println!();
    let next = DirectoryFile::parse(&second).unwrap().snapshot(2).unwrap();
    let (done, slowest, reads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let start = Instant::now();
                drop(black_box(directory.admit(&Claim::Slug("tenant-1"))));
                slowest.fetch_max(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
                reads.fetch_add(1, Ordering::Release);
            }
        });
        while reads.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        took("publish, half of them suspended", || directory.publish(next).unwrap());
        done.store(true, Ordering::Release);
    });
    let slowest = Duration::from_nanos(slowest.into_inner());
    println!(
        "{:<46}{:>9.3} ms of {} (scheduling included)",
        "slowest admission meanwhile",
        slowest.as_secs_f64() * 1000.0,
        reads.into_inner()
    );
}
