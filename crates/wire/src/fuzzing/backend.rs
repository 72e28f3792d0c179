//! Messages from a server.

use super::{each_message, same};
use crate::backend::{
    Authentication, ErrorReply, MESSAGE_BYTES_MAX, Severity, authentication, backend_key_data, bytes_max, check,
    command_complete, data_row, error_fields, header, negotiate_protocol_version, notification, parameter_description,
    parameter_status, ready_for_query, row_description, write_authentication_ok, write_backend_key_data,
    write_cleartext, write_command_complete, write_data_row, write_error, write_negotiate_protocol_version,
    write_parameter_description, write_parameter_status, write_ready_for_query, write_sasl, write_sasl_continue,
    write_sasl_final,
};
use crate::tag::backend as tag;

/// Reads a stream of a server's messages, and writes again what could be read and has a writer.
pub fn backend(stream: &[u8]) {
    each_message(stream, MESSAGE_BYTES_MAX, header, |tag, body| {
        assert!(bytes_max(tag).is_some());
        let good = check(tag, body).is_ok();
        match tag {
            tag::AUTHENTICATION => try_authentication(body),
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => try_error(body),
            tag::ROW_DESCRIPTION => {
                row_description(body).into_iter().for_each(|read| assert_eq!(read.iter().count(), read.len()));
            }
            tag::DATA_ROW => {
                if let Ok(read) = data_row(body) {
                    let values: Vec<Option<&[u8]>> = read.iter().collect();
                    assert_eq!(values.len(), read.len());
                    same(tag, body, |out| write_data_row(out, &values));
                }
            }
            tag::PARAMETER_DESCRIPTION => {
                if let Ok(read) = parameter_description(body) {
                    let types: Vec<u32> = read.iter().collect();
                    same(tag, body, |out| write_parameter_description(out, &types));
                }
            }
            tag::NOTIFICATION => {
                notification(body).into_iter().for_each(|n| {
                    assert_eq!(4 + n.channel.len() + 1 + n.payload.len() + 1, body.len());
                });
            }
            _ => try_short(tag, body, good),
        }
    });
}

fn try_short(tag: u8, body: &[u8], good: bool) {
    match tag {
        tag::PARAMETER_STATUS => {
            parameter_status(body).into_iter().for_each(|(name, value)| {
                same(tag, body, |out| write_parameter_status(out, name, value));
            });
        }
        tag::BACKEND_KEY_DATA => {
            backend_key_data(body).into_iter().for_each(|(pid, secret)| {
                same(tag, body, |out| write_backend_key_data(out, pid, secret));
            });
        }
        tag::READY_FOR_QUERY => {
            ready_for_query(body).into_iter().for_each(|status| {
                same(tag, body, |out| {
                    write_ready_for_query(out, status);
                    Ok(())
                });
            });
        }
        tag::COMMAND_COMPLETE => {
            command_complete(body).into_iter().for_each(|command| {
                same(tag, body, |out| write_command_complete(out, command));
            });
        }
        tag::NEGOTIATE_PROTOCOL_VERSION => {
            negotiate_protocol_version(body).into_iter().for_each(|(newest, options)| {
                same(tag, body, |out| write_negotiate_protocol_version(out, newest, &options));
            });
        }
        tag::COPY_IN | tag::COPY_OUT | tag::COPY_BOTH | tag::COPY_DATA | tag::FUNCTION_CALL_RESPONSE => assert!(good),
        _ => assert_eq!(body.is_empty(), good),
    }
}

fn try_authentication(body: &[u8]) {
    let Ok(read) = authentication(body) else { return };
    let code = body.first_chunk().map(|code| i32::from_be_bytes(*code));
    same(tag::AUTHENTICATION, body, |out| match &read {
        Authentication::Ok => {
            write_authentication_ok(out);
            Ok(())
        }
        Authentication::CleartextPassword => {
            write_cleartext(out);
            Ok(())
        }
        Authentication::Sasl { mechanisms } => write_sasl(out, mechanisms),
        Authentication::SaslContinue(data) => write_sasl_continue(out, data),
        Authentication::SaslFinal(data) => write_sasl_final(out, data),
        // we ask for neither
        Authentication::Md5 { .. } | Authentication::Other(_) => {
            assert!(!matches!(code, Some(0 | 3 | 10 | 11 | 12)));
            out.extend(super::whole(tag::AUTHENTICATION, body));
            Ok(())
        }
    });
}

/// What a server says can be said again as our own, whatever it is.
fn try_error(body: &[u8]) {
    let Ok(read) = error_fields(body) else { return };
    assert_eq!(read.code.len(), 5);
    let mut out = Vec::new();
    let reply = ErrorReply {
        severity: Severity::Error,
        code: read.code,
        message: read.message,
        detail: read.detail,
        hint: read.hint,
    };
    write_error(&mut out, &reply);
    let again = error_fields(&out[5..]).expect("what we write can be read");
    assert_eq!((again.code, again.severity), (read.code, "ERROR"));
    assert!(read.message.starts_with(again.message));
    assert_eq!(again.hint.is_some(), read.hint.is_some());
}
