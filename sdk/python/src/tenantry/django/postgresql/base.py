"""The backend. Its database's settings may hold, beside Django's own:

    "TENANTRY": {"credentials": "path/to/credentials.json"}     straight to PostgreSQL: contexts are signed with its key
    "TENANTRY": {"setting": "app.current_tenant"}                through a proxy that listens to another setting

Reading and writing outside of a transaction has no tenant, so protected tables refuse it: use ATOMIC_REQUESTS, or
`transaction.atomic()`. Without server-side cursors, since those outlive a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

from ..._context import Options, beginning
from ..._credentials import Credentials, Login, read_credentials, turns
from ..._tenant import current_tenant

# a wrapper is made for each thread; the logins of a file take turns over all of them
_turns: dict[str, tuple[Credentials, Callable[[], Login]]] = {}


def _known(path: str) -> tuple[Credentials, Callable[[], Login]]:
    if path not in _turns:
        credentials = read_credentials(path)
        _turns[path] = credentials, turns(credentials)
    return _turns[path]


class DatabaseWrapper(base.DatabaseWrapper):
    """Django asks for this name."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__({**settings_dict, "DISABLE_SERVER_SIDE_CURSORS": True}, alias)
        said = dict(settings_dict.get("TENANTRY", {}))
        path = said.pop("credentials", None)
        self._direct = _known(str(path)) if path else None
        try:
            self._tenantry = Options(signing_key=self._direct[0].signing_key if self._direct else None, **said)
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"TENANTRY of the database {alias!r}: {error}") from error

    def get_connection_params(self) -> dict[str, Any]:
        """With credentials, each new connection takes the next login."""
        params: dict[str, Any] = super().get_connection_params()
        if self._direct:
            credentials, turn = self._direct
            params.update(vars(turn()), host=credentials.host, port=credentials.port, dbname=credentials.database)
            # what the connection begins with survives RESET ALL, which cleans up after each tenant
            params["options"] = f"{params.get('options', '')} -c TimeZone={self.timezone_name}".strip()
        return params

    def _set_autocommit(self, autocommit: bool) -> None:
        """Leaving autocommit is how Django begins a transaction; psycopg sends BEGIN before the first statement, ours."""
        tenant = None if autocommit else current_tenant()
        super()._set_autocommit(autocommit)
        if tenant is None:
            return
        try:
            self._begin(tenant)
        except BaseException:
            # Django takes the transaction for begun only when this returns
            self.connection.rollback()
            super()._set_autocommit(True)
            raise

    def _begin(self, tenant: str) -> None:
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            said = beginning(tenant, self._tenantry)
            text, values = next(said)
            while True:
                cursor.execute(text.replace("$1", "%s"), values or None)
                row = cursor.fetchone() if cursor.description else None
                try:
                    text, values = said.send(row[0] if row else None)
                except StopIteration:
                    break
