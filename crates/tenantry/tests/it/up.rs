//! `tenantry up`: from nothing to attacked with one command, twice in a row.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{binary, one_document, text, wanted};

fn up(folder: &Path, more: &[&str]) -> std::process::Output {
    let mut command = binary(folder);
    command.args(["up", "--check", "--rows", "3000", "--tenants", "12"]).args(more).env("XDG_DATA_HOME", folder);
    wanted(command, 0)
}

#[test]
fn a_demonstration_comes_up_is_attacked_goes_down_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    // as root the server runs as somebody else, who must be able to pass
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
    let first = one_document(&up(folder.path(), &["--format", "json"]));
    assert_eq!(first["report"]["failed"], 0, "{first}");
    assert!(first["report"]["passed"].as_u64().unwrap() > 50, "{first}");
    let seen = first["proxy"]["seen"].as_array().unwrap();
    assert!(seen.len() == 2 && seen.iter().all(|s| s["ok"] == true), "{first}");
    assert_ne!(seen[0]["tenant"], seen[1]["tenant"]);
    assert!(seen.iter().all(|s| s["rows_on_site"] == s["rows"]), "{first}");
    let demo = Path::new(first["folder"].as_str().unwrap());
    for (file, mode) in [
        ("credentials.json", 0o600),
        ("admin.url", 0o600),
        ("pgpass", 0o600),
        ("proxy.pgpass", 0o600),
        ("tenants.json", 0o600),
        ("operator.key", 0o600),
        ("control.secret", 0o600),
        ("verify.html", 0o644),
    ] {
        let found = std::fs::metadata(demo.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(found.permissions().mode() & 0o777, mode, "{file}");
    }
    let server = folder.path().join("tenantry/postgres/data");
    assert!(!server.join("postmaster.pid").exists(), "the server went down with the command");

    let second = up(folder.path(), &[]);
    assert!(text(&second.stderr).contains("is there already"), "{}", text(&second.stderr));
    assert!(text(&second.stdout).contains(" 0 failed"), "{}", text(&second.stdout));
    assert!(text(&second.stdout).contains("through the proxy tenant"), "{}", text(&second.stdout));
    assert!(text(&second.stdout).contains("control     http://127.0.0.1:"), "{}", text(&second.stdout));
    let keys = std::fs::read_to_string(demo.join("proxy.pgpass")).unwrap();
    let tenants = std::fs::read_to_string(demo.join("tenants.json")).unwrap();
    assert_eq!(tenants.matches("SCRAM").count(), 2, "a second run replaces the keys of the first");
    assert!(!keys.split(':').any(|part| part.contains("tnt_live_") && text(&second.stdout).contains(part.trim())));
    let password = std::fs::read_to_string(folder.path().join("tenantry/postgres/password")).unwrap();
    for said in [&second.stdout, &second.stderr] {
        assert!(!text(said).contains(password.trim()), "no password is printed");
    }

    let third = up(folder.path(), &["--reset"]);
    assert!(text(&third.stderr).contains("dropping database"), "{}", text(&third.stderr));
}
