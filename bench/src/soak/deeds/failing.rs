//! Statements that fail, before, while and after they give rows, in both protocols.

use crate::soak::exchange::Exchange;
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let token = speaker.token();
    let failing = |sql: &str, code| Exchange::new().query(sql, [Want::Error(code)]).ready(b'I');
    let exchange = match speaker.rng.u32(..5) {
        0 => failing("SELEC 1", "42601"),
        1 => failing(&format!("SELECT {token} FROM nowhere"), "42P01"),
        // described before it fails
        2 => {
            let sql = format!("SELECT 1 / (n - 1) FROM generate_series(1, 2) AS n WHERE {token} > 0");
            Exchange::new().query(&sql, [Want::Columns, Want::Error("22012")]).ready(b'I')
        }
        // what comes after the error, up to the Sync, is skipped
        3 => {
            let bad = Exchange::new().parse_as("", "SELEC $1", Want::Error("42601"));
            bad.bind("", "", token).execute("", speaker.rows(token), "SELECT").sync(b'I')
        }
        // the server computes it as it binds
        _ => {
            let bad = Exchange::new().parse("", "SELECT 1 / ($1 - $1)").bind_as("", "", token, Want::Error("22012"));
            bad.execute("", speaker.rows(token), "SELECT").sync(b'I')
        }
    };
    vec![exchange]
}
