//! The load: `wrk` from Debian, and what it says.

use std::process::Command;

use anyhow::{Context, bail};

/// What wrk said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) requests: f64,
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

pub(super) fn installed() -> anyhow::Result<()> {
    let found = Command::new("wrk").arg("--version").output();
    found.map(drop).context("cannot run `wrk`: install the package wrk (`bench/run` does)")
}

/// Loads a port for some seconds.
pub(super) fn run(port: u16, connections: u32, seconds: u32) -> anyhow::Result<Said> {
    let output = Command::new("wrk")
        .args(["-t1", "--latency", "-H", "Host: acme.example.com", "-c", &connections.to_string()])
        .args(["-d", &format!("{seconds}s"), &format!("http://127.0.0.1:{port}/")])
        .output()
        .context("run wrk")?;
    read(&String::from_utf8_lossy(&output.stdout))
}

fn read(text: &str) -> anyhow::Result<Said> {
    if let Some(line) = text.lines().find(|l| l.contains("Non-2xx") || l.contains("Socket errors")) {
        bail!("not every request was answered well: {}", line.trim());
    }
    let after = |mark: &str| text.lines().find_map(|l| l.trim().strip_prefix(mark)).map(str::trim);
    let requests = text.lines().find_map(|l| l.trim().split_once(" requests in")).map(|(n, _)| n);
    let said = (|| {
        Some(Said {
            requests: requests?.parse().ok()?,
            per_second: after("Requests/sec:")?.parse().ok()?,
            p50_us: micros(after("50%")?)?,
            p99_us: micros(after("99%")?)?,
        })
    })();
    said.with_context(|| format!("wrk said something else than numbers: {text}"))
}

fn micros(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
  Latency Distribution
     50%  672.00us
     75%  720.00us
     99%    1.35ms
  290161 requests in 3.10s, 369.27MB read
Requests/sec:  93600.12
Transfer/sec:    119.12MB
";

    #[test]
    fn what_wrk_says() {
        let wanted = Said { requests: 290_161.0, per_second: 93_600.12, p50_us: 672.0, p99_us: 1350.0 };
        assert_eq!(read(SAID).unwrap(), wanted);
        assert!(read(&format!("{SAID}  Non-2xx or 3xx responses: 5\n")).is_err() && read("").is_err());
    }
}
