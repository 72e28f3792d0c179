-- Keeps units free for work that comes later, at most p_for long.
CREATE FUNCTION tenantry.quota_reserve(p_tenant {key}, p_resource text, p_units bigint, p_for interval) RETURNS uuid LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  r tenantry.quota_resource;
  made uuid;
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  r := tenantry.quota_known(p_resource);
  IF p_tenant IS NULL OR p_units IS NULL OR p_units NOT BETWEEN 1 AND {units_max} THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: a reservation is of 1 to {units_max} units, for a tenant';
  END IF;
  IF p_for IS NULL OR p_for < interval '1 second' OR p_for > interval '1 day' THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: a reservation lasts from a second to a day';
  END IF;
  -- taken as if it were used, then moved: one place decides what fits
  PERFORM tenantry.quota_take(p_resource, p_tenant, tenantry.quota_period(r.measure), p_units);
  PERFORM FROM tenantry.quota q WHERE q.tenant = p_tenant AND q.resource = p_resource AND q.max_units IS NULL;
  IF FOUND THEN
    INSERT INTO tenantry.quota_delta (tenant, resource, period, units)
      VALUES (p_tenant, p_resource, tenantry.quota_period(r.measure), -p_units);
    UPDATE tenantry.quota q SET reserved = q.reserved + p_units WHERE q.tenant = p_tenant AND q.resource = p_resource;
  ELSE
    UPDATE tenantry.quota q SET used = q.used - p_units, reserved = q.reserved + p_units
     WHERE q.tenant = p_tenant AND q.resource = p_resource;
  END IF;
  INSERT INTO tenantry.quota_reservation (tenant, resource, units, expires_at)
    VALUES (p_tenant, p_resource, p_units, clock_timestamp() + p_for) RETURNING id INTO made;
  RETURN made;
END
$tenantry$;
--;
-- Ends a reservation of this tenant, in the transaction that needs its room; the row it held stays locked until then,
-- so nobody else takes it before the rows come. False if there is none, or another tenant's, or it has expired.
CREATE FUNCTION tenantry.quota_end_reservation(p_tenant {key}, p_id uuid) RETURNS boolean LANGUAGE plpgsql AS $tenantry$
DECLARE
  what text;
  n bigint;
  due timestamptz;
BEGIN
  SELECT r.resource INTO what FROM tenantry.quota_reservation r WHERE r.id = p_id AND r.tenant = p_tenant;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM FROM tenantry.quota q WHERE q.tenant = p_tenant AND q.resource = what FOR NO KEY UPDATE;
  DELETE FROM tenantry.quota_reservation r WHERE r.id = p_id AND r.tenant = p_tenant RETURNING r.units, r.expires_at INTO n, due;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE tenantry.quota q SET reserved = q.reserved - n WHERE q.tenant = p_tenant AND q.resource = what;
  RETURN due > clock_timestamp();
END
$tenantry$;
--;
-- For the application: call it in the transaction that makes the rows, before them. They are counted once, as they come.
CREATE FUNCTION tenantry.use_reservation(p_id uuid) RETURNS boolean LANGUAGE plpgsql {definer} AS $tenantry$
BEGIN
  RETURN tenantry.quota_end_reservation(tenantry.{tenant}(), p_id);
END
$tenantry$;
--;
-- For the control plane: the rows stand and were counted when they came, so that nothing is held for them any more.
CREATE FUNCTION tenantry.quota_commit(p_tenant {key}, p_id uuid) RETURNS boolean LANGUAGE plpgsql {definer} AS $tenantry$
BEGIN
  RETURN tenantry.quota_end_reservation(p_tenant, p_id);
END
$tenantry$;
--;
-- For the control plane: the work was given up.
CREATE FUNCTION tenantry.quota_release(p_tenant {key}, p_id uuid) RETURNS boolean LANGUAGE plpgsql {definer} AS $tenantry$
BEGIN
  RETURN tenantry.quota_end_reservation(p_tenant, p_id);
END
$tenantry$;
