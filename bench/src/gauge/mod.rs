//! What a process costs: processor time, context switches, memory, system calls. Read from `/proc`, so on Linux only;
//! a process that is gone costs nothing.

mod files;
mod syscalls;

use std::fs;
use std::ops::{AddAssign, Sub};

pub use files::allow_files;
pub use syscalls::{Counter, syscalls};

/// What processes have used since they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Processor time of all threads, user and system.
    pub cpu_ns: u64,
    /// Context switches, wanted and unwanted.
    pub switches: u64,
}

impl Used {
    /// By these processes with all their threads.
    pub fn by(pids: &[u32]) -> Self {
        let mut used = Self::default();
        for pid in pids {
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                used += Self::by_thread(&task.path());
            }
        }
        used
    }

    fn by_thread(task: &std::path::Path) -> Self {
        let read = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
        let cpu_ns = read("schedstat").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        let status = read("status");
        let switches = status.lines().filter_map(|l| number(l, "voluntary_ctxt_switches:")).sum::<u64>()
            + status.lines().filter_map(|l| number(l, "nonvoluntary_ctxt_switches:")).sum::<u64>();
        Self { cpu_ns, switches }
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.cpu_ns += other.cpu_ns;
        self.switches += other.switches;
    }
}

impl Sub for Used {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        // a thread that ended in between takes its counts with it
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            switches: self.switches.saturating_sub(before.switches),
        }
    }
}

/// Memory of processes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident.
    pub rss: u64,
    /// Resident, pages shared with others counted by their share.
    pub pss: u64,
}

impl Memory {
    /// Of these processes.
    pub fn of(pids: &[u32]) -> Self {
        let mut memory = Self::default();
        for pid in pids {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let kilobytes = |name| rollup.lines().find_map(|l| number(l, name)).unwrap_or_default();
            memory.rss += kilobytes("Rss:") * 1024;
            memory.pss += kilobytes("Pss:") * 1024;
        }
        memory
    }
}

/// The number in a line that begins with this name.
fn number(line: &str, name: &str) -> Option<u64> {
    line.strip_prefix(name)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_costs_something() {
        let pids = [std::process::id()];
        let before = Used::by(&pids);
        let mut sum = 0u64;
        while Used::by(&pids).cpu_ns <= before.cpu_ns {
            sum = sum.wrapping_add(1);
        }
        assert!(before.switches > 0, "{sum}");
        let memory = Memory::of(&pids);
        assert!(memory.rss >= memory.pss && memory.pss > 0, "{memory:?}");
    }

    #[test]
    fn nobody_costs_nothing() {
        assert_eq!(Used::by(&[u32::MAX]), Used::default());
        assert_eq!(Memory::of(&[u32::MAX]), Memory::default());
    }
}
