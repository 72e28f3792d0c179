-- For columns whose type is not that of the key itself.
CREATE FUNCTION tenantry.{name}() RETURNS pg_catalog.{type}
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $tenantry$
DECLARE
  context CONSTANT pg_catalog.text := pg_catalog.current_setting('tenantry.context', true);
  key pg_catalog.text;
  value pg_catalog.{type};
BEGIN
  IF context OPERATOR(pg_catalog.=) 'entered' THEN
    IF pg_catalog.currval('tenantry.m_xact') OPERATOR(pg_catalog.=) (extract(epoch FROM pg_catalog.now()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 THEN
      key := {memory_text};
    ELSE
      {absent}
    END IF;
  ELSIF context OPERATOR(pg_catalog.<>) '' THEN
    key := tenantry.stateless(context, {field});
  ELSE
    {absent}
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
