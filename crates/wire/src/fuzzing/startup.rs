//! The first bytes of a connection.

use crate::frontend::{
    STARTUP_BYTES_MAX, STARTUP_PARAMETERS_MAX, Startup, startup as read, write_cancel, write_gss_request,
    write_ssl_request, write_startup,
};

/// Reads one packet: it takes no more than there is, not a byte less would have done, and what follows plays no part.
pub fn startup(bytes: &[u8]) {
    let Ok(Some((found, consumed))) = read(bytes) else { return };
    assert!((8..=bytes.len().min(STARTUP_BYTES_MAX + 4)).contains(&consumed));
    assert_eq!(read(&bytes[..consumed - 1]), Ok(None));
    assert_eq!(read(&bytes[..consumed]), Ok(Some((found.clone(), consumed))));
    let mut out = Vec::new();
    match &found {
        Startup::Ssl => write_ssl_request(&mut out),
        Startup::Gss => write_gss_request(&mut out),
        Startup::Cancel { pid, secret } => {
            assert!((4..=256).contains(&secret.len()));
            write_cancel(&mut out, *pid, secret).expect("what was read can be written");
        }
        Startup::Start(message) => {
            assert!(message.parameters.len() <= STARTUP_PARAMETERS_MAX);
            for (name, value) in &message.parameters {
                assert!(!name.is_empty() && !name.contains('\0') && !value.contains('\0'));
                assert!(message.values(name).any(|v| v == value));
            }
            write_startup(&mut out, message.version, &message.parameters).expect("what was read can be written");
        }
    }
    assert_eq!(out, bytes[..consumed], "read and written again, it is another");
}
