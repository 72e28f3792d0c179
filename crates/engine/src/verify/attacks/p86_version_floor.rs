//! P-86: a server that leaks by itself.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-86",
    title: "The server's release is below the floor",
    severity: High,
    meaning: "Several errors of PostgreSQL itself break row-level security (CVE-2026-120154, 16237, 116327, 116311, 14666). They are corrected in the minor releases of 2026-11-12.",
    method: "Reads server_version_num and compares it with the floor of its major version: 15.20, 16.16, 17.12, 18.6.",
    remedy: "Install the newest minor release of the same major version; no dump is needed, only a restart.",
    run: |stage| Box::pin(run(stage)),
};

/// Lowest release of each major version without the known errors.
const FLOOR: [(u32, u32); 4] = [(15, 150_020), (16, 160_016), (17, 170_012), (18, 180_006)];

/// True if this release has known errors in row-level security. Majors after the list are taken as corrected.
pub(super) fn is_below(version: u32) -> bool {
    match FLOOR.iter().find(|(major, _)| *major == version / 10_000) {
        Some((_, floor)) => version < *floor,
        None => version < FLOOR[0].1,
    }
}

async fn run(stage: &Stage) -> Verdict {
    let version = stage.catalog.server_version_num;
    Ok(if is_below(version) {
        Outcome::Fail {
            objects: vec![format!("server {}", stage.catalog.server_version)],
            evidence: "this release has known errors in row-level security".into(),
        }
    } else {
        Outcome::Pass(format!("server {version} has the known corrections"))
    })
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn the_floor_is_the_release_of_the_corrections() {
        assert!(is_below(150_018) && !is_below(150_020));
        assert!(is_below(160_014) && !is_below(160_016));
        assert!(is_below(180_004) && !is_below(180_006));
        assert!(is_below(140_030), "older majors have no corrected release here");
        assert!(!is_below(190_001));
    }
}
