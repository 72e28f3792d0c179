CREATE TABLE workspace (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE segment (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), workspace_id uuid NOT NULL REFERENCES workspace, name text);
CREATE INDEX ON segment (workspace_id);
CREATE TABLE attachment (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), workspace_id uuid NOT NULL REFERENCES workspace, bytes bigint NOT NULL);
CREATE INDEX ON attachment (workspace_id);
CREATE TABLE delivery (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), workspace_id uuid NOT NULL REFERENCES workspace);
CREATE INDEX ON delivery (workspace_id);
INSERT INTO workspace VALUES ('11111111-1111-4111-8111-111111111111', 'there before the control plane');
INSERT INTO segment (workspace_id) SELECT '11111111-1111-4111-8111-111111111111' FROM generate_series(1, 3);
