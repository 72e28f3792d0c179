//! The classifier against the corpus of real applications, graded by the corpus' own script.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // the scores are meant to be read

mod support;

use std::process::Command;

use serde_json::{Map, Value, json};
use support::corpus;
use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::classify::{Class, Classification, classify};
use tenantry_blueprint::registry::Registry;

struct Grade {
    app: String,
    tables: f64,
    lenient: f64,
    leaks: usize,
    lockouts: usize,
    unknown: usize,
    root_found: bool,
}

#[test]
fn the_corpus_is_classified() {
    let Some(dir) = corpus::dir() else {
        println!("the corpus is not here: nothing was graded (set TENANTRY_CORPUS)");
        return;
    };
    let grades: Vec<Grade> = corpus::apps(&dir).iter().map(|app| grade(&dir, app, |_| ())).collect();
    let lenient = print(&grades);
    for g in &grades {
        assert!(g.root_found, "{}: wrong root", g.app);
        assert_eq!(g.leaks, 0, "{}: tenant data called shared or system", g.app);
        assert_eq!(g.lockouts, 0, "{}: shared data called a tenant's", g.app);
        assert!(g.unknown as f64 <= g.tables / 15.0, "{}: {} tables unknown", g.app, g.unknown);
    }
    assert!(lenient >= 0.97, "lenient {lenient:.3}");
}

/// The rules must not lean on declared keys: many applications have none.
#[test]
fn the_corpus_is_classified_without_its_foreign_keys() {
    let Some(dir) = corpus::dir() else {
        println!("the corpus is not here: nothing was graded (set TENANTRY_CORPUS)");
        return;
    };
    let strip = |c: &mut Catalog| c.tables.iter_mut().for_each(|t| t.foreign_keys.clear());
    let grades: Vec<Grade> = corpus::apps(&dir).iter().map(|app| grade(&dir, app, strip)).collect();
    let lenient = print(&grades);
    for g in &grades {
        assert!(g.root_found, "{}: wrong root", g.app);
        assert_eq!(g.leaks, 0, "{}: tenant data called shared or system", g.app);
    }
    assert!(lenient >= 0.95, "lenient {lenient:.3}");
}

/// Prints the scores and gives the one over all tables.
fn print(grades: &[Grade]) -> f64 {
    println!("{:<14} {:>6} {:>8} {:>5} {:>8} {:>8}", "application", "tables", "lenient", "leak", "lockout", "unknown");
    for g in grades {
        println!("{:<14} {:>6} {:>8.3} {:>5} {:>8} {:>8}", g.app, g.tables, g.lenient, g.leaks, g.lockouts, g.unknown);
    }
    let tables: f64 = grades.iter().map(|g| g.tables).sum();
    let lenient = grades.iter().map(|g| g.lenient * g.tables).sum::<f64>() / tables;
    println!("whole corpus: lenient {lenient:.3}");
    lenient
}

/// What `inspect --write-config` writes is read back as the same decisions: nothing is lost on the way.
#[test]
fn a_registry_written_from_the_classes_gives_the_same_classes() {
    let Some(dir) = corpus::dir() else {
        println!("the corpus is not here: nothing was compared (set TENANTRY_CORPUS)");
        return;
    };
    for app in corpus::apps(&dir) {
        let catalog = corpus::read(&dir.join(format!("catalogues/{app}.json")));
        let found = classify(&catalog, &Registry::default());
        let again = classify(&catalog, &Registry::from_classification(&found));
        for (was, is) in found.tables.iter().zip(&again.tables) {
            let decided =
                |v: &tenantry_blueprint::classify::Verdict| (v.class, v.column.clone(), v.path.clone(), v.nullable);
            assert_eq!(decided(was), decided(is), "{app}: {}", was.table);
        }
    }
}

fn grade(dir: &std::path::Path, app: &str, change: impl FnOnce(&mut Catalog)) -> Grade {
    let mut catalog = corpus::read(&dir.join(format!("catalogues/{app}.json")));
    change(&mut catalog);
    let found = classify(&catalog, &Registry::default());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), answer(&found).to_string()).unwrap();
    let out = Command::new("python3")
        .arg(dir.join("scripts/grade.py"))
        .arg(dir.join(format!("truth/{app}.json")))
        .arg(file.path())
        .arg("-v")
        .output()
        .expect("python3 runs the corpus' grade.py");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    println!("{text}");
    let head = text.lines().next().unwrap();
    let number = |word: &str| -> f64 {
        let rest = head.split_once(word).unwrap_or_else(|| panic!("no {word} in {head}")).1.trim_start();
        rest.split(|c: char| !(c.is_ascii_digit() || c == '.')).next().unwrap().parse().unwrap()
    };
    Grade {
        app: app.to_owned(),
        tables: number("tables"),
        lenient: number("lenient"),
        leaks: number("LEAK") as usize,
        lockouts: number("LOCKOUT") as usize,
        unknown: found.tables.iter().filter(|v| v.class == Class::Unknown).count(),
        root_found: head.contains("root ok"),
    }
}

/// The answer in the words of the corpus.
fn answer(found: &Classification) -> Value {
    let single = found.root.table.is_none() && found.root.column.is_none();
    let tables: Map<String, Value> = found
        .tables
        .iter()
        .map(|v| {
            let class = match v.class {
                Class::Root => "root",
                Class::Direct if single => "candidate-direct",
                Class::Indirect if single => "candidate-indirect",
                Class::Direct => "tenant-direct",
                Class::Indirect => "tenant-indirect",
                Class::Membership => "membership",
                Class::Shared => "global",
                Class::System => "bookkeeping",
                Class::Unknown => "ambiguous",
            };
            let name = format!("{}.{}", v.table.schema, v.table.name);
            (name, json!({"class": class, "column": v.column}))
        })
        .collect();
    let root = found.root.table.as_ref().map(|t| format!("{}.{}", t.schema, t.name));
    json!({"tenant_root": root, "tenant_column": found.root.column, "tables": tables})
}
