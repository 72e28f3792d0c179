//! Audit entries on their way to a file or to syslog. How far each place has come stands in the database: one that is away
//! gets what it missed when it is back.

use std::io;
use std::time::Duration;

use tenantry_control::Control;
use tenantry_control::audit::Shown;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};

use crate::config::sinks::Sink;

/// How often to look for new entries.
const EVERY: Duration = Duration::from_secs(1);
/// Longest pause for a place that is away.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Longest time for one batch.
const WITHIN: Duration = Duration::from_secs(20);
/// Facility of syslog: log audit.
const FACILITY: u8 = 13;

/// Forwards entries for as long as it runs.
pub(super) async fn forward(control: Control, sink: Sink) {
    let name = sink.name();
    let mut pause = EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let unsent = match control.unsent(&name).await {
            Ok(unsent) => unsent,
            Err(error) => {
                tracing::warn!("cannot read audit entries for {name}: {error}");
                pause = (pause * 2).min(PAUSE_MAX);
                continue;
            }
        };
        let given = match unsent.entries.is_empty() {
            true => Ok(()),
            false => tokio::time::timeout(WITHIN, give(&sink, &unsent.entries)).await.unwrap_or_else(|e| Err(e.into())),
        };
        let noted = match given {
            Ok(()) => control.sent(&name, &unsent).await.map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        pause = match noted {
            Ok(()) if unsent.entries.is_empty() => EVERY,
            // there may be more
            Ok(()) => Duration::ZERO,
            Err(error) => {
                tracing::warn!("audit entries wait for {name}: {error}");
                (pause.max(EVERY) * 2).min(PAUSE_MAX)
            }
        };
    }
}

async fn give(sink: &Sink, entries: &[Shown]) -> io::Result<()> {
    match sink {
        Sink::File(path) => {
            let mut lines = String::new();
            for entry in entries {
                lines.push_str(&serde_json::to_string(entry)?);
                lines.push('\n');
            }
            // opened anew each time: whoever renames the file away gets a new one
            let mut file = tokio::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).await?;
            file.write_all(lines.as_bytes()).await?;
            file.sync_data().await
        }
        Sink::Udp(to) => {
            let socket = UdpSocket::bind(if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" }).await?;
            socket.connect(to).await?;
            for entry in entries {
                socket.send(message(entry)?.as_bytes()).await?;
            }
            Ok(())
        }
        Sink::Tcp(to) => {
            let mut stream = TcpStream::connect(to).await?;
            for entry in entries {
                let message = message(entry)?;
                // RFC 6587: the length first, whatever stands in it
                stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
            }
            stream.shutdown().await
        }
        Sink::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            for entry in entries {
                socket.send_to(message(entry)?.as_bytes(), path).await?;
            }
            Ok(())
        }
    }
}

/// An entry as RFC 5424 has it; JSON is its text, so that no line break of anybody ends it.
fn message(entry: &Shown) -> io::Result<String> {
    let level = match &*entry.severity {
        "CRITICAL" => 2,
        "HIGH" => 4,
        "MEDIUM" => 5,
        _ => 6,
    };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |text: &str, most| text.chars().filter(char::is_ascii_graphic).take(most).collect::<String>();
    let (host, action) = (plain(&host, 255), plain(&entry.action, 32));
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let (host, action, text) = (or_none(host), or_none(action), serde_json::to_string(entry)?);
    let priority = FACILITY * 8 + level;
    Ok(format!("<{priority}>1 {} {host} tenantry {} {action} - {text}", entry.occurred_at, std::process::id()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(action: &str) -> Shown {
        serde_json::from_value(json!({
            "id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "occurredAt": "2026-01-02T03:04:05Z", "action": action,
            "severity": "CRITICAL", "actor": {"name": "x\ny"}, "tenantId": null, "targets": [], "context": {},
            "outcome": "SUCCESS", "metadata": {},
        }))
        .unwrap()
    }

    #[test]
    fn one_entry_is_one_message() {
        let text = message(&entry("KEY_CREATED")).unwrap();
        assert!(text.starts_with("<106>1 2026-01-02T03:04:05Z ") && text.contains(" KEY_CREATED - {\"id\""), "{text}");
        assert!(!text.contains('\n'));
        assert!(message(&entry("a b\n")).unwrap().contains(" ab - {"));
        assert!(message(&entry("")).unwrap().contains(" - - {"));
    }

    #[tokio::test]
    async fn every_kind_of_place_gets_them() {
        let folder = tempfile::tempdir().unwrap();
        let two = [entry("ONE"), entry("TWO")];
        let file = folder.path().join("audit.jsonl");
        for _ in 0..2 {
            give(&Sink::File(file.clone()), &two).await.unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 4);
        std::fs::rename(&file, folder.path().join("old")).unwrap();
        give(&Sink::File(file.clone()), &two).await.unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2, "after it was rotated");

        let mut bytes = [0; 4096];
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        give(&Sink::Udp(udp.local_addr().unwrap().to_string()), &two).await.unwrap();
        let count = udp.recv(&mut bytes).await.unwrap();
        assert!(bytes[..count].starts_with(b"<106>1 "));
        let path = folder.path().join("log");
        let unix = UnixDatagram::bind(&path).unwrap();
        give(&Sink::Unix(path), &two).await.unwrap();
        let count = unix.recv(&mut bytes).await.unwrap();
        assert!(bytes[..count].starts_with(b"<106>1 "));
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = Sink::Tcp(tcp.local_addr().unwrap().to_string());
        let (given, accepted) = tokio::join!(give(&to, &two), tcp.accept());
        given.unwrap();
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut accepted.unwrap().0, &mut text).await.unwrap();
        let (length, rest) = text.split_once(' ').unwrap();
        assert!(rest[length.parse::<usize>().unwrap()..].contains(" TWO - "), "{text}");
        assert!(give(&Sink::Unix("/nowhere/log".into()), &two).await.is_err());
    }
}
