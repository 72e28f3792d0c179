"""What is Django's own: the middleware, and the session's time zone that survives cleaning up."""

import asyncio

import pytest
from subjects import Django, direct, naming

from tenantry import NoTenant, current_tenant, run_as

ACME = "a0000000-0000-4000-8000-00000000000a"


@pytest.fixture(autouse=True)
def configured() -> None:
    Django(naming(), 1)


def tenant_of(request: str) -> str | None:
    return None if request == "/health" else request.strip("/")


def test_a_request_runs_as_its_tenant_and_one_without_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    from tenantry.django import TenantMiddleware

    monkeypatch.setattr(settings, "TENANTRY_TENANT_OF_REQUEST", "test_django.tenant_of", raising=False)
    middleware = TenantMiddleware(lambda request: current_tenant())
    assert middleware("/acme") == "acme"
    with pytest.raises(NoTenant):
        middleware("/health")

    async def view(request: str) -> str:
        await asyncio.sleep(0)
        return current_tenant()

    assert asyncio.run(TenantMiddleware(view)("/globex")) == "globex"
    with pytest.raises(NoTenant):
        current_tenant()


def test_without_the_function_the_middleware_does_not_start() -> None:
    from django.core.exceptions import ImproperlyConfigured

    from tenantry.django import TenantMiddleware

    with pytest.raises(ImproperlyConfigured, match="TENANTRY_TENANT_OF_REQUEST"):
        TenantMiddleware(lambda request: None)


def test_a_setting_that_is_none_of_tenantrys_is_refused() -> None:
    from django.core.exceptions import ImproperlyConfigured

    from tenantry.django.postgresql.base import DatabaseWrapper

    subject = Django(naming(), 1)
    settings = subject.databases.settings[subject.alias]
    with pytest.raises(ImproperlyConfigured, match="TENANTRY"):
        DatabaseWrapper({**settings, "TENANTRY": {"settings": "app.tenant_id"}})


def test_the_time_zone_of_the_session_survives_cleaning_up() -> None:
    subject = Django(direct(), 1)
    subject.databases.settings[subject.alias]["TIME_ZONE"] = "Asia/Tokyo"
    for _ in range(2):
        assert subject.transaction(ACME, ("SHOW TimeZone",)) == [("Asia/Tokyo",)]
    subject.close()


def test_only_the_outermost_block_names_the_tenant() -> None:
    from django.db import transaction

    subject = Django(naming(), 1)
    with run_as(ACME), transaction.atomic(using=subject.alias):
        subject.transaction(None, ("INSERT INTO notes (label, body) VALUES ('atomic', '')",))
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=subject.alias):
            raise ZeroDivisionError
        assert subject.transaction(None, ("SELECT current_setting('app.tenant_id')",)) == [(ACME,)]
    subject.close()
