//! The server of our own against everything that can happen to it.
//!
//! Some tests run this very program again as another process, which holds a server and is then killed.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use tenantry_embedded::{Account, Embedded, Error, Options};
use tenantry_pg::{Client, Target, connect};

/// Holds the folder in which a child process is to hold a server.
const HOLD: &str = "TENANTRY_TEST_HOLD";

fn options(folder: &Path) -> Options {
    Options { folder: Some(folder.join("server")), ..Options::default() }
}

/// A temporary folder that the server's account can enter.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("tenantry-embedded-").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn enter(server: &Embedded) -> Client {
    let password = server.password().expose_secret();
    connect(&Target::new(&server.host(), server.port(), server.user(), Some(password), "postgres")).await.unwrap()
}

async fn rows(server: &Embedded) -> i64 {
    enter(server).await.query_one("SELECT count(*) FROM public.kept", &[]).await.unwrap().get(0)
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        #[expect(
            clippy::disallowed_methods,
            reason = "the condition is looked at in between, and the minute bounds it"
        )]
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(pid: i32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// Whether a process runs; one that ended and was not waited for does not.
fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// The process that a test makes of this program: starts a server, says where, and holds it.
#[tokio::test]
async fn child_that_holds_a_server() {
    let Some(folder) = std::env::var_os(HOLD) else { return };
    let server = Embedded::start(options(Path::new(&folder))).await.unwrap();
    enter(&server)
        .await
        .batch_execute("CREATE TABLE public.kept (id int); INSERT INTO public.kept VALUES (1)")
        .await
        .unwrap();
    println!("\nholding {}", server.pid());
    // until the parent kills us or goes away itself
    let _ = std::io::stdin().read(&mut [0]);
}

/// Starts such a process, and gives it and its server's process number.
fn child(folder: &Path, program: &Path, user: Option<(u32, u32)>) -> (Child, i32) {
    let mut command = Command::new(program);
    command.args(["--exact", "child_that_holds_a_server", "--nocapture"]).env(HOLD, folder).current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let lines = stdout.by_ref().lines();
    let pid = lines.map_while(Result::ok).find_map(|l| l.strip_prefix("holding ").map(|p| p.parse().unwrap()));
    child.stdout = Some(stdout.into_inner());
    (child, pid.expect("the child holds a server"))
}

#[tokio::test]
async fn data_survives_a_stop_and_the_port_stays() {
    let folder = open_folder();
    let server = Embedded::start(options(folder.path())).await.unwrap();
    enter(&server).await.batch_execute("CREATE TABLE public.kept AS SELECT 1 AS id").await.unwrap();
    let port = server.port();
    server.stop().await;
    let again = Embedded::start(options(folder.path())).await.unwrap();
    assert_eq!((rows(&again).await, again.port()), (1, port));
    let tcp = Target::new("127.0.0.1", port, again.user(), Some(again.password().expose_secret()), "postgres");
    assert!(connect(&tcp).await.is_ok(), "the loopback port answers too");
    let wrong = connect(&tcp.with_login(again.user(), "wrong")).await.unwrap_err();
    assert!(wrong.to_string().contains("refused the password"), "{wrong}");
    let mode = fs::metadata(again.folder().join("password")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_server_never_runs_as_root() {
    let folder = open_folder();
    let server = Embedded::start(options(folder.path())).await.unwrap();
    let runs_as = fs::metadata(format!("/proc/{}", server.pid())).unwrap().uid();
    assert_ne!(runs_as, 0);
    match Account::choose().unwrap() {
        Account::Other { uid, .. } => assert_eq!(runs_as, uid),
        Account::Ourselves => assert_eq!(runs_as, fs::metadata("/proc/self").unwrap().uid()),
    }
}

/// Whoever gets hold of the server must not be able to lay links where root writes next time.
#[tokio::test]
async fn the_server_cannot_write_where_root_does() {
    let Account::Other { uid, gid } = Account::choose().unwrap() else { return };
    let folder = open_folder();
    let server = Embedded::start(options(folder.path())).await.unwrap();
    let owner = |name: &str| fs::symlink_metadata(server.folder().join(name)).unwrap().uid();
    assert_eq!(fs::metadata(server.folder()).unwrap().mode() & 0o777, 0o711);
    for name in ["", "lock", "password", "port"] {
        assert_eq!(owner(name), 0, "{name}");
    }
    for name in ["data", "run", "log"] {
        assert_eq!(owner(name), uid, "{name}");
    }
    let (mine, link) = (folder.path().join("mine"), folder.path().join("link"));
    fs::write(&mine, "").unwrap();
    std::os::unix::fs::symlink(&mine, &link).unwrap();
    Account::Other { uid, gid }.give_all(&link).unwrap();
    assert_eq!((fs::metadata(&mine).unwrap().uid(), fs::symlink_metadata(&link).unwrap().uid()), (0, uid));
}

#[tokio::test]
async fn a_second_program_is_refused_with_the_first_ones_number() {
    let folder = open_folder();
    let _first = Embedded::start(options(folder.path())).await.unwrap();
    let error = Embedded::start(options(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
}

#[tokio::test]
async fn a_killed_program_takes_its_server_along_and_the_next_finds_the_data() {
    let folder = open_folder();
    let (mut child, pid) = child(folder.path(), &std::env::current_exe().unwrap(), None);
    child.kill().unwrap();
    child.wait().unwrap();
    // at once, while the old server may still be stopping
    let server = Embedded::start(options(folder.path())).await.unwrap();
    assert!(!lives(pid) && server.pid() != pid);
    assert_eq!(rows(&server).await, 1);
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_recovers() {
    let folder = open_folder();
    let mut server = Embedded::start(options(folder.path())).await.unwrap();
    enter(&server).await.batch_execute("CREATE TABLE public.kept AS SELECT 1 AS id").await.unwrap();
    assert!(server.is_alive());
    kill(server.pid());
    wait_until("the death is noticed", || !server.is_alive());
    drop(server);
    let again = Embedded::start(options(folder.path())).await.unwrap();
    assert_eq!(rows(&again).await, 1);
}

#[tokio::test]
async fn a_server_without_its_supervisor_is_stopped_by_the_next_program() {
    let folder = open_folder();
    let (mut child, pid) = child(folder.path(), &std::env::current_exe().unwrap(), None);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let supervisor = status.lines().find_map(|l| l.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    kill(supervisor);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lives(pid), "the server outlives its supervisor");
    let server = Embedded::start(options(folder.path())).await.unwrap();
    assert!(!lives(pid));
    assert_eq!(rows(&server).await, 1);
}

#[tokio::test]
async fn a_pid_file_whose_number_went_to_somebody_else_is_no_obstacle() {
    let folder = open_folder();
    let server = Embedded::start(options(folder.path())).await.unwrap();
    let pid_file = server.folder().join("data/postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    server.stop().await;
    // a process that the server's account may signal, so that the server itself would believe the file
    let account = Account::choose().unwrap();
    let mut other = Command::new("sleep");
    if let Account::Other { uid, gid } = account {
        other.uid(uid).gid(gid);
    }
    let mut other = other.arg("600").spawn().unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", other.id())).unwrap();
    account.give(&pid_file).unwrap();
    let result = Embedded::start(options(folder.path())).await;
    let untouched = other.try_wait().unwrap().is_none();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(result.is_ok(), "{:?}", result.err());
    assert!(untouched, "the other process was ended");
}

#[tokio::test]
async fn a_half_made_cluster_is_made_anew() {
    let folder = open_folder();
    let half = folder.path().join("server/data.new");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "15").unwrap();
    fs::write(folder.path().join("server/lock"), "1").unwrap();
    let server = Embedded::start(options(folder.path())).await.unwrap();
    assert!(!half.exists());
    assert!(enter(&server).await.simple_query("SELECT 1").await.is_ok());
}

#[tokio::test]
async fn an_ordinary_user_has_a_server_too() {
    let Account::Other { uid, gid } = Account::choose().unwrap() else {
        return; // then every other test here is this test
    };
    let folder = open_folder();
    // the checkout may lie where that user must not go
    let program = folder.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let place = folder.path().join("home");
    fs::create_dir(&place).unwrap();
    std::os::unix::fs::chown(&place, Some(uid), Some(gid)).unwrap();
    let (mut child, pid) = child(&place, &program, Some((uid, gid)));
    assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), uid);
    drop(child.stdin.take());
    child.wait().unwrap();
    wait_until("the server is gone", || !lives(pid));
}

#[tokio::test]
async fn what_cannot_work_says_why() {
    let folder = open_folder();
    let place = folder.path().join("foreign");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("thesis.txt"), "dear").unwrap();
    let start = |options: Options| async { Embedded::start(options).await.unwrap_err() };

    let error = start(Options { folder: Some(place.clone()), ..Options::default() }).await;
    assert!(matches!(error, Error::ForeignFolder { .. }), "{error}");
    assert_eq!(fs::read_to_string(place.join("thesis.txt")).unwrap(), "dear");

    let error = start(Options { binaries: Some(place), ..options(folder.path()) }).await;
    assert!(error.to_string().contains("there is no `postgres` in it"), "{error}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = start(Options { port: Some(port), ..options(folder.path()) }).await;
    assert!(error.to_string().contains(&format!("port {port} on 127.0.0.1 is taken")), "{error}");

    let data: PathBuf = folder.path().join("server/data");
    fs::write(data.join("PG_VERSION"), "14\n").unwrap();
    let error = start(options(folder.path())).await;
    assert!(error.to_string().contains("belongs to PostgreSQL 14"), "{error}");

    let nothing = Error::NoBinaries.to_string();
    for way in ["apt-get install", "dnf install", "brew install", "pip install", "TENANTRY_PG_BIN"] {
        assert!(nothing.contains(way), "{nothing}");
    }
}

#[tokio::test]
async fn a_long_path_has_no_socket_and_still_a_port() {
    let folder = open_folder();
    let long = folder.path().join("x".repeat(90));
    let server = Embedded::start(options(&long)).await.unwrap();
    assert_eq!(server.host(), "127.0.0.1");
    assert!(enter(&server).await.simple_query("SELECT 1").await.is_ok());
}

/// Needs a file system of a few megabytes, which only root can make.
#[tokio::test]
async fn a_full_disk_is_named_and_leaves_no_half_cluster() {
    let folder = open_folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs"]).arg(&disk).output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        eprintln!("no small file system can be mounted here: nothing checked");
        return;
    }
    let result = Embedded::start(options(&disk)).await;
    let made = disk.join("server/data").exists();
    assert!(Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
    let error = result.unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert!(!made);
}
