//! `tenantry plans` and `tenantry quota`, with a control plane that holds limits in an isolated database.

use serde_json::Value;
use tenantry_testkit::postgres;

use crate::control::Both;
use crate::support::{Case, SMALL, case, conninfo, text, wanted};

/// The small application with a counted table, isolated, and a control plane that may set its limits.
async fn counted(home: &tenantry_testkit::Database) -> (Case, Both) {
    let case = case("counted", SMALL).await;
    case.run(0, &["inspect", "--write-config", "tenantry.toml"]);
    let resources = "\n[resources.projects]\ntable = \"public.projects\"\nlimit = 9\n\n[resources.labels]\ntable = \"public.labels\"\n";
    let registry = case.read("tenantry.toml") + resources;
    case.write("tenantry.toml", &registry);
    case.run(0, &["plan", "--out", "iso"]);
    case.run(0, &["apply", "iso", "--yes"]);
    case.run(0, &["complete", "--yes"]);
    let login = case.db.login("control", &format!("IN ROLE \"{}\"", case.db.role("quota"))).await;
    let section = format!("\n[control]\nlisten = \"127.0.0.1:0\"\napplication_url = \"{}\"\n", conninfo(&login));
    case.write("tenantry.toml", &(registry + &section));
    let control = Both::alone(&case, &conninfo(&home.target()));
    (case, control)
}

#[tokio::test]
async fn the_command_line_works_with_plans_and_quotas() {
    let home = postgres(15).database("quotahome").await;
    let (case, control) = counted(&home).await;
    let run = |arguments: &[&str], code| {
        let mut command = case.tenantry(arguments);
        command.env("TENANTRY_API", format!("http://{}", control.api)).env("TENANTRY_API_KEY", &control.key);
        wanted(command, code)
    };
    let out = |arguments: &[&str]| text(&run(arguments, 0).stdout);
    let no = |arguments: &[&str]| text(&run(arguments, 2).stderr);

    let made = out(&[
        "plans",
        "create",
        "team",
        "--name",
        "Team",
        "--limit",
        "projects=20",
        "--limit",
        "labels=none",
        "--feature",
        "sso",
    ]);
    assert!(made.contains("Team") && made.contains("sso") && made.contains("projects"), "{made}");
    assert!(no(&["plans", "create", "team"]).contains("docs/errors/duplicate.md"));
    assert!(no(&["plans", "create", "odd", "--limit", "projects"]).contains("RESOURCE=UNITS"));
    assert!(no(&["plans", "create", "odd", "--limit", "projects=-1"]).contains("limits.projects"));
    let changed = out(&["plans", "update", "team", "--limit", "projects=30", "--grace", "10", "--grace-hours", "24"]);
    assert!(changed.contains("30") && changed.contains("10 % for 24 hours") && changed.contains("labels"), "{changed}");
    assert!(no(&["plans", "update", "team", "--limit", "projects=30"]).contains("nothing to change"));
    assert!(
        !out(&["plans", "update", "team", "--no-grace", "--without", "sso", "--unlimit", "labels"]).contains("sso")
    );
    assert!(no(&["plans", "show", "absent"]).contains("docs/errors/not-found.md"));
    let list = out(&["plans", "list"]);
    assert!(list.contains("free") && list.contains("team") && list.contains("3 plans"), "{list}");

    out(&["tenant", "create", "acme", "--plan", "team"]);
    assert!(no(&["tenant", "create", "other", "--plan", "absent"]).contains("no such plan"));
    // the keeper brings the plan's limit; reading does not wait for it
    let shown = out(&["quota", "set", "acme", "labels=5"]);
    assert!(shown.contains("projects") && shown.contains("chosen") && shown.contains("plan team"), "{shown}");
    let json: Value = serde_json::from_str(&out(&["quota", "show", "acme", "--format", "json"])).unwrap();
    assert_eq!((&json["quota"]["maxProjects"], &json["quota"]["maxLabels"]), (&30.into(), &5.into()));
    assert_eq!(json["state"]["written"], true);
    assert!(out(&["quota", "validate", "acme", "projects=30", "labels=5"]).contains("it fits"));
    let said = text(&run(&["quota", "validate", "acme", "projects=31"], 1).stdout);
    assert!(said.contains("it does not fit") && said.contains("limit 30"), "{said}");
    assert!(no(&["quota", "set", "acme", "nothing=5"]).contains("maxNothing"));
    assert!(no(&["quota", "validate", "acme", "nothing=5"]).contains("there is no resource `nothing`"));
    assert!(no(&["quota", "set", "acme"]).contains("RESOURCE=UNITS"));
    let reset = out(&["quota", "reset", "acme", "--resource", "labels"]);
    assert!(reset.contains("none") && reset.contains("default"), "{reset}");
    assert!(out(&["quota", "recalculate", "acme"]).contains("projects"));
    let csv = out(&["quota", "report", "acme", "--period", "daily"]);
    assert!(
        csv.starts_with("period,resource,limit,used,peak,percentUsed\n") && csv.contains(",projects,30,0,0,0.00"),
        "{csv}"
    );
    assert!(no(&["quota", "report", "acme", "--from", "2999-01-01"]).contains("startDate"));
    assert!(out(&["plans", "retire", "team"]).contains("retired"));
    assert!(no(&["tenant", "create", "late", "--plan", "team"]).contains("retired"));
}
