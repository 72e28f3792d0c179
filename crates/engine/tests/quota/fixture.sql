CREATE TABLE team (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE list (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES team ON DELETE CASCADE);
CREATE TABLE note (
    id bigserial PRIMARY KEY,
    team_id bigint NOT NULL REFERENCES team ON DELETE CASCADE,
    list_id bigint REFERENCES list ON DELETE CASCADE,
    code text,
    "archivedAt" timestamptz,
    CONSTRAINT note_code_key UNIQUE (team_id, code)
);
CREATE TABLE file (
    id bigserial PRIMARY KEY,
    team_id integer NOT NULL REFERENCES team,
    bytes bigint
);
CREATE TABLE line (
    id bigserial PRIMARY KEY,
    note_id bigint NOT NULL REFERENCES note ON DELETE CASCADE
);
CREATE TABLE visit (
    id bigint NOT NULL,
    team_id bigint NOT NULL REFERENCES team ON DELETE CASCADE,
    year integer NOT NULL,
    kind text NOT NULL DEFAULT 'web',
    PRIMARY KEY (id, year, kind)
) PARTITION BY LIST (year);
CREATE TABLE visit_2024 PARTITION OF visit FOR VALUES IN (2024);
CREATE TABLE visit_2025 PARTITION OF visit FOR VALUES IN (2025) PARTITION BY LIST (kind);
CREATE TABLE visit_2025_web PARTITION OF visit_2025 FOR VALUES IN ('web');
CREATE TABLE visit_2025_app PARTITION OF visit_2025 FOR VALUES IN ('app');
CREATE TABLE message (id bigserial PRIMARY KEY, team_id bigint NOT NULL REFERENCES team);
INSERT INTO team SELECT n, 'team ' || n FROM generate_series(1, 20) n;
INSERT INTO list SELECT n, n FROM generate_series(1, 20) n;
INSERT INTO note (team_id, list_id, code) SELECT t, t, 'c' || n FROM generate_series(1, 3) t, generate_series(1, 5) n;
INSERT INTO note (team_id, code, "archivedAt") SELECT 1, 'old' || n, now() FROM generate_series(1, 4) n;
INSERT INTO line (note_id) SELECT id FROM note;
INSERT INTO file (team_id, bytes) VALUES (1, 100), (1, NULL), (1, -50), (2, 7);
INSERT INTO visit SELECT n, 1 + n % 3, 2024 + n % 2, CASE n % 4 WHEN 1 THEN 'app' ELSE 'web' END FROM generate_series(1, 30) n;
INSERT INTO message (team_id) VALUES (1), (1);
ANALYZE;
