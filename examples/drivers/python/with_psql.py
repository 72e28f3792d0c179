"""psql: two sessions fed line by line, as scripts and people use them; \\copy, \\gexec, and Ctrl-C."""

import os
import signal
import subprocess

from checks import DATABASE, HOST, LARGE, MANY, PORT, TENANTS, TIMES, Checks, Tenant, other

LABEL = "psql"
checks = Checks(LABEL)


class Psql:
    """One psql. `ask` gives the lines a statement printed and its SQLSTATE."""

    def __init__(self, tenant: Tenant, *more: str) -> None:
        place = {"PGHOST": HOST, "PGPORT": str(PORT), "PGDATABASE": DATABASE, "PGUSER": tenant.user, "PGPASSWORD": tenant.password}
        self.process = subprocess.Popen(
            ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=VERBOSITY=sqlstate", *more],
            env={**os.environ, **place}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if more else subprocess.DEVNULL, text=True)

    def ask(self, sql: str) -> tuple[list[str], str]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{sql}\n\\echo @@ :SQLSTATE\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.startswith("@@ "):
                return lines, line[3:].strip()
            lines.append(line.rstrip("\n"))
        checks.fail(f"psql ended at: {sql[:200]}")

    def rows(self, sql: str) -> list[str]:
        lines, state = self.ask(sql)
        checks.same(f"{sql[:60]}…", state, "00000")
        return lines

    def refused(self, sql: str, wanted: str) -> None:
        checks.same(f"{sql[:60]}…", self.ask(sql)[1], wanted)


Both = list[tuple[Tenant, Psql]]


def rows(both: Both) -> None:
    ids = {}
    for t, c in both:
        c.rows(f"DELETE FROM notes WHERE label = '{LABEL}';")
        ids[t], team = c.rows(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', '{t.user}') RETURNING id, team_id;")[0].split("|")
        checks.same("the tenant by default", team, t.team)
    for t, c in both:
        theirs = ids[other(t)]
        checks.same("reading", c.rows(f"SELECT body FROM notes WHERE id = '{ids[t]}';"), [t.user])
        checks.same("changing", c.rows(f"UPDATE notes SET n = 7 WHERE id = '{ids[t]}' RETURNING n;"), ["7"])
        checks.same("reading the other's", c.rows(f"SELECT 1 FROM notes WHERE id = '{theirs}';"), [])
        checks.same("changing the other's", c.rows(f"UPDATE notes SET n = 9 WHERE id = '{theirs}' RETURNING n;"), [])
        checks.same("deleting the other's", c.rows(f"DELETE FROM notes WHERE id = '{theirs}' RETURNING n;"), [])
        c.refused(f"INSERT INTO notes (team_id, label, body) VALUES ('{other(t).team}', '{LABEL}', '');", "42501")
    for t, c in both:
        checks.same("deleting", c.rows(f"DELETE FROM notes WHERE id = '{ids[t]}' RETURNING n;"), ["7"])


def prepared(both: Both) -> None:
    """PREPARE of SQL belongs to the session, so a pooler keeps it for one transaction only."""
    for t, c in both:
        c.rows("BEGIN;")
        c.rows(f"PREPARE add(int) AS INSERT INTO notes (label, body, n) VALUES ('{LABEL}', 'prepared', $1) RETURNING team_id, n;")
    for n in range(TIMES):
        for t, c in both:
            checks.same("a prepared insert", c.rows(f"EXECUTE add({n});"), [f"{t.team}|{n}"])
    for _, c in both:
        c.rows("DEALLOCATE add;")
        c.rows("COMMIT;")
        checks.same(r"\gexec", c.rows("SELECT format('SELECT %s', n) FROM generate_series(1, 3) n \\gexec"), ["1", "2", "3"])


def transactions(both: Both) -> None:
    for word in ("COMMIT", "ROLLBACK"):
        for _, c in both:
            c.rows("BEGIN;")
            c.rows(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', '{word}');")
            c.rows("SAVEPOINT s;")
            c.rows(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', 'savepoint');")
            c.refused("SELECT 1 / 0;", "22012")
            c.refused("SELECT 1;", "25P02")
            c.rows("ROLLBACK TO s;")
        for _, c in both:
            c.rows(f"{word};")
    for _, c in both:
        kept = c.rows(f"SELECT DISTINCT body FROM notes WHERE label = '{LABEL}' AND body IN ('COMMIT', 'ROLLBACK', 'savepoint');")
        checks.same("after commit and rollback", kept, ["COMMIT"])
        checks.same("several statements in one", c.rows(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', 'one') \\; SELECT 2;"), ["2"])
        c.refused(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', 'two') \\; SELECT 1 / 0;", "22012")
        checks.same("all or nothing", c.rows(f"SELECT body FROM notes WHERE label = '{LABEL}' AND body IN ('one', 'two');"), ["one"])


def failures(both: Both) -> None:
    for t, c in both:
        c.refused("SELECT 1 / 0;", "22012")
        note = c.rows(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', 'unique') RETURNING id;")[0]
        c.refused(f"INSERT INTO notes (id, label, body) VALUES ('{note}', '{LABEL}', '');", "23505")
        interrupted(t)
        checks.same("going on", c.rows("SELECT 'here';"), ["here"])


def interrupted(t: Tenant) -> None:
    """Ctrl-C until psql gives up: it ends a script that was interrupted, so this one has a psql of its own."""
    c = Psql(t, "--command=SELECT 'begun'", "--command=SELECT pg_sleep(60)")
    assert c.process.stdout and c.process.stderr
    c.process.stdout.readline()
    while True:
        try:
            c.process.wait(0.1)
            break
        except subprocess.TimeoutExpired:
            c.process.send_signal(signal.SIGINT)
    checks.same("a cancelled query", "57014" in c.process.stderr.read(), True)


def many(both: Both) -> None:
    for t, c in both:
        c.rows(f"INSERT INTO notes (label, body, n) SELECT '{LABEL}', 'many', n FROM generate_series(0, {MANY - 1}) n;")
    for t, c in both:
        found = c.rows(f"SELECT n, team_id FROM notes WHERE label = '{LABEL}' AND body = 'many' ORDER BY n;")
        checks.same("many rows", found == [f"{n}|{t.team}" for n in range(MANY)], True)
        c.rows(r"\set FETCH_COUNT 100")
        checks.same("FETCH_COUNT, a cursor", len(c.rows(f"SELECT n FROM notes WHERE label = '{LABEL}' AND body = 'many';")), MANY)
        c.rows(r"\unset FETCH_COUNT")
        checks.same("a large row", c.rows(f"INSERT INTO notes (label, body) VALUES ('{LABEL}', '{LARGE}') RETURNING body;") == [LARGE], True)
        teams = c.rows("\\copy (SELECT team_id FROM notes WHERE label = 'psql' AND body = 'many') TO STDOUT")
        checks.same("COPY OUT", (len(teams), set(teams)), (MANY, {t.team}))
        label = f"{LABEL} {t.team}"
        c.rows(f"DELETE FROM scratch WHERE label = '{label}';")
        c.rows("\n".join(["COPY scratch (label, n) FROM STDIN;", *(f"{label}\t{n}" for n in range(MANY)), "\\."]))
        c.ask(f"COPY scratch (label, n) FROM STDIN;\n{label}\n\\.")  # fails; psql before 16 keeps no SQLSTATE of it
        checks.same("COPY IN", len(c.rows(f"DELETE FROM scratch WHERE label = '{label}' RETURNING n;")), MANY)


def main() -> None:
    both = [(t, Psql(t)) for t in TENANTS]
    for part in (rows, prepared, transactions, failures, many):
        part(both)
    for t, c in both:
        checks.same("whose rows were there at the end", c.rows("SELECT DISTINCT team_id FROM notes;"), [t.team])
        c.rows(f"DELETE FROM notes WHERE label = '{LABEL}';")
        c.rows(r"\conninfo")
        assert c.process.stdin
        c.process.stdin.close()
        checks.same("psql's exit code", c.process.wait(), 0)
    checks.done()


main()
