//! Webhooks that come in: an event counts if it is signed with the secret of the very tenant it is for, is recent, and
//! comes for the first time.
//!
//! Who sends cannot choose whose event it is: the secret is the tenant's, and its name is part of no header that is
//! believed. The route names the tenant by host, or by the last segment of the path.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use secrecy::ExposeSecret;

use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;
use crate::settings::Secrets;

/// How an event is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookScheme {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<base64>`.
    Standard,
    /// Stripe: `Stripe-Signature: t=…,v1=<hex>`.
    Stripe,
}

/// What a route for webhooks checks.
#[derive(Debug)]
pub struct WebhookSettings {
    /// How events are signed.
    pub scheme: WebhookScheme,
    /// The secrets of each tenant; several while they are changed.
    pub secrets: Secrets,
    /// How old an event may be, and how far ahead.
    pub tolerance: Duration,
}

/// Events that were taken, as long as they could be sent again.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Whether the application has taken it.
    seen: HashMap<[u8; 32], bool>,
    order: VecDeque<(i64, [u8; 32])>,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the first one.
    First,
    /// The application has it already.
    Delivered,
    /// It is on its way, or too many are remembered.
    NotNow,
}

/// Most events that are remembered. A full memory refuses, and the sender tries again.
const TAKEN_MAX: usize = 100_000;

impl Taken {
    /// Takes an event, once.
    pub(crate) fn take(&mut self, id: [u8; 32], now: i64, until: i64) -> Turn {
        while let Some((end, old)) = self.order.front().copied().filter(|(end, _)| *end <= now) {
            debug_assert!(end <= now, "it is over");
            self.order.pop_front();
            self.seen.remove(&old);
        }
        match self.seen.get(&id) {
            Some(true) => return Turn::Delivered,
            Some(false) => return Turn::NotNow,
            None if self.seen.len() >= TAKEN_MAX => return Turn::NotNow,
            None => {}
        }
        self.seen.insert(id, false);
        self.order.push_back((until, id));
        Turn::First
    }

    /// The application has taken it.
    pub(crate) fn delivered(&mut self, id: &[u8; 32]) {
        if let Some(delivered) = self.seen.get_mut(id) {
            *delivered = true;
        }
    }

    /// It was not delivered after all, and may come again.
    pub(crate) fn give_back(&mut self, id: &[u8; 32]) {
        self.seen.remove(id);
    }
}

/// An event whose signature is good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Under which it is remembered.
    pub(crate) digest: [u8; 32],
    /// Until when it could be sent again.
    pub(crate) until: i64,
}

/// Checks an event for the tenant of this name.
pub(crate) fn check(
    settings: &WebhookSettings,
    tenant: &str,
    headers: &[Header<'_>],
    body: &[u8],
    now: i64,
) -> Result<Event, Refusal> {
    let secrets: Vec<&secrecy::SecretString> = if removed(Protection::WebhookSecret) {
        settings.secrets.values().flatten().collect()
    } else {
        settings.secrets.get(tenant).into_iter().flatten().collect()
    };
    let (id, timestamp, message, signatures) = match settings.scheme {
        WebhookScheme::Standard => standard(headers, body),
        WebhookScheme::Stripe => stripe(headers, body),
    }
    .ok_or(Refusal::WebhookRefused)?;
    let tolerance = i64::try_from(settings.tolerance.as_secs()).unwrap_or(i64::MAX);
    if now.abs_diff(timestamp) > tolerance.unsigned_abs() {
        return Err(Refusal::WebhookRefused);
    }
    let good = secrets.iter().any(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret_bytes(settings.scheme, secret.expose_secret()));
        // compares in constant time
        signatures.iter().any(|signature| hmac::verify(&key, &message, signature).is_ok())
    });
    if !good {
        return Err(Refusal::WebhookRefused);
    }
    let digest = super::digest(&format!("{}:{tenant}{}:{id}", tenant.len(), id.len()));
    Ok(Event { digest, until: timestamp.saturating_add(tolerance).saturating_add(1) })
}

type Parts = (String, i64, Vec<u8>, Vec<Vec<u8>>);

fn one<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
    let value = found.next()?.value;
    if found.next().is_some() {
        return None;
    }
    std::str::from_utf8(value).ok()
}

fn standard(headers: &[Header<'_>], body: &[u8]) -> Option<Parts> {
    let (id, time) = (one(headers, "webhook-id")?, one(headers, "webhook-timestamp")?);
    if id.is_empty() || id.contains('.') || id.len() > 256 {
        return None;
    }
    let signatures = one(headers, "webhook-signature")?.split(' ').filter_map(|s| s.strip_prefix("v1,"));
    let signatures = signatures.filter_map(|s| STANDARD.decode(s).ok()).collect();
    let message = [id.as_bytes(), b".", time.as_bytes(), b".", body].concat();
    Some((id.to_owned(), seconds(time)?, message, signatures))
}

fn stripe(headers: &[Header<'_>], body: &[u8]) -> Option<Parts> {
    let value = one(headers, "stripe-signature")?;
    let fields = || value.split(',').filter_map(|f| f.trim().split_once('='));
    let time = fields().find(|(name, _)| *name == "t")?.1;
    let signatures = fields().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| unhex(hex)).collect::<Vec<_>>();
    let message = [time.as_bytes(), b".", body].concat();
    // Stripe's id stands in the body; the signed bytes themselves tell one event from another
    let id = format!("{time}.{}", STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &message)));
    Some((id, seconds(time)?, message, signatures))
}

fn seconds(text: &str) -> Option<i64> {
    crate::h1::head::digits(text.as_bytes()).and_then(|n| i64::try_from(n).ok())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Standard Webhooks writes secrets as `whsec_<base64>`; Stripe's are used as they are written.
fn secret_bytes(scheme: WebhookScheme, text: &str) -> Vec<u8> {
    let coded = text.strip_prefix("whsec_").filter(|_| scheme == WebhookScheme::Standard);
    coded.and_then(|c| STANDARD.decode(c).ok()).unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(scheme: WebhookScheme) -> WebhookSettings {
        let secret = |text: &str| vec![secrecy::SecretString::from(text)];
        let secrets = [
            // the example of the Standard Webhooks specification
            ("acme".to_owned(), secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
            ("bolt".to_owned(), secret("whsec_Ym9sdGJvbHRib2x0Ym9sdGJvbHRib2x0")),
        ];
        WebhookSettings { scheme, secrets: secrets.into(), tolerance: Duration::from_secs(300) }
    }

    fn headers<'a>(list: &'a [(&'a str, &'a str)]) -> Vec<Header<'a>> {
        list.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
    }

    #[test]
    fn the_specifications_own_vector() {
        let list = [
            ("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let body = b"{\"test\": 2432232314}";
        let check = |tenant, list: &[(&str, &str)], body: &[u8], now| {
            super::check(&settings(WebhookScheme::Standard), tenant, &headers(list), body, now)
        };
        let event = check("acme", &list, body, 1_614_265_330 + 300).unwrap();
        assert_eq!(event.until, 1_614_265_631);
        for (tenant, body, now) in [
            ("bolt", &body[..], 1_614_265_330),
            ("nobody", body, 1_614_265_330),
            ("acme", b"{\"test\": 1}", 1_614_265_330),
            ("acme", body, 1_614_265_330 + 301),
            ("acme", body, 1_614_265_330 - 301),
        ] {
            assert_eq!(check(tenant, &list, body, now), Err(Refusal::WebhookRefused), "{tenant} {now}");
        }
        for at in 0..3 {
            let mut fewer = list.to_vec();
            fewer.remove(at);
            assert!(check("acme", &fewer, body, 1_614_265_330).is_err());
            let mut twice = list.to_vec();
            twice.push(list[at]);
            assert!(check("acme", &twice, body, 1_614_265_330).is_err(), "two are nobody's guess");
        }
    }

    #[test]
    fn stripes_form() {
        let settings = WebhookSettings {
            secrets: [("acme".to_owned(), vec!["whsec_test".into()])].into(),
            ..settings(WebhookScheme::Stripe)
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec_test");
        let tag = hmac::sign(&key, b"1700000000.{}");
        let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let value = format!("t=1700000000,v1={hex},v0=00");
        let list = [("Stripe-Signature", &*value)];
        assert!(check(&settings, "acme", &headers(&list), b"{}", 1_700_000_001).is_ok());
        assert!(check(&settings, "acme", &headers(&list), b"{} ", 1_700_000_001).is_err());
        assert!(check(&settings, "bolt", &headers(&list), b"{}", 1_700_000_001).is_err());
    }

    #[test]
    fn an_event_is_taken_once() {
        let mut taken = Taken::default();
        assert_eq!(taken.take([1; 32], 0, 10), Turn::First);
        assert_eq!(taken.take([1; 32], 9, 10), Turn::NotNow);
        taken.delivered(&[1; 32]);
        assert_eq!(taken.take([1; 32], 9, 10), Turn::Delivered);
        assert_eq!(taken.take([2; 32], 9, 20), Turn::First);
        taken.give_back(&[2; 32]);
        assert_eq!(taken.take([2; 32], 9, 20), Turn::First);
        assert_eq!(taken.take([1; 32], 10, 20), Turn::First, "it is too old to be taken, and forgotten");
    }
}
