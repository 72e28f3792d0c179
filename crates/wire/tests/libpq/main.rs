//! Real libpq, as psql, signs in and is answered: with TLS and without, by protocol 3.0 and 3.2.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod peer;

use std::path::Path;
use std::thread;

use peer::{Peer, Tls, all_psql, has_tls, listen, output, psql};
use rustix::process::{Pid, Signal, kill_process};
use tenantry_wire::backend::{self, Column, ErrorReply, Severity, TransactionStatus};
use tenantry_wire::frontend::{self, ProtocolVersion, Startup, StartupMessage, TargetKind};
use tenantry_wire::scram::{Decoy, Exchange, NONCE_BYTES, ScramError, Verifier};
use tenantry_wire::tag::frontend as tag;

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1";

fn decoy() -> Decoy {
    Decoy::new([7; 32], 4096)
}

/// The user `ann` has two passwords.
fn exchange(user: &str, end_point: Option<&[u8]>) -> Exchange {
    let verifier = |password: &str| Verifier::from_password(password.as_bytes(), &decoy().salt(user), 4096).unwrap();
    let candidates = if user == "ann" { vec![verifier("first ü"), verifier("second")] } else { vec![] };
    Exchange::new(user, &candidates, &decoy(), end_point, [5; NONCE_BYTES]).unwrap()
}

/// Lets one psql sign in and answers one query; what the exchange ended with, and what psql said.
fn sign_in(
    program: &Path,
    target: &str,
    password: &str,
    tls: Option<&Tls>,
) -> (Result<usize, ScramError>, (String, String)) {
    let (listener, port) = listen();
    let child = psql(program, port, target, password, &["-c", "select 'hello'"]);
    let result = thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut peer, found) = Peer::startup(&listener, tls);
            let Startup::Start(message) = found else { panic!("{found:?}") };
            assert_eq!((message.version, message.duplicate()), (ProtocolVersion::V3_0, None));
            let user = message.values("user").next().unwrap();
            let mut exchange = exchange(user, tls.and_then(|tls| tls.end_point.as_deref()));
            let result = peer.prove(&mut exchange);
            match result {
                Ok(_) => {
                    welcome(&mut peer, &[1, 2, 3, 4]);
                    answer_one(&mut peer);
                }
                Err(error) => {
                    let mut out = Vec::new();
                    let (severity, text) = (Severity::Fatal, error.to_string());
                    let reply = ErrorReply { severity, code: error.code(), message: &text, detail: None, hint: None };
                    backend::write_error(&mut out, &reply);
                    peer.send(&out);
                }
            }
            result
        });
        server.join().unwrap()
    });
    (result, output(child))
}

fn welcome(peer: &mut Peer, secret: &[u8]) {
    let mut out = Vec::new();
    backend::write_authentication_ok(&mut out);
    backend::write_parameter_status(&mut out, "server_version", "15.0").unwrap();
    backend::write_parameter_status(&mut out, "client_encoding", "UTF8").unwrap();
    backend::write_parameter_status(&mut out, "standard_conforming_strings", "on").unwrap();
    backend::write_backend_key_data(&mut out, 4711, secret).unwrap();
    backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
    peer.send(&out);
}

fn answer_one(peer: &mut Peer) {
    let (tag, body) = peer.message().unwrap();
    assert_eq!((tag, frontend::query(&body)), (tag::QUERY, Ok(&b"select 'hello'"[..])));
    let mut out = Vec::new();
    let notice = ErrorReply {
        severity: Severity::Notice,
        code: "00000",
        message: "listen",
        detail: Some("more"),
        hint: Some("do"),
    };
    backend::write_notice(&mut out, &notice);
    let columns = [("?column?", 25), ("nothing", 25), ("number", 23)];
    backend::write_row_description(&mut out, &columns.map(|(name, type_oid)| Column { name, type_oid })).unwrap();
    backend::write_data_row(&mut out, &[Some(b"hello"), None, Some(b"7")]).unwrap();
    backend::write_command_complete(&mut out, "SELECT 1").unwrap();
    backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
    peer.send(&out);
    assert_eq!(peer.message(), Some((tag::TERMINATE, vec![])));
}

#[test]
fn any_of_two_passwords_lets_in_and_nothing_else() {
    for (major, program) in all_psql() {
        let target = |user: &str| format!("user={user} sslmode=disable");
        for (password, index) in [("first ü", 0), ("second", 1)] {
            let (result, (out, err)) = sign_in(program, &target("ann"), password, None);
            assert_eq!((result, &*out), (Ok(index), "hello||7"), "psql {major}: {err}");
            assert!(err.contains("NOTICE:  00000: listen\nDETAIL:  more\nHINT:  do"), "{err}");
        }
        let said = ["ann", "bob"].map(|user| {
            let (result, (_, err)) = sign_in(program, &target(user), "third", None);
            assert_eq!(result, Err(ScramError::Refused), "psql {major}");
            assert!(err.contains("FATAL:  the password is wrong, or there is no such user"), "psql {major}: {err}");
            err.split("FATAL").last().unwrap().to_owned()
        });
        assert_eq!(said[0], said[1], "nobody is told who exists");
    }
}

#[test]
fn a_client_that_insists_on_channel_binding_gets_it() {
    for arguments in [EC, "-newkey rsa:2048 -sha512", &format!("{EC} -sha384")] {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::new(folder.path(), arguments);
        let mut tried = 0;
        for (major, program) in all_psql().iter().filter(|(_, program)| has_tls(program)) {
            let target = format!(
                "user=ann sslmode=verify-full channel_binding=require sslrootcert={}",
                tls.certificate.display()
            );
            let (result, (out, err)) = sign_in(program, &target, "second", Some(&tls));
            assert_eq!((result, &*out), (Ok(1), "hello||7"), "psql {major}: {err}");
            tried += 1;
        }
        assert!(tried > 0, "no psql here has TLS: install postgresql-client");
    }
}

#[test]
fn what_stands_in_between_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut tls = Tls::new(folder.path(), EC);
    let ours = tls.end_point.replace(vec![0; 32]);
    for (major, program) in all_psql().iter().filter(|(_, program)| has_tls(program)) {
        // libpq is bound to the certificate it sees, and ours is another
        let (result, _) = sign_in(program, "user=ann sslmode=require", "second", Some(&tls));
        assert_eq!(result, Err(ScramError::Binding), "psql {major}");
        // whoever does not want it need not have it
        let (result, _) = sign_in(program, "user=ann sslmode=require channel_binding=disable", "second", Some(&tls));
        assert_eq!(result, Ok(1), "psql {major}");
    }
    assert!(ours.is_some());
}

#[test]
fn a_certificate_without_a_hash_of_its_own_is_not_bound_to() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::new(folder.path(), "-newkey ed25519");
    assert_eq!(tls.end_point, None);
    for (major, program) in all_psql().iter().filter(|(_, program)| has_tls(program)) {
        let (result, (_, err)) = sign_in(program, "user=ann sslmode=require", "second", Some(&tls));
        assert_eq!(result, Ok(1), "psql {major}: {err}");
    }
}

/// Waits for a query, sends the client an interrupt, and takes the cancellation that it sends by another connection.
/// `newest` is the version that the server insists on.
fn interrupt(program: &Path, target: &str, newest: Option<u32>, secret: &[u8]) -> ((String, String), StartupMessage) {
    let (listener, port) = listen();
    let child = psql(program, port, target, "", &["-c", "select 'hello'"]);
    let pid = Pid::from_child(&child);
    let message = thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut peer, found) = Peer::startup(&listener, None);
            let Startup::Start(message) = found else { panic!("{found:?}") };
            if let Some(newest) = newest {
                let mut out = Vec::new();
                backend::write_negotiate_protocol_version(&mut out, newest, &[]).unwrap();
                peer.send(&out);
            }
            welcome(&mut peer, secret);
            assert_eq!(peer.message().unwrap().0, tag::QUERY);
            kill_process(pid, Signal::INT).unwrap();
            let (canceller, found) = Peer::startup(&listener, None);
            assert_eq!(found, Startup::Cancel { pid: 4711, secret: secret.to_vec() });
            drop(canceller);
            let mut out = Vec::new();
            let (severity, message_text) = (Severity::Error, "canceling statement due to user request");
            let reply = ErrorReply { severity, code: "57014", message: message_text, detail: None, hint: None };
            backend::write_error(&mut out, &reply);
            backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
            peer.send(&out);
            message
        });
        server.join().unwrap()
    });
    (output(child), message)
}

#[test]
fn an_interrupted_client_sends_back_the_secret_it_was_given() {
    for (major, program) in all_psql() {
        let ((_, err), message) = interrupt(program, "user=ann sslmode=disable", None, &[1, 2, 3, 4]);
        assert!(err.contains("ERROR:  57014: canceling statement"), "psql {major}: {err}");
        assert_eq!(message.version, ProtocolVersion::V3_0);
        if *major >= 18 {
            let target = "user=ann sslmode=disable min_protocol_version=3.2 max_protocol_version=latest";
            for secret in [&[9; 32][..], &[8; 256]] {
                let ((_, err), message) = interrupt(program, target, None, secret);
                assert!(err.contains("ERROR:  57014: canceling statement"), "psql {major}: {err}");
                assert_eq!(message.version, ProtocolVersion::V3_2);
            }
            let target = "user=ann sslmode=disable max_protocol_version=latest";
            let ((_, err), message) = interrupt(program, target, Some(0x0003_0000), &[1, 2, 3, 4]);
            assert!(err.contains("ERROR:  57014: canceling statement"), "psql {major}: {err}");
            assert_eq!(message.version, ProtocolVersion::V3_2, "it asked for more than it got");
        }
    }
}

#[test]
fn a_prepared_statement_of_psql_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bind.sql");
    std::fs::write(&script, "select $1, $2 \\bind 'a b' c \\g\n").unwrap();
    for (major, program) in all_psql().iter().filter(|(major, _)| *major >= 16) {
        let (listener, port) = listen();
        let child = psql(program, port, "user=ann sslmode=disable", "", &["-f", script.to_str().unwrap()]);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut peer, _) = Peer::startup(&listener, None);
                welcome(&mut peer, &[1, 2, 3, 4]);
                serve_prepared(&mut peer);
            });
        });
        let (out, err) = output(child);
        assert_eq!(out, "a b|c", "psql {major}: {err}");
    }
}

fn serve_prepared(peer: &mut Peer) {
    let mut row: Vec<Vec<u8>> = Vec::new();
    let mut out = Vec::new();
    while let Some((tag, body)) = peer.message() {
        frontend::check(tag, &body).unwrap();
        match tag {
            tag::PARSE => {
                assert_eq!(frontend::parse(&body).unwrap().query.trim_ascii(), b"select $1, $2");
                backend::write_parse_complete(&mut out);
            }
            tag::BIND => {
                row = frontend::bind_checked(&body).unwrap().values.iter().map(|v| v.unwrap().to_vec()).collect();
                backend::write_bind_complete(&mut out);
            }
            tag::DESCRIBE => {
                let target = frontend::describe(&body).unwrap();
                assert_eq!((target.kind, target.name), (TargetKind::Portal, &b""[..]));
                let columns: Vec<Column<'_>> = row.iter().map(|_| Column { name: "x", type_oid: 25 }).collect();
                backend::write_row_description(&mut out, &columns).unwrap();
            }
            tag::EXECUTE => {
                assert_eq!(frontend::execute(&body).unwrap().max_rows, 0);
                let values: Vec<Option<&[u8]>> = row.iter().map(|v| Some(&v[..])).collect();
                backend::write_data_row(&mut out, &values).unwrap();
                backend::write_command_complete(&mut out, "SELECT 1").unwrap();
            }
            tag::SYNC => {
                backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
                peer.send(&std::mem::take(&mut out));
            }
            other => assert_eq!(other, tag::TERMINATE),
        }
    }
}
