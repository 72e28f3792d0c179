//! The head for the application, as all that was found makes it.

use super::Read;
use super::seen;
use crate::ablation::{Protection, removed};
use crate::access::Line;
use crate::authenticate::Actor;
use crate::client::Peer;
use crate::h1::head::{Framing, Head};
use crate::identify::Identified;
use crate::settings::{RouteSettings, TenantNeed};
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
    // the client's header is passed on as it is where it counts
    let made = line.parent.filter(|_| read.seen.traceparent.is_none()).map(|parent| parent.text());
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
        traceparent: made.as_deref(),
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
