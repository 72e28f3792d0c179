//! System calls of a process, counted by whoever can: `perf stat` hardly slows it down, `strace` slows it a lot, so
//! that a count is taken while work of its own is done, never in a run whose time counts.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// Until a counter has attached itself; a pooler that idles meanwhile makes no calls.
const ATTACH: Duration = Duration::from_millis(500);

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The kernel's tracepoint.
    Perf,
    /// A tracer that stops the process at each call.
    Strace,
}

/// Counts while some work is done. The count is `None` if neither program is there and allowed to.
pub async fn syscalls<T>(pids: &[u32], work: impl Future<Output = T>) -> (T, Option<(u64, Counter)>) {
    let counting = match attach(pids, Counter::Perf).await {
        Some(child) => Some((child, Counter::Perf)),
        None => attach(pids, Counter::Strace).await.map(|child| (child, Counter::Strace)),
    };
    let done = work.await;
    let Some((child, counter)) = counting else { return (done, None) };
    let count = finish(child).await.and_then(|text| counter.read(&text));
    (done, count.map(|count| (count, counter)))
}

/// Starts a counter; `None` if it cannot be started or has ended at once.
async fn attach(pids: &[u32], counter: Counter) -> Option<Child> {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let mut command = match counter {
        Counter::Perf => Command::new("perf"),
        Counter::Strace => Command::new("strace"),
    };
    match counter {
        Counter::Perf => command.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", &pids.join(",")]),
        Counter::Strace => command.args(["-c", "-f", "-p", &pids.join(",")]),
    };
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    tokio::time::sleep(ATTACH).await;
    matches!(child.try_wait(), Ok(None)).then_some(child)
}

/// Tells it that this was all, as Ctrl-C does; what it then writes.
async fn finish(child: Child) -> Option<String> {
    let pid = Pid::from_raw(i32::try_from(child.id()?).ok()?)?;
    kill_process(pid, Signal::INT).ok()?;
    let output = child.wait_with_output().await.ok()?;
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Counter {
    /// perf: `62345,,raw_syscalls:sys_enter,…`; strace: `100.00    0.012    1    62345      12 total`.
    fn read(self, text: &str) -> Option<u64> {
        let number = match self {
            Self::Perf => text.lines().find(|l| l.contains(",raw_syscalls:sys_enter,"))?.split(',').next()?,
            Self::Strace => text.lines().find(|l| l.trim_end().ends_with(" total"))?.split_whitespace().nth(3)?,
        };
        number.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_read() {
        assert_eq!(Counter::Perf.read("# note\n62345,,raw_syscalls:sys_enter,1001,100.00,,\n"), Some(62_345));
        assert_eq!(Counter::Perf.read("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"), None);
        let table = "% time seconds usecs/call calls errors syscall\n100.00    0.000836          28        29         1 total\n";
        assert_eq!(Counter::Strace.read(table), Some(29));
        assert_eq!(Counter::Strace.read("strace: attach: Operation not permitted"), None);
    }
}
