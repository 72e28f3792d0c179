//! The exporter before a real collector: HTTP over a socket, bodies that are decoded as OTLP.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tenantry_trace::{Exporter, Kind, Settings, Span};

/// Longest wait for something that comes at once.
const SOON: Duration = Duration::from_secs(20);

/// Takes spans, after so many refusals.
fn collector(refusals: usize) -> (SocketAddr, Receiver<(String, ExportTraceServiceRequest)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut left = refusals;
        for stream in listener.incoming() {
            // a client that goes ends it
            let _ = serve(stream.unwrap(), &tell, &mut left);
        }
    });
    (at, told)
}

fn serve(
    stream: TcpStream,
    tell: &Sender<(String, ExportTraceServiceRequest)>,
    refusals: &mut usize,
) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if input.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        if *refusals > 0 {
            *refusals -= 1;
            out.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        }
        tell.send((head, ExportTraceServiceRequest::decode(&body[..]).unwrap())).unwrap();
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

fn span(number: u8) -> Span {
    Span {
        trace: [number; 16],
        id: [number; 8],
        parent: Some([9; 8]),
        name: "work".into(),
        kind: Kind::Server,
        began: 1_000,
        ended: 2_000,
        attributes: vec![("a", "b".into()), ("n", 7.into()), ("f", true.into())],
        failure: Some("broken".into()),
    }
}

fn settings(at: SocketAddr) -> Settings {
    let mut settings = Settings::new(&format!("http://{at}"), "shop").unwrap();
    settings.flush_within = Duration::from_millis(20);
    settings
}

#[test]
fn spans_arrive_whole_after_a_refusal_and_over_one_connection() {
    let (at, told) = collector(1);
    let mut settings = settings(at);
    settings.headers.push(("authorization".into(), "Bearer x".into()));
    let exporter = Exporter::start(settings).unwrap();
    exporter.record(vec![span(1), span(2)]);
    let (head, first) = told.recv_timeout(SOON).unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n") && head.contains("authorization: Bearer x\r\n"), "{head}");
    let all = &first.resource_spans[0];
    assert_eq!(all.resource.as_ref().unwrap().attributes[0].key, "service.name");
    let spans = &all.scope_spans[0].spans;
    assert_eq!(spans.len(), 2);
    assert_eq!((spans[0].trace_id.clone(), spans[0].span_id.clone()), (vec![1; 16], vec![1; 8]));
    assert_eq!((spans[0].start_time_unix_nano, spans[0].end_time_unix_nano, spans[0].kind), (1_000, 2_000, 2));
    assert_eq!(spans[0].attributes.len(), 3);
    assert_eq!(spans[0].status.as_ref().unwrap().message, "broken");
    exporter.record(vec![span(3)]);
    // what waits is handed over at the end
    let begin = std::time::Instant::now();
    exporter.finish();
    assert!(begin.elapsed() < SOON);
    let (_, second) = told.try_recv().unwrap();
    assert_eq!(second.resource_spans[0].scope_spans[0].spans[0].trace_id, [3; 16]);
}

#[test]
fn a_queue_that_is_full_drops_and_counts_and_nobody_waits() {
    // it takes connections, and never answers
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(listener.local_addr().unwrap());
    settings.queue_max = 10;
    settings.send_within = Duration::from_millis(50);
    let exporter = Exporter::start(settings).unwrap();
    for _ in 0..10_000 {
        exporter.record(vec![span(1)]);
    }
    let dropped = exporter.counted().dropped;
    assert!(dropped > 5_000, "{dropped}");
    let begin = std::time::Instant::now();
    while exporter.counted().failed == 0 {
        assert!(begin.elapsed() < SOON, "a collector that is silent is given up");
        std::thread::yield_now();
    }
    exporter.finish();
}
