//! Messages from a client.

use super::{each_message, same};
use crate::MESSAGE_BYTES_MAX;
use crate::frontend::{
    bind, bind_checked, bytes_max, check, close, copy_fail, describe, execute, header, parse, password, query,
    sasl_initial, write_bind, write_bind_with, write_close, write_copy_data, write_copy_fail, write_describe,
    write_execute, write_parse, write_password, write_query, write_sasl_initial, write_sasl_response,
};
use crate::tag::frontend as tag;

/// Reads a stream of a client's messages, and writes again what could be read.
pub fn frontend(stream: &[u8]) {
    each_message(stream, MESSAGE_BYTES_MAX, header, |tag, body| {
        assert!(bytes_max(tag).is_some());
        let good = check(tag, body).is_ok();
        match tag {
            tag::QUERY => {
                let read = query(body);
                assert_eq!(read.is_ok(), good);
                read.into_iter().for_each(|text| same(tag, body, |out| write_query(out, text)));
            }
            tag::PARSE => {
                let read = parse(body);
                assert_eq!(read.is_ok(), good);
                read.into_iter().for_each(|p| same(tag, body, |out| write_parse(out, p.name, p.query, p.types)));
            }
            tag::BIND => try_bind(body, good),
            tag::EXECUTE => {
                let read = execute(body);
                assert_eq!(read.is_ok(), good);
                read.into_iter().for_each(|e| same(tag, body, |out| write_execute(out, e.portal, e.max_rows)));
            }
            tag::DESCRIBE => {
                let read = describe(body);
                assert_eq!(read.is_ok(), good);
                read.into_iter().for_each(|t| same(tag, body, |out| write_describe(out, t.kind, t.name)));
            }
            tag::CLOSE => {
                let read = close(body);
                assert_eq!(read.is_ok(), good);
                read.into_iter().for_each(|t| same(tag, body, |out| write_close(out, t.kind, t.name)));
            }
            tag::COPY_FAIL => {
                copy_fail(body).into_iter().for_each(|reason| same(tag, body, |out| write_copy_fail(out, reason)));
            }
            tag::COPY_DATA => same(tag, body, |out| write_copy_data(out, body)),
            tag::PASSWORD => try_password(body),
            tag::SYNC | tag::FLUSH | tag::TERMINATE | tag::COPY_DONE => assert_eq!(body.is_empty(), good),
            _ => assert_eq!(tag, tag::FUNCTION_CALL),
        }
    });
}

fn try_bind(body: &[u8], good: bool) {
    let names = bind(body);
    if let Ok(names) = names {
        same(tag::BIND, body, |out| write_bind_with(out, names.portal, names.statement, names.rest));
    }
    let read = bind_checked(body);
    assert_eq!(read.is_ok(), good);
    if let Ok(read) = read {
        assert_eq!(Ok(read.bind), names);
        let formats: Vec<i16> = read.formats.iter().collect();
        let values: Vec<Option<&[u8]>> = read.values.iter().collect();
        let results: Vec<i16> = read.results.iter().collect();
        assert_eq!((formats.len(), values.len()), (read.formats.len(), read.values.len()));
        same(tag::BIND, body, |out| {
            write_bind(out, read.bind.portal, read.bind.statement, &formats, &values, &results)
        });
    }
}

fn try_password(body: &[u8]) {
    if let Ok(password) = password(body) {
        same(tag::PASSWORD, body, |out| write_password(out, password));
    }
    if let Ok(initial) = sasl_initial(body) {
        // an empty message and none are read alike
        if !initial.data.is_empty() {
            same(tag::PASSWORD, body, |out| write_sasl_initial(out, initial.mechanism, initial.data));
        }
    }
    same(tag::PASSWORD, body, |out| write_sasl_response(out, body));
}
