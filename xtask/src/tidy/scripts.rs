//! Scripts stop at the first failure, and the three that people call can be called.

use std::os::unix::fs::PermissionsExt;

use super::Tree;

const CALLED: &[&str] = &["bin/up", "bin/test", ".ci/run"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for path in CALLED {
        let Some(text) = tree.text(path) else {
            found.push(format!("{path} is missing"));
            continue;
        };
        if !text.starts_with("#!/usr/bin/env bash\n") || !text.contains("\nset -euo pipefail\n") {
            found.push(format!("{path} must begin with bash and `set -euo pipefail`"));
        }
        let executable = std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
        if !executable {
            found.push(format!("{path} is not executable"));
        }
    }
    found
}
