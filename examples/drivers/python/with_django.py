"""Django: two databases of the settings, models with a tenant column that the database fills, atomic blocks."""

import sys
import threading
import uuid
from collections.abc import Callable

import django
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections, models, transaction
from django.db.models.functions import Now

from checks import (
    CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, PORT, TENANTS, TIMES, Checks, Tenant, other,
)

LABEL = "django"
checks = Checks(LABEL)


def database(tenant: Tenant) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.postgresql", "HOST": HOST, "PORT": PORT, "NAME": DATABASE,
        "USER": tenant.user, "PASSWORD": tenant.password, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": None,
        # what Django's documentation asks of everybody behind a transaction pooler
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"server_side_binding": tenant is TENANTS[1]},  # one tenant each way
    }


settings.configure(DATABASES={"default": database(TENANTS[0]), "b": database(TENANTS[1])}, USE_TZ=True, INSTALLED_APPS=[])
django.setup()
BOTH = list(zip(TENANTS, ("default", "b")))


class Note(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    team_id = models.UUIDField(db_default=Now())  # sent as DEFAULT: the database has its own
    label = models.TextField()
    body = models.TextField()
    n = models.IntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "notes"
        db_table = "notes"
        managed = False


def refused(wanted: str, work: Callable[[], object]) -> None:
    try:
        work()
    except DatabaseError as error:
        checks.same("the refusal", getattr(error.__cause__, "sqlstate", None), wanted)
    else:
        checks.fail(f"wanted {wanted}, and nothing was refused")


def query(name: str, sql: str, values: list[object] | None = None) -> list[tuple[object, ...]]:
    with connections[name].cursor() as k:
        k.execute(sql, values)
        return list(k.fetchall()) if k.description else []


def rows() -> None:
    """Each creates, reads, changes and deletes its own, and finds nothing of the other's."""
    ids: dict[Tenant, uuid.UUID] = {}
    for t, name in BOTH:
        notes = Note.objects.using(name)
        notes.filter(label=LABEL).delete()
        ids[t] = notes.create(label=LABEL, body=t.user).id
        checks.same("the tenant by default", str(notes.get(id=ids[t]).team_id), t.team)
    for t, name in BOTH:
        notes, theirs = Note.objects.using(name), ids[other(t)]
        note = notes.get(id=ids[t])
        checks.same("reading", note.body, t.user)
        note.n = 7
        note.save()
        checks.same("changing", notes.get(id=note.id).n, 7)
        checks.same("reading the other's", notes.filter(id=theirs).first(), None)
        checks.same("changing the other's", notes.filter(id=theirs).update(n=9), 0)
        checks.same("deleting the other's", notes.filter(id=theirs).delete()[0], 0)
        refused("42501", lambda: notes.create(team_id=other(t).team, label=LABEL, body=""))
        checks.same("get_or_create", notes.get_or_create(id=note.id, defaults={"label": LABEL, "body": ""})[1], False)
    for t, name in BOTH:
        checks.same("deleting", Note.objects.using(name).filter(id=ids[t]).delete()[0], 1)


def prepared() -> None:
    """The same statement often enough for psycopg to prepare it, where the values travel apart from the text."""
    for n in range(TIMES):
        for t, name in BOTH:
            with transaction.atomic(using=name):
                made = query(name, "INSERT INTO notes (label, body, n) VALUES (%s, 'prepared', %s) RETURNING team_id::text, n", [LABEL, n])
                checks.same("a prepared insert", made, [(t.team, n)])


def transactions() -> None:
    def outer(name: str, word: str) -> None:
        with transaction.atomic(using=name):
            Note.objects.using(name).create(label=LABEL, body=word)
            refused("22012", lambda: savepoint(name))
            if word == "rollback":
                transaction.set_rollback(True, using=name)

    for word in ("commit", "rollback"):
        for _, name in BOTH:
            outer(name, word)
    # both open at once
    with transaction.atomic(using="default"), transaction.atomic(using="b"):
        for _, name in BOTH:
            Note.objects.using(name).create(label=LABEL, body="together")
    for _, name in BOTH:
        counts = [Note.objects.using(name).filter(label=LABEL, body=w).count() for w in ("commit", "rollback", "savepoint", "together")]
        checks.same("after commit and rollback", counts, [1, 0, 0, 1])


def savepoint(name: str) -> None:
    with transaction.atomic(using=name):
        Note.objects.using(name).create(label=LABEL, body="savepoint")
        query(name, "SELECT 1 / 0")


def failures() -> None:
    for _, name in BOTH:
        notes = Note.objects.using(name)
        refused("22012", lambda: query(name, "SELECT 1 / 0"))
        note = notes.create(label=LABEL, body="unique")
        refused("23505", lambda: notes.create(id=note.id, label=LABEL, body=""))
        query(name, "BEGIN")
        refused("42P01", lambda: query(name, "SELECT FROM no_such_table"))
        refused("25P02", lambda: query(name, "SELECT 1"))
        query(name, "ROLLBACK")
        checks.same("going on", notes.filter(body="unique", label=LABEL).count(), 1)
        done = threading.Event()
        raw = connections[name].connection

        def wait_for_it() -> None:
            while not done.wait(0.1):
                raw.cancel_safe()

        ending = threading.Thread(target=wait_for_it)
        ending.start()
        refused("57014", lambda: query(name, "SELECT pg_sleep(60)"))
        done.set()
        ending.join()
        checks.same("after a cancelled query", query(name, "SELECT 'here'"), [("here",)])
        # Django sets it once per connection, and counts on it for every transaction after that
        checks.same("the time zone of the session", query(name, "SHOW TimeZone"), [("UTC",)])


def many() -> None:
    for _, name in BOTH:
        Note.objects.using(name).bulk_create([Note(label=LABEL, body="many", n=n) for n in range(MANY)], batch_size=1000)
    for t, name in BOTH:
        found = Note.objects.using(name).filter(label=LABEL, body="many").order_by("n").values_list("n", "team_id")
        checks.same("many rows", [(n, str(team)) for n, team in found] == [(n, t.team) for n in range(MANY)], True)
        checks.same("an iterator", sum(note.n for note in Note.objects.using(name).filter(label=LABEL, body="many").iterator(500)), MANY * (MANY - 1) // 2)
        note = Note.objects.using(name).create(label=LABEL, body=LARGE)
        checks.same("a large row", Note.objects.using(name).get(id=note.id).body == LARGE, True)


def crowd() -> None:
    """More connections than a pooler has servers: each transaction still meets its own tenant."""
    wrong = []

    def member(t: Tenant, name: str) -> None:
        for n in range(CROWD_TRANSACTIONS):
            close_old_connections()
            with transaction.atomic(using=name):
                note = Note.objects.using(name).create(label=LABEL, body="crowd", n=n)
                note.refresh_from_db()
                if str(note.team_id) != t.team:
                    wrong.append(note.team_id)
        connections[name].close()

    members = [threading.Thread(target=member, args=pair) for pair in BOTH for _ in range(CROWD)]
    for m in members:
        m.start()
    for m in members:
        m.join()
    checks.same("a crowd of both", wrong, [])
    for _, name in BOTH:
        checks.same("all of the crowd's rows", Note.objects.using(name).filter(label=LABEL, body="crowd").count(), CROWD * CROWD_TRANSACTIONS)


def main() -> None:
    for part in (rows, prepared, transactions, failures, many, crowd):
        part()
    for t, name in BOTH:
        teams = [str(team) for team in Note.objects.using(name).values_list("team_id", flat=True).distinct()]
        checks.same("whose rows were there at the end", teams, [t.team])
        Note.objects.using(name).filter(label=LABEL).delete()
        connections[name].close()
    checks.done()


sys.exit(main())
