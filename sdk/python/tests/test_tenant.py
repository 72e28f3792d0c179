"""The running work's tenant, and what a transaction begins with."""

import asyncio
import threading

import pytest

from tenantry import NoTenant, Options, OtherTenant, SigningKey, current_tenant, run_as, sign_session
from tenantry._context import beginning

UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
KEY = SigningKey(7, bytes(range(32)).hex())


def test_without_a_tenant_there_is_an_error() -> None:
    with pytest.raises(NoTenant):
        current_tenant()


def test_a_task_belongs_to_the_tenant_that_started_it() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return current_tenant()

    async def both() -> list[str]:
        with run_as("acme"):
            first = asyncio.create_task(work())
        with run_as("globex"):
            second = asyncio.create_task(work())
        return list(await asyncio.gather(first, second))

    assert asyncio.run(both()) == ["acme", "globex"]


def test_a_thread_has_no_tenant_of_its_own() -> None:
    found: list[object] = []

    def job() -> None:
        with pytest.raises(NoTenant):
            current_tenant()
        found.append("refused")

    with run_as("acme"):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
    assert found == ["refused"]


def test_a_tenant_inside_another_is_refused_and_the_same_one_is_not() -> None:
    with run_as(UUID):
        with pytest.raises(OtherTenant), run_as("globex"):
            pass
        with run_as(UUID.upper()):
            assert current_tenant() == UUID
        assert current_tenant() == UUID


@pytest.mark.parametrize("tenant", ["", "  ", "a\0b", None, 7])
def test_no_tenant_is_not_a_tenant(tenant: object) -> None:
    with pytest.raises(TypeError), run_as(tenant):  # type: ignore[arg-type]
        pass


def said(tenant: str, options: Options) -> list[tuple[str, tuple[str, ...]]]:
    statements = beginning(tenant, options)
    found = [next(statements)]
    while True:
        try:
            found.append(statements.send(42))
        except StopIteration:
            return found


def test_through_the_proxy_one_statement_names_the_tenant_as_a_value() -> None:
    bad = "acme'; DROP TABLE notes; --"
    assert said(bad, Options()) == [("SELECT set_config('app.tenant_id', $1, true)", (bad,))]
    assert said("7", Options(setting="rls.tenant_id")) == [("SELECT set_config('rls.tenant_id', $1, true)", ("7",))]
    with pytest.raises(ValueError, match=r"app\.tenant_id"):
        Options(setting="x', 'y', false); --")


@pytest.mark.parametrize(("tenant", "keys", "form"), [(UUID, "uuid", UUID), ("-12", "number", "-12"), ("acmé", "text", "61636dc3a9")])
def test_a_signed_context_takes_keys_of_each_kind(tenant: str, keys: str, form: str) -> None:
    [token] = said(tenant, Options(signing_key=KEY, keys=keys))[-1][1]  # type: ignore[arg-type]
    assert token.split(".")[5] == form


@pytest.mark.parametrize("keys", ["uuid", "number"])
def test_a_slug_cannot_be_signed(keys: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        said("acme", Options(signing_key=KEY, keys=keys))  # type: ignore[arg-type]


def test_a_token_is_the_one_that_tenantry_itself_makes() -> None:
    """The same vector as in crates/model/src/token.rs."""
    token = sign_session(KEY, tenant=UUID, expires_at=1_800_000_000, counter=5, session_no="42")
    assert token == f"t1.7.1800000000.5.42.{UUID}..ff28bb18ee7cb61c7efe2274ca182ed3da6f70bbd0e50913d444ea573bd9638e"


def test_a_key_does_not_show_in_logs() -> None:
    assert KEY.key not in repr(KEY)
