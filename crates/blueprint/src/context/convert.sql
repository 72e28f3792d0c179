-- From the text of a key to another type, NULL where it does not fit. Only the canonical spelling fits: '7' and
-- '007' are two text keys and must not become one number.
CREATE FUNCTION tenantry.as_uuid(key text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $tenantry$
BEGIN
  IF key OPERATOR(pg_catalog.~) '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
    RETURN key::pg_catalog.uuid;
  END IF;
  RETURN NULL;
END
$tenantry$;
--;
CREATE FUNCTION tenantry.as_bigint(key text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $tenantry$
BEGIN
  IF key OPERATOR(pg_catalog.~) '^(0|-?[1-9][0-9]{0,18})$'
     AND key::pg_catalog.numeric OPERATOR(pg_catalog.>=) -9223372036854775808
     AND key::pg_catalog.numeric OPERATOR(pg_catalog.<=) 9223372036854775807 THEN
    RETURN key::pg_catalog.int8;
  END IF;
  RETURN NULL;
END
$tenantry$;
--;
CREATE FUNCTION tenantry.as_integer(key text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $tenantry$
BEGIN
  IF key OPERATOR(pg_catalog.~) '^(0|-?[1-9][0-9]{0,9})$'
     AND key::pg_catalog.int8 OPERATOR(pg_catalog.>=) -2147483648
     AND key::pg_catalog.int8 OPERATOR(pg_catalog.<=) 2147483647 THEN
    RETURN key::pg_catalog.int4;
  END IF;
  RETURN NULL;
END
$tenantry$;
