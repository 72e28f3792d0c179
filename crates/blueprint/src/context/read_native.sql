CREATE FUNCTION tenantry.{name}() RETURNS pg_catalog.{type}
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $tenantry$
DECLARE
  token pg_catalog.text;
BEGIN
  -- The setting only says where to look; what counts is the session's memory, which enter() and hold() alone can write.
  IF (CASE WHEN pg_catalog.current_setting('tenantry.context', true) OPERATOR(pg_catalog.=) 'entered'
           THEN pg_catalog.currval('tenantry.m_xact') OPERATOR(pg_catalog.=) (pg_catalog.date_part('epoch', pg_catalog.now()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 END) THEN
    RETURN {memory};
  END IF;
  token := pg_catalog.current_setting('tenantry.context', true);
  -- A held context: the setting repeats the seal in the memory, which a rollback or another hand does not.
  IF (CASE WHEN pg_catalog.starts_with(token, 'held-')
           THEN token OPERATOR(pg_catalog.=) ('held' OPERATOR(pg_catalog.||) pg_catalog.currval('tenantry.m_xact')::pg_catalog.text) END) THEN
    RETURN {memory};
  ELSIF token OPERATOR(pg_catalog.<>) '' AND token OPERATOR(pg_catalog.<>) 'entered' AND NOT pg_catalog.starts_with(token, 'held') THEN
    RETURN tenantry.stateless(token, {field}){cast};
  END IF;
  {absent}
END
$tenantry$;
