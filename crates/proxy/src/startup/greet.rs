//! What a client is told when it has logged in: the settings of the server with its own, and how to cancel.

use std::rc::Rc;
use std::time::Duration;

use tenantry_wire::backend::{self, TransactionStatus};

use crate::parameters::{Parameters, REPORTED};
use crate::pool::{Pool, Told};
use crate::refusal::Refusal;

/// How long the first client may wait for the first server connection.
const WELCOME_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Settings that are of the server connection's login, not the client's.
const OF_THE_LOGIN: &[&str] = &["session_authorization", "is_superuser"];

/// What the server said when the first connection to it was made.
pub(super) async fn welcome(pool: &Rc<Pool>) -> Result<Told, Refusal> {
    // one try on behalf of this client; if it fails, it is told
    pool.warm();
    let looked = async {
        loop {
            if let Some(told) = pool.welcome.borrow().clone() {
                return Ok(told);
            }
            if pool.has_failed() {
                return Err(Refusal::server_unavailable());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(WELCOME_WITHIN, looked).await.map_err(|_| Refusal::server_unavailable())?
}

/// The messages between AuthenticationOk and the first ReadyForQuery.
pub(super) fn greeting(told: &Told, own: &Parameters, key: i32, secret: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    for (name, value) in told.iter().filter(|(name, _)| !OF_THE_LOGIN.contains(&&**name)) {
        let lower = name.to_ascii_lowercase();
        let value = match own.get(&lower) {
            // the server completes a date style without an order
            Some(style) if lower == "datestyle" && !style.contains(',') => {
                let order = value.split(',').nth(1).unwrap_or(" MDY").trim().to_owned();
                format!("{style}, {order}")
            }
            Some(own) if REPORTED.contains(&lower.as_str()) => own.to_owned(),
            // tenantry's own name for its connections is nobody else's
            None if lower == "application_name" => String::new(),
            _ => value.to_string(),
        };
        backend::write_parameter_status(&mut out, name, &value).map_err(Refusal::violation)?;
    }
    backend::write_backend_key_data(&mut out, key, secret).map_err(Refusal::violation)?;
    backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
    Ok(out)
}
