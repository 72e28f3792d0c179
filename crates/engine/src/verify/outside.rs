//! What the attacks from outside share, on the proxy, the gateway and the API: how a layer lists its attacks, which of
//! them are made, how long they may take, and the report.

use std::future::Future;
use std::time::{Duration, Instant};

use super::Error;
use super::outcome::{Outcome, Stop, Verdict};
use super::report::{Check, FORMAT, Report, Severity, Status};
use super::request::{Event, Observer};

/// Declares the attacks of a layer, each in a file of its own, on a scene.
macro_rules! attacks {
    ($scene:ty: $($module:ident)*) => {
        $(mod $module;)*

        /// One attack: everything the report and its page in `docs/checks/` say, and the code that makes it.
        pub struct Attack {
            /// Its number in the catalogue: `W-08`.
            pub id: &'static str,
            /// One line.
            pub title: &'static str,
            /// How bad a success is.
            pub severity: $crate::verify::report::Severity,
            /// What it means, for its page.
            pub meaning: &'static str,
            /// How it is made, for its page.
            pub method: &'static str,
            /// What to do when it succeeds.
            pub remedy: &'static str,
            /// Makes it.
            pub(super) run: for<'a> fn(&'a $scene) -> futures::future::BoxFuture<'a, $crate::verify::outcome::Verdict>,
        }

        impl $crate::verify::outside::Known for Attack {
            fn about(&self) -> $crate::verify::outside::About {
                let Self { id, title, severity, remedy, .. } = *self;
                $crate::verify::outside::About { id, title, severity, remedy }
            }
        }

        /// All attacks.
        pub fn all() -> &'static [&'static Attack] {
            &[$(&$module::ATTACK),*]
        }

        #[cfg(test)]
        #[test]
        fn a_file_is_named_after_its_attack_and_every_text_is_written() {
            const FILES: &[(&str, &str)] = &[$((stringify!($module), $module::ATTACK.id)),*];
            for ((file, id), attack) in FILES.iter().zip(all()) {
                assert!(file.starts_with(&format!("{}_", id.replace('-', "").to_lowercase())), "{file} holds {id}");
                for text in [attack.title, attack.meaning, attack.method, attack.remedy] {
                    assert!(text.len() > 15 && !text.ends_with(' '), "{id}: {text}");
                }
            }
            assert!(FILES.is_sorted_by_key(|(file, _)| *file));
        }
    };
}

pub(super) use attacks;

/// What the report says of an attack.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) severity: Severity,
    pub(super) remedy: &'static str,
}

/// An attack of some layer.
pub(super) trait Known {
    /// What the report says of it.
    fn about(&self) -> About;
}

/// Which attacks, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    /// Where they strike.
    pub(super) layer: &'static str,
    /// Ids of the checks to run; all if empty.
    pub(super) only: &'a [String],
    /// Ids of the checks to leave out.
    pub(super) skip: &'a [String],
    /// The whole run. What does not fit is reported as skipped.
    pub(super) total: Duration,
}

/// A run under way.
pub(super) struct Run<'a> {
    order: Order<'a>,
    observer: &'a dyn Observer,
    begun: Instant,
    started_at: String,
    checks: Vec<Check>,
}

impl<'a> Run<'a> {
    /// From now on the time counts.
    pub(super) fn begin(order: Order<'a>, observer: &'a dyn Observer) -> Self {
        let started_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { order, observer, begun: Instant::now(), started_at, checks: Vec::new() }
    }

    /// The attacks that were ordered.
    pub(super) fn select<A: Known>(&self, all: &[&'static A]) -> Result<Vec<&'static A>, Error> {
        let Order { only, skip, .. } = self.order;
        if let Some(unknown) = only.iter().chain(skip).find(|id| !all.iter().any(|a| a.about().id == **id)) {
            return Err(Error::UnknownCheck(unknown.clone()));
        }
        let wanted = |id: &str| (only.is_empty() || only.iter().any(|o| o == id)) && !skip.iter().any(|s| s == id);
        Ok(all.iter().copied().filter(|a| wanted(a.about().id)).collect())
    }

    /// So many attacks follow.
    pub(super) fn started(&self, checks: usize) {
        self.observer.event(Event::Started { checks });
    }

    /// Makes one.
    pub(super) async fn attack(&mut self, about: About, attack: impl Future<Output = Verdict>) {
        self.observer.event(Event::Begin { id: about.id, title: about.title });
        let left = self.order.total.saturating_sub(self.begun.elapsed());
        let outcome = match tokio::time::timeout(left, attack).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Stop(why))) => Outcome::Skipped(format!("the attack broke off: {why}")),
            Err(_) => Outcome::Skipped("the time budget of this run was used up".into()),
        };
        let check = check(self.order.layer, about, outcome);
        self.observer.event(Event::End { id: about.id, status: check.status });
        self.checks.push(check);
    }

    /// What came of it. `database` is what was attacked.
    pub(super) fn report(self, database: &str, server_version: &str) -> Report {
        let mut report = Report {
            format: FORMAT,
            passed: 0,
            failed: 0,
            residual: 0,
            skipped: 0,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            database: database.to_owned(),
            server_version: server_version.to_owned(),
            started_at: self.started_at,
            seconds: (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            checks: self.checks,
            tables: Vec::new(),
        };
        report.count();
        report
    }
}

fn check(layer: &str, about: About, outcome: Outcome) -> Check {
    let (status, objects, evidence) = match outcome {
        Outcome::Pass(evidence) => (Status::Pass, vec![], evidence),
        Outcome::Residual(evidence) => (Status::Residual, vec![], evidence),
        Outcome::Skipped(evidence) => (Status::Skipped, vec![], evidence),
        Outcome::Fail { objects, evidence } => (Status::Fail, objects, evidence),
    };
    Check {
        id: about.id.to_owned(),
        title: about.title.to_owned(),
        layer: layer.to_owned(),
        severity: about.severity,
        status,
        objects,
        evidence,
        remedy: about.remedy.to_owned(),
    }
}
