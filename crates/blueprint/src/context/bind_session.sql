CREATE FUNCTION tenantry.bind_session() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $tenantry$
BEGIN
  PERFORM setval('tenantry.m_ctr', 0), setval('tenantry.m_xact', 0);
  -- in a cell of its own, which hold() can write again after DISCARD SEQUENCES
  RETURN setval('tenantry.m_session', nextval('tenantry.session_no'));
EXCEPTION WHEN read_only_sql_transaction THEN
  RAISE EXCEPTION USING ERRCODE = '42501',
    MESSAGE = 'tenantry: a session cannot be bound in a READ ONLY transaction or on a standby',
    HINT = 'Call tenantry.bind_session() right after connecting, outside READ ONLY; on a standby put a stateless token into tenantry.context instead.';
END
$tenantry$;
