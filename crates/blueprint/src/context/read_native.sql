CREATE FUNCTION tenantry.{name}() RETURNS pg_catalog.{type}
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $tenantry$
DECLARE
  token pg_catalog.text;
BEGIN
  -- The setting only says where to look; what counts is the session's memory, which enter() and hold() alone can
  -- write: the time of this transaction, or a seal that the setting repeats. One expression, because each costs anew
  -- in every transaction.
  IF (CASE
      WHEN pg_catalog.current_setting('tenantry.context', true) OPERATOR(pg_catalog.=) 'entered'
      THEN pg_catalog.int8send(pg_catalog.currval('tenantry.m_xact')) OPERATOR(pg_catalog.=) pg_catalog.timestamptz_send(CURRENT_TIMESTAMP)
      WHEN pg_catalog.starts_with(pg_catalog.current_setting('tenantry.context', true), 'held-')
      THEN pg_catalog.current_setting('tenantry.context', true) OPERATOR(pg_catalog.=) ('held' OPERATOR(pg_catalog.||) pg_catalog.currval('tenantry.m_xact')::pg_catalog.text)
    END) THEN
    RETURN {memory};
  END IF;
  token := pg_catalog.current_setting('tenantry.context', true);
  IF token OPERATOR(pg_catalog.<>) '' AND token OPERATOR(pg_catalog.<>) 'entered' AND NOT pg_catalog.starts_with(token, 'held') THEN
    RETURN tenantry.stateless(token, {field}){cast};
  END IF;
  {absent}
END
$tenantry$;
