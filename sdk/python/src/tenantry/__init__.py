"""Says whose data a transaction is for: by name to tenantry's proxy, or by a signed context to PostgreSQL itself.

The helpers for each driver are in `tenantry.psycopg`, `tenantry.asyncpg`, `tenantry.sqlalchemy` and `tenantry.django`.
"""

from ._context import Options
from ._credentials import Credentials, Login, read_credentials
from ._tenant import NoTenant, OtherTenant, current_tenant, run_as
from ._token import SigningKey, sign_session

__all__ = [
    "Credentials", "Login", "NoTenant", "Options", "OtherTenant", "SigningKey",
    "current_tenant", "read_credentials", "run_as", "sign_session",
]
