CREATE FUNCTION tenantry.{name}() RETURNS pg_catalog.{type}
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $tenantry$
DECLARE
  context CONSTANT pg_catalog.text := pg_catalog.current_setting('tenantry.context', true);
BEGIN
  -- The setting only says where to look; what counts is the session's memory, which enter() alone can write.
  IF context OPERATOR(pg_catalog.=) 'entered' THEN
    IF pg_catalog.currval('tenantry.m_xact') OPERATOR(pg_catalog.=) (extract(epoch FROM pg_catalog.now()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 THEN
      RETURN {memory};
    END IF;
  ELSIF context OPERATOR(pg_catalog.<>) '' THEN
    RETURN tenantry.stateless(context, {field}){cast};
  END IF;
  {absent}
END
$tenantry$;
