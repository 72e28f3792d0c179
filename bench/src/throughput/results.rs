//! The table of what was found.

use serde_json::json;

use super::Plan;
use super::cases::{BASE, Case, Lane, Mode, SESSIONS};
use super::lane::Found;
use crate::peer::Peer;
use crate::table::{Cell, Row, Table};

type Results = [(Case, Vec<(Lane, Found)>)];

pub(super) fn table(plan: &Plan, peers: &[Peer], version: &str, results: &Results) -> Table {
    let mut columns = Vec::new();
    for peer in peers {
        columns.push(*peer);
        if *peer == BASE && plan.modes.contains(&Mode::Prepared) {
            columns.push(SESSIONS);
        }
    }
    let mut rows: Vec<Row> = results.iter().map(|(case, found)| row(*case, found, &columns)).collect();
    rows.extend(results.iter().filter_map(|(case, found)| latency(*case, found, &columns)));
    Table {
        title: format!("pgbench -S, {} connections to the server", plan.pool),
        note: format!(
            "PostgreSQL {version}, scale {}, medians of {} rounds of {} s\n\
             ratio of throughput to PgBouncer · processor time of the pooler per transaction · its system calls (sys) and context switches (sw)\n\
             PgBouncer 1.18 has no prepared statements by transactions: there its figure is that of the extended protocol (ext)",
            plan.scale, plan.rounds, plan.seconds
        ),
        columns: columns.iter().map(|p| p.name().to_owned()).collect(),
        rows,
    }
}

fn row(case: Case, found: &[(Lane, Found)], columns: &[Peer]) -> Row {
    let base = found.iter().find(|(lane, _)| lane.peer == BASE).map(|(_, f)| f.rate);
    let cells = columns.iter().map(|peer| {
        let Some((lane, found)) = found.iter().find(|(l, _)| l.peer == *peer) else { return Cell::default() };
        let ratio = base.map(|b| found.rate / b);
        let mut text = ratio.map_or_else(|| format!("{:.0} tps", found.rate), |r| format!("{r:.2}"));
        if *peer != Peer::Direct {
            text.push_str(&format!(" · {:.0} µs", found.cpu_us));
            if let Some((calls, _)) = found.calls {
                text.push_str(&format!(" · {calls:.1} sys"));
            }
            text.push_str(&format!(" · {:.2} sw", found.switches));
        }
        if lane.mode != case.mode {
            text.push_str(" ext");
        }
        Cell {
            text,
            values: json!({
                "transactionsPerSecond": found.rate, "ratio": ratio, "cpuMicroseconds": found.cpu_us,
                "contextSwitches": found.switches, "systemCalls": found.calls.map(|c| c.0),
                "systemCallsCountedBy": found.calls.map(|c| format!("{:?}", c.1).to_lowercase()),
                "medianMicroseconds": found.latency_us, "protocol": lane.mode.name(),
            }),
        }
    });
    Row { case: case.to_string(), cells: cells.collect() }
}

/// What a pooler adds to the latency of one client, where it was also measured without one.
fn latency(case: Case, found: &[(Lane, Found)], columns: &[Peer]) -> Option<Row> {
    let direct = found.iter().find(|(lane, _)| lane.peer == Peer::Direct)?.1.latency_us?;
    let cells = columns.iter().map(|peer| {
        let found = found.iter().find(|(l, _)| l.peer == *peer).and_then(|(_, f)| f.latency_us);
        found.map_or_else(Cell::default, |us| Cell {
            text: if *peer == Peer::Direct { format!("{us:.0} µs") } else { format!("{:+.0} µs", us - direct) },
            values: json!({"medianMicroseconds": us, "addedMicroseconds": us - direct}),
        })
    });
    Some(Row { case: format!("latency, {case}"), cells: cells.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gauge::{Counter, Used};
    use crate::throughput::lane::Round;

    #[test]
    fn a_row_compares_with_pgbouncer() {
        let case = Case { mode: Mode::Simple, clients: 1 };
        let used = Used { cpu_ns: 40_000, switches: 3 };
        let round = |rate, us| Round { rate, transactions: 2.0, used, latency_us: Some(us) };
        let calls = Some((4.0, Counter::Perf));
        let lane = |peer| Lane { peer, mode: case.mode };
        let found = [
            (lane(Peer::Direct), Found::of(&[round(200.0, 100.0)], None)),
            (lane(BASE), Found::of(&[round(100.0, 130.0)], calls)),
        ];
        let columns = [Peer::Direct, BASE];
        let texts = |row: Row| row.cells.into_iter().map(|c| c.text).collect::<Vec<_>>();
        assert_eq!(texts(row(case, &found, &columns)), ["2.00", "1.00 · 20 µs · 4.0 sys · 1.50 sw"]);
        assert_eq!(texts(latency(case, &found, &columns).unwrap()), ["100 µs", "+30 µs"]);
    }
}
