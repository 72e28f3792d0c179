-- Stands in for tenantry's proxy, so that the programs can be tried against PostgreSQL alone: two logins named as on the
-- proxy's wire, and a policy that asks who is logged in. Not a way to isolate an application: a login per tenant and no
-- protection against its owner.

CREATE ROLE "app.acme" LOGIN PASSWORD 'acme''s own password';
CREATE ROLE "app.globex" LOGIN PASSWORD 'globex has another';

CREATE FUNCTION standin_team() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN (SELECT id FROM public.teams WHERE 'app.' || slug = session_user);

ALTER TABLE notes ALTER team_id SET DEFAULT standin_team();
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY standin ON notes USING (team_id = (SELECT standin_team()));
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, scratch TO "app.acme", "app.globex";
