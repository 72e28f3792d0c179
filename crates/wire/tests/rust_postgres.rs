//! rust-postgres' client as the judge: what it writes and what we write are the same bytes, and it reads what we write
//! as a server.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend as theirs;
use proptest::prelude::*;
use tenantry_wire::backend::{self, Column, ErrorReply, Severity, TransactionStatus};
use tenantry_wire::frontend::{self, ProtocolVersion, TargetKind};

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,20}"
}

fn name() -> impl Strategy<Value = String> {
    "[^\0]{1,20}"
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40))
}

fn kind() -> impl Strategy<Value = (TargetKind, u8)> {
    prop_oneof![Just((TargetKind::Statement, b'S')), Just((TargetKind::Portal, b'P'))]
}

/// The body of the only message in there.
fn body(bytes: &[u8]) -> &[u8] {
    let header = tenantry_wire::header(bytes).unwrap().unwrap();
    assert_eq!(header.len, bytes.len());
    &bytes[5..]
}

fn read(bytes: &[u8]) -> Message {
    let mut buffer = BytesMut::from(bytes);
    let message = Message::parse(&mut buffer).unwrap().expect("a whole message");
    assert!(buffer.is_empty());
    message
}

proptest! {
    #[test]
    fn a_bind(
        portal in text(), statement in text(), values in proptest::collection::vec(value(), 0..6),
        format in 0i16..2, one_format: bool, results in proptest::collection::vec(0i16..2, 0..6),
    ) {
        let formats = vec![format; if one_format { 1 } else { values.len() }];
        let mut expected = BytesMut::new();
        let serialize = |value: &Option<Vec<u8>>, buffer: &mut BytesMut| {
            value.as_ref().inspect(|bytes| buffer.extend_from_slice(bytes));
            Ok(if value.is_some() { IsNull::No } else { IsNull::Yes })
        };
        let written = theirs::bind(&portal, &statement, formats.clone(), &values, serialize, results.clone(), &mut expected);
        prop_assert!(written.is_ok());
        let mut out = Vec::new();
        let borrowed: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
        frontend::write_bind(&mut out, portal.as_bytes(), statement.as_bytes(), &formats, &borrowed, &results).unwrap();
        prop_assert_eq!(&out[..], &expected[..]);

        let read = frontend::bind_checked(body(&out)).unwrap();
        prop_assert_eq!(read.bind.statement, statement.as_bytes());
        prop_assert_eq!(read.values.iter().collect::<Vec<_>>(), borrowed);
        prop_assert_eq!(read.formats.iter().collect::<Vec<_>>(), formats);
        prop_assert_eq!(read.results.iter().collect::<Vec<_>>(), results);
        let mut renamed = Vec::new();
        frontend::write_bind_with(&mut renamed, b"", b"other", read.bind.rest).unwrap();
        let renamed = frontend::bind_checked(body(&renamed)).unwrap();
        prop_assert_eq!((renamed.bind.statement, renamed.values), (&b"other"[..], read.values));
    }

    #[test]
    fn a_statement(name in text(), query in text(), types in proptest::collection::vec(any::<u32>(), 0..6), rows: i32, (kind, letter) in kind()) {
        let mut expected = BytesMut::new();
        theirs::parse(&name, &query, types.clone(), &mut expected).unwrap();
        theirs::describe(letter, &name, &mut expected).unwrap();
        theirs::execute(&name, rows, &mut expected).unwrap();
        theirs::close(letter, &name, &mut expected).unwrap();
        theirs::query(&query, &mut expected).unwrap();
        theirs::flush(&mut expected);
        theirs::sync(&mut expected);
        theirs::terminate(&mut expected);
        let mut raw = u16::try_from(types.len()).unwrap().to_be_bytes().to_vec();
        types.iter().for_each(|t| raw.extend(t.to_be_bytes()));
        let mut out = Vec::new();
        frontend::write_parse(&mut out, name.as_bytes(), query.as_bytes(), &raw).unwrap();
        let parse = frontend::parse(body(&out)).unwrap();
        prop_assert_eq!((parse.name, parse.query, parse.types), (name.as_bytes(), query.as_bytes(), &raw[..]));
        frontend::write_describe(&mut out, kind, name.as_bytes()).unwrap();
        frontend::write_execute(&mut out, name.as_bytes(), rows).unwrap();
        frontend::write_close(&mut out, kind, name.as_bytes()).unwrap();
        frontend::write_query(&mut out, query.as_bytes()).unwrap();
        frontend::write_flush(&mut out);
        frontend::write_sync(&mut out);
        frontend::write_terminate(&mut out);
        prop_assert_eq!(&out[..], &expected[..]);
    }

    #[test]
    fn a_beginning(parameters in proptest::collection::vec((name(), text()), 0..6), pid: i32, key: i32, data in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut expected = BytesMut::new();
        theirs::startup_message(parameters.iter().map(|(n, v)| (&**n, &**v)), &mut expected).unwrap();
        let mut out = Vec::new();
        frontend::write_startup(&mut out, ProtocolVersion::V3_0, &parameters).unwrap();
        prop_assert_eq!(&out[..], &expected[..]);
        let (read, consumed) = frontend::startup(&out).unwrap().unwrap();
        prop_assert_eq!(consumed, out.len());
        prop_assert!(matches!(read, frontend::Startup::Start(message) if message.parameters == parameters));

        let (mut out, mut expected) = (Vec::new(), BytesMut::new());
        theirs::ssl_request(&mut expected);
        theirs::cancel_request(pid, key, &mut expected);
        theirs::password_message(b"secret", &mut expected).unwrap();
        theirs::sasl_initial_response("SCRAM-SHA-256", &data, &mut expected).unwrap();
        theirs::sasl_response(&data, &mut expected).unwrap();
        theirs::copy_fail("no", &mut expected).unwrap();
        theirs::copy_done(&mut expected);
        frontend::write_ssl_request(&mut out);
        frontend::write_cancel(&mut out, pid, &key.to_be_bytes()).unwrap();
        frontend::write_password(&mut out, b"secret").unwrap();
        frontend::write_sasl_initial(&mut out, "SCRAM-SHA-256", &data).unwrap();
        frontend::write_sasl_response(&mut out, &data).unwrap();
        frontend::write_copy_fail(&mut out, b"no").unwrap();
        frontend::write_copy_done(&mut out);
        prop_assert_eq!(&out[..], &expected[..]);
    }

    #[test]
    fn a_row(values in proptest::collection::vec(value(), 0..6), columns in proptest::collection::vec((text(), any::<u32>()), 0..6)) {
        let borrowed: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
        let mut out = Vec::new();
        backend::write_data_row(&mut out, &borrowed).unwrap();
        prop_assert_eq!(backend::data_row(body(&out)).unwrap().iter().collect::<Vec<_>>(), &borrowed[..]);
        let Message::DataRow(row) = read(&out) else { panic!("another message") };
        let ranges: Vec<_> = row.ranges().collect().unwrap();
        let theirs: Vec<Option<&[u8]>> = ranges.into_iter().map(|r| r.map(|r| &row.buffer()[r])).collect();
        prop_assert_eq!(theirs, borrowed);

        let ours: Vec<Column<'_>> = columns.iter().map(|(name, oid)| Column { name, type_oid: *oid }).collect();
        let mut out = Vec::new();
        backend::write_row_description(&mut out, &ours).unwrap();
        let Message::RowDescription(described) = read(&out) else { panic!("another message") };
        let fields: Vec<(String, u32, i16)> = described.fields().map(|f| Ok((f.name().to_owned(), f.type_oid(), f.format()))).collect().unwrap();
        let expected: Vec<(String, u32, i16)> = columns.iter().map(|(name, oid)| (name.clone(), *oid, 0)).collect();
        prop_assert_eq!(fields, expected);

        let types: Vec<u32> = columns.iter().map(|(_, oid)| *oid).collect();
        let mut out = Vec::new();
        backend::write_parameter_description(&mut out, &types).unwrap();
        let Message::ParameterDescription(described) = read(&out) else { panic!("another message") };
        prop_assert_eq!(described.parameters().collect::<Vec<_>>().unwrap(), types);
    }

    #[test]
    fn an_error(message in text(), detail in proptest::option::of(text()), hint in proptest::option::of(text())) {
        let reply = ErrorReply { severity: Severity::Error, code: "42501", message: &message, detail: detail.as_deref(), hint: hint.as_deref() };
        let mut out = Vec::new();
        backend::write_error(&mut out, &reply);
        let ours = backend::error_fields(body(&out)).unwrap();
        prop_assert_eq!((ours.severity, ours.code, ours.message, ours.detail, ours.hint), ("ERROR", "42501", &*message, detail.as_deref(), hint.as_deref()));
        let Message::ErrorResponse(error) = read(&out) else { panic!("another message") };
        let fields: Vec<(u8, Vec<u8>)> = error.fields().map(|f| Ok((f.type_(), f.value_bytes().to_vec()))).collect().unwrap();
        let mut expected = vec![(b'S', b"ERROR".to_vec()), (b'V', b"ERROR".to_vec()), (b'C', b"42501".to_vec()), (b'M', message.clone().into_bytes())];
        expected.extend(detail.map(|d| (b'D', d.into_bytes())));
        expected.extend(hint.map(|h| (b'H', h.into_bytes())));
        prop_assert_eq!(fields, expected);
    }

    #[test]
    fn a_session(setting in text(), value in text(), pid: i32, key: i32, command in text(), data in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut out = Vec::new();
        backend::write_parameter_status(&mut out, &setting, &value).unwrap();
        prop_assert_eq!(backend::parameter_status(body(&out)).unwrap(), (&*setting, &*value));
        let Message::ParameterStatus(status) = read(&out) else { panic!("another message") };
        prop_assert_eq!((status.name().unwrap(), status.value().unwrap()), (&*setting, &*value));

        let mut out = Vec::new();
        backend::write_backend_key_data(&mut out, pid, &key.to_be_bytes()).unwrap();
        prop_assert_eq!(backend::backend_key_data(body(&out)).unwrap(), (pid, &key.to_be_bytes()[..]));
        let Message::BackendKeyData(data_of_key) = read(&out) else { panic!("another message") };
        prop_assert_eq!((data_of_key.process_id(), data_of_key.secret_key()), (pid, key));

        let mut out = Vec::new();
        backend::write_command_complete(&mut out, &command).unwrap();
        prop_assert_eq!(backend::command_complete(body(&out)).unwrap(), &*command);
        let Message::CommandComplete(complete) = read(&out) else { panic!("another message") };
        prop_assert_eq!(complete.tag().unwrap(), &*command);

        let mut out = Vec::new();
        backend::write_sasl_continue(&mut out, &data).unwrap();
        let Message::AuthenticationSaslContinue(next) = read(&out) else { panic!("another message") };
        prop_assert_eq!(next.data(), &data[..]);
        let mut out = Vec::new();
        backend::write_sasl_final(&mut out, &data).unwrap();
        let Message::AuthenticationSaslFinal(last) = read(&out) else { panic!("another message") };
        prop_assert_eq!(last.data(), &data[..]);
    }
}

#[test]
fn messages_without_freedom() {
    let mut out = Vec::new();
    backend::write_sasl(&mut out, &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]).unwrap();
    let Message::AuthenticationSasl(asked) = read(&out) else { panic!("another message") };
    assert_eq!(asked.mechanisms().collect::<Vec<_>>().unwrap(), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    for (status, letter) in
        [(TransactionStatus::Idle, b'I'), (TransactionStatus::InTransaction, b'T'), (TransactionStatus::Failed, b'E')]
    {
        let mut out = Vec::new();
        backend::write_ready_for_query(&mut out, status);
        let Message::ReadyForQuery(ready) = read(&out) else { panic!("another message") };
        assert_eq!(ready.status(), letter);
        assert_eq!(backend::ready_for_query(body(&out)), Ok(status));
    }
    type Bare = (fn(&mut Vec<u8>), fn(&Message) -> bool);
    let bare: [Bare; 8] = [
        (backend::write_authentication_ok, |m| matches!(m, Message::AuthenticationOk)),
        (backend::write_cleartext, |m| matches!(m, Message::AuthenticationCleartextPassword)),
        (backend::write_parse_complete, |m| matches!(m, Message::ParseComplete)),
        (backend::write_bind_complete, |m| matches!(m, Message::BindComplete)),
        (backend::write_close_complete, |m| matches!(m, Message::CloseComplete)),
        (backend::write_no_data, |m| matches!(m, Message::NoData)),
        (backend::write_portal_suspended, |m| matches!(m, Message::PortalSuspended)),
        (backend::write_empty_query, |m| matches!(m, Message::EmptyQueryResponse)),
    ];
    for (number, (write, right)) in bare.into_iter().enumerate() {
        let mut out = Vec::new();
        write(&mut out);
        assert!(right(&read(&out)), "{number}");
    }
}
