//! The head for the application, as all that was found makes it.

use super::Read;
use super::seen;
use crate::ablation::{Protection, removed};
use crate::access::Line;
use crate::authenticate::Actor;
use crate::client::Peer;
use crate::digits::hex;
use crate::h1::head::{Framing, Head};
use crate::identify::Identified;
use crate::settings::{AccessLog, RouteSettings, TenantNeed};
use crate::stamp::Stamp;
use crate::stamp::context::Said;
use crate::worker::{Known, Worker};

#[expect(clippy::too_many_arguments, reason = "the head holds all that was found")]
pub(super) fn write(
    worker: &Worker,
    peer: &Peer,
    head: &Head<'_>,
    read: &Read<'_>,
    route: &RouteSettings,
    actor: Option<&Actor>,
    identified: Option<&Identified>,
    known: Option<&Known>,
    framing: Framing,
    websocket: bool,
    out: &mut Vec<u8>,
    line: &mut Line,
    now: i64,
) {
    let made;
    let given = read.seen.traceparent.map(|(_, value)| value);
    // the header itself is passed on as it is
    let traceparent = match given {
        Some(_) => None,
        None => {
            let mut text = String::with_capacity(55);
            text.push_str("00-");
            // all zeros would mean nothing
            hex(worker.random() | 1, &mut text);
            hex(worker.random(), &mut text);
            text.push('-');
            hex(worker.random() | 1, &mut text);
            text.push_str("-00");
            made = text;
            Some(made.as_str())
        }
    };
    if read.loaded.access_log != AccessLog::Off {
        line.trace = given.or(traceparent).and_then(|t| t.get(3..35)).unwrap_or_default().to_owned();
    }
    let forwarded_for = read.seen.forwarded_for.filter(|_| read.is_trusted);
    let stamp = Stamp {
        method: head.method,
        path: &read.target.path,
        query: read.target.query,
        host: if removed(Protection::HostForm) {
            read.seen.host.and_then(|h| std::str::from_utf8(h).ok()).unwrap_or("")
        } else {
            &read.host.name
        },
        port: read.host.port,
        headers: head.headers,
        seen: &read.seen,
        framing,
        websocket,
        peer: &peer.text,
        forwarded_for,
        is_tls: read.is_tls,
        request_id: &line.request_id,
        traceparent,
        tenant: known.map_or(&[], |known| &known.lines),
    };
    stamp.write(out);
    if removed(Protection::HopByHop) {
        // as a proxy would that adds its headers first and follows `Connection` afterwards
        take_away_named(out, head);
    }
    if let Some(known) = known {
        worker.pass(known, now, out);
    }
    if let Some(context) = &read.loaded.context
        && route.tenant != TenantNeed::None
    {
        out.extend_from_slice(b"X-Tenantry-Context: ");
        let said = Said {
            request_id: &line.request_id,
            method: head.method,
            path: &read.target.path,
            tenant: known.map_or("", |known| &known.members),
            source: identified.map_or("none", |found| found.source.name()),
            proven: identified.is_some_and(|found| found.proven),
            subject: actor.map(|actor| (&*actor.issuer, &*actor.subject)),
            now,
        };
        context.sign(&said, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn take_away_named(out: &mut Vec<u8>, head: &Head<'_>) {
    let connection = head.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("connection"));
    let names: Vec<&[u8]> = connection.flat_map(|h| seen::tokens(h.value)).collect();
    let text = std::mem::take(out);
    for line in text.split_inclusive(|b| *b == b'\n') {
        let name = line.split(|b| *b == b':').next().unwrap_or_default();
        if !names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            out.extend_from_slice(line);
        }
    }
}
