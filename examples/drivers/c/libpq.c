/* libpq: what every driver over C is made of. Named statements used across transactions, statements described apart from
 * their execution, pipelines with Flush and no Sync, COPY, cancelling, single-row mode. Two connections in one thread. */

#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "libpq"
#define TIMES 12 /* more often than anything waits before it prepares a statement */
#define MANY 10000
#define LARGE 1048576
#define CANCEL_MS 100

typedef struct {
    const char *user, *password, *team;
    PGconn *connection;
    char id[37];
} side;

static side both[2];
static int checks = 0;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "not ok " LABEL ": ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    exit(1);
}

static const char *needed(const char *name) {
    const char *value = getenv(name);
    if (!value) fail("%s is not set: start this with ../run", name);
    return value;
}

static void each(const char *what, const char *found, const char *wanted) {
    if (strcmp(found, wanted) != 0) fail("%s: wanted %.200s, found %.200s", what, wanted, found);
}

static void same(const char *what, const char *found, const char *wanted) {
    each(what, found, wanted);
    checks++;
}

/* Ends the program unless the result has the SQLSTATE, "" for none. */
static PGresult *checked(const char *what, PGresult *result, const char *state) {
    const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (strcmp(found ? found : "", state) != 0) {
        fail("%s: wanted SQLSTATE '%s', found '%s': %s", what, state, found ? found : "", PQresultErrorMessage(result));
    }
    checks++;
    return result;
}

/* Runs a statement with up to three values and gives its first value, good until the next call. */
static const char *value(const char *what, side *s, const char *sql, const char *a, const char *b, const char *c) {
    static PGresult *last = NULL;
    const char *values[] = {a, b, c};
    int count = c ? 3 : b ? 2 : a ? 1 : 0;
    PQclear(last);
    last = checked(what, PQexecParams(s->connection, sql, count, NULL, values, NULL, NULL, 0), "");
    return PQntuples(last) > 0 ? PQgetvalue(last, 0, 0) : PQcmdTuples(last);
}

static void refused(const char *what, side *s, const char *sql, const char *a, const char *b, const char *state) {
    const char *values[] = {a, b};
    PQclear(checked(what, PQexecParams(s->connection, sql, b ? 2 : a ? 1 : 0, NULL, values, NULL, NULL, 0), state));
}

static void simple(side *s, const char *sql, const char *state) {
    PQclear(checked(sql, PQexec(s->connection, sql), state));
}

/* Each creates, reads, changes and deletes its own, and finds nothing of the other's. */
static void rows(void) {
    for (int i = 0; i < 2; i++) {
        value("cleaning", &both[i], "DELETE FROM notes WHERE label = $1", LABEL, NULL, NULL);
        snprintf(both[i].id, sizeof both[i].id, "%s",
                 value("creating", &both[i], "INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING id", LABEL, both[i].user, NULL));
    }
    for (int i = 0; i < 2; i++) {
        side *me = &both[i], *other = &both[1 - i];
        same("the tenant by default", value("reading", me, "SELECT team_id FROM notes WHERE id = $1", me->id, NULL, NULL), me->team);
        same("changing", value("changing", me, "UPDATE notes SET n = 7 WHERE id = $1", me->id, NULL, NULL), "1");
        same("reading the other's", value("reading", me, "SELECT count(*) FROM notes WHERE id = $1", other->id, NULL, NULL), "0");
        same("changing the other's", value("changing", me, "UPDATE notes SET n = 9 WHERE id = $1", other->id, NULL, NULL), "0");
        same("deleting the other's", value("deleting", me, "DELETE FROM notes WHERE id = $1", other->id, NULL, NULL), "0");
        refused("writing as the other", me, "INSERT INTO notes (team_id, label, body) VALUES ($1, $2, '')", other->team, LABEL, "42501");
    }
    for (int i = 0; i < 2; i++) {
        same("deleting", value("deleting", &both[i], "DELETE FROM notes WHERE id = $1", both[i].id, NULL, NULL), "1");
    }
}

/* Both use the same name for different texts, as two services do. */
static void prepared(void) {
    char sql[200], wanted[20], n_text[20];
    for (int i = 0; i < 2; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO notes (label, body, n) VALUES ('" LABEL "', 'prepared', $1) RETURNING n + %d, team_id", i);
        PQclear(checked("preparing", PQprepare(both[i].connection, "add", sql, 0, NULL), ""));
    }
    for (int n = 0; n < TIMES; n++) {
        for (int i = 0; i < 2; i++) {
            const char *values[] = {n_text};
            snprintf(n_text, sizeof n_text, "%d", n);
            snprintf(wanted, sizeof wanted, "%d", n + i);
            if (n % 2) simple(&both[i], "BEGIN", "");
            PGresult *result = checked("executing", PQexecPrepared(both[i].connection, "add", 1, values, NULL, NULL, 0), "");
            same("a prepared insert", PQgetvalue(result, 0, 0), wanted);
            same("whose it is", PQgetvalue(result, 0, 1), both[i].team);
            PQclear(result);
            if (n % 2) simple(&both[i], "COMMIT", "");
        }
    }
    for (int i = 0; i < 2; i++) {
        PGresult *result = checked("describing", PQdescribePrepared(both[i].connection, "add"), "");
        same("its second column", PQfname(result, 1), "team_id");
        PQclear(result);
        simple(&both[i], "DEALLOCATE add", "");
        PQclear(checked("a freed statement", PQdescribePrepared(both[i].connection, "add"), "26000"));
        PQclear(checked("preparing it again", PQprepare(both[i].connection, "add", "SELECT 1", 0, NULL), ""));
    }
}

static void transactions(void) {
    const char *words[] = {"COMMIT", "ROLLBACK"};
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 2; i++) {
            simple(&both[i], "BEGIN", "");
            value("creating", &both[i], "INSERT INTO notes (label, body) VALUES ($1, $2)", LABEL, words[w], NULL);
            simple(&both[i], "SAVEPOINT s", "");
            value("creating", &both[i], "INSERT INTO notes (label, body) VALUES ($1, $2)", LABEL, "savepoint", NULL);
            simple(&both[i], "SELECT 1 / 0", "22012");
            simple(&both[i], "SELECT 1", "25P02");
            simple(&both[i], "ROLLBACK TO s", "");
        }
        for (int i = 0; i < 2; i++) simple(&both[i], words[w], "");
    }
    for (int i = 0; i < 2; i++) {
        const char *sql = "SELECT string_agg(body, ' ') FROM notes WHERE label = $1 AND body IN ('COMMIT', 'ROLLBACK', 'savepoint')";
        same("after commit and rollback", value("reading", &both[i], sql, LABEL, NULL, NULL), "COMMIT");
        simple(&both[i], "SELECT 1; SELECT 2", "");
        simple(&both[i], "", "");
    }
}

/* Cancels until the query ends. */
static void cancelled(side *s) {
    char why[256];
    PGcancel *cancel = PQgetCancel(s->connection);
    struct pollfd socket = {.fd = PQsocket(s->connection), .events = POLLIN};
    if (!PQsendQuery(s->connection, "SELECT pg_sleep(60)")) fail("sending: %s", PQerrorMessage(s->connection));
    while (poll(&socket, 1, CANCEL_MS) == 0) {
        if (!PQcancel(cancel, why, sizeof why)) fail("cancelling: %s", why);
    }
    PQclear(checked("a cancelled query", PQgetResult(s->connection), "57014"));
    if (PQgetResult(s->connection)) fail("a cancelled query has one result");
    PQfreeCancel(cancel);
}

static void failures(void) {
    for (int i = 0; i < 2; i++) {
        char id[37];
        refused("a division by zero", &both[i], "SELECT 1 / $1::int", "0", NULL, "22012");
        snprintf(id, sizeof id, "%s", value("creating", &both[i], "INSERT INTO notes (label, body) VALUES ($1, 'unique') RETURNING id", LABEL, NULL, NULL));
        refused("a second one", &both[i], "INSERT INTO notes (id, label, body) VALUES ($1, $2, '')", id, LABEL, "23505");
        same("going on", value("reading", &both[i], "SELECT body FROM notes WHERE id = $1", id, NULL, NULL), "unique");
        cancelled(&both[i]);
        same("after a cancelled query", value("reading", &both[i], "SELECT 'here'", NULL, NULL, NULL), "here");
    }
}

static void many(void) {
    char *large = malloc(LARGE + 1);
    memset(large, 'x', LARGE);
    large[LARGE] = 0;
    for (int i = 0; i < 2; i++) {
        value("creating", &both[i], "INSERT INTO notes (label, body, n) SELECT $1, 'many', n FROM generate_series(0, $2::int - 1) n", LABEL, "10000", NULL);
    }
    for (int i = 0; i < 2; i++) {
        PGconn *c = both[i].connection;
        PGresult *result;
        int found = 0;
        if (!PQsendQuery(c, "SELECT team_id FROM notes WHERE body = 'many' AND label = '" LABEL "'") || !PQsetSingleRowMode(c)) fail("sending: %s", PQerrorMessage(c));
        for (; (result = PQgetResult(c)); PQclear(result)) {
            if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
                each("one of many rows", PQgetvalue(result, 0, 0), both[i].team);
                found++;
            }
        }
        if (found != MANY) fail("many rows: wanted %d, found %d", MANY, found);
        checks++;
        same("a large row", value("creating", &both[i], "INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING body", LABEL, large, NULL), large);
    }
    free(large);
}

static void copying(void) {
    for (int i = 0; i < 2; i++) {
        PGconn *c = both[i].connection;
        char *line, text[100];
        int found = 0, bytes;
        PQclear(checked("COPY OUT", PQexec(c, "COPY (SELECT team_id FROM notes WHERE label = 'libpq' AND body = 'many') TO STDOUT"), ""));
        for (; (bytes = PQgetCopyData(c, &line, 0)) > 0; PQfreemem(line), found++) {
            line[bytes - 1] = 0;
            each("a copied row", line, both[i].team);
        }
        PQclear(checked("the end of COPY OUT", PQgetResult(c), ""));
        if (PQgetResult(c) || found != MANY) fail("COPY OUT: wanted %d rows, found %d", MANY, found);
        checks++;

        value("cleaning", &both[i], "DELETE FROM scratch WHERE label = $1", both[i].team, NULL, NULL);
        PQclear(checked("COPY IN", PQexec(c, "COPY scratch (label, n) FROM STDIN"), ""));
        for (int n = 0; n < MANY; n++) {
            bytes = snprintf(text, sizeof text, "%s\t%d\n", both[i].team, n);
            if (PQputCopyData(c, text, bytes) != 1) fail("COPY IN: %s", PQerrorMessage(c));
        }
        if (PQputCopyEnd(c, NULL) != 1) fail("COPY IN: %s", PQerrorMessage(c));
        PQclear(checked("the end of COPY IN", PQgetResult(c), ""));
        if (PQgetResult(c)) fail("COPY IN has one result");

        PQclear(checked("a COPY that gives up", PQexec(c, "COPY scratch (label, n) FROM STDIN"), ""));
        if (PQputCopyEnd(c, "no more") != 1) fail("COPY IN: %s", PQerrorMessage(c));
        PQclear(checked("its end", PQgetResult(c), "57014"));
        if (PQgetResult(c)) fail("a COPY that gives up has one result");
        same("what was copied", value("deleting", &both[i], "DELETE FROM scratch WHERE label = $1", both[i].team, NULL, NULL), "10000");
    }
}

static PGresult *next(PGconn *c, const char *what, const char *state) {
    PGresult *result = checked(what, PQgetResult(c), state), *end;
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC && (end = PQgetResult(c))) fail("%s: one result too many", what);
    return result;
}

/* Two batches in flight, the second with an error; then a Flush without a Sync, after which the server must answer. */
static void pipelining(void) {
    for (int i = 0; i < 2; i++) {
        PGconn *c = both[i].connection;
        const char *zero[] = {"0"}, *one[] = {"1"};
        const char *sql = "SELECT team_id, 1 / $1::int FROM notes LIMIT 1";
        if (!PQenterPipelineMode(c)) fail("pipeline: %s", PQerrorMessage(c));
        PQsendPrepare(c, "piped", sql, 0, NULL);
        for (int n = 0; n < TIMES; n++) PQsendQueryPrepared(c, "piped", 1, one, NULL, NULL, 0);
        PQpipelineSync(c);
        PQsendQueryPrepared(c, "piped", 1, one, NULL, NULL, 0);
        PQsendQueryPrepared(c, "piped", 1, zero, NULL, NULL, 0);
        PQsendQueryPrepared(c, "piped", 1, one, NULL, NULL, 0);
        PQpipelineSync(c);

        PQclear(next(c, "the first Parse", ""));
        for (int n = 0; n < TIMES; n++) {
            PGresult *result = next(c, "a piped statement", "");
            same("a piped statement", PQgetvalue(result, 0, 0), both[i].team);
            PQclear(result);
        }
        PQclear(next(c, "the first Sync", ""));
        PQclear(next(c, "before the error", ""));
        PQclear(next(c, "an error in a pipeline", "22012"));
        PGresult *skipped = next(c, "after the error", "");
        if (PQresultStatus(skipped) != PGRES_PIPELINE_ABORTED) fail("what follows an error is skipped");
        PQclear(skipped);
        PQclear(next(c, "the second Sync", ""));

        PQsendQueryPrepared(c, "piped", 1, one, NULL, NULL, 0);
        PQsendFlushRequest(c);
        PQflush(c);
        PGresult *flushed = next(c, "after a Flush", "");
        same("after a Flush", PQgetvalue(flushed, 0, 0), both[i].team);
        PQclear(flushed);
        PQpipelineSync(c);
        PQclear(next(c, "the last Sync", ""));
        if (!PQexitPipelineMode(c)) fail("pipeline: %s", PQerrorMessage(c));
    }
}

int main(void) {
    const char *names[2][3] = {{"A_USER", "A_PASSWORD", "A_TEAM"}, {"B_USER", "B_PASSWORD", "B_TEAM"}};
    for (int i = 0; i < 2; i++) {
        both[i] = (side){.user = needed(names[i][0]), .password = needed(names[i][1]), .team = needed(names[i][2])};
        const char *keys[] = {"host", "port", "dbname", "user", "password", NULL};
        const char *values[] = {needed("PGHOST"), needed("PGPORT"), needed("PGDATABASE"), both[i].user, both[i].password, NULL};
        both[i].connection = PQconnectdbParams(keys, values, 0);
        if (PQstatus(both[i].connection) != CONNECTION_OK) fail("%s", PQerrorMessage(both[i].connection));
    }
    rows();
    prepared();
    transactions();
    failures();
    many();
    copying();
    pipelining();
    for (int i = 0; i < 2; i++) {
        const char *sql = "SELECT string_agg(DISTINCT team_id::text, ' ') FROM notes";
        same("whose rows were there at the end", value("reading", &both[i], sql, NULL, NULL, NULL), both[i].team);
        value("cleaning", &both[i], "DELETE FROM notes WHERE label = $1", LABEL, NULL, NULL);
        PQfinish(both[i].connection);
    }
    printf("ok " LABEL " %d checks\n", checks);
    return 0;
}
