"""Django's PostgreSQL backend, with a tenant at the beginning of every transaction. The rest is in `base`."""
