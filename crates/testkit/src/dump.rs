//! Dumps by PostgreSQL's own programs: the outside judge of what a rollback gives back.

use std::path::PathBuf;
use std::process::Command;

use crate::database::{Database, PREFIX};
use crate::server::all_programs;

/// `pg_dump --schema-only` of the database, without the random tokens newer versions print.
pub fn dump(database: &Database) -> String {
    run(database, "pg_dump", &["--schema-only"]).join("\n")
}

/// `pg_dumpall --roles-only` of the server, without what belongs to other tests' databases and without headings,
/// which come and go with those. Comments and blank lines
/// are left out: a heading comes and goes with other tests' roles.
pub fn dump_roles(database: &Database) -> String {
    let lines = run(database, "pg_dumpall", &["--roles-only"]);
    let own = |line: &String| !line.is_empty() && !line.starts_with("--") && !names_another_test(line, database.name());
    lines.into_iter().filter(own).collect::<Vec<_>>().join("\n")
}

/// The folder of the `pg_dump` for a server's major version: its own, or else that of the next higher version.
pub fn pg_dump_for(database: &Database) -> PathBuf {
    let own = database.server().binaries();
    std::iter::once(own)
        .chain(all_programs())
        .filter(|b| b.version.major() >= own.version.major())
        .filter(|b| b.program("pg_dump").is_some() && b.program("pg_dumpall").is_some())
        .min_by_key(|b| b.version.major())
        .unwrap_or_else(|| panic!("no pg_dump for PostgreSQL {} on this machine", own.version.major()))
        .folder
        .clone()
}

fn run(database: &Database, program: &str, arguments: &[&str]) -> Vec<String> {
    let program = pg_dump_for(database).join(program);
    let mut command = Command::new(&program);
    command.args(arguments).env("LC_ALL", "C").envs(database.target().libpq_env());
    let output = command.output().unwrap_or_else(|e| panic!("cannot run {}: {e}", program.display()));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {words}", program.display());
    let text = String::from_utf8(output.stdout).expect("a dump of a UTF-8 database is UTF-8");
    let random = |line: &str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    text.lines().filter(|line| !random(line)).map(str::to_owned).collect()
}

/// Whether a line speaks of a role or database `tkN_…` of another test.
fn names_another_test(line: &str, own: &str) -> bool {
    let own_number = own.split('_').next().unwrap_or_default();
    line.match_indices(PREFIX).any(|(at, _)| {
        let starts_word = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let number: String = line[at + PREFIX.len()..].chars().take_while(char::is_ascii_digit).collect();
        let is_name = line[at + PREFIX.len() + number.len()..].starts_with('_');
        starts_word && !number.is_empty() && is_name && format!("{PREFIX}{number}") != own_number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_tests_roles_are_left_out() {
        assert!(names_another_test("CREATE ROLE \"tk12_plan_rt\";", "tk1_plan"));
        assert!(!names_another_test("CREATE ROLE tk1_plan_rt;", "tk1_plan"));
        assert!(!names_another_test("CREATE ROLE stk2_x; CREATE ROLE tkx;", "tk1_plan"));
    }
}
