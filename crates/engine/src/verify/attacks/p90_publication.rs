//! P-90: rows that leave by replication.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-90",
    title: "A publication ships all tenants",
    severity: High,
    meaning: "Logical replication ignores row-level security: a publication without a row filter ships every tenant's rows to its subscribers.",
    method: "Lists publications of protected tables: FOR ALL TABLES, or a protected table without a row filter.",
    remedy: "Give each published table a row filter with the tenant, or accept the publication in the registry with the reason (a central consumer).",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for publication in &stage.catalog.publications {
        tally.tried();
        let open: Vec<String> = publication
            .tables
            .iter()
            .filter(|(table, filtered)| !filtered && stage.subject(table).is_some())
            .map(|(table, _)| table.to_string())
            .collect();
        let object = format!("publication {}", publication.name);
        if publication.all_tables {
            tally.broke(object, "FOR ALL TABLES");
        } else if !open.is_empty() {
            tally.broke(object, format!("ships {} without a row filter", names(&open.iter().map(String::as_str).collect::<Vec<_>>())));
        }
    }
    Ok(tally.finish_static("publication", "ships no protected table without a row filter"))
}
