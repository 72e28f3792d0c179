-- What the drivers work on: teams are the tenants, their notes are protected, and scratch belongs to nobody.
-- examples/drivers/README.md says who loads it.

CREATE TABLE teams (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  slug text NOT NULL UNIQUE
);

CREATE TABLE notes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  team_id uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  label text NOT NULL,
  body text NOT NULL,
  n integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON notes (team_id, label);

-- COPY … FROM is refused on tables with row-level security, so it goes here.
CREATE TABLE scratch (
  label text NOT NULL,
  n integer NOT NULL,
  body text
);

INSERT INTO teams (id, slug) VALUES
  ('a0000000-0000-4000-8000-00000000000a', 'acme'),
  ('b0000000-0000-4000-8000-00000000000b', 'globex');
