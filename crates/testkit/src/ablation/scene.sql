-- A small application with every kind of object that a protection guards. Nothing in it knows of tenants' walls.
CREATE TABLE workspace (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
);
CREATE TABLE member (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspace ON DELETE CASCADE,
    email text NOT NULL,
    CONSTRAINT member_email_key UNIQUE (email)
);
CREATE TABLE team (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspace ON DELETE CASCADE,
    name text NOT NULL
);
CREATE TABLE card (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspace ON DELETE CASCADE,
    team_id uuid REFERENCES team,
    title text NOT NULL
);
CREATE TABLE project (
    id bigserial PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace ON DELETE CASCADE,
    name text NOT NULL,
    secret text
);
CREATE TABLE task (
    id bigserial PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace ON DELETE CASCADE,
    project_id bigint NOT NULL,
    title text NOT NULL,
    done boolean NOT NULL DEFAULT false,
    CONSTRAINT task_project_id_fkey FOREIGN KEY (project_id) REFERENCES project (id) ON DELETE CASCADE
);
CREATE TABLE remark (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id bigint NOT NULL REFERENCES task ON DELETE CASCADE,
    body text NOT NULL
);
CREATE TABLE note (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspace ON DELETE CASCADE,
    size integer NOT NULL DEFAULT 10,
    deleted_at timestamptz
);
CREATE TABLE event (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspace,
    happened_at timestamptz NOT NULL,
    payload jsonb,
    PRIMARY KEY (id, happened_at)
) PARTITION BY RANGE (happened_at);
CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE metric (
    workspace_id uuid NOT NULL REFERENCES workspace,
    day integer NOT NULL,
    amount integer,
    PRIMARY KEY (workspace_id, day)
) PARTITION BY LIST (workspace_id);
CREATE TABLE metric_others PARTITION OF metric DEFAULT;
CREATE TABLE country (
    code text PRIMARY KEY,
    name text NOT NULL
);
CREATE VIEW open_task AS SELECT id, workspace_id, title FROM task WHERE NOT done;
CREATE MATERIALIZED VIEW task_count AS SELECT workspace_id, count(*) AS tasks FROM task GROUP BY workspace_id;
CREATE FUNCTION count_projects() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.project';

INSERT INTO country VALUES ('de', 'Germany'), ('fr', 'France');
INSERT INTO workspace (id, name) SELECT md5('w' || n)::uuid, 'Workspace ' || n FROM generate_series(1, 3) n;
INSERT INTO member (workspace_id, email) SELECT w.id, 'm' || n || '@' || w.name FROM workspace w, generate_series(1, 3) n;
INSERT INTO team (id, workspace_id, name) SELECT md5(w.id || 't' || n)::uuid, w.id, 'Team ' || n FROM workspace w, generate_series(1, 2) n;
INSERT INTO project (workspace_id, name, secret) SELECT w.id, 'P' || n, 'secret of ' || w.name FROM workspace w, generate_series(1, 3) n;
-- of either team, and of the whole workspace
INSERT INTO card (workspace_id, team_id, title)
    SELECT w.id, (SELECT t.id FROM team t WHERE t.workspace_id = w.id AND t.name = 'Team ' || n), 'C' || n
    FROM workspace w, generate_series(1, 3) n;
INSERT INTO task (workspace_id, project_id, title) SELECT p.workspace_id, p.id, 'T' || n FROM project p, generate_series(1, 2) n;
INSERT INTO remark (task_id, body) SELECT t.id, 'about ' || t.title FROM task t;
INSERT INTO event (workspace_id, happened_at, payload)
    SELECT w.id, d, '{}' FROM workspace w, unnest(ARRAY['2024-06-01'::timestamptz, '2025-06-01']) d;
INSERT INTO metric SELECT w.id, n, n FROM workspace w, generate_series(1, 3) n;
INSERT INTO note (workspace_id, deleted_at) SELECT w.id, CASE n WHEN 3 THEN now() END FROM workspace w, generate_series(1, 3) n;
REFRESH MATERIALIZED VIEW task_count;
ANALYZE;
