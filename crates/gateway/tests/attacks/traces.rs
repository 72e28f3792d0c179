//! Traces: joined, made, passed on, told to a real collector, and never at a client's command.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tenantry_gateway::settings::{ExporterSettings, Join, Sampler, TraceSettings};

use crate::scene::Scene;

const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// Longest wait for spans.
const SOON: Duration = Duration::from_secs(20);

/// A collector: an HTTP server that decodes what it is sent.
struct Collector {
    at: SocketAddr,
    told: Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let tell = tell.clone();
                // a client that goes ends it
                std::thread::spawn(move || drop(serve(stream.unwrap(), &tell)));
            }
        });
        Self { at, told }
    }

    /// The spans of so many requests.
    fn spans(&self, requests: usize) -> Vec<Span> {
        let (mut spans, until) = (Vec::new(), Instant::now() + SOON);
        while spans.iter().filter(|s: &&Span| s.kind == 2).count() < requests {
            let left = until.saturating_duration_since(Instant::now());
            let more = self.told.recv_timeout(left).expect("spans come");
            spans.extend(more.resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans));
        }
        spans
    }
}

fn serve(stream: TcpStream, tell: &Sender<ExportTraceServiceRequest>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if input.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        // the test may be over
        let _ = tell.send(ExportTraceServiceRequest::decode(&body[..]).unwrap());
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

fn settings(at: SocketAddr, ratio: f64, join: Join) -> Option<Arc<TraceSettings>> {
    let mut exporter = ExporterSettings::new(&format!("http://{at}"), "gateway").unwrap();
    exporter.flush_within = Duration::from_millis(10);
    Some(Arc::new(TraceSettings { exporter, sampler: Sampler::new(ratio), join }))
}

fn scene(collector: &Collector, ratio: f64, join: Join, trusts: bool) -> Scene {
    let at = collector.at;
    Scene::without(None, move |all| {
        all.traces = settings(at, ratio, join);
        if trusts {
            all.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|a| a.key == name)?.value.as_ref()?.value.as_ref()
}

fn says(span: &Span, name: &str, text: &str) -> bool {
    attribute(span, name) == Some(&Value::StringValue(text.into()))
}

#[test]
fn a_request_is_told_in_parts_that_lie_inside_each_other() {
    let collector = Collector::start();
    let scene = scene(&collector, 1.0, Join::All, false);
    let given = format!("traceparent: {GIVEN}");
    let (_, received) = scene.get("acme.example.com", "/x", &[&given, "tracestate: a=b"]);
    let passed = received[0].one("traceparent");
    assert_eq!((&passed[3..35], received[0].one("tracestate").as_str()), (TRACE, "a=b"), "the trace is joined");
    let spans = collector.spans(1);
    let of = |name: &str| spans.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let whole = of("GET /");
    assert_eq!((hex(&whole.trace_id), hex(&whole.parent_span_id)), (TRACE.into(), GIVEN[36..52].to_owned()));
    assert!(says(whole, "tenantry.tenant", "1") && says(whole, "tenantry.decision", "passed"), "{whole:?}");
    assert!(says(whole, "url.path", "/x") && says(whole, "tenantry.tenant.source", "host"));
    assert_eq!(attribute(whole, "http.response.status_code"), Some(&Value::IntValue(200)));
    for name in ["decide", "queue", "upstream"] {
        let part = of(name);
        assert_eq!((&part.trace_id, &part.parent_span_id), (&whole.trace_id, &whole.span_id), "{name}");
        assert!(whole.start_time_unix_nano <= part.start_time_unix_nano, "{name}");
        assert!(part.start_time_unix_nano <= part.end_time_unix_nano, "{name}");
        assert!(part.end_time_unix_nano <= whole.end_time_unix_nano, "{name}");
    }
    assert!(of("decide").end_time_unix_nano <= of("upstream").start_time_unix_nano);
    assert_eq!(passed, format!("00-{TRACE}-{}-01", hex(&of("upstream").span_id)), "the application's are part of it");
    let mut ids: Vec<_> = spans.iter().map(|s| s.span_id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), spans.len());
}

#[test]
fn without_a_header_a_trace_begins_here_and_refusals_are_told_with_their_cause() {
    let collector = Collector::start();
    let scene = scene(&collector, 1.0, Join::All, false);
    let (_, received) = scene.get("acme.example.com", "/x", &["traceparent: rubbish", "tracestate: a=b"]);
    let passed = received[0].one("traceparent");
    assert!(passed.ends_with("-01") && received[0].all("tracestate").is_empty(), "{}", received[0].head);
    let whole = collector.spans(1).into_iter().find(|s| s.kind == 2).unwrap();
    assert_eq!((hex(&whole.trace_id).as_str(), whole.parent_span_id.len()), (&passed[3..35], 0));
    scene.get("bolt.example.com", "/api/x", &[]);
    let spans = collector.spans(1);
    let whole = spans.iter().find(|s| s.kind == 2).unwrap();
    assert!(says(whole, "tenantry.decision", "refused") && says(whole, "tenantry.cause", "credential-required"));
    assert!(spans.iter().all(|s| s.name != "upstream"), "{spans:?}");
    // what is kept needs no application
    let path = "/kept/all/traced?cc=max-age=60";
    scene.get("acme.example.com", path, &[]);
    scene.get("acme.example.com", path, &[]);
    let spans = collector.spans(2);
    let kept = |s: &&Span| attribute(s, "tenantry.kept") == Some(&Value::BoolValue(true));
    assert_eq!((spans.iter().filter(kept).count(), spans.iter().filter(|s| s.name == "upstream").count()), (1, 1));
    // an application that is gone, and a request that is cut off
    scene.get("acme.example.com", "/silent", &[]);
    let whole = collector.spans(1).into_iter().find(|s| s.kind == 2).unwrap();
    assert!(says(&whole, "tenantry.cause", "upstream-unavailable") && whole.status.is_some());
    let mut client = scene.client();
    client.send(crate::scene::get("acme.example.com", "/events", &[]));
    client.until(b"data: 1\n");
    drop(client);
    let whole = collector.spans(1).into_iter().find(|s| s.kind == 2).unwrap();
    assert!(says(&whole, "tenantry.decision", "cut"), "{whole:?}");
}

#[test]
fn who_is_traced_is_not_for_clients_to_say() {
    let collector = Collector::start();
    let given = format!("traceparent: {GIVEN}");
    // a client asks for it, and nobody listens
    let strangers = scene(&collector, 0.0, Join::All, false);
    let (_, received) = strangers.get("acme.example.com", "/x", &[&given]);
    assert_eq!(received[0].one("traceparent"), GIVEN, "it is passed on as it is");
    // nor does it choose which trace its requests are part of, where that is forbidden
    let closed = scene(&collector, 0.0, Join::Trusted, false);
    let (_, received) = closed.get("acme.example.com", "/x", &[&given, "tracestate: a=b"]);
    let passed = received[0].one("traceparent");
    assert!(passed[3..35] != *TRACE && passed.ends_with("-00") && received[0].all("tracestate").is_empty());
    // one of our proxies may
    let proxied = scene(&collector, 0.0, Join::Trusted, true);
    proxied.get("acme.example.com", "/x", &[&given]);
    let spans = collector.spans(1);
    assert!(spans.iter().all(|s| hex(&s.trace_id) == TRACE), "{spans:?}");
}

#[test]
fn a_collector_that_is_away_delays_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    // it takes connections and never answers
    let scene = Scene::without(None, move |all| {
        let mut traces = Arc::unwrap_or_clone(settings(at, 1.0, Join::All).unwrap());
        traces.exporter.queue_max = 1;
        traces.exporter.send_within = Duration::from_millis(100);
        all.traces = Some(Arc::new(traces));
    });
    let text = || tenantry_gateway::metrics::Metrics::default().text(&scene.gateway.observer());
    let begin = Instant::now();
    while text().contains("spans_total{outcome=\"dropped\"} 0\n") {
        assert_eq!(scene.get("acme.example.com", "/x", &[]).0.status, 200);
        assert!(begin.elapsed() < SOON, "a full queue drops and counts");
    }
}

/// Takes what is logged.
#[derive(Clone, Default)]
struct Logged(Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_says_trace_tenant_decision_and_cause() {
    let logged = Logged::default();
    let writer = logged.clone();
    // all of this process; nobody else here looks at the log
    tracing_subscriber::fmt().json().with_writer(move || writer.clone()).init();
    let scene = Scene::new();
    let given = format!("traceparent: {}", GIVEN.replace("0af7", "1111"));
    scene.get("acme.example.com", "/logged?secret=1", &[&given]);
    scene.get("bolt.example.com", "/api/logged", &[&given]);
    let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().filter(|l| l.contains("/logged")).map(|l| serde_json::from_str(l).unwrap()).collect();
    let trace = TRACE.replace("0af7", "1111");
    let of = |decision: &str| {
        let found = lines.iter().map(|l| &l["fields"]).find(|f| f["decision"] == decision && f["trace.id"] == *trace);
        found.unwrap_or_else(|| panic!("{decision}: {text}"))
    };
    assert_eq!((&of("passed")["tenant.id"], &of("passed")["status"]), (&"1".into(), &200.into()));
    assert!(of("refused")["cause"].as_str().is_some_and(|c| !c.is_empty()));
    assert!(!text.contains("secret=1"), "no query stands in it");
}
