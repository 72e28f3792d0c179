//! A client that writes whatever an attack wants, and hears no more than whether it was let in.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::verify::outcome::Stop;

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Sends bytes on a connection of their own; the status of the answer, 0 if the connection ended without one.
pub(super) async fn status_of(address: &str, request: &str) -> Result<u16, Stop> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        let mut room = [0; 1024];
        while head.len() < 12 {
            match stream.read(&mut room).await {
                Ok(count) if count > 0 => head.extend_from_slice(&room[..count]),
                // refused without a word
                _ => return Ok(0),
            }
        }
        Ok::<_, std::io::Error>(head.get(9..12).and_then(|d| std::str::from_utf8(d).ok()?.parse().ok()).unwrap_or(0))
    };
    match tokio::time::timeout(WITHIN, ask).await {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(error)) => Err(Stop(format!("no connection: {error}"))),
        Err(_) => Err(Stop(format!("no answer within {} s", WITHIN.as_secs()))),
    }
}
