-- For columns whose type is not that of the key itself.
CREATE FUNCTION tenantry.{name}() RETURNS pg_catalog.{type}
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $tenantry$
DECLARE
  token pg_catalog.text;
  key pg_catalog.text;
  value pg_catalog.{type};
BEGIN
  IF (CASE
      WHEN pg_catalog.current_setting('tenantry.context', true) OPERATOR(pg_catalog.=) 'entered'
      THEN pg_catalog.int8send(pg_catalog.currval('tenantry.m_xact')) OPERATOR(pg_catalog.=) pg_catalog.timestamptz_send(CURRENT_TIMESTAMP)
      WHEN pg_catalog.starts_with(pg_catalog.current_setting('tenantry.context', true), 'held-')
      THEN pg_catalog.current_setting('tenantry.context', true) OPERATOR(pg_catalog.=) ('held' OPERATOR(pg_catalog.||) pg_catalog.currval('tenantry.m_xact')::pg_catalog.text)
    END) THEN
    key := {memory_text};
  ELSE
    token := pg_catalog.current_setting('tenantry.context', true);
    IF token OPERATOR(pg_catalog.<>) '' AND token OPERATOR(pg_catalog.<>) 'entered' AND NOT pg_catalog.starts_with(token, 'held') THEN
      key := tenantry.stateless(token, {field});
    ELSE
      {absent}
    END IF;
  END IF;
  IF key IS NULL THEN
    RETURN NULL; -- a context without a scope; a tenant is never NULL
  END IF;
  value := tenantry.as_{suffix}(key);
  IF value IS NULL THEN
    {misfit}
  END IF;
  RETURN value;
END
$tenantry$;
