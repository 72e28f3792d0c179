//! The time that one server process takes.

use std::fs;
use std::time::Instant;

use tenantry_pg::Client;

use super::Error;

/// Work that takes a few milliseconds of processor time, to see whether the counter belongs to our server process.
const BURN: &str = "SELECT count(*) FROM generate_series(1, 50000) AS n(i) WHERE pg_catalog.md5(n.i::text) = ''";

/// Processor time of a server process on this machine, or time on the wall.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// Processor time of this process of this machine.
    Cpu(i32),
    /// Time on the wall since this moment.
    Wall(Instant),
}

impl Clock {
    /// The better clock for a connection. A process number of another machine or container may belong to anybody
    /// here, so the counter must also rise while the server works for us.
    pub async fn of(client: &Client) -> Result<Self, Error> {
        let row = client
            .query_one("SELECT pg_catalog.pg_backend_pid()", &[])
            .await
            .map_err(Error::sql("ask for the process"))?;
        let cpu = Self::Cpu(row.get(0));
        let (start, before) = (Instant::now(), cpu.nanoseconds());
        client.query_one(BURN, &[]).await.map_err(Error::sql("try the clock"))?;
        let (wall, after) = (start.elapsed().as_nanos() as f64, cpu.nanoseconds());
        let rose = before.zip(after).is_some_and(|(b, a)| (a - b) as f64 > wall * 0.02 && a - b > 1_000_000);
        Ok(if rose { cpu } else { Self::Wall(Instant::now()) })
    }

    /// Nanoseconds since some moment; `None` if the process is not to be seen.
    pub fn nanoseconds(&self) -> Option<u64> {
        match self {
            Self::Cpu(pid) => {
                fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?.split(' ').next()?.parse().ok()
            }
            Self::Wall(start) => u64::try_from(start.elapsed().as_nanos()).ok(),
        }
    }

    /// `cpu` or `wall`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Wall(_) => "wall",
        }
    }
}
