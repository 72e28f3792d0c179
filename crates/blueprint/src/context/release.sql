-- Ends whatever context there is and leaves the connection as clean as hold() does. The session stays bound.
CREATE FUNCTION tenantry.release() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $tenantry$
DECLARE
  session bigint;
  last bigint;
  prepared text;
BEGIN
  BEGIN
    session := setval('tenantry.m_xact', 0) + currval('tenantry.m_session');
    last := currval('tenantry.m_ctr');
  EXCEPTION WHEN object_not_in_prerequisite_state THEN
    session := NULL; -- never bound, or unbound by DISCARD: nothing to keep
  END;
{clean}
  IF session IS NULL THEN
    PERFORM pg_advisory_unlock_all();
  ELSE
    PERFORM pg_advisory_unlock_all(), setval('tenantry.m_ctr', last), setval('tenantry.m_session', session), setval('tenantry.m_xact', 0);
  END IF;
  RESET ALL;
  PERFORM pg_catalog.set_config('tenantry.context', '', false);
EXCEPTION WHEN read_only_sql_transaction THEN
  RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: a context cannot be released in a READ ONLY transaction or on a standby',
    HINT = 'End the transaction and call tenantry.release() outside READ ONLY; if default_transaction_read_only was left on, RESET ALL first.';
END
$tenantry$;
