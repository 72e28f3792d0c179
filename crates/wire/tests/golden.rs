//! Every message, byte by byte, as the protocol's documentation has it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use tenantry_wire::backend::{Column, ErrorReply, Severity, TransactionStatus};
use tenantry_wire::frontend::{ProtocolVersion, TargetKind};
use tenantry_wire::{WireError, backend, frontend, header};

type Write = fn(&mut Vec<u8>) -> Result<(), WireError>;

/// For those that cannot fail.
macro_rules! always {
    ($write:expr) => {
        |out| {
            $write(out);
            Ok(())
        }
    };
}

const FROM_CLIENTS: &[(&str, Write, &[u8])] = &[
    ("Query", |o| frontend::write_query(o, b"select 1"), b"Q\0\0\0\x0dselect 1\0"),
    ("Parse", |o| frontend::write_parse(o, b"s", b"q", b"\0\x01\0\0\0\x17"), b"P\0\0\0\x0es\0q\0\0\x01\0\0\0\x17"),
    ("Parse unnamed", |o| frontend::write_parse(o, b"", b"", b"\0\0"), b"P\0\0\0\x08\0\0\0\0"),
    (
        "Bind",
        |o| frontend::write_bind(o, b"p", b"s", &[1], &[Some(b"ab"), None], &[0, 1]),
        b"B\0\0\0\x1ep\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x02\0\0\0\x01",
    ),
    ("Bind renamed", |o| frontend::write_bind_with(o, b"", b"tn7", b"\0\0\0\0\0\0"), b"B\0\0\0\x0f\0tn7\0\0\0\0\0\0\0"),
    ("Describe", |o| frontend::write_describe(o, TargetKind::Statement, b"s"), b"D\0\0\0\x07Ss\0"),
    ("Close", |o| frontend::write_close(o, TargetKind::Portal, b""), b"C\0\0\0\x06P\0"),
    ("Execute", |o| frontend::write_execute(o, b"p", 50), b"E\0\0\0\x0ap\0\0\0\0\x32"),
    ("Sync", always!(frontend::write_sync), b"S\0\0\0\x04"),
    ("Flush", always!(frontend::write_flush), b"H\0\0\0\x04"),
    ("Terminate", always!(frontend::write_terminate), b"X\0\0\0\x04"),
    ("CopyData", |o| frontend::write_copy_data(o, b"1\ta\n"), b"d\0\0\0\x081\ta\n"),
    ("CopyDone", always!(frontend::write_copy_done), b"c\0\0\0\x04"),
    ("CopyFail", |o| frontend::write_copy_fail(o, b"no"), b"f\0\0\0\x07no\0"),
    ("PasswordMessage", |o| frontend::write_password(o, b"pw"), b"p\0\0\0\x07pw\0"),
    ("SASLInitialResponse", |o| frontend::write_sasl_initial(o, "X", b"n,,"), b"p\0\0\0\x0dX\0\0\0\0\x03n,,"),
    ("SASLResponse", |o| frontend::write_sasl_response(o, b"c=biws"), b"p\0\0\0\x0ac=biws"),
];

const FIRST: &[(&str, Write, &[u8])] = &[
    ("SSLRequest", always!(frontend::write_ssl_request), b"\0\0\0\x08\x04\xd2\x16\x2f"),
    ("GSSENCRequest", always!(frontend::write_gss_request), b"\0\0\0\x08\x04\xd2\x16\x30"),
    (
        "CancelRequest",
        |o| frontend::write_cancel(o, 258, &[1, 2, 3, 4]),
        b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02\x01\x02\x03\x04",
    ),
    (
        "StartupMessage",
        |o| frontend::write_startup(o, ProtocolVersion::V3_0, &[("user", "a"), ("user", "b")]),
        b"\0\0\0\x17\0\x03\0\0user\0a\0user\0b\0\0",
    ),
    (
        "StartupMessage 3.2",
        |o| frontend::write_startup::<&str, &str>(o, ProtocolVersion::V3_2, &[]),
        b"\0\0\0\x09\0\x03\0\x02\0",
    ),
];

const REPLY: ErrorReply<'_> =
    ErrorReply { severity: Severity::Fatal, code: "08P01", message: "m", detail: Some("d"), hint: Some("h") };

const NOTICE: ErrorReply<'_> = ErrorReply { severity: Severity::Notice, detail: None, hint: None, ..REPLY };

const FROM_SERVERS: &[(&str, Write, &[u8])] = &[
    ("AuthenticationOk", always!(backend::write_authentication_ok), b"R\0\0\0\x08\0\0\0\0"),
    ("AuthenticationCleartextPassword", always!(backend::write_cleartext), b"R\0\0\0\x08\0\0\0\x03"),
    ("AuthenticationSASL", |o| backend::write_sasl(o, &["A", "B"]), b"R\0\0\0\x0d\0\0\0\x0aA\0B\0\0"),
    ("AuthenticationSASLContinue", |o| backend::write_sasl_continue(o, b"r=x"), b"R\0\0\0\x0b\0\0\0\x0br=x"),
    ("AuthenticationSASLFinal", |o| backend::write_sasl_final(o, b"v=x"), b"R\0\0\0\x0b\0\0\0\x0cv=x"),
    ("ParameterStatus", |o| backend::write_parameter_status(o, "a", "b"), b"S\0\0\0\x08a\0b\0"),
    (
        "BackendKeyData",
        |o| backend::write_backend_key_data(o, 258, &[9; 4]),
        b"K\0\0\0\x0c\0\0\x01\x02\x09\x09\x09\x09",
    ),
    ("ReadyForQuery", always!(|o| backend::write_ready_for_query(o, TransactionStatus::Failed)), b"Z\0\0\0\x05E"),
    ("CommandComplete", |o| backend::write_command_complete(o, "SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
    (
        "ErrorResponse",
        always!(|o| backend::write_error(o, &REPLY)),
        b"E\0\0\0\x23SFATAL\0VFATAL\0C08P01\0Mm\0Dd\0Hh\0\0",
    ),
    ("NoticeResponse", always!(|o| backend::write_notice(o, &NOTICE)), b"N\0\0\0\x1fSNOTICE\0VNOTICE\0C08P01\0Mm\0\0"),
    (
        "RowDescription",
        |o| backend::write_row_description(o, &[Column { name: "a", type_oid: 25 }]),
        b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    ),
    ("DataRow", |o| backend::write_data_row(o, &[Some(b"a"), None]), b"D\0\0\0\x0f\0\x02\0\0\0\x01a\xff\xff\xff\xff"),
    ("ParameterDescription", |o| backend::write_parameter_description(o, &[23]), b"t\0\0\0\x0a\0\x01\0\0\0\x17"),
    ("ParseComplete", always!(backend::write_parse_complete), b"1\0\0\0\x04"),
    ("BindComplete", always!(backend::write_bind_complete), b"2\0\0\0\x04"),
    ("CloseComplete", always!(backend::write_close_complete), b"3\0\0\0\x04"),
    ("NoData", always!(backend::write_no_data), b"n\0\0\0\x04"),
    ("PortalSuspended", always!(backend::write_portal_suspended), b"s\0\0\0\x04"),
    ("EmptyQueryResponse", always!(backend::write_empty_query), b"I\0\0\0\x04"),
    (
        "NegotiateProtocolVersion",
        |o| backend::write_negotiate_protocol_version(o, 0x0003_0002, &["_pq_.x"]),
        b"v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0",
    ),
];

fn written(write: Write) -> Vec<u8> {
    let mut out = b"before".to_vec();
    write(&mut out).unwrap();
    out.split_off(6)
}

#[test]
fn what_clients_say() {
    for (name, write, bytes) in FROM_CLIENTS {
        assert_eq!(written(*write).escape_ascii().to_string(), bytes.escape_ascii().to_string(), "{name}");
        let read = frontend::header(bytes).unwrap().unwrap();
        assert_eq!((read.tag, read.len), (bytes[0], bytes.len()), "{name}");
        assert_eq!(frontend::check(read.tag, &bytes[5..]), Ok(()), "{name}");
    }
    let tags: std::collections::BTreeSet<u8> = FROM_CLIENTS.iter().map(|(_, _, bytes)| bytes[0]).collect();
    // nobody but a client of long ago calls functions
    assert_eq!(tags, b"QPBEDCSHXdcfp".iter().copied().collect());
}

#[test]
fn how_clients_begin() {
    for (name, write, bytes) in FIRST {
        assert_eq!(written(*write).escape_ascii().to_string(), bytes.escape_ascii().to_string(), "{name}");
        let (_, consumed) = frontend::startup(bytes).unwrap().unwrap();
        assert_eq!(consumed, bytes.len(), "{name}");
    }
}

#[test]
fn what_servers_say() {
    for (name, write, bytes) in FROM_SERVERS {
        assert_eq!(written(*write).escape_ascii().to_string(), bytes.escape_ascii().to_string(), "{name}");
        let read = backend::header(bytes).unwrap().unwrap();
        assert_eq!((read.tag, read.len), (bytes[0], bytes.len()), "{name}");
        assert_eq!(header(bytes), Ok(Some(read)));
        assert_eq!(backend::check(read.tag, &bytes[5..]), Ok(()), "{name}");
    }
}

/// What is refused: a zero byte inside a string would begin another field, and a length that does not fit its field
/// would make the rest of the value a message.
#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    // pages that nobody touches cost nothing
    let long = vec![0; 0x3fff_ffff];
    type Write<'l> = &'l dyn Fn(&mut Vec<u8>) -> Result<(), WireError>;
    let over: &[Write<'_>] = &[
        &|o| frontend::write_query(o, b"select 1\0; drop"),
        &|o| frontend::write_parse(o, b"a\0b", b"q", b"\0\0"),
        &|o| frontend::write_parse(o, b"a", b"q\0", b"\0\0"),
        &|o| frontend::write_parse(o, b"a", b"q", b"\0\x01"),
        &|o| frontend::write_parse(o, b"a", b"q", b"\0\0\0"),
        &|o| frontend::write_bind_with(o, b"\0", b"s", b""),
        &|o| frontend::write_bind_with(o, b"", b"s", &long),
        &|o| frontend::write_bind(o, b"", b"", &[], &[Some(&long)], &[]),
        &|o| frontend::write_bind(o, b"", b"", &[0, 1], &[None], &[]),
        &|o| frontend::write_bind(o, b"", b"", &[], &vec![None; 65_536], &[]),
        &|o| frontend::write_bind(o, b"", b"", &[], &[], &vec![0; 65_536]),
        &|o| frontend::write_describe(o, TargetKind::Portal, b"a\0"),
        &|o| frontend::write_describe(o, TargetKind::Portal, &[b'x'; 10_000]),
        &|o| frontend::write_execute(o, b"a\0", 0),
        &|o| frontend::write_copy_data(o, &long),
        &|o| frontend::write_copy_fail(o, b"\0"),
        &|o| frontend::write_password(o, b"a\0"),
        &|o| frontend::write_password(o, &[b'x'; 65_536]),
        &|o| frontend::write_sasl_initial(o, "a\0", b""),
        &|o| frontend::write_cancel(o, 1, b"abc"),
        &|o| frontend::write_cancel(o, 1, &[0; 257]),
        &|o| frontend::write_startup(o, ProtocolVersion::V3_0, &[("user", "a\0b")]),
        &|o| frontend::write_startup(o, ProtocolVersion::V3_0, &[("", "a")]),
        &|o| frontend::write_startup(o, ProtocolVersion::V3_0, &[("user", "x".repeat(10_000))]),
        &|o| backend::write_sasl(o, &[""]),
        &|o| backend::write_sasl(o, &["a\0"]),
        &|o| backend::write_sasl_continue(o, &[0; 30_001]),
        &|o| backend::write_parameter_status(o, "a", "b\0"),
        &|o| backend::write_backend_key_data(o, 1, b""),
        &|o| backend::write_command_complete(o, "a\0"),
        &|o| backend::write_row_description(o, &[Column { name: "a\0", type_oid: 25 }]),
        &|o| backend::write_data_row(o, &vec![None; 65_536]),
        &|o| backend::write_data_row(o, &[Some(b"a"), Some(&long)]),
        &|o| backend::write_negotiate_protocol_version(o, 2, &["a\0"]),
    ];
    for (number, write) in over.iter().enumerate() {
        let mut out = b"before".to_vec();
        assert!(write(&mut out).is_err(), "{number}");
        assert_eq!(out, b"before", "{number}");
    }
}

#[test]
fn a_message_may_be_exactly_as_long_as_the_other_side_takes() {
    let name = |bytes: usize| vec![b'x'; bytes - 7];
    let mut out = Vec::new();
    let refused = frontend::write_describe(&mut out, TargetKind::Portal, &name(10_002)).unwrap_err();
    assert_eq!(refused.to_string(), "the whole of Describe has 10002 bytes; 10001 are possible");
    frontend::write_describe(&mut out, TargetKind::Portal, &name(10_001)).unwrap();
    assert_eq!(frontend::header(&out).unwrap().unwrap().len, 10_001);
    let mut out = Vec::new();
    let value = |bytes: usize| "x".repeat(bytes - 8);
    assert!(backend::write_parameter_status(&mut out, "a", &value(30_002)).is_err());
    backend::write_parameter_status(&mut out, "a", &value(30_001)).unwrap();
    assert_eq!(backend::header(&out).unwrap().unwrap().len, 30_001);
}
