// The JDBC driver: BEGIN in the same message as the first statement, server-prepared statements, fetch size, batches,
// savepoints, COPY, cancelling. One file, run by `java -cp postgresql.jar Jdbc.java`.

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Jdbc {
    static final String LABEL = "jdbc";
    /** More often than the driver waits before it prepares a statement. */
    static final int TIMES = 12;
    static final int MANY = 10_000;
    static final long SUM = (long) MANY * (MANY - 1) / 2;
    static final String LARGE = "ü" + "x".repeat(1_048_576) + "€";
    static final int CROWD = 4;
    static final int CROWD_TRANSACTIONS = 25;
    static int count = 0;

    record Tenant(String user, String password, UUID team) {
        static Tenant of(String letter) {
            return new Tenant(needed(letter + "_USER"), needed(letter + "_PASSWORD"), UUID.fromString(needed(letter + "_TEAM")));
        }

        Connection connect(String... more) throws SQLException {
            var options = new Properties();
            options.setProperty("user", user);
            options.setProperty("password", password);
            for (var i = 0; i < more.length; i += 2) options.setProperty(more[i], more[i + 1]);
            return DriverManager.getConnection("jdbc:postgresql://" + needed("PGHOST") + ":" + needed("PGPORT") + "/" + needed("PGDATABASE"), options);
        }
    }

    record Side(Tenant tenant, Connection connection) {}

    interface Part {
        void run(List<Side> both) throws Exception;
    }

    static final List<Tenant> TENANTS = List.of(Tenant.of("A"), Tenant.of("B"));

    public static void main(String[] arguments) throws Exception {
        var both = List.of(new Side(TENANTS.get(0), TENANTS.get(0).connect()), new Side(TENANTS.get(1), TENANTS.get(1).connect()));
        for (Part part : List.<Part>of(Jdbc::rows, Jdbc::prepared, Jdbc::transactions, Jdbc::failures, Jdbc::many, Jdbc::copying)) part.run(both);
        crowd();
        for (var side : both) {
            same("whose rows were there at the end", all(side.connection, "SELECT DISTINCT team_id FROM notes"), List.of(side.tenant.team));
            update(side.connection, "DELETE FROM notes WHERE label = ?", LABEL);
            side.connection.close();
        }
        System.out.println("ok jdbc " + count + " checks");
    }

    /** Each creates, reads, changes and deletes its own, and finds nothing of the other's. */
    static void rows(List<Side> both) throws Exception {
        var ids = new ArrayList<UUID>();
        for (var side : both) {
            update(side.connection, "DELETE FROM notes WHERE label = ?", LABEL);
            ids.add((UUID) all(side.connection, "INSERT INTO notes (label, body) VALUES (?, ?) RETURNING id", LABEL, side.tenant.user).get(0));
        }
        for (var i : List.of(0, 1)) {
            var c = both.get(i).connection;
            var mine = ids.get(i);
            var theirs = ids.get(1 - i);
            same("the tenant by default", all(c, "SELECT team_id FROM notes WHERE id = ?", mine), List.of(both.get(i).tenant.team));
            same("reading", all(c, "SELECT body FROM notes WHERE id = ?", mine), List.of(both.get(i).tenant.user));
            same("changing", update(c, "UPDATE notes SET n = 7 WHERE id = ?", mine), 1);
            same("reading the other's", all(c, "SELECT n FROM notes WHERE id = ?", theirs), List.of());
            same("changing the other's", update(c, "UPDATE notes SET n = 9 WHERE id = ?", theirs), 0);
            same("deleting the other's", update(c, "DELETE FROM notes WHERE id = ?", theirs), 0);
            var other = both.get(1 - i).tenant.team;
            refused("writing as the other", "42501", () -> update(c, "INSERT INTO notes (team_id, label, body) VALUES (?, ?, '')", other, LABEL));
        }
        for (var i : List.of(0, 1)) same("deleting", update(both.get(i).connection, "DELETE FROM notes WHERE id = ?", ids.get(i)), 1);
    }

    /** From the fifth execution on the statement has a name on the server, S_1, for both clients alike. */
    static void prepared(List<Side> both) throws Exception {
        var statements = new ArrayList<PreparedStatement>();
        for (var i : List.of(0, 1)) {
            var sql = "INSERT INTO notes (label, body, n) VALUES (?, 'prepared', ?) RETURNING n + " + i;
            statements.add(both.get(i).connection.prepareStatement(sql));
        }
        for (var n = 0; n < TIMES; n++) {
            for (var i : List.of(0, 1)) {
                both.get(i).connection.setAutoCommit(n % 2 == 0);
                same("a prepared insert", all(statements.get(i), LABEL, n), List.of(n + i));
                if (n % 2 == 1) both.get(i).connection.commit();
            }
        }
        for (var i : List.of(0, 1)) {
            statements.get(i).close();
            both.get(i).connection.setAutoCommit(true);
        }
        for (var tenant : TENANTS) {
            try (var c = tenant.connect("prepareThreshold", "1", "preparedStatementCacheQueries", "1")) {
                for (var n = 0; n < TIMES; n++) same("a statement that pushes another out", all(c, "SELECT ? + " + n, 1), List.of(1 + n));
            }
            try (var c = tenant.connect("preferQueryMode", "simple", "ApplicationName", "simple")) {
                same("simple queries", all(c, "SELECT DISTINCT team_id FROM notes WHERE label = ?", LABEL), List.of(tenant.team));
            }
        }
    }

    static void transactions(List<Side> both) throws Exception {
        for (var word : List.of("commit", "rollback")) {
            for (var side : both) {
                var c = side.connection;
                c.setAutoCommit(false);
                update(c, "INSERT INTO notes (label, body) VALUES (?, ?)", LABEL, word);
                Savepoint savepoint = c.setSavepoint();
                update(c, "INSERT INTO notes (label, body) VALUES (?, 'savepoint')", LABEL);
                refused("an error in a savepoint", "22012", () -> all(c, "SELECT 1 / ?", 0));
                c.rollback(savepoint);
            }
            for (var side : both) {
                if (word.equals("commit")) side.connection.commit();
                else side.connection.rollback();
            }
        }
        for (var side : both) {
            var c = side.connection;
            same("after commit and rollback", all(c, "SELECT body FROM notes WHERE label = ? AND body IN ('commit', 'rollback', 'savepoint')", LABEL), List.of("commit"));
            c.commit();
            c.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            same("repeatable read", all(c, "SHOW transaction_isolation"), List.of("repeatable read"));
            c.commit();
            c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            c.setReadOnly(true);
            same("a read-only transaction", all(c, "SELECT DISTINCT team_id FROM notes WHERE label = ?", LABEL), List.of(side.tenant.team));
            refused("writing in it", "25006", () -> update(c, "DELETE FROM notes WHERE label = ?", LABEL));
            c.rollback();
            c.setReadOnly(false);
            c.setAutoCommit(true);
            try (var s = c.createStatement()) {
                s.execute("SELECT 1; SELECT 2");
                same("several statements in one", s.getMoreResults() && s.getResultSet().next(), true);
            }
            same("the connection is valid", c.isValid(5), true);
        }
    }

    static void failures(List<Side> both) throws Exception {
        for (var side : both) {
            var c = side.connection;
            refused("a division by zero", "22012", () -> all(c, "SELECT 1 / 0"));
            var id = all(c, "INSERT INTO notes (label, body) VALUES (?, 'unique') RETURNING id", LABEL).get(0);
            refused("a second one", "23505", () -> update(c, "INSERT INTO notes (id, label, body) VALUES (?, ?, '')", id, LABEL));
            c.setAutoCommit(false);
            refused("an error in a transaction", "42P01", () -> all(c, "SELECT 1 FROM no_such_table"));
            refused("after it", "25P02", () -> all(c, "SELECT 1"));
            c.rollback();
            c.setAutoCommit(true);
            same("going on", all(c, "SELECT body FROM notes WHERE id = ?", id), List.of("unique"));
            cancelled(c);
            same("after a cancelled query", all(c, "SELECT 'here'"), List.of("here"));
        }
    }

    /** Cancels until the query ends. */
    static void cancelled(Connection c) throws Exception {
        try (Statement slow = c.createStatement(); var timer = new Closing(Executors.newSingleThreadScheduledExecutor())) {
            ((java.util.concurrent.ScheduledExecutorService) timer.service).scheduleAtFixedRate(() -> {
                try {
                    slow.cancel();
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            }, 100, 100, TimeUnit.MILLISECONDS);
            refused("a cancelled query", "57014", () -> slow.execute("SELECT pg_sleep(60)"));
        }
    }

    record Closing(ExecutorService service) implements AutoCloseable {
        @Override
        public void close() throws InterruptedException {
            service.shutdownNow();
            if (!service.awaitTermination(30, TimeUnit.SECONDS)) throw new IllegalStateException("a thread did not end");
        }
    }

    static void many(List<Side> both) throws Exception {
        for (var side : both) {
            side.connection.setAutoCommit(false);
            try (var add = side.connection.prepareStatement("INSERT INTO notes (label, body, n) VALUES (?, 'many', ?)")) {
                for (var n = 0; n < MANY; n++) {
                    bind(add, LABEL, n);
                    add.addBatch();
                }
                same("a batch", IntStream.of(add.executeBatch()).sum(), MANY);
            }
        }
        for (var side : both) {
            var c = side.connection;
            c.commit();
            try (var read = c.prepareStatement("SELECT n, team_id FROM notes WHERE label = ? AND body = 'many'")) {
                read.setFetchSize(500);
                bind(read, LABEL);
                var sum = 0L;
                try (var found = read.executeQuery()) {
                    for (; found.next(); sum += found.getInt(1)) {
                        if (!found.getObject(2).equals(side.tenant.team)) fail("many rows: one of " + found.getObject(2));
                    }
                }
                same("many rows, by a cursor", sum, SUM);
            }
            c.commit();
            c.setAutoCommit(true);
            var back = all(c, "INSERT INTO notes (label, body) VALUES (?, ?) RETURNING body", LABEL, LARGE);
            same("a large row", back.equals(List.of(LARGE)), true);
        }
    }

    static void copying(List<Side> both) throws Exception {
        for (var side : both) {
            CopyManager copy = side.connection.unwrap(PGConnection.class).getCopyAPI();
            var out = new StringWriter();
            same("COPY OUT", copy.copyOut("COPY (SELECT team_id FROM notes WHERE label = 'jdbc' AND body = 'many') TO STDOUT", out), (long) MANY);
            same("of whom", Set.copyOf(out.toString().lines().toList()), Set.of(side.tenant.team.toString()));
            var label = LABEL + " " + side.tenant.team;
            update(side.connection, "DELETE FROM scratch WHERE label = ?", label);
            var lines = IntStream.range(0, MANY).mapToObj(n -> label + "\t" + n + "\tx\n").collect(Collectors.joining());
            same("COPY IN", copy.copyIn("COPY scratch (label, n, body) FROM STDIN", new StringReader(lines)), (long) MANY);
            refused("a bad COPY", "22P04", () -> copy.copyIn("COPY scratch (label, n) FROM STDIN", new StringReader("one column\n")));
            same("after it", update(side.connection, "DELETE FROM scratch WHERE label = ?", label), MANY);
        }
    }

    /** More connections than a pooler has servers: each transaction still meets its own tenant. */
    static void crowd() throws Exception {
        var wrong = new TreeSet<String>();
        var begun = new CountDownLatch(CROWD * TENANTS.size());
        try (var threads = new Closing(Executors.newFixedThreadPool(CROWD * TENANTS.size()))) {
            var members = new ArrayList<Future<?>>();
            for (var tenant : TENANTS) {
                for (var i = 0; i < CROWD; i++) {
                    members.add(threads.service.submit((Callable<Void>) () -> {
                        try (var c = tenant.connect()) {
                            begun.countDown();
                            begun.await();
                            c.setAutoCommit(false);
                            for (var n = 0; n < CROWD_TRANSACTIONS; n++) {
                                var team = all(c, "INSERT INTO notes (label, body, n) VALUES (?, 'crowd', ?) RETURNING team_id", LABEL, n).get(0);
                                c.commit();
                                if (!team.equals(tenant.team)) synchronized (wrong) { wrong.add(tenant.user + " met " + team); }
                            }
                        }
                        return null;
                    }));
                }
            }
            for (var member : members) member.get();
        }
        same("a crowd of both", wrong, Set.of());
    }

    static void bind(PreparedStatement statement, Object... values) throws SQLException {
        for (var i = 0; i < values.length; i++) statement.setObject(i + 1, values[i]);
    }

    /** The first column of every row. */
    static List<Object> all(PreparedStatement statement, Object... values) throws SQLException {
        bind(statement, values);
        var found = new ArrayList<>();
        try (ResultSet rows = statement.executeQuery()) {
            while (rows.next()) found.add(rows.getObject(1));
        }
        return found;
    }

    static List<Object> all(Connection c, String sql, Object... values) throws SQLException {
        try (var statement = c.prepareStatement(sql)) {
            return all(statement, values);
        }
    }

    static int update(Connection c, String sql, Object... values) throws SQLException {
        try (var statement = c.prepareStatement(sql)) {
            bind(statement, values);
            return statement.executeUpdate();
        }
    }

    static void refused(String what, String state, Callable<?> work) throws Exception {
        try {
            work.call();
        } catch (SQLException error) {
            same(what, error.getSQLState(), state);
            return;
        }
        fail(what + ": nothing was refused");
    }

    static void same(String what, Object found, Object wanted) {
        if (!Objects.equals(found, wanted)) fail(what + ": wanted " + shown(wanted) + ", found " + shown(found));
        count++;
    }

    static void fail(String what) {
        System.err.println("not ok jdbc: " + what);
        System.exit(1);
    }

    static String shown(Object value) {
        var text = String.valueOf(value);
        return text.length() <= 200 ? text : text.substring(0, 200) + "… (" + text.length() + " characters)";
    }

    static String needed(String name) {
        var value = System.getenv(name);
        if (value == null) throw new IllegalStateException(name + " is not set: start this with ../run");
        return value;
    }
}
