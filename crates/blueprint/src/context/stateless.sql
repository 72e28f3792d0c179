-- Checks a stateless token s1.<kid>.<expires>.<pid>.<tenant>.<scope>.<mac> and gives its tenant (field 5) or
-- scope (field 6; NULL if empty) as text. Only the functions below call it. It has no SET clause, which would cost
-- on every statement, so every name and operator is qualified.
CREATE FUNCTION tenantry.stateless(token text, field integer) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $tenantry$
DECLARE
  f pg_catalog.text[];
  i pg_catalog.bytea;
  o pg_catalog.bytea;
  left_s pg_catalog.numeric;
BEGIN
  IF token OPERATOR(pg_catalog.~) '^s1\.[0-9]{1,4}\.[0-9]+\.[0-9]+\.[^.]+\.[^.]*\.[0-9a-f]+$' THEN
    f := pg_catalog.string_to_array(token, '.');
    SELECT k.ipad, k.opad INTO i, o FROM tenantry.signing_key AS k
     WHERE k.kid OPERATOR(pg_catalog.=) f[2]::pg_catalog.int2
       AND k.not_after OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp();
    IF pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.encode(pg_catalog.sha256(o OPERATOR(pg_catalog.||) pg_catalog.sha256(i OPERATOR(pg_catalog.||) pg_catalog.convert_to(pg_catalog.left(token, -1 OPERATOR(pg_catalog.-) pg_catalog.length(f[7])), 'UTF8'))), 'hex'), 'UTF8'))
       OPERATOR(pg_catalog.=) pg_catalog.sha256(pg_catalog.convert_to(f[7], 'UTF8'))
       AND {tenant_fits} AND {scope_fits} THEN
      -- the time of the statement, not of the transaction: an open transaction does not keep a token alive
      left_s := f[3]::pg_catalog.int8 OPERATOR(pg_catalog.-) extract(epoch FROM pg_catalog.statement_timestamp());
      IF f[4]::pg_catalog.int4 OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
         AND left_s OPERATOR(pg_catalog.>) 0 AND left_s OPERATOR(pg_catalog.<=) 30 THEN
        IF f[field] OPERATOR(pg_catalog.=) '' THEN
          RETURN NULL;
        ELSIF field OPERATOR(pg_catalog.=) 5 THEN
          RETURN {tenant_text};
        ELSE
          RETURN {scope_text};
        END IF;
      END IF;
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: invalid or expired stateless tenant context',
    HINT = 'tenantry.context must hold a token signed for this server process (pg_backend_pid()) that expires within the next 30 seconds: sign a new one.';
END
$tenantry$;
