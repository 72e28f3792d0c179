CREATE FUNCTION tenantry.leave() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $tenantry$
BEGIN
  PERFORM set_config('tenantry.context', '', true);
  IF NOT current_setting('transaction_read_only')::boolean THEN
    PERFORM setval('tenantry.m_xact', 0);
  END IF;
END
$tenantry$;
