# Ruby's pg, over libpq: parameters, named statements, pipelines, COPY, cancelling, single-row mode.

require "pg"
require "securerandom"

LABEL = "ruby pg"
TIMES = 12 # more often than anything waits before it prepares a statement
MANY = 10_000
LARGE = "ü#{"x" * 1_048_576}€"
CROWD = 4
CROWD_TRANSACTIONS = 25

Tenant = Struct.new(:user, :password, :team) do
  def connect
    PG.connect(host: ENV.fetch("PGHOST"), port: ENV.fetch("PGPORT"), dbname: ENV.fetch("PGDATABASE"), user:, password:)
  end
end
TENANTS = %w[A B].map { |t| Tenant.new(ENV.fetch("#{t}_USER"), ENV.fetch("#{t}_PASSWORD"), ENV.fetch("#{t}_TEAM")) }
$checks = 0

def fail_with(what)
  abort "not ok #{LABEL}: #{what}"
end

def same(what, found, wanted)
  fail_with("#{what}: wanted #{wanted.inspect[0, 200]}, found #{found.inspect[0, 200]}") unless found == wanted
  $checks += 1
end

def refused(what, error)
  yield
rescue error
  $checks += 1
rescue PG::Error => found
  fail_with("#{what}: wanted #{error}, found #{found.class}: #{found.message}")
else
  fail_with("#{what}: nothing was refused")
end

# Each creates, reads, changes and deletes its own, and finds nothing of the other's.
def rows(both)
  ids = both.map do |t, c|
    c.exec_params("DELETE FROM notes WHERE label = $1", [LABEL])
    made = c.exec_params("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING id, team_id", [LABEL, t.user])[0]
    same("the tenant by default", made["team_id"], t.team)
    made["id"]
  end
  both.each_with_index do |(t, c), i|
    mine, theirs, other = ids[i], ids[1 - i], TENANTS[1 - i]
    same("reading", c.exec_params("SELECT body FROM notes WHERE id = $1", [mine]).values, [[t.user]])
    same("changing", c.exec_params("UPDATE notes SET n = 7 WHERE id = $1", [mine]).cmd_tuples, 1)
    same("reading the other's", c.exec_params("SELECT FROM notes WHERE id = $1", [theirs]).ntuples, 0)
    same("changing the other's", c.exec_params("UPDATE notes SET n = 9 WHERE id = $1", [theirs]).cmd_tuples, 0)
    same("deleting the other's", c.exec_params("DELETE FROM notes WHERE id = $1", [theirs]).cmd_tuples, 0)
    refused("writing as the other", PG::InsufficientPrivilege) do
      c.exec_params("INSERT INTO notes (team_id, label, body) VALUES ($1, $2, '')", [other.team, LABEL])
    end
  end
  both.each_with_index { |(_, c), i| same("deleting", c.exec_params("DELETE FROM notes WHERE id = $1", [ids[i]]).cmd_tuples, 1) }
end

# Both use the same name for different texts, as two services do.
def prepared(both)
  both.each_with_index { |(_, c), i| c.prepare("add", "INSERT INTO notes (label, body, n) VALUES ($1, 'prepared', $2) RETURNING team_id, n + #{i} AS n") }
  TIMES.times do |n|
    both.each_with_index do |(t, c), i|
      add = -> { c.exec_prepared("add", [LABEL, n]).values }
      same("a prepared insert", n.even? ? add.call : c.transaction { add.call }, [[t.team, (n + i).to_s]])
    end
  end
  both.each do |_, c|
    same("its description", c.describe_prepared("add").nparams, 2)
    c.exec("DEALLOCATE add")
    refused("a freed statement", PG::InvalidSqlStatementName) { c.exec_prepared("add", [LABEL, 0]) }
  end
end

def transactions(both)
  %w[COMMIT ROLLBACK].each do |word|
    both.each do |_, c|
      c.exec("BEGIN")
      c.exec_params("INSERT INTO notes (label, body) VALUES ($1, $2)", [LABEL, word])
      c.exec("SAVEPOINT s")
      c.exec_params("INSERT INTO notes (label, body) VALUES ($1, 'savepoint')", [LABEL])
      refused("an error in a savepoint", PG::DivisionByZero) { c.exec("SELECT 1 / 0") }
      c.exec("ROLLBACK TO s")
    end
    both.each { |_, c| c.exec(word) }
  end
  both.each do |_, c|
    kept = c.exec_params("SELECT DISTINCT body FROM notes WHERE label = $1 AND body IN ('COMMIT', 'ROLLBACK', 'savepoint')", [LABEL])
    same("after commit and rollback", kept.values, [["COMMIT"]])
  end
end

def failures(both)
  both.each do |_, c|
    refused("a division by zero", PG::DivisionByZero) { c.exec_params("SELECT 1 / $1::int", [0]) }
    id = c.exec_params("INSERT INTO notes (label, body) VALUES ($1, 'unique') RETURNING id", [LABEL])[0]["id"]
    refused("a second one", PG::UniqueViolation) { c.exec_params("INSERT INTO notes (id, label, body) VALUES ($1, $2, '')", [id, LABEL]) }
    refused("the transaction", PG::InFailedSqlTransaction) do
      c.transaction do
        refused("an error in a transaction", PG::UndefinedTable) { c.exec("SELECT FROM no_such_table") }
        c.exec("SELECT 1")
      end
    end
    same("going on", c.exec_params("SELECT count(*) FROM notes WHERE id = $1", [id]).getvalue(0, 0), "1")
    cancelled(c)
    same("after a cancelled query", c.exec("SELECT 'here'").values, [["here"]])
  end
end

# Cancels until the query ends.
def cancelled(c)
  c.send_query("SELECT pg_sleep(60)")
  c.cancel until c.block(0.1)
  refused("a cancelled query", PG::QueryCanceled) { c.get_last_result }
end

def many(both)
  both.each do |_, c|
    c.exec_params("INSERT INTO notes (label, body, n) SELECT $1, 'many', n FROM generate_series(0, $2::int - 1) n", [LABEL, MANY])
  end
  both.each do |t, c|
    found = []
    c.send_query_params("SELECT n, team_id FROM notes WHERE label = $1 AND body = 'many' ORDER BY n", [LABEL])
    c.set_single_row_mode
    c.get_result.stream_each { |row| found << row.values }
    c.get_result
    same("many rows, one by one", found == (0...MANY).map { |n| [n.to_s, t.team] }, true)
    back = c.exec_params("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING body", [LABEL, LARGE])
    same("a large row", back.getvalue(0, 0) == LARGE, true)
  end
end

def copying(both)
  both.each do |t, c|
    teams = []
    c.copy_data("COPY (SELECT team_id FROM notes WHERE label = 'ruby pg' AND body = 'many') TO STDOUT") do
      while (line = c.get_copy_data) do teams << line.chomp end
    end
    same("COPY OUT", [teams.size, teams.uniq], [MANY, [t.team]])
    label = "#{LABEL} #{t.team}"
    c.exec_params("DELETE FROM scratch WHERE label = $1", [label])
    c.copy_data("COPY scratch (label, n, body) FROM STDIN") { MANY.times { |n| c.put_copy_data("#{label}\t#{n}\tx\n") } }
    refused("a bad COPY", PG::BadCopyFileFormat) { c.copy_data("COPY scratch (label, n) FROM STDIN") { c.put_copy_data("one column\n") } }
    same("COPY IN", c.exec_params("DELETE FROM scratch WHERE label = $1", [label]).cmd_tuples, MANY)
  end
end

def pipelining(both)
  both.each do |t, c|
    c.enter_pipeline_mode
    50.times { |n| c.send_query_params("SELECT team_id, $1::int FROM notes WHERE label = $2 LIMIT 1", [n, LABEL]) }
    c.pipeline_sync
    found = 50.times.map { c.get_result.values.tap { c.get_result } }
    same("a pipeline", found, (0...50).map { |n| [[t.team, n.to_s]] })
    same("its end", c.get_result.result_status, PG::PGRES_PIPELINE_SYNC)
    c.send_query_params("SELECT 1 / $1::int", [0])
    c.send_query_params("SELECT 1", [])
    c.pipeline_sync
    refused("an error in a pipeline", PG::DivisionByZero) { c.get_result.check }
    c.get_result
    same("what follows it", c.get_result.result_status, PG::PGRES_PIPELINE_ABORTED)
    c.get_result
    same("its end too", c.get_result.result_status, PG::PGRES_PIPELINE_SYNC)
    c.exit_pipeline_mode
  end
end

# More connections than a pooler has servers: each transaction still meets its own tenant.
def crowd
  wrong = Queue.new
  members = TENANTS.flat_map do |t|
    Array.new(CROWD) do
      Thread.new do
        c = t.connect
        CROWD_TRANSACTIONS.times do |n|
          team = c.transaction { c.exec_params("INSERT INTO notes (label, body, n) VALUES ($1, 'crowd', $2) RETURNING team_id", [LABEL, n]).getvalue(0, 0) }
          wrong << [t.user, team] unless team == t.team
        end
        c.close
      end
    end
  end
  members.each(&:join)
  same("a crowd of both", wrong.size, 0)
end

both = TENANTS.map { |t| [t, t.connect] }
%i[rows prepared transactions failures many copying pipelining].each { |part| send(part, both) }
crowd
both.each do |t, c|
  same("whose rows were there at the end", c.exec("SELECT DISTINCT team_id FROM notes").values, [[t.team]])
  c.exec_params("DELETE FROM notes WHERE label = $1", [LABEL])
  c.close
end
puts "ok ruby-pg #{$checks} checks"
