//! TLS on both sides of the proxy, with certificates that openssl made and the real psql.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tenantry_embedded::Account;
use tenantry_testkit::postgres;

use crate::proxy::{Serving, key, served};
use crate::support::{Case, text};

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", text(&output.stderr));
}

/// An authority with a server's certificate for `localhost` and two clients', and a foreign authority with one client's.
fn certificates(folder: &Path) {
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "foreign"] {
        openssl(
            folder,
            &format!("req -x509 {curve} -days 2 -keyout {authority}.key -out {authority}.pem -subj /CN={authority}"),
        );
    }
    for (name, authority, subject, alternative) in [
        ("server", "ca", "localhost", "DNS:localhost"),
        ("common", "ca", "backend.example.test", "DNS:other.example.test"),
        ("alternative", "ca", "nothing", "DNS:backend.example.test"),
        ("near", "ca", "backend.example.test.evil", "DNS:xbackend.example.test"),
        ("fake", "foreign", "backend.example.test", "DNS:backend.example.test"),
    ] {
        openssl(folder, &format!("req {curve} -keyout {name}.key -out {name}.csr -subj /CN={subject}"));
        std::fs::write(folder.join("names"), format!("subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n"))
            .unwrap();
        let sign = format!("x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial");
        openssl(folder, &format!("{sign} -days 2 -extfile names -out {name}.pem"));
    }
}

/// What psql says: whether it got an answer, and both its texts.
fn psql(proxy: &Serving, case: &Case, conninfo: &str, password: &str) -> (bool, String) {
    let mut command = Command::new("psql");
    let query = "SELECT count(*) || ' projects' FROM projects";
    command.args(["-X", "-qAtw", &format!("port={} dbname=small {conninfo}", proxy.port), "-c", query]);
    command.current_dir(case.folder.path()).env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "10");
    let output = command.output().unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[tokio::test]
async fn clients_with_tls_are_checked_and_can_check_us() {
    let case = served(
        "clienttls",
        "[proxy.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient_ca = \"ca.pem\"\nrequired = true\n\
         [proxy.logins.certified]\ncertificate = \"backend.example.test\"",
    )
    .await;
    certificates(case.folder.path());
    let (w1, w2) = (key(&case, "w1"), key(&case, "w2"));
    let proxy = Serving::start(&case);
    let full = "host=localhost sslmode=verify-full sslrootcert=ca.pem";

    let tenant = format!("{full} user=app.w1 channel_binding=require sslcert=none");
    assert_eq!(psql(&proxy, &case, &tenant, &w1), (true, "4 projects\n".into()), "bound to our certificate");
    for (conninfo, password, said) in [
        ("host=127.0.0.1 sslmode=verify-full sslrootcert=ca.pem user=app.w1", &*w1, "does not match host name"),
        ("host=localhost sslmode=verify-full sslrootcert=foreign.pem user=app.w1", &*w1, "certificate verify failed"),
        ("host=localhost sslmode=disable user=app.w1", &*w1, "takes connections with TLS only"),
        ("host=localhost sslmode=require user=app.w1", "wrong", "password"),
    ] {
        let (ok, out) = psql(&proxy, &case, conninfo, password);
        assert!(!ok && out.contains(said), "{conninfo}: {out}");
    }

    let certified = |name: &str, user: &str| {
        let files = format!("sslcert={name}.pem sslkey={name}.key");
        psql(&proxy, &case, &format!("{full} user={user} {files} options='-c tenantry.tenant='"), "no password")
    };
    let asked = |name: &str, user: &str| {
        let files = format!("sslcert={name}.pem sslkey={name}.key");
        psql(&proxy, &case, &format!("{full} user={user} {files}"), "no password")
    };
    for name in ["common", "alternative"] {
        // it is in, and names no tenant
        let (ok, out) = asked(name, "certified");
        assert!(!ok && out.contains("no tenant context"), "{name}: {out}");
        let (ok, out) = asked(name, "backend");
        assert!(!ok && out.contains("password"), "{name} proves its own login only: {out}");
        let (ok, out) = asked(name, "certified.w1");
        assert!(!ok && out.contains("password"), "{name} proves no tenant: {out}");
    }
    let (ok, out) = certified("common", "certified");
    assert!(!ok && !out.contains("projects\n"), "an empty tenant is not none: {out}");
    let (ok, out) = asked("near", "certified");
    assert!(!ok && out.contains("password"), "a similar name is another: {out}");
    let (ok, out) = asked("fake", "certified");
    assert!(!ok && out.contains("SSL"), "a foreign authority's certificate is refused: {out}");

    // attacks from outside go the same way, and not on where the certificate is not the one asked for
    let at = format!("localhost:{}", proxy.port);
    let logins = format!("[a]\nuser = \"app.w1\"\npassword = \"{w1}\"\n[b]\nuser = \"app.w2\"\npassword = \"{w2}\"\n");
    let verify = |code: i32, tls: &str| {
        case.write("two.toml", &format!("database = \"small\"\n{tls}\n{logins}"));
        let run = case.run(code, &["verify", "--proxy", &at, "--proxy-logins", "two.toml", "--only", "W-01"]);
        text(&run.stdout) + &text(&run.stderr)
    };
    verify(0, "sslmode = \"verify-full\"\nsslrootcert = \"ca.pem\"");
    let out = verify(2, "sslmode = \"verify-full\"\nsslrootcert = \"foreign.pem\"");
    assert!(out.contains("TLS with the proxy fails"), "{out}");
    verify(2, "");

    assert!(direct(&proxy, &["-alpn", "postgresql"]).contains("ALPN protocol: postgresql"));
    assert!(direct(&proxy, &[]).contains("direct TLS needs ALPN"));
    proxy.stop();
}

/// What a client sees that begins with TLS itself.
fn direct(proxy: &Serving, more: &[&str]) -> String {
    let at = format!("127.0.0.1:{}", proxy.port);
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &at]).args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // a packet that is too short, which ends the connection
    input.write_all(&[0, 0, 0, 4]).unwrap();
    input.flush().unwrap();
    let mut said = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
    drop(input);
    child.wait().unwrap();
    text(&said)
}

/// Lets the test's server speak TLS with this certificate.
async fn speak_tls(case: &Case, folder: &Path) {
    let own = folder.display();
    for (setting, value) in
        [("ssl_cert_file", format!("{own}/server.pem")), ("ssl_key_file", format!("{own}/server.key"))]
    {
        case.db.execute(&format!("ALTER SYSTEM SET {setting} = '{value}'")).await;
    }
    case.db.execute("ALTER SYSTEM SET ssl = on").await;
    case.db.execute("SELECT pg_reload_conf()").await;
    loop {
        let client = case.db.connect().await;
        if client.query_one("SELECT current_setting('ssl')", &[]).await.unwrap().get::<_, String>(0) == "on" {
            return;
        }
    }
}

#[tokio::test]
async fn the_server_is_checked_as_far_as_asked() {
    let case = served("servertls", "").await;
    let shared = tempfile::tempdir().unwrap();
    certificates(shared.path());
    Account::choose().unwrap().give_all(shared.path()).unwrap();
    speak_tls(&case, shared.path()).await;
    std::fs::copy(shared.path().join("ca.pem"), case.folder.path().join("ca.pem")).unwrap();
    std::fs::copy(shared.path().join("foreign.pem"), case.folder.path().join("foreign.pem")).unwrap();
    let w1 = key(&case, "w1");
    let base = case.read("tenantry.toml");
    let port = postgres(15).tcp_target().port();
    let serve = |host: &str, port: u16, more: &str| {
        let section = format!("[proxy.databases.small]\nhost = \"{host}\"\nport = {port}\n{more}\n");
        case.write("tenantry.toml", &base.replace("[proxy.databases.small]\n", &section));
        Serving::start(&case)
    };
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (host, more, wanted) in [
        ("localhost", "sslmode = \"verify-full\"\nsslrootcert = \"ca.pem\"", true),
        ("127.0.0.1", "sslmode = \"verify-ca\"\nsslrootcert = \"ca.pem\"", true),
        ("127.0.0.1", "sslmode = \"require\"", true),
        ("127.0.0.1", "sslmode = \"prefer\"", true),
        ("127.0.0.1", "sslmode = \"disable\"", false),
    ] {
        let proxy = serve(host, port, more);
        let client = proxy.connect("app.w1", &w1).await.unwrap_or_else(|e| panic!("{more}: {e}"));
        let found: bool = client.query_one(encrypted, &[]).await.unwrap().get(0);
        assert_eq!(found, wanted, "{host}: {more}");
        drop(client);
        proxy.stop();
    }
    // somebody on the way who says that the server speaks no TLS
    let stripping = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stripped = stripping.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in stripping.incoming().flatten() {
            let mut request = [0; 8];
            let _ = stream.read_exact(&mut request).and_then(|()| stream.write_all(b"N"));
        }
    });
    for (host, port, more, said) in [
        ("127.0.0.1", port, "sslmode = \"verify-full\"\nsslrootcert = \"ca.pem\"", "TLS with the server"),
        ("localhost", port, "sslrootcert = \"foreign.pem\"", "TLS with the server"),
        ("127.0.0.1", stripped, "sslmode = \"require\"", "does not speak TLS"),
    ] {
        let proxy = serve(host, port, more);
        assert!(proxy.connect("app.w1", &w1).await.is_err(), "{more}");
        let log = proxy.stop();
        assert!(log.contains(said), "{more}: {log}");
    }
}
