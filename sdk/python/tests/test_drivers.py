"""What must hold for every driver, by naming the tenant (to tenantry's proxy, or to what stands in for it) and by signing
(to PostgreSQL itself). The databases hold examples/drivers/schema.sql; sdk/test makes them.
"""

import os
import random
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
from subjects import SUBJECTS, Place, Subject, direct, naming, state

from tenantry import NoTenant, OtherTenant, run_as

ACME = "a0000000-0000-4000-8000-00000000000a"
GLOBEX = "b0000000-0000-4000-8000-00000000000b"
Open = Callable[[Place, int], Subject]


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.__name__)
def opening(request: pytest.FixtureRequest) -> Open:
    return request.param


@pytest.fixture(params=[naming, direct], ids=["naming", "direct"])
def place(request: pytest.FixtureRequest) -> Place:
    return request.param()


@pytest.fixture
def one(opening: Open, place: Place) -> Iterator[Subject]:
    """With one connection, every transaction meets what the one before left there."""
    subject = opening(place, 1)
    yield subject
    subject.close()


@pytest.fixture
def label() -> str:
    return f"sdk {uuid.uuid4()}"


def add(label: str, n: int = 0) -> tuple[object, ...]:
    return "INSERT INTO notes (label, body, n) VALUES ($1, 'sdk', $2) RETURNING team_id::text", label, n


def mine(label: str) -> tuple[object, ...]:
    return "SELECT DISTINCT team_id::text FROM notes WHERE label = $1", label


def refused(wanted: str, work: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:
        work()
    assert state(caught.value) == wanted, caught.value


def test_each_tenant_writes_and_reads_its_own(one: Subject, label: str) -> None:
    for tenant in (ACME, GLOBEX, ACME):
        assert one.transaction(tenant, add(label)) == [(tenant,)]
        assert one.transaction(tenant, mine(label)) == [(tenant,)]


def test_many_at_once_never_mix(opening: Open, place: Place, label: str) -> None:
    subject = opening(place, 4)
    found: list[tuple[str, object]] = []

    def member(tenant: str) -> None:
        for n in range(10):
            found.append((tenant, subject.transaction(tenant, add(label, n), mine(label))))
        if type(subject).__name__ == "Django":
            subject.close()  # this thread's connection

    members = [threading.Thread(target=member, args=[tenant]) for tenant in (ACME, GLOBEX) for _ in range(4)]
    for m in members:
        m.start()
    for m in members:
        m.join()
    subject.close()
    assert sorted(found) == sorted((tenant, [(tenant,)]) for tenant in (ACME, GLOBEX) for _ in range(40))


def test_an_error_takes_everything_back(one: Subject, label: str) -> None:
    refused("22012", lambda: one.transaction(ACME, add(label), ("SELECT 1 / 0",)))
    assert one.transaction(ACME, mine(label)) == []
    assert one.transaction(GLOBEX, add(label)) == [(GLOBEX,)]


def test_the_tenant_ends_with_the_transaction(one: Subject, label: str) -> None:
    one.transaction(ACME, add(label))
    refused("42501", lambda: one.bare("SELECT count(*) FROM notes"))


def test_one_tenants_work_cannot_write_as_another(one: Subject, label: str) -> None:
    intruding = "INSERT INTO notes (team_id, label, body) VALUES ($1::text::uuid, $2, '')", GLOBEX, label
    refused("42501", lambda: one.transaction(ACME, intruding))


def test_what_a_tenant_leaves_behind_is_gone_for_the_next(opening: Open, place: Place) -> None:
    """For whoever names the tenant it is the proxy's to clean up, and what stands in for it does not."""
    subject = opening(place if "SDK_PROXY" in os.environ else direct(), 1)
    subject.transaction(ACME, (f"SELECT set_config('sdk.left', 'behind', false), pg_advisory_lock({random.getrandbits(31)})",))
    locks = "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
    assert subject.transaction(GLOBEX, (f"SELECT coalesce(current_setting('sdk.left', true), ''), {locks}",)) == [("", 0)]
    subject.close()


def test_a_context_signed_with_another_key_is_refused(opening: Open, label: str) -> None:
    subject = opening(direct("00" * 32), 1)
    refused("42501", lambda: subject.transaction(ACME, mine(label)))
    subject.close()


def test_the_running_works_tenant_is_the_transactions(one: Subject, label: str) -> None:
    with run_as(GLOBEX):
        assert one.transaction(None, add(label)) == [(GLOBEX,)]


def test_work_without_a_tenant_fails_before_it_reaches_the_database(one: Subject, label: str) -> None:
    with pytest.raises(NoTenant):
        one.transaction(None, add(label))
    # and the connection is as good as before
    assert one.transaction(ACME, mine(label)) == []


def test_work_for_one_tenant_cannot_begin_work_for_another(one: Subject, label: str) -> None:
    with run_as(ACME):
        with pytest.raises(OtherTenant):
            one.transaction(GLOBEX, mine(label))
        assert one.transaction(ACME, mine(label)) == []
