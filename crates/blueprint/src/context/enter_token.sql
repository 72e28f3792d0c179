-- Token: t1.<kid>.<expires>.<counter>.<session>.<tenant>.<scope>.<mac>, see model::token.
CREATE FUNCTION tenantry.enter(token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $tenantry$
DECLARE
  f text[];
  i bytea;
  o bytea;
  session bigint;
  last bigint;
BEGIN
  session := currval('tenantry.m_session');
  last := currval('tenantry.m_ctr');
  IF token ~ '^t1\.[0-9]{1,4}\.[0-9]+\.[0-9]+\.[0-9]+\.[^.]+\.[^.]*\.[0-9a-f]+$' THEN
    f := string_to_array(token, '.');
    SELECT k.ipad, k.opad INTO i, o FROM tenantry.signing_key AS k
     WHERE k.kid = f[2]::smallint AND k.not_after > clock_timestamp();
    -- both sides are hashed once more, so that the time of the comparison tells nothing of the right signature
    IF sha256(convert_to(encode(sha256(o || sha256(i || convert_to(left(token, -1 - length(f[8])), 'UTF8'))), 'hex'), 'UTF8'))
       = sha256(convert_to(f[8], 'UTF8'))
       AND {tenant_fits} AND {scope_fits} THEN
      IF f[5]::bigint <> session THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: tenant context of another session',
          HINT = 'Sign with the number that tenantry.bind_session() returned last on this connection.';
      ELSIF f[3]::bigint <= date_part('epoch', clock_timestamp()) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: expired tenant context',
          HINT = 'Sign a new token for this transaction; if it was new, compare the clocks of signer and server.';
      ELSIF f[4]::bigint <= last THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: replayed tenant context',
          HINT = 'Sign a new token with a higher counter; a token is good once.';
      END IF;
      last := {set_token};
      RETURN;
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: invalid tenant context',
    HINT = 'The token was changed, is of another form or kind of key, or was signed with another or retired key.';
EXCEPTION
  WHEN object_not_in_prerequisite_state THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: this session is not bound',
      HINT = 'Call tenantry.bind_session() once after connecting, and again after DISCARD ALL or DISCARD SEQUENCES, and sign tokens with the number it returns.';
  WHEN read_only_sql_transaction THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: a context cannot be entered in a READ ONLY transaction or on a standby',
      HINT = 'Call tenantry.enter() before SET TRANSACTION READ ONLY, or put a stateless token into tenantry.context.';
END
$tenantry$;
