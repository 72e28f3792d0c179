-- Fills the projects database. Run this file and the call in one session:
--
--   SELECT pg_temp.demo_generate(200, 100000, 1);   -- projects, rows, seed; gives the number of rows made
--
-- The database has no tenants yet, so the first number counts projects: project n has about 1/n of the rows of the
-- largest (zipf). The same arguments give the same rows. All functions are temporary.

CREATE OR REPLACE FUNCTION pg_temp.demo_generate(tenants int, "rows" bigint, seed int) RETURNS bigint LANGUAGE plpgsql AS $fn$
DECLARE
  harmonic float8;
  people bigint;
  made bigint := 0;
  n bigint;
  start timestamptz := '2026-01-01 00:00+00';
  counted text;
BEGIN
  IF tenants < 1 OR "rows" < 1 THEN
    RAISE EXCEPTION 'demo_generate needs at least one project and one row, not % and %', tenants, "rows";
  END IF;
  IF EXISTS (SELECT FROM users) THEN
    RAISE EXCEPTION 'the database has users already: generate into an empty one';
  END IF;
  BEGIN
    PERFORM set_config('session_replication_role', 'replica', true); -- foreign keys hold by construction
  EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- slower, not different
  END;
  SELECT sum(1.0 / k) INTO harmonic FROM generate_series(1, tenants) k;
  people := greatest(10, ("rows" * 0.01)::bigint);

  -- One line per project: how many rows of each kind it has, and how many all projects before it have.
  CREATE TEMP TABLE demo_plan ON COMMIT DROP AS
  SELECT *, sum(tasks) OVER before AS tasks_before, sum(folders) OVER before AS folders_before, sum(files) OVER before AS files_before
  FROM (
    SELECT k, 1 + (share * 0.28)::bigint AS tasks, 1 + (share * 0.01)::bigint AS folders, 1 + (share * 0.12)::bigint AS files,
           (share * 0.22)::bigint AS comments, (share * 0.14)::bigint AS activities, (share * 0.10)::bigint AS task_labels,
           least(people, 2 + (share * 0.01)::bigint) AS members
    FROM (SELECT k, greatest("rows" - 12.0 * tenants, 0) / harmonic / k AS share FROM generate_series(1, tenants) k) AS w
  ) AS counts
  WINDOW before AS (ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW);
  UPDATE demo_plan SET tasks_before = coalesce(tasks_before, 0), folders_before = coalesce(folders_before, 0), files_before = coalesce(files_before, 0);
  ANALYZE demo_plan;

  INSERT INTO users (id, email, username, password_hash, full_name, is_admin, created_at)
  SELECT i, format('person%s@company.example', i), 'person' || i, 'scrypt:' || md5(concat(seed, 'user', i)), 'Person ' || i, i = 1, start
  FROM generate_series(1, people) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO user_preferences (user_id, theme) SELECT i, (ARRAY['system', 'dark', 'light'])[1 + i % 3] FROM generate_series(1, people) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO access_tokens (user_id, token_digest, expires_at)
  SELECT i, decode(md5(concat(seed, 'token', i)), 'hex'), start + interval '1 year' FROM generate_series(1, people, 3) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO projects (id, owner_id, code, title, created_at, updated_at)
  SELECT k, 1 + k % people, 'P' || k, 'Project ' || k, start, start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO project_members (project_id, user_id, can_edit) SELECT k, 1 + (k + i) % people, i % 4 > 0 FROM demo_plan, generate_series(0, members - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO milestones (id, project_id, title, due_on) SELECT k * 2 + i - 1, k, 'Milestone ' || i, date '2026-06-01' + i * 30 FROM demo_plan, generate_series(0, 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO labels (id, name) SELECT i, 'label ' || i FROM generate_series(1, 20) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO tasks (id, project_id, number, milestone_id, assignee_id, author_id, title, state, estimate, created_at, updated_at)
  SELECT tasks_before + i, k, i, CASE WHEN i % 3 = 0 THEN k * 2 + i % 2 - 1 END, CASE WHEN i % 4 > 0 THEN 1 + (i * 7) % people END, 1 + (i * 13) % people,
         'Task ' || i, (ARRAY['open', 'doing', 'done', 'done'])[1 + i % 4], i % 40, start, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(1, tasks) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO task_labels (task_id, label_id) SELECT tasks_before + 1 + i % tasks, 1 + (i / tasks) % 20 FROM demo_plan, generate_series(0, least(task_labels, tasks * 20) - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO comments (task_id, author_id, body, created_at)
  SELECT tasks_before + 1 + i * 5 % tasks, 1 + (i * 11) % people, 'Comment ' || i, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(1, comments) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  -- The first folder of a project holds all the others.
  INSERT INTO folders (id, project_id, parent_id, name)
  SELECT folders_before + i, k, CASE WHEN i > 1 THEN folders_before + 1 END, 'Folder ' || i FROM demo_plan, generate_series(1, folders) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO files (id, folder_id, uploader_id, file_name, extension, storage_key, bytes, uploaded_at)
  SELECT files_before + i, folders_before + 1 + i % folders, 1 + (i * 3) % people, 'file ' || i, (ARRAY['pdf', 'png', 'txt', 'zip'])[1 + i % 4],
         md5(concat(seed, 'file', k, '/', i)), i::bigint * 104729 % 50000000, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(1, files) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO file_versions (file_id, version, storage_key, bytes) SELECT id, 1, storage_key, bytes FROM files WHERE id % 2 = 0;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO activity (user_id, project_id, subject_type, subject_id, verb, happened_at)
  SELECT 1 + (i * 5) % people, k, 'task', tasks_before + 1 + i % tasks, 'changed', start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(1, activities) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  FOREACH counted IN ARRAY ARRAY['users', 'projects', 'milestones', 'labels', 'tasks', 'folders', 'files'] LOOP
    EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, %L), max(id)) FROM %I', counted, 'id', counted);
  END LOOP;
  DROP TABLE demo_plan;
  ANALYZE;
  RETURN made;
END $fn$;
