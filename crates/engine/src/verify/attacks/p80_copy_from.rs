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
    for table in stage.writable() {
        tally.tried();
        stage.as_a.begin(Some(&stage.a)).await?;
        let sql = format!("COPY {} FROM STDIN", table.sql);
        let refused = match stage.as_a.client().copy_in::<_, &'static [u8]>(&sql).await {
            Err(error) => matches!(error.code().map(|c| c.code()), Some("0A000" | "42501")),
            Ok(_) => false,
        };
        if !refused {
            tally.broke(&table.table, "COPY FROM is accepted");
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "COPY FROM is refused"))
}
