//! P-80: loading in bulk.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-80",
    title: "COPY FROM gets past the policies",
    severity: Medium,
    meaning: "COPY FROM is refused on tables with row-level security, so that teams give their loader BYPASSRLS. Where it is not refused, policies are off.",
    method: "As A, begins COPY … FROM STDIN on every protected table that it may insert into, and sends no row: the server must refuse with 0A000 or 42501.",
    remedy: "Load with INSERT (many rows per statement), or through a staging table and INSERT … SELECT; never give the loader BYPASSRLS.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let mut session = stage.fresh(0).await?;
    for table in stage.writable() {
        tally.tried();
        session.begin(Some(&stage.a)).await?;
        match session.say(&format!("COPY {} FROM STDIN", table.sql), Wire::Simple).await {
            Ok(answer) if matches!(answer.code(), "0A000" | "42501") => session.end().await?,
            Ok(answer) => {
                tally.left(&table.table, format!("the server answered {}", answer.code()));
                session.end().await?;
            }
            // The server waits for rows now, which nobody will send: the connection is given up.
            Err(_) => {
                tally.broke(&table.table, "COPY FROM is accepted");
                session.close().await;
                session = stage.fresh(0).await?;
            }
        }
    }
    session.close().await;
    Ok(tally.finish("table", "COPY FROM is refused"))
}
