//! Host names of the tenants' own, proven by a real name server: Pebble's, on a loopback port.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{binary, text};

/// A name server. It ends with the test.
struct Names {
    process: Child,
    dns: u16,
    hand: u16,
}

impl Drop for Names {
    fn drop(&mut self) {
        // it may have ended itself
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Names {
    fn start() -> Self {
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [dns, hand] = held.map(|l| l.local_addr().unwrap().port());
        let process = Command::new("pebble-challtestsrv")
            .args(["-dns01", &format!("127.0.0.1:{dns}"), "-management", &format!("127.0.0.1:{hand}")])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the package pebble is installed (bin/test does)");
        let names = Self { process, dns, hand };
        let begin = Instant::now();
        while [dns, hand].iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            assert!(begin.elapsed() < Duration::from_secs(30), "the name server does not start");
            std::thread::yield_now();
        }
        names
    }

    fn tell(&self, path: &str, what: &Value) {
        let (mut stream, body) = (TcpStream::connect(("127.0.0.1", self.hand)).unwrap(), what.to_string());
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn set(&self, domain: &str, value: &str) {
        self.tell("/set-txt", &json!({ "host": format!("_tenantry-challenge.{domain}."), "value": value }));
    }

    fn clear(&self, domain: &str) {
        self.tell("/clear-txt", &json!({ "host": format!("_tenantry-challenge.{domain}.") }));
    }
}

/// A folder with tenants acme and bolt.
struct Case {
    folder: TempDir,
    names: Names,
}

impl Case {
    fn new() -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap(), names: Names::start() };
        case.write(
            "tenantry.toml",
            "format = 1\n[gateway]\ntenants = \"who.json\"\nbase_domains = [\"Example.com\"]\nhosts = [\"status.other.org\"]\n\
             [gateway.upstreams.app]\nservers = [\"127.0.0.1:1\"]\n",
        );
        let tenants = json!([{ "key": 1, "slug": "acme" }, { "key": 2, "slug": "bolt" }]);
        case.write("who.json", &json!({ "format": 1, "keyKind": "integer", "tenants": tenants }).to_string());
        case
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = binary(self.folder.path());
        let resolver = format!("127.0.0.1:{}", self.names.dns);
        command.args(["domains", "--format", "json", "--resolver", &resolver]).args(arguments);
        command
    }

    /// Exit code and document of a command.
    fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(arguments).output().unwrap();
        let said = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), said.unwrap_or_else(|_| panic!("{}", text(&output.stderr))))
    }

    /// The value of a new claim's record.
    fn claim(&self, tenant: &str, domain: &str) -> String {
        let (code, said) = self.run(&["claim", tenant, domain]);
        assert_eq!(code, 0, "{said}");
        said["record"]["value"].as_str().unwrap().to_owned()
    }

    fn refused(&self, arguments: &[&str], page: &str) {
        let (code, said) = self.run(arguments);
        assert_eq!((code, said["error"]["code"].as_str()), (2, Some(page)), "{arguments:?}: {said}");
    }

    /// The domains that gateways serve for a tenant.
    fn served(&self, slug: &str) -> Vec<String> {
        let file = std::fs::read_to_string(self.folder.path().join("who.json")).unwrap();
        let file: Value = serde_json::from_str(&file).unwrap();
        let tenant = file["tenants"].as_array().unwrap().iter().find(|t| t["slug"] == slug).unwrap();
        let domains = tenant["domains"].as_array().into_iter().flatten();
        domains.map(|d| d.as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn h10_a_name_is_a_tenants_after_the_proof_and_nobody_elses() {
    let case = Case::new();
    let prove = |tenant: &str, domain: &str| case.run(&["prove", tenant, domain]).0;
    let acme = case.claim("acme", "shop.acme.com");
    assert_eq!(case.claim("acme", "SHOP.acme.com."), acme, "one claim, however it is written");
    let bolt = case.claim("bolt", "shop.acme.com");
    assert_ne!(acme, bolt, "what proves one proves no other");
    assert_eq!(prove("acme", "shop.acme.com"), 1, "nothing there");
    for wrong in [" ", "tenantry-", &bolt, &format!("x{acme}"), &acme.to_uppercase()] {
        case.names.set("shop.acme.com", wrong);
        assert_eq!(prove("acme", "shop.acme.com"), 1, "{wrong}");
        assert!(case.served("acme").is_empty());
    }
    // among others, as names have them; the name above and the name itself prove nothing
    case.names.set("acme.com", &case.claim("acme", "www.acme.com"));
    assert_eq!(prove("acme", "www.acme.com"), 1);
    case.names.set("shop.acme.com", &acme);
    assert_eq!(prove("acme", "Shop.Acme.Com"), 0);
    assert_eq!(case.served("acme"), ["shop.acme.com"]);

    // bolt's record is there as well, and comes too late: in every spelling
    for spelling in ["shop.acme.com", "SHOP.ACME.COM", "shop.acme.com.", "\u{ff53}hop.acme.com"] {
        case.refused(&["prove", "bolt", spelling], "domain-refused");
        case.refused(&["claim", "bolt", spelling], "domain-refused");
    }
    assert!(case.served("bolt").is_empty());
}

#[test]
fn h10_other_scripts_are_one_name() {
    let case = Case::new();
    let token = case.claim("acme", "m\u{fc}nchen.de");
    assert_eq!(case.claim("acme", "xn--mnchen-3ya.de"), token);
    case.names.set("xn--mnchen-3ya.de", &token);
    assert_eq!(case.run(&["prove", "acme", "MU\u{308}NCHEN.de"]).0, 0);
    assert_eq!(case.served("acme"), ["xn--mnchen-3ya.de"]);
    case.refused(&["claim", "bolt", "M\u{dc}NCHEN.de"], "domain-refused");
}

#[test]
fn h10_of_two_at_once_one_gets_it() {
    let case = Case::new();
    for round in 0..4 {
        let domain = format!("race{round}.org");
        for tenant in ["acme", "bolt"] {
            case.names.set(&domain, &case.claim(tenant, &domain));
        }
        let codes = std::thread::scope(|scope| {
            let both = ["acme", "bolt"].map(|tenant| {
                let (case, domain) = (&case, &domain);
                scope.spawn(move || case.run(&["prove", tenant, domain]).0)
            });
            both.map(|one| one.join().unwrap())
        });
        let mut sorted = codes;
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 2], "{codes:?}");
        let holders = ["acme", "bolt"].map(|t| usize::from(case.served(t).contains(&domain)));
        assert_eq!(holders.iter().sum::<usize>(), 1);
    }
}

#[test]
fn h11_what_is_released_is_proven_anew() {
    let case = Case::new();
    let first = case.claim("acme", "shop.acme.com");
    case.names.set("shop.acme.com", &first);
    assert_eq!(case.run(&["prove", "acme", "shop.acme.com"]).0, 0);
    assert_eq!(case.run(&["check"]).0, 0);
    assert_eq!(case.run(&["release", "acme", "Shop.acme.com"]).1["served"], true);
    assert!(case.served("acme").is_empty());

    // the record is still there, and proves nothing: not for another, not for the one it was for
    for tenant in ["bolt", "acme"] {
        case.refused(&["prove", tenant, "shop.acme.com"], "domain-refused");
        assert_ne!(case.claim(tenant, "shop.acme.com"), first);
        assert_eq!(case.run(&["prove", tenant, "shop.acme.com"]).0, 1);
    }
    case.names.set("shop.acme.com", &case.claim("bolt", "shop.acme.com"));
    assert_eq!(case.run(&["prove", "bolt", "shop.acme.com"]).0, 0);
    assert_eq!(case.served("bolt"), ["shop.acme.com"]);

    // who looks later sees that it is gone; nothing is taken for that alone
    case.names.clear("shop.acme.com");
    let (code, said) = case.run(&["check"]);
    assert_eq!((code, said["domains"][0]["record"].as_str()), (1, Some("gone")));
    assert_eq!(case.served("bolt"), ["shop.acme.com"]);
    let (_, listed) = case.run(&["list"]);
    let states: Vec<_> = listed["domains"].as_array().unwrap().iter().map(|d| &d["state"]).collect();
    assert_eq!(states, ["claimed", "proven"]);
}

#[test]
fn names_that_no_tenant_can_have_are_refused() {
    let case = Case::new();
    for domain in [
        "example.com",
        "bolt.example.com",
        "BOLT.example.COM.",
        "a.b.example.com",
        "status.other.org",
        "localhost",
        "10.0.0.1",
        "*.acme.com",
        "acme.com:443",
        "https://acme.com",
        "_dmarc.acme.com",
        "xn--example-.org",
        "acme..com",
        "",
    ] {
        case.refused(&["claim", "acme", domain], "domain-refused");
    }
    assert_eq!(case.run(&["claim", "nobody", "acme.com"]).0, 2);
    // next to the gateway's own is not under it
    case.claim("acme", "notexample.com");
    case.refused(&["release", "bolt", "notexample.com"], "domain-refused");
}

#[test]
fn an_old_claim_and_a_silent_name_server_prove_nothing() {
    let case = Case::new();
    let claims = json!([{ "domain": "old.org", "token": "tenantry-0", "claimedAt": "2020-01-01T00:00:00Z" }]);
    let tenants = json!([{ "key": 1, "slug": "acme", "domainClaims": claims }]);
    case.write("who.json", &json!({ "format": 1, "keyKind": "integer", "tenants": tenants }).to_string());
    case.names.set("old.org", "tenantry-0");
    case.refused(&["prove", "acme", "old.org"], "domain-refused");
    assert_ne!(case.claim("acme", "old.org"), "tenantry-0");

    case.claim("acme", "broken.org");
    case.names.tell("/set-servfail", &json!({ "host": "_tenantry-challenge.broken.org." }));
    case.refused(&["prove", "acme", "broken.org"], "domain-unanswered");
    assert!(case.served("acme").is_empty());
}

#[test]
fn people_read_what_to_set() {
    let case = Case::new();
    let mut command = binary(case.folder.path());
    let output = command.args(["domains", "claim", "acme", "shop.acme.com"]).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.starts_with("_tenantry-challenge.shop.acme.com. IN TXT \"tenantry-"), "{said}");
    assert!(Path::new(&case.folder.path().join("who.json")).exists());
}
