-- Counts a tenant's rows again, with other tenants going on: every charge of it has ended or waits, so the rows that
-- this function sees are those that are charged. Months are not counted again: rows do not say when they came.
CREATE FUNCTION tenantry.quota_recalculate(p_tenant {key}, p_resource text DEFAULT NULL) RETURNS TABLE (resource text, was bigint, counted bigint) LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  r tenantry.quota_resource;
  q tenantry.quota;
  n numeric;
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  IF p_resource IS NOT NULL THEN
    PERFORM tenantry.quota_known(p_resource);
  END IF;
  FOR r IN SELECT * FROM tenantry.quota_resource o WHERE o.seeded AND (p_resource IS NULL OR o.resource = p_resource) ORDER BY o.resource LOOP
    q := tenantry.quota_settle(r.resource, p_tenant);
    n := q.used;
    IF r.measure <> 'monthly' THEN
      EXECUTE format('SELECT tenantry.%I($1)', 'quota_count_' || r.resource) INTO n USING p_tenant;
      UPDATE tenantry.quota o SET used = n WHERE o.tenant = p_tenant AND o.resource = r.resource;
    END IF;
    resource := r.resource;
    was := least(q.used, 9223372036854775807);
    counted := least(n, 9223372036854775807);
    RETURN NEXT;
  END LOOP;
END
$tenantry$;
--;
-- Gives back what expired and adds up what was written down, for at most p_rows tenants of each; passes over whoever
-- is busy. Returns how many reservations and how many tenants' notes it ended.
CREATE FUNCTION tenantry.quota_sweep(p_rows integer DEFAULT 1000, OUT expired bigint, OUT folded bigint) LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  t record;
  gone bigint;
  back numeric;
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  expired := 0;
  folded := 0;
  FOR t IN SELECT DISTINCT r.tenant, r.resource FROM tenantry.quota_reservation r
            WHERE r.expires_at <= clock_timestamp() ORDER BY 1, 2 LIMIT p_rows LOOP
    PERFORM FROM tenantry.quota q WHERE q.tenant = t.tenant AND q.resource = t.resource FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    WITH ended AS (
      DELETE FROM tenantry.quota_reservation r
       WHERE r.tenant = t.tenant AND r.resource = t.resource AND r.expires_at <= clock_timestamp() RETURNING r.units
    ) SELECT count(*), coalesce(sum(e.units), 0) INTO gone, back FROM ended e;
    UPDATE tenantry.quota q SET reserved = q.reserved - back WHERE q.tenant = t.tenant AND q.resource = t.resource;
    expired := expired + gone;
  END LOOP;
  FOR t IN SELECT DISTINCT d.tenant, d.resource FROM tenantry.quota_delta d JOIN tenantry.quota_resource r USING (resource)
            WHERE r.seeded ORDER BY 1, 2 LIMIT p_rows LOOP
    PERFORM FROM tenantry.quota q WHERE q.tenant = t.tenant AND q.resource = t.resource FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    PERFORM tenantry.quota_fold(t.resource, t.tenant, {fold_rows});
    folded := folded + 1;
  END LOOP;
END
$tenantry$;
