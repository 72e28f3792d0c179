"""Django: a database backend that begins every transaction with its tenant, and a middleware that says whose a request is.

    DATABASES = {"default": {"ENGINE": "tenantry.django.postgresql", "ATOMIC_REQUESTS": True, …}}
    MIDDLEWARE = ["tenantry.django.TenantMiddleware", …]
    TENANTRY_TENANT_OF_REQUEST = "shop.tenancy.tenant_of"      # a function of the request

The function gives the tenant's key or slug, or None where the request has none (signing in, a health check); such a view
must be `@transaction.non_atomic_requests`, for a transaction without a tenant is an error. Workers use `run_as`. Commands
such as `migrate` use a database of their own in DATABASES, with the owner's login and Django's own backend.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .._tenant import run_as


class TenantMiddleware:
    """Runs the rest of a request as the tenant that `TENANTRY_TENANT_OF_REQUEST` finds in it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        named = getattr(settings, "TENANTRY_TENANT_OF_REQUEST", None)
        if named is None:
            raise ImproperlyConfigured("TENANTRY_TENANT_OF_REQUEST is not set: name the function that gives a request's tenant.")
        self.tenant_of: Callable[[Any], str | None] = import_string(named) if isinstance(named, str) else named
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._later(request, self.get_response)
        tenant = self.tenant_of(request)
        with nullcontext() if tenant is None else run_as(tenant):
            return self.get_response(request)

    async def _later(self, request: Any, get_response: Callable[[Any], Awaitable[Any]]) -> Any:
        tenant = self.tenant_of(request)
        with nullcontext() if tenant is None else run_as(tenant):
            return await get_response(request)
