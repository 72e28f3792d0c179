//! What apply, complete and rollback have in common: the bar, Ctrl-C, and the last line.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tenantry_blueprint::file::{Effect, Lock, Step};
use tenantry_engine::apply::{Command, Event, Observer, Outcome};

use crate::errors::Failure;
use crate::output::{Output, Progress};

/// Shows a run's events, and asks it to stop on Ctrl-C.
pub(super) struct Watch {
    progress: Progress,
    done: Mutex<u64>,
    title: Mutex<String>,
    interrupted: &'static AtomicBool,
}

impl Watch {
    /// Starts watching. The first Ctrl-C stops the run at the next safe point, a second one ends the program.
    pub(super) fn new(output: &Output) -> Self {
        static INTERRUPTED: AtomicBool = AtomicBool::new(false);
        let say = *output;
        // ends with the runtime, which lives as long as the command
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if INTERRUPTED.swap(true, Ordering::Relaxed) {
                    std::process::exit(2);
                }
                say.say("stopping at the next safe point; press Ctrl-C again to leave at once (nothing is lost then either)");
            }
        });
        Self {
            progress: output.progress(0),
            done: Mutex::new(0),
            title: Mutex::new(String::new()),
            interrupted: &INTERRUPTED,
        }
    }

    fn now(&self, what: &str) {
        let title = self.title.lock().map(|t| t.clone()).unwrap_or_default();
        self.progress.now(if what.is_empty() { title } else { format!("{title}: {what}") });
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) {
        match event {
            Event::Started { command, steps, resumed } => {
                self.progress.total(steps as u64);
                let going_on = if resumed { ", going on where an earlier run stopped" } else { "" };
                self.progress.line(&format!("{}: {steps} steps{going_on}", command.word()));
            }
            Event::StepStarted { title, back, .. } => {
                if let Ok(mut kept) = self.title.lock() {
                    *kept = if back { format!("undo {title}") } else { title };
                }
                self.now("");
            }
            Event::Waiting { attempt, blockers, next_try_in, .. } => {
                let who = blockers.first().map(|b| format!(", in the way: {b}")).unwrap_or_default();
                self.now(&format!("lock not free (attempt {attempt}{who}), next try in {next_try_in:.1?}"));
            }
            Event::Progress { progress, .. } => {
                let left = progress.seconds_left.map(|s| format!(", {} left", duration(s))).unwrap_or_default();
                let percent = progress.fraction() * 100.0;
                self.now(&format!("{percent:.0} %, {:.0} rows/s{left}", progress.rows_per_second));
            }
            Event::Yielding { to, pause, .. } => {
                self.now(&format!("letting {to:?} go first for {pause:.1?}").to_lowercase())
            }
            Event::Vacuum { table, .. } => self.now(&format!("vacuum of {table}")),
            Event::IndexRetried { index, .. } => {
                self.progress.line(&format!("index {index} came out invalid: built again"))
            }
            Event::Skipped { reason, .. } => self.progress.line(&format!("left out: {reason}")),
            Event::StepDone { .. } => {
                if let Ok(mut done) = self.done.lock() {
                    *done += 1;
                    self.progress.at(*done);
                }
            }
            Event::Finished { .. } => self.progress.finish(),
            Event::Statement { .. } | Event::Committing { .. } => {}
        }
    }

    fn stop(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// Prints what a run did.
pub(super) fn report(output: &Output, command: Command, outcome: &Outcome, next: &str) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(outcome);
    }
    let (word, state) = (command.word(), outcome.state.map_or("as before tenantry".to_owned(), |s| s.to_string()));
    let did =
        if outcome.steps == 0 { "nothing left to do".to_owned() } else { format!("{} steps done", outcome.steps) };
    let mut text = format!("{word}: {did}; the database is {state}\n");
    for skipped in &outcome.skipped {
        text.push_str(&format!("  left out: {skipped}\n"));
    }
    if !next.is_empty() {
        text.push_str(&format!("{next}\n"));
    }
    output.text(&text)
}

/// What some steps will do, for whoever is asked to confirm them.
pub(super) fn summary<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let (mut count, mut exclusive, mut scans, mut rows, mut bytes, mut seconds) = (0, 0, 0, 0, 0, 0.0);
    for step in steps {
        count += 1;
        exclusive += usize::from(step.lock == Lock::AccessExclusive);
        scans += usize::from(step.effect == Effect::Scan);
        rows += if step.effect == Effect::Batches { step.estimate.rows.max(0) } else { 0 };
        bytes += step.estimate.bytes.max(0);
        seconds += step.estimate.seconds.max(0.0);
    }
    let mut lines = vec![format!("{count} steps, about {}", duration(seconds))];
    if exclusive > 0 {
        lines.push(format!("{exclusive} take ACCESS EXCLUSIVE on a table for a moment (short waits, tried again)"));
    }
    if scans > 0 {
        lines.push(format!("{scans} read a whole table while readers and writers go on"));
    }
    if rows > 0 {
        lines.push(format!("{rows} rows are filled in small batches that yield to load"));
    }
    if bytes > 0 {
        lines.push(format!("the database grows by about {}", size(bytes)));
    }
    lines.join("\n  ")
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds.max(0.0) {
        s if s < 1.0 => "1 s".to_owned(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Bytes as people say them.
pub(super) fn size(bytes: i64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_like_a_person_would_say_them() {
        assert_eq!(duration(0.2), "1 s");
        assert_eq!(duration(90.0), "90 s");
        assert_eq!(duration(600.0), "10 min");
        assert_eq!(duration(9000.0), "2.5 h");
        assert_eq!(size(512), "512 bytes");
        assert_eq!(size(3 * 1024 * 1024 / 2), "1.5 MB");
    }
}
