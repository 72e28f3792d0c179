"""Reads what pgrls found in an isolated database, for bin/lib/pgrls.sh.

schemas INSPECT                       the application's schemas, joined by commas
has-tenant INSPECT                    fails if the application has no tenant yet
judge NAME INSPECT FINDINGS EXCEPTIONS  fails if an error is left that no exception explains
"""

import json
import sys
import tomllib


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def classes(inspect):
    return {f"{t['schema']}.{t['table']}": t["class"] for t in inspect["tables"]}


def explained(error, app, table_class, exceptions):
    for e in exceptions:
        same_rule = e["rule"] == error["rule_id"]
        right_app = e.get("app", app) == app
        right_class = table_class in e.get("class", [table_class])
        right_place = e.get("location", error["location"]) == error["location"]
        if same_rule and right_app and right_class and right_place:
            return True
    return False


def judge(app, inspect, findings, exceptions):
    table_class = classes(read(inspect))
    with open(exceptions, "rb") as file:
        known = tomllib.load(file)["exception"]
    errors = [v for v in read(findings)["violations"] if v["severity"] == "error"]
    left = [e for e in errors if not explained(e, app, table_class.get(e["location"]), known)]
    for e in left:
        print(f"{app}: {e['rule_id']} {e['location']}: {e['message']}", file=sys.stderr)
    print(f"{app}: pgrls has {len(errors)} errors, {len(errors) - len(left)} explained, {len(left)} left")
    return 1 if left else 0


if __name__ == "__main__":
    if sys.argv[1] == "schemas":
        print(",".join(sorted({t["schema"] for t in read(sys.argv[2])["tables"]})))
    elif sys.argv[1] == "has-tenant":
        root = read(sys.argv[2])["root"]
        sys.exit(0 if root["table"] or root["column"] else 1)
    else:
        sys.exit(judge(*sys.argv[2:6]))
