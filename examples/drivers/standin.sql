-- Stands in for tenantry's proxy, so that the programs and the SDKs can be tried against PostgreSQL alone: two logins named
-- as on the proxy's wire, a backend that names its tenant, and a policy that asks who is logged in. Not a way to isolate
-- an application: a login per tenant, a setting that anybody may set, and no protection against the owner of the tables.

CREATE ROLE "app.acme" LOGIN PASSWORD 'acme''s own password';
CREATE ROLE "app.globex" LOGIN PASSWORD 'globex has another';
CREATE ROLE app LOGIN PASSWORD 'the backend';

CREATE FUNCTION standin_team() RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF session_user <> 'app' THEN
    RETURN (SELECT id FROM public.teams WHERE 'app.' || slug = session_user);
  ELSIF coalesce(current_setting('app.tenant_id', true), '') = '' THEN
    RAISE insufficient_privilege USING MESSAGE = 'no tenant is named', HINT = 'Begin with SELECT set_config(''app.tenant_id'', …, true).';
  END IF;
  RETURN current_setting('app.tenant_id')::uuid;
END $$;

ALTER TABLE notes ALTER team_id SET DEFAULT standin_team();
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY standin ON notes USING (team_id = (SELECT standin_team()));
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, scratch TO "app.acme", "app.globex", app;
