//! A run that dies at any moment is gone on with, or taken back, as if it had not died.
//!
//! This executable starts itself as a child that runs one command and aborts at the n-th event, for every n, or is
//! killed by its parent right then. Afterwards the same command goes on and must end with the catalog and the data of
//! an uninterrupted run; then a rollback must give back the catalog of the beginning.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use support::{Log, options};
use tenantry_blueprint::file::Blueprint;
use tenantry_engine::apply::{self, Command, Error, Event, Observer, Options, Outcome, RunState, Silent};
use tenantry_pg::Target;
use tenantry_testkit::{Database, dump, dump_roles, postgres};

/// Databases worked on at the same time.
const PARALLEL: usize = 4;

#[tokio::main(worker_threads = 8)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|a| a == "child") {
        return child(&arguments[2..]).await;
    }
    // as for any test file: only those whose name holds one of the words given
    let words: Vec<&String> = arguments.iter().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|w| name.contains(w.as_str()));
    if wanted("every_moment") {
        every_moment().await;
    }
    if wanted("a_server_that_crashes") {
        a_server_that_crashes().await;
    }
}

async fn run(
    command: Command,
    target: &Target,
    blueprint: &Blueprint,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    match command {
        Command::Apply => apply::apply(target, blueprint, options, observer).await,
        Command::Complete => apply::complete(target, options, observer).await,
        Command::Rollback => apply::rollback(target, options, observer).await,
    }
}

/// Ends the process at its n-th event: by itself, or by telling its parent and going on until that kills it.
struct Mortal {
    left: AtomicUsize,
    by_itself: bool,
}

impl Observer for Mortal {
    fn event(&self, _: Event) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            if self.by_itself {
                std::process::abort();
            }
            println!("now");
            std::io::stdout().flush().unwrap();
        }
    }
}

/// `child COMMAND N abort|kill FOLDER`
async fn child(arguments: &[String]) {
    let [command, n, way, folder] = arguments else { panic!("{arguments:?}") };
    let command = COMMANDS.into_iter().find(|c| c.word() == command).unwrap();
    let env = |name: &str| std::env::var(name).unwrap_or_default();
    let password = std::env::var("PGPASSWORD").ok();
    let port = env("PGPORT").parse().unwrap();
    let target = Target::new(&env("PGHOST"), port, &env("PGUSER"), password.as_deref(), &env("PGDATABASE"));
    let blueprint = std::fs::read(Path::new(folder).join("blueprint.json")).unwrap();
    let blueprint: Blueprint = serde_json::from_slice(&blueprint).unwrap();
    let options = Options {
        credentials: Path::new(folder).join("credentials.json"),
        allow_old_server: true,
        ..Options::default()
    };
    let mortal = Mortal { left: AtomicUsize::new(n.parse().unwrap()), by_itself: way == "abort" };
    run(command, &target, &blueprint, &options, &mortal).await.unwrap();
}

const COMMANDS: [Command; 3] = [Command::Apply, Command::Complete, Command::Rollback];

/// The database of one death, and what belongs to it.
struct Case {
    db: Database,
    blueprint: Blueprint,
    folder: tempfile::TempDir,
    options: Options,
}

impl Case {
    async fn new(template: &Database) -> Self {
        let db = postgres(15).copy_of(template, "crash").await;
        let blueprint = support::blueprint(&db).await;
        let (folder, options) = options();
        std::fs::write(folder.path().join("blueprint.json"), serde_json::to_vec(&blueprint).unwrap()).unwrap();
        Self { db, blueprint, folder, options }
    }

    async fn run(&self, command: Command, observer: &dyn Observer) -> Outcome {
        run(command, &self.db.target(), &self.blueprint, &self.options, observer)
            .await
            .unwrap_or_else(|e| panic!("{e}: {e:?}"))
    }

    /// Runs the commands before this one, so that it can begin.
    async fn prepare(&self, command: Command) {
        for earlier in COMMANDS.into_iter().take_while(|c| *c != command) {
            self.run(earlier, &Silent).await;
        }
    }

    /// Runs the command in a process that dies at its n-th event.
    fn die(&self, command: Command, n: usize, way: &str) {
        let mut child = Process::new(std::env::current_exe().unwrap())
            .args(["child", command.word(), &n.to_string(), way, self.folder.path().to_str().unwrap()])
            .envs(self.db.target().libpq_env())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if way == "kill" {
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "now\n");
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        // a kill may come after the last statement
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(way == "kill" || !output.status.success(), "the child outlived event {n}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }

    /// Everything a user could see, without this database's name.
    async fn look(&self) -> String {
        let client = self.db.connect().await;
        let sql = "SELECT string_agg(n::text, E'\\n' ORDER BY n.id) FROM public.note n";
        let data: String = client.query_one(sql, &[]).await.unwrap().get(0);
        client.close().await;
        let (schema, roles) = self.dumps().await;
        format!("{schema}\n{roles}\n{data}").replace(self.db.name(), "DB")
    }

    async fn dumps(&self) -> (String, String) {
        tokio::task::block_in_place(|| (dump(&self.db), without_passwords(&dump_roles(&self.db))))
    }
}

/// Verifiers are random; that they are there is all that can be compared. Headings come and go with the roles of
/// other databases.
fn without_passwords(roles: &str) -> String {
    let lines = roles.lines().filter(|l| !l.is_empty() && !l.starts_with("--"));
    lines.map(|l| l.split_once(" PASSWORD '").map_or(l, |(front, _)| front)).collect::<Vec<_>>().join("\n")
}

async fn every_moment() {
    let template = postgres(15).database("crash").await;
    template.execute(support::SCHEMA).await;
    let whole = Case::new(&template).await;
    let before = whole.look().await;
    let mut after = Vec::new();
    let mut moments = Vec::new();
    for command in COMMANDS {
        let log = Log::default();
        whole.run(command, &log).await;
        after.push(whole.look().await);
        let events = log.0.lock().unwrap();
        assert!(events.len() > 4, "{} tells too little", command.word());
        // a transaction of many statements dies no differently at its tenth than at its third
        let telling = |event: &Event| !matches!(event, Event::Statement { statement: 4.., .. });
        let numbers: Vec<usize> = (1..=events.len()).filter(|n| telling(&events[n - 1])).collect();
        // every event dies by abort, every third also by kill in the middle of what follows it
        moments.extend(numbers.iter().map(|n| (command, *n, "abort")));
        moments.extend(numbers.iter().filter(|n| **n < events.len()).step_by(3).map(|n| (command, *n, "kill")));
    }
    assert_eq!(after[2], before, "an uninterrupted run gives back the beginning");
    println!("{} deaths", moments.len());
    // a task each: dropping a database blocks, and must not hold up the others' connections
    let (template, before, after) = (Arc::new(template), Arc::new(before), Arc::new(after));
    stream::iter(moments)
        .map(|moment| tokio::spawn(one_death(template.clone(), moment, before.clone(), after.clone())))
        .buffer_unordered(PARALLEL)
        .for_each(|done| async { done.unwrap() })
        .await;
}

async fn one_death(
    template: Arc<Database>,
    (command, n, way): (Command, usize, &'static str),
    before: Arc<String>,
    after: Arc<Vec<String>>,
) {
    let case = Case::new(&template).await;
    case.prepare(command).await;
    tokio::task::block_in_place(|| case.die(command, n, way));
    let at = format!("{} died at event {n} by {way}", command.word());
    // on even numbers it is taken back from where it died, on odd ones it goes on first
    let over = apply::status(&case.db.target()).await.unwrap().state.is_none();
    if command != Command::Rollback && (n % 2 == 1 || over) {
        case.run(command, &Silent).await;
        let wanted = &after[COMMANDS.iter().position(|c| *c == command).unwrap()];
        same(&at, "goes on", wanted, &case.look().await);
    }
    if apply::status(&case.db.target()).await.unwrap().state.is_some() {
        case.run(Command::Rollback, &Silent).await;
    }
    same(&at, "is taken back", &before, &case.look().await);
    tokio::task::block_in_place(|| drop(case));
}

fn same(at: &str, then: &str, wanted: &str, found: &str) {
    if wanted == found {
        return;
    }
    let only = |a: &str, b: &str| a.lines().filter(|l| !b.lines().any(|m| m == *l)).collect::<Vec<_>>().join("\n");
    panic!("{at}, {then}, and differs\nmissing:\n{}\nleft:\n{}", only(wanted, found), only(found, wanted));
}

/// Kills the server process that works, which takes the whole server down and up again.
struct Assassin {
    pid: i32,
    progress: AtomicUsize,
}

impl Observer for Assassin {
    fn event(&self, event: Event) {
        if matches!(event, Event::Progress { .. }) && self.progress.fetch_add(1, Ordering::SeqCst) == 1 {
            // a process of the server that this test started
            let killed = Process::new("kill").args(["-9", &self.pid.to_string()]).status().unwrap();
            assert!(killed.success());
        }
    }
}

async fn a_server_that_crashes() {
    let template = postgres(15).database("server").await;
    template.execute(support::SCHEMA).await;
    let case = Case::new(&template).await;
    let before = case.look().await;
    let bystander = case.db.connect().await;
    let pid = bystander.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let assassin = Assassin { pid, progress: AtomicUsize::new(0) };
    let target = case.db.target();
    let lost = apply::apply(&target, &case.blueprint, &case.options, &assassin).await.unwrap_err();
    assert!(matches!(lost, Error::ConnectionLost { .. }), "{lost}");
    assert!(lost.to_string().contains("run the command again"), "{lost}");
    let status = loop {
        match apply::status(&target).await {
            Ok(status) => break status,
            // the server recovers
            Err(Error::Connect(e)) if e.class() == tenantry_model::Class::Unavailable => {}
            Err(Error::Query { .. } | Error::ConnectionLost { .. } | Error::Journal(_)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(status.state, Some(RunState::Applying));
    assert!(status.steps[4].progress.is_some());
    assert!(case.run(Command::Apply, &Silent).await.resumed);
    case.run(Command::Rollback, &Silent).await;
    same("the server died", "is taken back", &before, &case.look().await);
}
