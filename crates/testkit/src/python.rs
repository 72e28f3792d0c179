//! A Python that has psycopg, for the corpus' scripts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::place;

/// A Python interpreter with psycopg: the system's, or one in a virtual environment below `target/` made once.
pub fn python() -> &'static Path {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let system = Path::new("python3");
        if has_psycopg(system) { system.to_owned() } else { own_environment() }
    });
    &PYTHON
}

fn has_psycopg(python: &Path) -> bool {
    let status = Command::new(python).args(["-c", "import psycopg"]).stderr(Stdio::null()).status();
    status.is_ok_and(|s| s.success())
}

fn own_environment() -> PathBuf {
    let folder = place::kept("python");
    let python = folder.join("bin/python3");
    // one process makes it, the others wait; the lock goes with the file
    let lock = File::create(place::kept("locks").join("python")).expect("target/ is writable");
    lock.lock().expect("the lock can be taken");
    if !has_psycopg(&python) {
        step(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        step(Command::new(&python).args(["-m", "pip", "install", "--quiet", "psycopg[binary]"]));
    }
    python
}

fn step(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
