"""psycopg 3: parameters, automatic prepared statements, pipelines, COPY, cancelling, server-side cursors, a pool."""

import threading
from collections.abc import Callable
from uuid import UUID

import psycopg
from psycopg import Connection, errors
from psycopg_pool import ConnectionPool

from checks import (
    CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, PORT, TENANTS, TIMES, Checks, Tenant, other,
)

LABEL = "psycopg"
checks = Checks(LABEL)


def conninfo(tenant: Tenant) -> str:
    return psycopg.conninfo.make_conninfo(host=HOST, port=PORT, dbname=DATABASE, user=tenant.user, password=tenant.password)


def refused(state: type[errors.Error], work: Callable[[], object]) -> None:
    try:
        work()
    except state:
        checks.same(state.__name__, True, True)
    except errors.Error as error:
        checks.fail(f"wanted {state.__name__}, found {error!r}")
    else:
        checks.fail(f"wanted {state.__name__}, and nothing was refused")


def count(c: Connection, body: str) -> int:
    row = c.execute("SELECT count(*) FROM notes WHERE label = %s AND body = %s", [LABEL, body]).fetchone()
    assert row
    return int(row[0])


def rows(both: list[tuple[Tenant, Connection]]) -> None:
    """Each creates, reads, changes and deletes its own, and finds nothing of the other's."""
    ids: dict[Tenant, UUID] = {}
    for t, c in both:
        c.execute("DELETE FROM notes WHERE label = %s", [LABEL])
        made = c.execute("INSERT INTO notes (label, body) VALUES (%s, %s) RETURNING id, team_id", [LABEL, t.user]).fetchone()
        assert made
        ids[t] = made[0]
        checks.same("the tenant by default", str(made[1]), t.team)
    for t, c in both:
        theirs = ids[other(t)]
        checks.same("reading", c.execute("SELECT body FROM notes WHERE id = %s", [ids[t]]).fetchall(), [(t.user,)])
        checks.same("changing", c.execute("UPDATE notes SET n = 7 WHERE id = %s RETURNING n", [ids[t]]).fetchall(), [(7,)])
        checks.same("reading the other's", c.execute("SELECT FROM notes WHERE id = %s", [theirs]).fetchall(), [])
        checks.same("changing the other's", c.execute("UPDATE notes SET n = 9 WHERE id = %s", [theirs]).rowcount, 0)
        checks.same("deleting the other's", c.execute("DELETE FROM notes WHERE id = %s", [theirs]).rowcount, 0)
        refused(errors.InsufficientPrivilege, lambda: c.execute(
            "INSERT INTO notes (team_id, label, body) VALUES (%s, %s, '')", [other(t).team, LABEL]))
    for t, c in both:
        checks.same("deleting", c.execute("DELETE FROM notes WHERE id = %s", [ids[t]]).rowcount, 1)


def prepared(both: list[tuple[Tenant, Connection]]) -> None:
    """The driver prepares after five executions; and freeing them with DEALLOCATE ALL after a rollback is its habit."""
    for n in range(TIMES):
        for t, c in both:
            with c.transaction():
                found = c.execute("INSERT INTO notes (label, body, n) VALUES (%s, 'prepared', %s) RETURNING team_id, n", [LABEL, n])
                checks.same("a prepared insert", [(str(team), n) for team, n in found], [(t.team, n)])
    for _ in range(TIMES):
        for t, c in both:
            found = c.execute("SELECT DISTINCT team_id::text FROM notes WHERE label = %s", [LABEL], prepare=True).fetchall()
            checks.same("a prepared select", found, [(t.team,)])
    for _, c in both:
        c.prepared_max = 1
        for n in range(3):
            got = c.execute(f"SELECT %s::int + {n}", [1], prepare=True).fetchone()
            checks.same("a statement that pushes another out", got, (1 + n,))
        c.prepared_max = 100


def transactions(both: list[tuple[Tenant, Connection]]) -> None:
    for _, c in both:
        c.autocommit = False
    for word in ("commit", "rollback"):
        for _, c in both:
            c.execute("INSERT INTO notes (label, body) VALUES (%s, %s)", [LABEL, word])
            refused(errors.DivisionByZero, lambda: savepoint(c))
        for _, c in both:
            getattr(c, word)()
    for _, c in both:
        checks.same("after commit and rollback", [count(c, w) for w in ("commit", "rollback", "savepoint")], [1, 0, 0])
        c.rollback()
        c.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        checks.same("repeatable read", c.execute("SHOW transaction_isolation").fetchone(), ("repeatable read",))
        c.rollback()
        c.isolation_level = None
        c.autocommit = True


def savepoint(c: Connection) -> None:
    with c.transaction():
        c.execute("INSERT INTO notes (label, body) VALUES (%s, 'savepoint')", [LABEL])
        c.execute("SELECT 1 / %s::int", [0])


def failures(both: list[tuple[Tenant, Connection]]) -> None:
    for t, c in both:
        refused(errors.DivisionByZero, lambda: c.execute("SELECT 1 / 0"))
        row = c.execute("INSERT INTO notes (label, body) VALUES (%s, 'unique') RETURNING id", [LABEL]).fetchone()
        assert row
        refused(errors.UniqueViolation, lambda: c.execute("INSERT INTO notes (id, label, body) VALUES (%s, %s, '')", [row[0], LABEL]))
        c.execute("BEGIN")
        refused(errors.UndefinedTable, lambda: c.execute("SELECT FROM no_such_table"))
        refused(errors.InFailedSqlTransaction, lambda: c.execute("SELECT 1"))
        c.execute("ROLLBACK")
        checks.same("going on", count(c, "unique"), 1)
    for _, c in both:
        done = threading.Event()
        run = threading.Thread(target=lambda: (refused(errors.QueryCanceled, lambda: c.execute("SELECT pg_sleep(60)")), done.set()))
        run.start()
        while not done.wait(0.1):
            c.cancel_safe()
        run.join()
        checks.same("after a cancelled query", c.execute("SELECT 'here'").fetchone(), ("here",))


def many(both: list[tuple[Tenant, Connection]]) -> None:
    for t, c in both:
        with c.cursor() as k, c.transaction():
            k.executemany("INSERT INTO notes (label, body, n) VALUES (%s, 'many', %s)", ((LABEL, n) for n in range(MANY)))
    for t, c in both:
        found = c.execute("SELECT n, team_id::text FROM notes WHERE label = %s AND body = 'many' ORDER BY n", [LABEL]).fetchall()
        checks.same("many rows", found == [(n, t.team) for n in range(MANY)], True)
        with c.transaction(), c.cursor(name="by hundreds") as k:
            k.itersize = 100
            k.execute("SELECT n FROM notes WHERE label = %s AND body = 'many'", [LABEL])
            checks.same("a server-side cursor", sum(n for (n,) in k), MANY * (MANY - 1) // 2)
        row = c.execute("INSERT INTO notes (label, body) VALUES (%s, %s) RETURNING body", [LABEL, LARGE]).fetchone()
        checks.same("a large row", row == (LARGE,), True)


def copying(both: list[tuple[Tenant, Connection]]) -> None:
    for t, c in both:
        with c.cursor().copy("COPY (SELECT team_id, n FROM notes WHERE label = 'psycopg' AND body = 'many') TO STDOUT") as out:
            teams = [team for team, _ in out.rows()]
        checks.same("COPY OUT", (len(teams), set(teams)), (MANY, {t.team}))
        label = f"{LABEL} {t.team}"
        c.execute("DELETE FROM scratch WHERE label = %s", [label])
        with c.cursor().copy("COPY scratch (label, n, body) FROM STDIN (FORMAT binary)") as into:
            into.set_types(["text", "int4", "text"])
            for n in range(MANY):
                into.write_row((label, n, "x"))
        checks.same("COPY IN", c.execute("SELECT count(*) FROM scratch WHERE label = %s", [label]).fetchone(), (MANY,))
        refused(errors.BadCopyFileFormat, lambda: bad_copy(c, label))
        checks.same("after a COPY that failed", c.execute("DELETE FROM scratch WHERE label = %s", [label]).rowcount, MANY)


def bad_copy(c: Connection, label: str) -> None:
    with c.cursor().copy("COPY scratch (label, n) FROM STDIN") as into:
        into.write(f"{label}\n".encode())


def pipelining(both: list[tuple[Tenant, Connection]]) -> None:
    for t, c in both:
        with c.pipeline():
            found = [c.execute("SELECT %s::int, team_id::text FROM notes WHERE label = %s LIMIT 1", [n, LABEL]) for n in range(50)]
        checks.same("a pipeline", [k.fetchone() for k in found], [(n, t.team) for n in range(50)])
        refused(errors.DivisionByZero, lambda: broken_pipeline(c))
        checks.same("after a pipeline that failed", count(c, "pipeline"), 0)


def broken_pipeline(c: Connection) -> None:
    with c.pipeline(), c.transaction():
        c.execute("INSERT INTO notes (label, body) VALUES (%s, 'pipeline')", [LABEL])
        c.execute("SELECT 1 / 0")
        c.execute("INSERT INTO notes (label, body) VALUES (%s, 'pipeline')", [LABEL])


def crowd() -> None:
    """More connections than a pooler has servers: each transaction still meets its own tenant."""
    pools = [ConnectionPool(conninfo(t), min_size=CROWD, max_size=CROWD, check=ConnectionPool.check_connection, open=True) for t in TENANTS]
    seen: list[tuple[str, str]] = []

    def member(t: Tenant, pool: ConnectionPool) -> None:
        for n in range(CROWD_TRANSACTIONS):
            with pool.connection() as c:
                row = c.execute("INSERT INTO notes (label, body, n) VALUES (%s, 'crowd', %s) RETURNING team_id::text", [LABEL, n]).fetchone()
                assert row
                seen.append((t.team, row[0]))

    members = [threading.Thread(target=member, args=pair) for pair in zip(TENANTS, pools) for _ in range(CROWD)]
    for m in members:
        m.start()
    for m in members:
        m.join()
    for p in pools:
        p.close()
    wanted = [(t.team, t.team) for t in TENANTS for _ in range(CROWD * CROWD_TRANSACTIONS)]
    checks.same("a crowd of both", sorted(seen) == sorted(wanted), True)


def main() -> None:
    both = [(t, psycopg.connect(conninfo(t), autocommit=True)) for t in TENANTS]
    for part in (rows, prepared, transactions, failures, many, copying, pipelining):
        part(both)
    crowd()
    for t, c in both:
        teams = c.execute("SELECT DISTINCT team_id::text FROM notes").fetchall()
        checks.same("whose rows were there at the end", teams, [(t.team,)])
        c.execute("DELETE FROM notes WHERE label = %s", [LABEL])
        c.close()
    checks.done()


main()
