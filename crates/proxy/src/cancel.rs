//! Cancelling a client's statement: the key a client was given leads to the client, the client to the server
//! connection that works for it at this moment, and to no other.
//!
//! While a cancel request is on its way, that server connection is not given to anybody else: the request could
//! arrive after the statement has ended.

use std::rc::Rc;
use std::time::Duration;

use tenantry_wire::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, Doing, Target};
use crate::pool;

/// How long a cancel request may take.
pub(crate) const CANCEL_WITHIN: Duration = Duration::from_secs(2);

/// Cancels what the server does for this client, if it does anything.
pub(crate) fn cancel(client: &Client) {
    if client.doing.get() != Doing::Running {
        return;
    }
    if let Some(target) = client.target.borrow().clone() {
        send(target);
    }
}

/// Sends a cancel request on the side.
pub(crate) fn send(target: Target) {
    target.cancels.set(target.cancels.get() + 1);
    tokio::task::spawn_local(async move {
        // whatever comes of it, the statement goes on or ends
        let _ = tokio::time::timeout(CANCEL_WITHIN, request(&target)).await;
        target.cancels.set(target.cancels.get().saturating_sub(1));
    });
}

/// The server signals the process before it closes the connection, so the end of the connection is the moment from
/// which on nothing can be hit by it any more.
async fn request(target: &Target) -> Result<(), pool::ConnectError> {
    let (mut stream, _) = pool::open(&target.database.database.server).await?;
    let mut message = Vec::new();
    if frontend::write_cancel(&mut message, target.process, &target.secret).is_ok() {
        let mut end = [0; 16];
        // a server that closes early has done what it would do
        let _ = stream.write_all(&message).await;
        let _ = stream.flush().await;
        while matches!(stream.read(&mut end).await, Ok(count) if count > 0) {}
    }
    Ok(())
}

/// The number under which a client is known to itself: worker and place.
pub(crate) fn key_of(worker: usize, place: usize) -> i32 {
    i32::try_from((worker << PLACE_BITS) | (place + 1)).unwrap_or(0)
}

/// Worker and place of a number.
pub(crate) fn place_of(key: i32) -> Option<(usize, usize)> {
    let key = usize::try_from(key).ok()?;
    let place = (key & ((1 << PLACE_BITS) - 1)).checked_sub(1)?;
    Some((key >> PLACE_BITS, place))
}

/// Bits for the place of a client in its worker; the rest of 31 is for the worker.
const PLACE_BITS: usize = 24;
/// Most clients of a worker.
pub(crate) const PLACES_MAX: usize = (1 << PLACE_BITS) - 2;
/// Most workers.
pub(crate) const WORKERS_MAX: usize = 1 << (31 - PLACE_BITS);

/// Cancels by the key and the secret that a client sent. A wrong one does nothing, and costs nothing.
pub(crate) fn by_key(clients: &slab::Slab<Rc<Client>>, place: usize, secret: &[u8]) {
    if let Some(client) = clients.get(place).filter(|c| c.has_secret(secret)) {
        cancel(client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_back_and_are_never_zero() {
        for (worker, place) in [(0, 0), (0, 9999), (WORKERS_MAX - 1, PLACES_MAX - 1), (3, 1)] {
            let key = key_of(worker, place);
            assert!(key > 0);
            assert_eq!(place_of(key), Some((worker, place)));
        }
        assert_eq!(place_of(0), None);
        assert_eq!(place_of(-5), None);
    }
}
