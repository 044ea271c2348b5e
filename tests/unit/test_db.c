/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "db/db.h"
#include <unistd.h>

static struct lq_db *db;

/* The first row's values, joined with '|'. */
static const char *ask_as(enum lq_db_guard guard, const char *sql, const struct lq_value *params,
                          size_t n_params)
{
    static char text[2048];
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    struct lq_error err = { 0 };
    bool more;
    size_t len = 0;

    text[0] = '\0';
    if (lq_db_query(db, guard, sql, params, n_params, &rows, &err) != LQ_OK ||
        lq_rows_next(rows, &more, &err) != LQ_OK) {
        snprintf(text, sizeof text, "error: %s", err.message);
        return text;
    }
    for (size_t i = 0; more && i < lq_rows_column_count(rows); i++) {
        const struct lq_value value = lq_rows_get(rows, i);
        char *at = text + len;
        const size_t left = sizeof text - len;

        switch (value.kind) {
        case LQ_VALUE_NULL:
            len += (size_t)snprintf(at, left, "NULL|");
            break;
        case LQ_VALUE_BOOL:
            len += (size_t)snprintf(at, left, "%s|", value.boolean ? "true" : "false");
            break;
        case LQ_VALUE_INT:
            len += (size_t)snprintf(at, left, "%lld|", (long long)value.integer);
            break;
        case LQ_VALUE_DOUBLE:
            len += (size_t)snprintf(at, left, "%g|", value.real);
            break;
        default:
            len += (size_t)snprintf(at, left, "%s%.*s|", value.kind == LQ_VALUE_JSON ? "json:" : "",
                                    (int)value.text.len, value.text.ptr);
        }
    }
    return text;
}

static const char *ask(const char *sql, const struct lq_value *params, size_t n_params)
{
    return ask_as(LQ_DB_SELECT, sql, params, n_params);
}

static void test_values_out(void)
{
    static const struct {
        const char *sql, *want;
    } cases[] = {
        { "SELECT 1, 2.5::DOUBLE, true, 'x', NULL", "1|2.5|true|x|NULL|" },
        { "SELECT 'a text that is longer than twelve bytes'",
          "a text that is longer than twelve bytes|" },
        { "SELECT MAP {'a': 'b'}", "json:{\"a\":\"b\"}|" },
        { "SELECT [1, 2], {'k': NULL}", "json:[1,2]|json:{\"k\":null}|" },
        { "SELECT TIMESTAMPTZ '2025-01-15 14:30:22.5+00'", "2025-01-15T14:30:22.500000Z|" },
        { "SELECT TIMESTAMPTZ 'infinity', TIMESTAMPTZ '0001-02-03 04:05:06+00'",
          "NULL|0001-02-03T04:05:06.000000Z|" },
        { "SELECT TIMESTAMPTZ '12025-01-15 14:30:22+00', NULL::TIMESTAMPTZ", "NULL|NULL|" },
        { "SELECT sum(x) FROM range(4) t(x)", "json:6|" },
        { "SELECT 1.50::DECIMAL(4, 2)", "json:1.50|" },
        { "SELECT DATE '2025-01-15', 1 AS a, 2 AS a", "2025-01-15|1|2|" },
        { "SELECT DATE '2025-01-15' -- note", "2025-01-15|" },
        { "SELECT DATE '2025-01-15';\n ", "2025-01-15|" },
        { "FROM (VALUES (3))", "3|" },
        { "WITH t AS (SELECT 7 AS x) SELECT x FROM t", "7|" },
        { "SELECT 1 WHERE false", "" },
        { "SELECT a'", "error: Parser Error: unterminated quoted string at or near \"'\"" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        TAP_CASE(cases[i].sql);
        CHECK_STR(ask(cases[i].sql, NULL, 0), cases[i].want);
    }
    /* The word of lq's own statements is taken for it. */
    CHECK_STR(ask_as(LQ_DB_ANY, "SELECT to_json(MAP {'a': 'b'}), to_json(NULL::INT[])", NULL, 0),
              "json:{\"a\":\"b\"}|NULL|");
    CHECK_STR(ask("SELECT '{}'::JSON", NULL, 0), "{}|");
}

static void test_values_in(void)
{
    struct lq_map map = { 0 };
    const struct lq_value values[] = {
        lq_value_int(-5),
        lq_value_text("it's; DROP TABLE x"),
        lq_value_text(NULL),
        { .kind = LQ_VALUE_BOOL, .boolean = true },
        { .kind = LQ_VALUE_DOUBLE, .real = 0.5 },
        lq_value_time(INT64_C(1500000)),
        { .kind = LQ_VALUE_MAP, .map = &map },
    };

    lq_map_add(&map, "CC", "gcc '-O2'");
    CHECK_STR(ask("SELECT $1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::BOOLEAN, $5::DOUBLE, "
                  "$6::TIMESTAMPTZ, $7::MAP(VARCHAR, VARCHAR)",
                  values, LQ_COUNT(values)),
              "-5|it's; DROP TABLE x|NULL|true|0.5|1970-01-01T00:00:01.500000Z|"
              "json:{\"CC\":\"gcc '-O2'\"}|");
    CHECK(strstr(ask("SELECT lower($2), $1", values, 2), "needs a cast") != NULL);
    /* A map in which a key stands twice is refused, as text that is not UTF-8 is. */
    lq_map_add(&map, "CC", "clang");
    CHECK(strncmp(ask("SELECT $1::MAP(VARCHAR, VARCHAR)", &values[6], 1), "error: ", 7) == 0);
    lq_map_release(&map);
}

static void test_only_queries(void)
{
    static const char *const refused[] = {
        "CREATE TABLE t (x INT)",
        "COPY (SELECT 1) TO '/tmp/lq-never'",
        "SET threads = 4",
        "INSERT INTO t VALUES (1)",
        "ATTACH '/tmp/lq-never' AS a",
        "LOAD httpfs",
        "PRAGMA database_list; SELECT 1",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/lq-never'",
        "/* */ explain (analyze, format json) -- x\n COPY (SELECT 1) TO '/tmp/lq-never'",
    };
    static const char *const allowed[] = {
        "SELECT 1",
        "FROM range(1)",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (ANALYZE) SELECT 1",
        "EXPLAIN (SELECT 1)",
        "DESCRIBE SELECT 1",
    };

    for (size_t i = 0; i < LQ_COUNT(refused); i++) {
        TAP_CASE(refused[i]);
        CHECK(strncmp(ask(refused[i], NULL, 0), "error: ", 7) == 0);
        CHECK(access("/tmp/lq-never", F_OK) != 0);
    }
    for (size_t i = 0; i < LQ_COUNT(allowed); i++) {
        TAP_CASE(allowed[i]);
        CHECK(strncmp(ask(allowed[i], NULL, 0), "error: ", 7) != 0);
    }
}

/* A source of `limit` rows: n, and its text for even n only. */
struct numbers {
    int64_t next, limit;
    char text[32];
};

static enum lq_status numbers_rewind(void *ctx, struct lq_error *err)
{
    struct numbers *numbers = ctx;

    numbers->next = 0;
    return LQ_OK;
}

static enum lq_status numbers_next(void *ctx, struct lq_value *row, bool *more,
                                   struct lq_error *err)
{
    struct numbers *numbers = ctx;

    *more = numbers->next < numbers->limit;
    if (!*more)
        return LQ_OK;
    if (numbers->next == 9000)
        return lq_error_set(err, LQ_IO, "row 9000 cannot be read");
    snprintf(numbers->text, sizeof numbers->text, "row number %lld", (long long)numbers->next);
    row[0] = lq_value_int(numbers->next);
    row[1] = lq_value_text(numbers->next % 2 == 0 ? numbers->text : NULL);
    numbers->next++;
    return LQ_OK;
}

static void test_source(void)
{
    static const struct lq_source_column columns[] = { { "n", LQ_VALUE_INT },
                                                       { "word", LQ_VALUE_TEXT } };
    static struct numbers numbers = { .limit = 5000 };
    static const struct lq_source source = { columns, LQ_COUNT(columns), numbers_rewind,
                                             numbers_next, &numbers };
    struct lq_error err = { 0 };

    CHECK(lq_db_add_source(db, "numbers", &source, &err) == LQ_OK);
    CHECK_STR(ask("SELECT count(*), count(word), max(n), max(word) FROM numbers()", NULL, 0),
              "5000|2500|4999|row number 998|");
    CHECK_STR(ask("SELECT count(*) FROM numbers()", NULL, 0), "5000|");
    numbers.limit = 20000;
    CHECK(strstr(ask("SELECT count(*) FROM numbers()", NULL, 0), "row 9000 cannot be read") !=
          NULL);
}

static void test_stream_error(void)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    struct lq_error err = { 0 };
    enum lq_status status;
    bool more = true;

    status = lq_db_query(db, LQ_DB_SELECT,
                         "SELECT CASE WHEN x < 100000 THEN x ELSE error('broken at ' || x) END "
                         "FROM range(200000) t(x)",
                         NULL, 0, &rows, &err);
    while (status == LQ_OK && more)
        status = lq_rows_next(rows, &more, &err);
    CHECK(status == LQ_SQL);
    CHECK(strstr(err.message, "broken at 100000") != NULL);
}

static void test_literal(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    lq_buf_adds(&sql, "SELECT ");
    lq_db_add_literal(&sql, "it's \\ \"x\"\n");
    CHECK_STR(ask(lq_buf_text(&sql), NULL, 0), "it's \\ \"x\"\n|");
}

int main(void)
{
    struct lq_error err = { 0 };

    if (lq_db_open(&db, NULL, &err) != LQ_OK) {
        printf("Bail out! %s\n", err.message);
        return 1;
    }
    TAP_RUN(test_source); /* a source comes before the first query */
    TAP_RUN(test_values_out);
    TAP_RUN(test_values_in);
    TAP_RUN(test_only_queries);
    TAP_RUN(test_stream_error);
    TAP_RUN(test_literal);
    lq_db_close(&db);
    return tap_done();
}
