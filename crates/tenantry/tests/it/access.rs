//! Who may use the control plane, and what is attacked from the shell: issuers and ways of use in the configuration,
//! `verify --api`, `signing-key`.

use serde_json::{Value, json};
use tenantry_testkit::postgres;

use crate::control::Both;
use crate::support::{Case, SMALL, case, conninfo, text, wanted};

const BASE: &str = "format = 1\n[control]\nlisten = \"127.0.0.1:0\"\n";

/// The binary as the operator of a control plane.
fn run(case: &Case, control: &Both, arguments: &[&str], code: i32) -> String {
    let mut command = case.tenantry(arguments);
    command.env("TENANTRY_API", format!("http://{}", control.api)).env("TENANTRY_API_KEY", &control.key);
    let output = wanted(command, code);
    if code == 2 { text(&output.stderr) } else { text(&output.stdout) }
}

#[tokio::test]
async fn ways_of_use_that_do_not_fit_are_said() {
    let case = case("modes", "").await;
    for (section, said) in [
        ("listen = \"0.0.0.0:0\"\nauthentication = \"anonymous\"", "asks nobody who he is, and listens on"),
        ("authentication = \"single-tenant\"", "go together"),
        ("tenant = \"acme\"", "go together"),
        ("authentication = \"none\"", "cannot be read"),
        (
            "[control.issuers.x]\nissuer = \"https://id.test\"\naudiences = []\nalgorithms = [\"RS256\"]",
            "cannot be used",
        ),
        (
            "[control.issuers.x]\nissuer = \"https://id.test\"\naudiences = [\"a\"]\nalgorithms = [\"HS256\"]",
            "cannot be used",
        ),
        (
            "[control.issuers.x]\nissuer = \"http://id.test\"\naudiences = [\"a\"]\nalgorithms = [\"RS256\"]",
            "cannot be used",
        ),
        (
            "[control.issuers.x]\nissuer = \"https://id.test\"\naudiences = [\"a\"]\nalgorithms = [\"RS256\"]\nclock_skew_s = 301",
            "cannot be used",
        ),
    ] {
        case.write("tenantry.toml", &format!("format = 1\n[control]\n{section}\n"));
        let mut command = case.tenantry(&["serve", "--config", "tenantry.toml", "--roles", "control"]);
        command.env("TENANTRY_CONTROL_DATABASE_URL", conninfo(&case.db.target()));
        let stderr = text(&wanted(command, 2).stderr);
        assert!(stderr.contains(said) && stderr.contains("docs/errors/control-settings.md"), "{section}: {stderr}");
    }
}

#[tokio::test]
async fn verify_attacks_the_api_and_its_log() {
    let case = case("api", "").await;
    case.write("tenantry.toml", BASE);
    let control = Both::alone(&case, &conninfo(&case.db.target()));
    let mut file = String::new();
    for (side, slug) in [("a", "aaa"), ("b", "bbb")] {
        let tenant = run(&case, &control, &["tenant", "create", slug, "--format", "json"], 0);
        let tenant: Value = serde_json::from_str(&tenant).unwrap();
        let id = tenant["tenant"]["id"].as_str().or(tenant["id"].as_str()).unwrap_or_else(|| panic!("{tenant}"));
        let key = run(&case, &control, &["key", "create", slug, "--name", "k", "--role", "admin"], 0);
        file += &format!("[{side}]\ntenant = \"{id}\"\nkey = \"{}\"\n", key.trim());
        if side == "a" {
            let viewer = run(&case, &control, &["key", "create", slug, "--name", "v", "--role", "viewer"], 0);
            file += &format!("[a.roles]\nViewer = \"{}\"\n", viewer.trim());
        }
    }
    case.write("two.toml", &file);
    case.write("seal.key", &"0c".repeat(32));
    let seal = ["audit", "seal", "--origin", "control.test", "--key-file", "seal.key", "--checkpoints", "checkpoints"];
    let sealed = text(&case.run(0, &seal).stderr);
    let key = sealed.split("the public key is ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let url = format!("http://{}", control.api);
    let log = ["--audit-key", &key, "--audit-checkpoints", "checkpoints"];
    let verify = ["verify", "--api", &url, "--api-tenants", "two.toml"];
    let report = case.json(0, &[&verify[..], &log].concat());
    assert_eq!((&report["failed"], &report["skipped"]), (&json!(0), &json!(0)), "{report:#}");
    assert!(report["checks"].as_array().unwrap().iter().all(|c| c["layer"] == "api"));
    // a log without checkpoints outside loses its end without a trace, and the check says so
    let cut = case.json(1, &[&verify[..], &["--only", "A-02", "--audit-key", &key]].concat());
    assert_eq!(cut["checks"][0]["status"], "fail");
    // what was tampered with is as it was
    case.run(0, &["audit", "verify", "--key", &key, "--checkpoints", "checkpoints"]);
    case.write("two.toml", &file.replace("key = \"tnt_live_", "key = \"tnt_live_0"));
    let stderr = text(&case.run(2, &verify).stderr);
    assert!(stderr.contains("cannot attack the API") && !stderr.contains("tnt_live_"), "{stderr}");
    case.write("two.toml", "[a]\nkey = secret-in-the-wrong-form\n");
    let stderr = text(&case.run(2, &verify).stderr);
    assert!(stderr.contains("[a.roles]") && !stderr.contains("secret-in"), "{stderr}");
}

#[tokio::test]
async fn signing_keys_are_rotated_from_the_shell_and_the_database_takes_the_new_one() {
    let case = case("signing", SMALL).await;
    case.isolate();
    let file = case.read("tenantry.toml");
    let keeper = conninfo(&case.db.target());
    case.write(
        "tenantry.toml",
        &format!("{file}\n[control]\nlisten = \"127.0.0.1:0\"\n[control.database]\nkeeper_url = \"{keeper}\"\n"),
    );
    let home = postgres(15).database("control").await;
    let control = Both::alone(&case, &conninfo(&home.target()));
    let before = case.read("iso/credentials.json");
    assert!(run(&case, &control, &["signing-key", "list"], 0).contains("1 signing keys"));
    let rotate = ["signing-key", "rotate", "--overlap", "0", "--credentials", "iso/credentials.json"];
    let said = run(&case, &control, &rotate, 0);
    assert!(said.contains("signing key 2 stands in iso/credentials.json; 1 end"), "{said}");
    let after = case.read("iso/credentials.json");
    assert_ne!(before, after);
    // the attack begins with a context signed with the file's key: the new one counts, the old one does not
    let check = ["verify", "--credentials", "iso/credentials.json", "--only", "C-05"];
    assert_eq!(case.json(0, &check)["passed"], 1);
    case.write("iso/credentials.json", &before);
    assert_ne!(case.tenantry(&check).output().unwrap().status.code(), Some(0));
    case.write("iso/credentials.json", &after);

    let key = run(&case, &control, &["signing-key", "rotate"], 0);
    assert_eq!(key.trim().len(), 64, "the key alone is on standard output");
    assert!(run(&case, &control, &["signing-key", "revoke", "2"], 0).contains("taken back"));
    assert!(run(&case, &control, &["signing-key", "revoke", "2"], 2).contains("docs/errors/not-found.md"));
    assert!(run(&case, &control, &["signing-key", "revoke", "3"], 2).contains("docs/errors/state-conflict.md"));
    assert!(
        run(&case, &control, &["signing-key", "rotate", "--credentials", "absent.json"], 2).contains("absent.json")
    );
    let list: Value =
        serde_json::from_str(&run(&case, &control, &["signing-key", "list", "--format", "json"], 0)).unwrap();
    assert_eq!(list["keys"].as_array().unwrap().iter().filter(|k| k["counts"] == true).count(), 1, "{list}");
}

/// A key set with this key in it, and a token signed with that key.
fn issued(subject: &str) -> (String, String) {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] }).to_string();
    let claims =
        json!({ "iss": "https://id.test", "aud": "tenantry", "exp": 4_000_000_000_u64, "sub": subject, "iat": 1 });
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(json!({ "alg": "EdDSA", "kid": "k" })), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).as_ref());
    (set, format!("{message}.{signature}"))
}

#[tokio::test]
async fn members_and_support_from_the_shell() {
    let case = case("members", "").await;
    let (set, ada) = issued("ada");
    case.write("keys.json", &set);
    let issuer = "[control.issuers.test]\nissuer = \"https://id.test\"\naudiences = [\"tenantry\"]\n\
                  algorithms = [\"EdDSA\"]\njwks_file = \"keys.json\"\n";
    case.write("tenantry.toml", &format!("{BASE}{issuer}"));
    let control = Both::alone(&case, &conninfo(&case.db.target()));
    let as_ada = |arguments: &[&str], code: i32| {
        let mut command = case.tenantry(arguments);
        command.env("TENANTRY_API", format!("http://{}", control.api)).env("TENANTRY_API_KEY", &ada);
        let output = wanted(command, code);
        if code == 2 { text(&output.stderr) } else { text(&output.stdout) }
    };
    run(&case, &control, &["tenant", "create", "acme"], 0);
    assert!(as_ada(&["member", "list", "acme"], 2).contains("X-Tenant-ID"));
    let added = run(&case, &control, &["member", "add", "acme", "ada", "--role", "admin"], 0);
    assert!(added.contains("belongs to acme as Admin"), "{added}");
    let bob = as_ada(&["member", "add", "acme", "bob", "--role", "viewer"], 0);
    let bob = bob.split(' ').next().unwrap();
    assert!(as_ada(&["member", "invite", "acme", "eve@acme.test"], 0).contains("may join acme as Author until"));
    let list = as_ada(&["member", "list", "acme"], 0);
    assert!(list.contains("2 members of acme, 1 invited") && list.contains("eve@acme.test"), "{list}");
    assert!(as_ada(&["member", "role", "acme", bob, "author"], 0).contains("as Author"));
    assert!(as_ada(&["member", "remove", "acme", bob], 0).contains("no longer"));
    let json: Value = serde_json::from_str(&as_ada(&["member", "list", "acme", "--format", "json"], 0)).unwrap();
    let id = json["members"][0]["userId"].as_str().unwrap();
    assert!(as_ada(&["member", "remove", "acme", id], 2).contains("docs/errors/last-admin.md"));

    assert!(run(&case, &control, &["member", "list", "acme"], 2).contains("docs/errors/support-consent-required.md"));
    let ask = ["support", "ask", "acme", "--reason", "ticket 4711: no mail"];
    let asked = run(&case, &control, &ask, 0);
    let support = asked.split(' ').nth(2).unwrap().to_owned();
    assert!(run(&case, &control, &["support", "consent", "acme", &support], 2).contains("docs/errors/forbidden.md"));
    assert!(as_ada(&["support", "consent", "acme", &support], 0).contains("is granted until"));
    assert!(run(&case, &control, &["member", "list", "acme"], 0).contains("1 members of acme"));
    assert!(as_ada(&["audit", "list", "acme", "--action", "WORKSPACE_ACCESS"], 0).contains("WORKSPACE_ACCESS"));
    assert!(as_ada(&["support", "end", "acme", &support], 0).contains("is ended"));
    assert!(as_ada(&["support", "list", "acme"], 0).contains("ticket 4711"));
    run(&case, &control, &["audit", "list", "acme"], 2);
}
