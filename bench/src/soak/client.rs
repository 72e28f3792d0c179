//! The life of one client: it logs in, does its deeds, leaves in one of several ways, and comes back as somebody else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::cancels::Canceller;
use super::exchange::{Exchange, Manner};
use super::judge::{Fault, Heard, Judge};
use super::report::{Kind, Tally};
use super::speaker::{Speaker, Way, ZONES};
use super::{ANSWER_WAIT_MAX, Soak, deeds};
use crate::ground::Tenant;
use crate::wire::{Login, Wire, WireError};

/// Most deeds of one session.
const DEEDS_MAX: u32 = 60;
/// One in so many exchanges is left in the middle.
const CUT_ONE_IN: u32 = 120;
/// And one in so many of those that have more than one answer under way.
const PIPELINE_CUT_ONE_IN: u32 = 8;
/// Most bytes of an answer that are read before a client leaves.
const READ_BYTES_MAX: usize = 5_000;
/// And the longest wait for them: a request that was cut may get no answer.
const READ_WAIT_MAX: Duration = Duration::from_millis(50);
/// One in so many logins is left in the middle.
const KNOCK_ONE_IN: u32 = 25;
/// Pause before the next try when a login failed.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// Where a slow reader stops to think: after so many messages, for so long.
const SLOW: (u32, Duration) = (3, Duration::from_millis(20));

/// Where a client leaves.
#[derive(Clone, Copy)]
enum Cut {
    /// After so many bytes of the request.
    Asking(usize),
    /// After about so many bytes of the answer.
    Listening(usize),
}

/// How an exchange ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With the right answer; the session goes on.
    Right,
    /// The client has left in the middle of it.
    Cut,
    /// It was cancelled by ourselves, or may yet be: the session is over.
    Cancelled,
}

/// Lives until the soak is over.
pub(super) async fn live(soak: Arc<Soak>, number: u32) -> Tally {
    let mut rng = Rng::with_seed(soak.seed ^ (u64::from(number) << 32));
    let mut tally = Tally::default();
    while soak.goes_on() {
        let mut client = Client { soak: &soak, number, speaker: speaker(&soak, number, rng.fork()), tally: &mut tally };
        let mut deed = "login";
        if let Err(fault) = client.session(&mut deed).await {
            client.report(&fault, deed);
            if deed == "login" {
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
    tally
}

/// Who the client is in its next session.
fn speaker(soak: &Soak, number: u32, mut rng: Rng) -> Speaker {
    // a few tenants are busy, most are not
    let tenants = if rng.u32(..4) == 0 { soak.tenants.min(10) } else { soak.tenants };
    let tenant = rng.u32(1..=tenants);
    let asks_for = if soak.swaps(number) { tenant % soak.tenants + 1 } else { tenant };
    let way = soak.ways[rng.usize(..soak.ways.len())];
    let zone = ZONES[rng.usize(..ZONES.len())];
    Speaker { rng, tenant, asks_for, way, zone, prepared: Default::default() }
}

struct Client<'a> {
    soak: &'a Soak,
    number: u32,
    speaker: Speaker,
    tally: &'a mut Tally,
}

impl Client<'_> {
    async fn session(&mut self, deed: &mut &'static str) -> Result<(), Fault> {
        let login = self.login();
        if self.speaker.rng.u32(..KNOCK_ONE_IN) == 0 {
            let bytes = self.speaker.rng.usize(..200);
            self.tally.cuts += 1;
            return Ok(Wire::knock(self.soak.port, &login, bytes).await?);
        }
        let permit = self.soak.logins.acquire().await;
        let wire = in_time(Wire::connect(self.soak.port, &login)).await;
        drop(permit);
        let mut wire = wire??;
        self.tally.sessions += 1;
        check_zone(&wire, self.speaker.zone)?;
        if self.speaker.way == Way::Session {
            *deed = "name the tenant";
            let set = self.speaker.set_tenant("false").ready(b'I');
            self.perform(&mut wire, &set, None).await?;
        }
        for _ in 0..self.speaker.rng.u32(1..=DEEDS_MAX) {
            if !self.soak.goes_on() {
                break;
            }
            let think = self.speaker.rng.u64(..=self.soak.think_ms * 2);
            tokio::time::sleep(Duration::from_millis(think)).await;
            let (name, unit) = deeds::choose(&mut self.speaker, self.soak.abilities.names, &self.soak.deeds);
            *deed = name;
            for exchange in &unit {
                let cut = self.cut(exchange);
                let end = self.perform(&mut wire, exchange, cut).await?;
                if end == End::Cut {
                    self.tally.cuts += 1;
                    self.drop_wire(wire);
                    return Ok(());
                }
                *self.tally.deeds.entry(name).or_default() += 1;
                self.soak.done.fetch_add(1, Ordering::Relaxed);
                if end == End::Cancelled {
                    // it may have been turned away already
                    let _ = wire.leave().await;
                    return Ok(());
                }
            }
            check_zone(&wire, self.speaker.zone)?;
        }
        *deed = "leave";
        match self.speaker.rng.u32(..3) {
            0 => self.drop_wire(wire),
            _ => wire.leave().await?,
        }
        Ok(())
    }

    fn login(&self) -> Login {
        let ground = &self.soak.ground;
        let login = match self.speaker.way {
            Way::Login => ground.tenant_login(&Tenant::numbered(self.speaker.asks_for)),
            _ => ground.login(0),
        };
        login.with("TimeZone", self.speaker.zone)
    }

    /// Whether and where to leave in the middle.
    fn cut(&mut self, exchange: &Exchange) -> Option<Cut> {
        let (dice, pipelined) = (&mut self.speaker.rng, exchange.answers() > 1);
        if pipelined && !self.soak.abilities.left_pipelines
            || dice.u32(..if pipelined { PIPELINE_CUT_ONE_IN } else { CUT_ONE_IN }) > 0
        {
            return None;
        }
        Some(match dice.bool() {
            true => Cut::Asking(dice.usize(..exchange.bytes.len())),
            false => Cut::Listening(dice.usize(..READ_BYTES_MAX)),
        })
    }

    /// Closes it, or has it reset.
    fn drop_wire(&mut self, wire: Wire) {
        if self.speaker.rng.bool() { wire.vanish() } else { drop(wire) }
    }

    async fn perform(&mut self, wire: &mut Wire, exchange: &Exchange, cut: Option<Cut>) -> Result<End, Fault> {
        unasked(wire)?;
        if let Some(cut) = cut {
            return leave_at(wire, exchange, cut).await;
        }
        let begin = Instant::now();
        wire.send(&exchange.bytes).await?;
        let ours = matches!(exchange.manner, Manner::Cancel(_));
        let mut judge = Judge::new(&exchange.wants, ours.then_some("57014"));
        let mut canceller = Canceller::of(wire, self.soak.port, exchange.manner);
        let answer = in_time(answer(wire, &mut judge, exchange.manner));
        let answer = match self.soak.abilities.hasty_cancels {
            true => tokio::select! {
                biased;
                answer = answer => answer,
                never = canceller.until_answered() => match never {},
            },
            false => tokio::join!(answer, canceller.once()).0,
        };
        self.tally.cancels.0 += canceller.sent;
        match answer? {
            // a client that is cancelled while it waits for a server connection may be turned away altogether
            Err(Fault::Refused(error)) if ours && error.severity == "FATAL" && error.code == "57014" => {}
            Err(Fault::Wire(WireError::Closed)) if ours => {}
            other => other?,
        }
        self.tally.cancels.1 += u64::from(judge.tolerance_used());
        self.tally.longest = self.tally.longest.max(begin.elapsed());
        Ok(if ours { End::Cancelled } else { End::Right })
    }

    fn report(&self, fault: &Fault, deed: &str) {
        match Kind::of(fault) {
            // whoever was lost in a restart may have been told anything on the way
            Some(Kind::UnaskedError | Kind::Stuck) if self.soak.weather.is_rough() => self.soak.weather.lost(),
            Some(kind) => {
                let (number, tenant, way) = (self.number, self.speaker.tenant, self.speaker.way);
                self.soak.findings.add(kind, format!("client {number}, tenant {tenant}, {way:?}, {deed}: {fault}"));
            }
            None => self.soak.weather.lost(),
        }
    }
}

/// Sends and reads no more than so much.
async fn leave_at(wire: &mut Wire, exchange: &Exchange, cut: Cut) -> Result<End, Fault> {
    match cut {
        Cut::Asking(bytes) => wire.send(&exchange.bytes[..bytes]).await?,
        Cut::Listening(bytes) => {
            wire.send(&exchange.bytes).await?;
            let _ = tokio::time::timeout(READ_WAIT_MAX, wire.swallow(bytes)).await;
        }
    }
    Ok(End::Cut)
}

/// Nothing may have come since the last answer but notices, parameters and a farewell.
fn unasked(wire: &mut Wire) -> Result<(), Fault> {
    while let Some(frame) = wire.stray()? {
        match frame.tag {
            b'N' | b'S' => {}
            b'E' => return Err(Fault::Refused(frame.error())),
            tag => return Err(Fault::Order { wanted: "nothing unasked".into(), got: tag.into() }),
        }
    }
    Ok(())
}

async fn answer(wire: &mut Wire, judge: &mut Judge<'_>, manner: Manner) -> Result<(), Fault> {
    let mut messages = 0;
    loop {
        if judge.hear(&wire.next().await?)? == Heard::All {
            return Ok(());
        }
        messages += 1;
        if manner == Manner::Slowly && messages % SLOW.0 == 0 {
            tokio::time::sleep(SLOW.1).await;
        }
    }
}

/// The server says which time zone it uses, and it is the one this client set.
fn check_zone(wire: &Wire, wanted: &str) -> Result<(), Fault> {
    let got = wire.parameter("TimeZone").unwrap_or_default();
    if got == wanted {
        return Ok(());
    }
    Err(Fault::Parameter { name: "TimeZone", wanted: wanted.to_owned(), got: got.to_owned() })
}

/// Whoever stays gets an answer within this bound.
async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::time::timeout(ANSWER_WAIT_MAX, work).await.map_err(|_| Fault::Silent(ANSWER_WAIT_MAX.as_secs()))
}
