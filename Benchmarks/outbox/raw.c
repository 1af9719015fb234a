// The floor under the outbox: the same rows in the same transactions, by the SQLite C API and nothing else.
// Usage: raw DATABASE ROWS ROWS_PER_TRANSACTION. Prints rows per second committed and drained.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sqlite3 *db;

static void check(int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
    return statement;
}

static void run(sqlite3_stmt *statement) {
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        sqlite3_column_blob(statement, 1);
        sqlite3_column_blob(statement, 2);
    }
    check(code);
    check(sqlite3_reset(statement));
}

int main(int argc, char **argv) {
    if (argc != 4) return 64;
    int rows = atoi(argv[2]), batch = atoi(argv[3]);
    check(sqlite3_open_v2(argv[1], &db,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    check(sqlite3_exec(db,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                       "CREATE TABLE record(id INTEGER PRIMARY KEY, topic TEXT, payload BLOB)",
                       NULL, NULL, NULL));
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    sqlite3_stmt *insert = prepare("INSERT INTO record VALUES (NULL, ?, ?)");
    sqlite3_stmt *load = prepare("SELECT id, topic, payload FROM record ORDER BY id LIMIT ?");
    sqlite3_stmt *delete = prepare("DELETE FROM record WHERE id <= ?");
    char topic[27], payload[260];
    memset(topic, 't', sizeof topic);
    memset(payload, 'p', sizeof payload);

    double start = now();
    for (int row = 0; row < rows; row += batch) {
        run(begin);
        for (int i = 0; i < batch; i++) {
            check(sqlite3_bind_text(insert, 1, topic, sizeof topic, SQLITE_STATIC));
            check(sqlite3_bind_blob(insert, 2, payload, sizeof payload, SQLITE_STATIC));
            run(insert);
        }
        run(commit);
    }
    double committed = now() - start;
    check(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));

    start = now();
    for (int row = batch; row <= rows; row += batch) {
        check(sqlite3_bind_int(load, 1, batch));
        run(load);
        check(sqlite3_bind_int(delete, 1, row));
        run(begin);
        run(delete);
        run(commit);
    }
    printf("raw %d commit %.0f drain %.0f\n", batch, rows / committed, rows / (now() - start));
    return 0;
}
