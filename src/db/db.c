/* SPDX-License-Identifier: MIT */
/* Opening the engine, running statements, reading rows. */
#include "db/db.h"
#include "base/alloc.h"
#include "base/time.h"
#include "db/engine.h"
#include <ctype.h>

/* Settings that hold for every database lq opens: nothing is fetched or loaded behind the user's
 * back, nothing lands in the current folder. */
static const struct {
    const char *name, *value;
} fixed_settings[] = {
    { "autoinstall_known_extensions", "false" },
    { "autoload_known_extensions", "false" },
    { "allow_community_extensions", "false" },
};

static void free_message(char **message)
{
    if (*message)
        duckdb_free(*message);
}

static enum lq_status configure(duckdb_config config, const struct lq_db_opts *opts,
                                struct lq_error *err)
{
    const char *temp = opts->temp_folder ? opts->temp_folder : getenv("TMPDIR");
    char threads[16];

    snprintf(threads, sizeof threads, "%d", opts->threads ? opts->threads : 1);
    for (size_t i = 0; i < LQ_COUNT(fixed_settings); i++) {
        if (duckdb_set_config(config, fixed_settings[i].name, fixed_settings[i].value))
            return lq_error_set(err, LQ_SQL, "libduckdb does not know the setting %s",
                                fixed_settings[i].name);
    }
    if (duckdb_set_config(config, "threads", threads) ||
        duckdb_set_config(config, "temp_directory", temp && *temp ? temp : "/tmp") ||
        (opts->memory_limit && duckdb_set_config(config, "memory_limit", opts->memory_limit)) ||
        (opts->unredacted_secrets && duckdb_set_config(config, "allow_unredacted_secrets", "true")))
        return lq_error_set(err, LQ_SQL, "cannot configure libduckdb");
    return LQ_OK;
}

static enum lq_status connect_to(struct lq_db *db, duckdb_database database, struct lq_error *err)
{
    if (duckdb_connect(database, &db->connection))
        return lq_error_set(err, LQ_SQL, "cannot connect to the database");
    return lq_db_script(db, "SET TimeZone = 'UTC'", err);
}

enum lq_status lq_db_open(struct lq_db **out, const struct lq_db_opts *opts, struct lq_error *err)
{
    static const struct lq_db_opts defaults = { 0 };
    LQ_CLEANUP(lq_db_close) struct lq_db *db = NULL;
    LQ_CLEANUP(free_message) char *message = NULL;
    duckdb_config config = NULL;
    enum lq_status status;

    LQ_TRY(lq_db_load(err));
    db = lq_alloc(sizeof *db);
    duckdb_create_config(&config);
    status = configure(config, opts ? opts : &defaults, err);
    if (status == LQ_OK && duckdb_open_ext(NULL, &db->database, config, &message))
        status = lq_error_set(err, LQ_SQL, "cannot open a database: %s", message);
    duckdb_destroy_config(&config);
    if (status != LQ_OK)
        return status;
    LQ_TRY(connect_to(db, db->database, err));
    *out = LQ_TAKE(db);
    return LQ_OK;
}

enum lq_status lq_db_connect(struct lq_db **out, const struct lq_db *of, struct lq_error *err)
{
    LQ_CLEANUP(lq_db_close) struct lq_db *db = lq_alloc(sizeof *db);

    LQ_TRY(connect_to(db, of->database, err));
    *out = LQ_TAKE(db);
    return LQ_OK;
}

void lq_db_close(struct lq_db **db)
{
    if (!*db)
        return;
    duckdb_disconnect(&(*db)->connection);
    if ((*db)->database)
        duckdb_close(&(*db)->database);
    free(*db);
    *db = NULL;
}

enum lq_status lq_db_script(struct lq_db *db, const char *sql, struct lq_error *err)
{
    duckdb_result result = { 0 };
    enum lq_status status = LQ_OK;

    if (duckdb_query(db->connection, sql, &result))
        status = lq_error_set(err, LQ_SQL, "%s", duckdb_result_error(&result));
    duckdb_destroy_result(&result);
    return status;
}

static void release_statement(duckdb_prepared_statement *statement)
{
    if (*statement)
        duckdb_destroy_prepare(statement);
}

static duckdb_state bind_map(duckdb_prepared_statement statement, idx_t index,
                             const struct lq_map *map)
{
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type type = duckdb_create_map_type(text, text);
    duckdb_value *keys = lq_alloc(map->count * sizeof *keys);
    duckdb_value *values = lq_alloc(map->count * sizeof *values);
    duckdb_value value;
    duckdb_state state;

    for (size_t i = 0; i < map->count; i++) {
        keys[i] = duckdb_create_varchar(map->keys[i]);
        values[i] = duckdb_create_varchar(map->values[i]);
    }
    /* NULL when a key stands there twice. */
    value = duckdb_create_map_value(type, keys, values, map->count);
    state = value ? duckdb_bind_value(statement, index, value) : DuckDBError;
    duckdb_destroy_value(&value);
    for (size_t i = 0; i < map->count; i++) {
        duckdb_destroy_value(&keys[i]);
        duckdb_destroy_value(&values[i]);
    }
    free(keys);
    free(values);
    duckdb_destroy_logical_type(&type);
    duckdb_destroy_logical_type(&text);
    return state;
}

static duckdb_state bind_value(duckdb_prepared_statement statement, idx_t index,
                               const struct lq_value *value)
{
    switch (value->kind) {
    case LQ_VALUE_BOOL:
        return duckdb_bind_boolean(statement, index, value->boolean);
    case LQ_VALUE_INT:
        return duckdb_bind_int64(statement, index, value->integer);
    case LQ_VALUE_DOUBLE:
        return duckdb_bind_double(statement, index, value->real);
    case LQ_VALUE_TIME:
        return duckdb_bind_timestamp_tz(statement, index, (duckdb_timestamp){ value->integer });
    case LQ_VALUE_TEXT:
    case LQ_VALUE_JSON:
        return duckdb_bind_varchar_length(statement, index, value->text.ptr, value->text.len);
    case LQ_VALUE_MAP:
        return bind_map(statement, index, value->map);
    case LQ_VALUE_NULL:
        break;
    }
    return duckdb_bind_null(statement, index);
}

static enum lq_status prepare(struct lq_db *db, const char *sql,
                              duckdb_prepared_statement *statement, struct lq_error *err)
{
    if (duckdb_prepare(db->connection, sql, statement))
        return lq_error_set(err, LQ_SQL, "%s", duckdb_prepare_error(*statement));
    return LQ_OK;
}

static enum lq_status bind(duckdb_prepared_statement statement, const struct lq_value *params,
                           size_t n_params, struct lq_error *err)
{
    if (duckdb_nparams(statement) > n_params)
        return lq_error_set(err, LQ_BAD_INPUT, "the statement has a parameter without a value");
    for (size_t i = 0; i < n_params; i++) {
        if (i < duckdb_nparams(statement) && bind_value(statement, i + 1, &params[i]))
            return lq_error_set(err, LQ_BAD_INPUT,
                                "value %zu cannot be used in SQL: not valid UTF-8, or a key twice",
                                i + 1);
    }
    return LQ_OK;
}

enum lq_status lq_db_exec(struct lq_db *db, const char *sql, const struct lq_value *params,
                          size_t n_params, struct lq_error *err)
{
    LQ_CLEANUP(release_statement) duckdb_prepared_statement statement = NULL;
    duckdb_result result = { 0 };
    enum lq_status status = LQ_OK;

    LQ_TRY(prepare(db, sql, &statement, err));
    LQ_TRY(bind(statement, params, n_params, err));
    if (duckdb_execute_prepared(statement, &result))
        status = lq_error_set(err, LQ_SQL, "%s", duckdb_result_error(&result));
    duckdb_destroy_result(&result);
    return status;
}

/* ---- rows ---- */

/* How values of an engine's type are read. */
struct reading {
    const char *expression; /* over the column %s; NULL: as they are */
    bool json;              /* the text is JSON: a nested value, or a number too wide for us */
    bool number;
};

static struct reading reading(duckdb_type type)
{
    switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return (struct reading){ 0 };
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
        return (struct reading){ .number = true };
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_UBIGINT:
        return (struct reading){ "CAST(%s AS VARCHAR)", .json = true, .number = true };
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_UNION:
        return (struct reading){ "CAST(to_json(%s) AS VARCHAR)", .json = true };
    default:
        return (struct reading){ "CAST(%s AS VARCHAR)" };
    }
}

/* The type JSON is text to the engine, by another name. */
static bool is_json(duckdb_prepared_statement statement, idx_t column)
{
    duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, column);
    char *alias = type ? duckdb_logical_type_get_alias(type) : NULL;
    const bool json = alias && strcmp(alias, "JSON") == 0;

    duckdb_free(alias);
    duckdb_destroy_logical_type(&type);
    return json;
}

struct lq_rows {
    duckdb_prepared_statement statement;
    duckdb_result result;
    duckdb_data_chunk chunk;
    idx_t row, n_rows; /* in the chunk */
    bool started;      /* the first row was handed out */
    size_t n_columns;
    struct column {
        char *name;
        duckdb_type type;
        struct reading reading;
        char time[28]; /* of the row, as text */
        void *data;    /* of the chunk */
        uint64_t *validity;
    } *columns;
};

static void add_expression(struct lq_buf *sql, const char *expression, const char *name)
{
    const char *at = strstr(expression, "%s");

    lq_buf_add(sql, expression, (size_t)(at - expression));
    lq_buf_adds(sql, name);
    lq_buf_adds(sql, at + 2);
}

/* Prepare `sql` again with every column that is not plain read through its expression. Columns are
 * renamed by position, since names may repeat. */
static enum lq_status wrap(struct lq_db *db, const char *sql, struct lq_rows *rows,
                           struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    size_t len = strlen(sql);

    while (len > 0 && (sql[len - 1] == ';' || isspace((unsigned char)sql[len - 1])))
        len--;
    lq_buf_adds(&text, "SELECT ");
    for (size_t i = 0; i < rows->n_columns; i++) {
        const char *expression = rows->columns[i].reading.expression;
        char name[32];

        snprintf(name, sizeof name, "c%zu", i);
        lq_buf_adds(&text, i ? ", " : "");
        add_expression(&text, expression ? expression : "%s", name);
    }
    lq_buf_adds(&text, " FROM (");
    lq_buf_add(&text, sql, len);
    lq_buf_adds(&text, "\n) AS q(");
    for (size_t i = 0; i < rows->n_columns; i++)
        lq_buf_addf(&text, "%sc%zu", i ? ", " : "", i);
    lq_buf_adds(&text, ")");
    duckdb_destroy_prepare(&rows->statement);
    return prepare(db, lq_buf_text(&text), &rows->statement, err);
}

static enum lq_status describe(struct lq_db *db, enum lq_db_guard guard, const char *sql,
                               struct lq_rows *rows, struct lq_error *err)
{
    enum lq_status status = LQ_OK;
    bool plain = true;

    rows->n_columns = duckdb_prepared_statement_column_count(rows->statement);
    rows->columns = lq_alloc(rows->n_columns * sizeof *rows->columns);
    for (size_t i = 0; i < rows->n_columns; i++) {
        const char *name = duckdb_prepared_statement_column_name(rows->statement, i);

        rows->columns[i].name = lq_strdup(name);
        rows->columns[i].type = duckdb_prepared_statement_column_type(rows->statement, i);
        rows->columns[i].reading = reading(rows->columns[i].type);
        /* What a user reads from a file may call itself JSON without being it. */
        if (guard == LQ_DB_ANY && rows->columns[i].type == DUCKDB_TYPE_VARCHAR)
            rows->columns[i].reading.json = is_json(rows->statement, i);
        if (rows->columns[i].type == DUCKDB_TYPE_INVALID)
            status =
                lq_error_set(err, LQ_SQL, "every parameter needs a cast ($1::VARCHAR) in: %s", sql);
        plain = plain && !rows->columns[i].reading.expression;
        duckdb_free((void *)(uintptr_t)name);
    }
    if (status != LQ_OK || plain ||
        duckdb_prepared_statement_type(rows->statement) != DUCKDB_STATEMENT_TYPE_SELECT)
        return status;
    return wrap(db, sql, rows, err);
}

/* Fetch the next chunk with rows in it; none is left when rows->chunk is NULL after it. */
static enum lq_status fetch(struct lq_rows *rows, struct lq_error *err)
{
    const char *message;

    do {
        if (rows->chunk)
            duckdb_destroy_data_chunk(&rows->chunk);
        rows->chunk = duckdb_fetch_chunk(rows->result);
        rows->n_rows = rows->chunk ? duckdb_data_chunk_get_size(rows->chunk) : 0;
    } while (rows->chunk && rows->n_rows == 0);
    if (!rows->chunk) {
        message = duckdb_result_error(&rows->result);
        return message && *message ? lq_error_set(err, LQ_SQL, "%s", message) : LQ_OK;
    }
    for (size_t i = 0; i < rows->n_columns; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(rows->chunk, i);

        rows->columns[i].data = duckdb_vector_get_data(vector);
        rows->columns[i].validity = duckdb_vector_get_validity(vector);
    }
    return LQ_OK;
}

/* Functions that do something though they stand in a query: write logs or profiles to a file, write the
 * database; and those that run SQL given as text, in which such a function could hide. */
#define DOING                                                                                      \
    "'checkpoint', 'force_checkpoint', 'enable_logging', 'disable_logging', 'enable_profiling', "  \
    "'disable_profiling', 'enable_peg_parser', 'disable_peg_parser', 'truncate_duckdb_logs', "     \
    "'write_log', 'query', 'json_execute_serialized_sql'"

/* What the engine's parser thinks of `sql`, which is not executed and not even prepared: NULL for
 * queries alone, else why not; and a function in it that does something, NULL when there is none. The
 * caller's. */
static enum lq_status parse_error(struct lq_db *db, const char *sql, char **kind, char **function,
                                  struct lq_error *err)
{
    static const char parse[] =
        "SELECT tree ->> 'error_type', list_filter(json_extract_string(tree, "
        "'$..function_name')::VARCHAR[], lambda name: lower(name) IN (" DOING "))[1] "
        "FROM (SELECT json_serialize_sql($1::VARCHAR) AS tree)";
    const struct lq_value text = lq_value_text(sql);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_db_query(db, LQ_DB_ANY, parse, &text, 1, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *kind = lq_rows_get_text(rows, 0);
    *function = lq_rows_get_text(rows, 1);
    return LQ_OK;
}

/*
 * What follows "EXPLAIN [ANALYZE] [(options)]", NULL when that is not how `sql` begins. Between
 * those words stands white space alone, so that the rest means the same to the engine as within the
 * whole: EXPLAIN ANALYZE does what it explains, and a comment could hide what that is.
 */
static const char *explained(const char *sql)
{
    static const char spaces[] = " \t\r\n";
    const char *at = sql + strspn(sql, spaces);

    if (strncasecmp(at, "explain", 7) != 0)
        return NULL;
    at += 7 + strspn(at + 7, spaces);
    if (strncasecmp(at, "analyze", 7) == 0)
        at += 7 + strspn(at + 7, spaces);
    if (*at == '(') {
        const char *end = at + 1 +
                          strspn(at + 1, "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ_, \t\r\n");

        at = *end == ')' ? end + 1 : at;
    }
    return at;
}

/*
 * Refuse what is no query before the engine prepares it: preparing EXPORT makes a folder already.
 * A syntax error passes: the engine will say more about it.
 */
static enum lq_status check_is_query(struct lq_db *db, const char *sql, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *kind = NULL, *rest_kind = NULL, *function = NULL, *inner = NULL;
    const char *rest = explained(sql);

    LQ_TRY(parse_error(db, sql, &kind, &function, err));
    if (kind && strcmp(kind, "parser") == 0)
        return LQ_OK;
    if (kind && rest)
        LQ_TRY(parse_error(db, rest, &rest_kind, &inner, err));
    if (function || inner)
        return lq_error_set(err, LQ_BAD_INPUT, "only queries are allowed, without %s()",
                            function ? function : inner);
    if (kind && (!rest || rest_kind))
        return lq_error_set(err, LQ_BAD_INPUT,
                            "only queries are allowed: SELECT, FROM, WITH, "
                            "DESCRIBE, EXPLAIN");
    return LQ_OK;
}

bool lq_db_error_passes(const struct lq_error *err)
{
    static const char *const passing[] = { "IO Error", "Out of Memory Error", "INTERNAL Error" };
    /* The file says itself where to read, and nothing is there. */
    static const char torn[] = "IO Error: Could not read enough bytes";

    for (size_t i = 0; i < LQ_COUNT(passing); i++) {
        if (strncmp(err->message, passing[i], strlen(passing[i])) == 0)
            return strncmp(err->message, torn, strlen(torn)) != 0;
    }
    return false;
}

void lq_db_interrupt(struct lq_db *db)
{
    duckdb_interrupt(db->connection);
}

enum lq_status lq_db_query(struct lq_db *db, enum lq_db_guard guard, const char *sql,
                           const struct lq_value *params, size_t n_params, struct lq_rows **out,
                           struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = lq_alloc(sizeof *rows);

    if (guard == LQ_DB_SELECT)
        LQ_TRY(check_is_query(db, sql, err));
    LQ_TRY(prepare(db, sql, &rows->statement, err));
    LQ_TRY(describe(db, guard, sql, rows, err));
    LQ_TRY(bind(rows->statement, params, n_params, err));
    if (duckdb_execute_prepared_streaming(rows->statement, &rows->result))
        return lq_error_set(err, LQ_SQL, "%s", duckdb_result_error(&rows->result));
    /* The first rows are fetched here, so that most failures come before any output. */
    LQ_TRY(fetch(rows, err));
    *out = LQ_TAKE(rows);
    return LQ_OK;
}

size_t lq_rows_column_count(const struct lq_rows *rows)
{
    return rows->n_columns;
}

bool lq_rows_is_empty(const struct lq_rows *rows)
{
    return rows->chunk == NULL;
}

const char *lq_rows_column_name(const struct lq_rows *rows, size_t column)
{
    return rows->columns[column].name;
}

bool lq_rows_column_is_number(const struct lq_rows *rows, size_t column)
{
    return rows->columns[column].reading.number;
}

enum lq_status lq_rows_next(struct lq_rows *rows, bool *more, struct lq_error *err)
{
    if (rows->started && rows->chunk && ++rows->row >= rows->n_rows) {
        LQ_TRY(fetch(rows, err));
        rows->row = 0;
    }
    rows->started = true;
    *more = rows->chunk != NULL;
    return LQ_OK;
}

static struct lq_value text_value(const struct column *column, idx_t row)
{
    return (struct lq_value){
        .kind = column->reading.json ? LQ_VALUE_JSON : LQ_VALUE_TEXT,
        .text = lq_db_text_of(&((duckdb_string_t *)column->data)[row]),
    };
}

/* RFC 3339 has four digits for the year; NULL for what a damaged file may hold besides. */
static struct lq_value time_value(struct column *column, idx_t row)
{
    static const int64_t first = INT64_C(-62167219200) * LQ_US_PER_SECOND; /* the year 0 */
    static const int64_t end = INT64_C(253402300800) * LQ_US_PER_SECOND;   /* the year 10000 */
    const int64_t time = ((int64_t *)column->data)[row];

    if (time < first || time >= end)
        return (struct lq_value){ .kind = LQ_VALUE_NULL };
    lq_time_rfc3339(time, column->time);
    return lq_value_text(column->time);
}

struct lq_value lq_rows_get(const struct lq_rows *rows, size_t index)
{
    struct column *column = &rows->columns[index];
    const idx_t row = rows->row;

    if (column->validity && !(column->validity[row / 64] >> (row % 64) & 1))
        return (struct lq_value){ .kind = LQ_VALUE_NULL };
    switch (column->type) {
    case DUCKDB_TYPE_BOOLEAN:
        return (struct lq_value){ .kind = LQ_VALUE_BOOL, .boolean = ((bool *)column->data)[row] };
    case DUCKDB_TYPE_TINYINT:
        return lq_value_int(((int8_t *)column->data)[row]);
    case DUCKDB_TYPE_SMALLINT:
        return lq_value_int(((int16_t *)column->data)[row]);
    case DUCKDB_TYPE_INTEGER:
        return lq_value_int(((int32_t *)column->data)[row]);
    case DUCKDB_TYPE_BIGINT:
        return lq_value_int(((int64_t *)column->data)[row]);
    case DUCKDB_TYPE_UTINYINT:
        return lq_value_int(((uint8_t *)column->data)[row]);
    case DUCKDB_TYPE_USMALLINT:
        return lq_value_int(((uint16_t *)column->data)[row]);
    case DUCKDB_TYPE_UINTEGER:
        return lq_value_int(((uint32_t *)column->data)[row]);
    case DUCKDB_TYPE_FLOAT:
        return (struct lq_value){ .kind = LQ_VALUE_DOUBLE,
                                  .real = (double)((float *)column->data)[row] };
    case DUCKDB_TYPE_DOUBLE:
        return (struct lq_value){ .kind = LQ_VALUE_DOUBLE, .real = ((double *)column->data)[row] };
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return time_value(column, row);
    default:
        return text_value(column, row);
    }
}

int64_t lq_rows_get_int(const struct lq_rows *rows, size_t column)
{
    const struct lq_value value = lq_rows_get(rows, column);

    return value.kind == LQ_VALUE_INT ? value.integer : 0;
}

char *lq_rows_get_text(const struct lq_rows *rows, size_t column)
{
    const struct lq_value value = lq_rows_get(rows, column);

    return value.kind == LQ_VALUE_TEXT ? lq_strndup(value.text.ptr, value.text.len) : NULL;
}

void lq_rows_free(struct lq_rows **out)
{
    struct lq_rows *rows = *out;

    if (!rows)
        return;
    if (rows->chunk)
        duckdb_destroy_data_chunk(&rows->chunk);
    duckdb_destroy_result(&rows->result);
    release_statement(&rows->statement);
    for (size_t i = 0; i < rows->n_columns; i++)
        free(rows->columns[i].name);
    free(rows->columns);
    free(rows);
    *out = NULL;
}

void lq_db_add_literal(struct lq_buf *sql, const char *text)
{
    lq_buf_addc(sql, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            lq_buf_addc(sql, '\'');
        lq_buf_addc(sql, *text);
    }
    lq_buf_addc(sql, '\'');
}
