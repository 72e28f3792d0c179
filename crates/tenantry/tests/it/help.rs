//! Help texts are golden files: a change of the command line is seen in review.

use crate::support::{binary, text, wanted};

fn help(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command.args(arguments);
    text(&wanted(command, 0).stdout)
}

/// The commands that `tenantry --help` lists.
fn commands() -> Vec<String> {
    let all = help(&["--help"]);
    let list = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    list.lines().filter_map(|l| l.strip_prefix("  ")?.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_help_texts() {
    insta::assert_snapshot!("tenantry", help(&["--help"]));
    for command in commands() {
        insta::assert_snapshot!(command.clone(), help(&[&command, "--help"]));
    }
}

#[test]
fn every_command_shows_examples() {
    for command in commands() {
        let said = help(&[&command, "--help"]);
        assert!(
            said.contains("Examples:\n  tenantry ") || said.contains(&format!("  tenantry {command}")),
            "{command}: {said}"
        );
    }
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = help(&["completions", shell]);
        assert!(script.contains("inspect") && script.contains("lock-out-old-logins"), "{shell}");
    }
    let mut command = binary(folder.path());
    command.args(["man", "pages"]);
    wanted(command, 0);
    for command in commands() {
        let page = folder.path().join(format!("pages/tenantry-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(help(&["--version"]), format!("tenantry {}\n", env!("CARGO_PKG_VERSION")));
}
