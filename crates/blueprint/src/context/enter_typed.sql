-- MAC = HMAC-SHA256(secret, int8be(hi) || int8be(lo) || int8be(exp) || int8be(ctr) || int8be(session number))
CREATE FUNCTION tenantry.enter(kid smallint, hi bigint, lo bigint, exp bigint, ctr bigint, mac bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $tenantry$
DECLARE
  session bigint;
  verdict text;
BEGIN
  session := currval('tenantry.m_session');
  -- both signatures are hashed once more, so that the time of the comparison tells nothing of the right one
  SELECT CASE WHEN exp <= date_part('epoch', clock_timestamp()) THEN 'expired'
              WHEN ctr <= currval('tenantry.m_ctr') THEN 'replayed' ELSE 'good' END INTO verdict
    FROM tenantry.signing_key AS k
   WHERE k.kid = enter.kid AND k.not_after > clock_timestamp()
     AND sha256(sha256(k.opad || sha256(k.ipad || int8send(hi) || int8send(lo) || int8send(exp) || int8send(ctr) || int8send(session))))
         = sha256(mac);
  IF verdict = 'good' THEN
    session := {set_typed};
    RETURN;
  ELSIF verdict = 'expired' THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: expired tenant context',
      HINT = 'Sign a new token for this transaction; if it was new, compare the clocks of signer and server.';
  ELSIF verdict = 'replayed' THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: replayed tenant context',
      HINT = 'Sign a new token with a higher counter; a token is good once.';
  END IF;
  RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: invalid tenant context',
    HINT = 'The token was changed, signed with another or retired key, or signed for another session: sign with the number that tenantry.bind_session() returned on this connection.';
EXCEPTION
  WHEN object_not_in_prerequisite_state THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: this session is not bound',
      HINT = 'Call tenantry.bind_session() once after connecting, and again after DISCARD ALL or DISCARD SEQUENCES, and sign tokens with the number it returns.';
  WHEN read_only_sql_transaction THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: a context cannot be entered in a READ ONLY transaction or on a standby',
      HINT = 'Call tenantry.enter() before SET TRANSACTION READ ONLY, or put a stateless token into tenantry.context.';
END
$tenantry$;
