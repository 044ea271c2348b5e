/* SPDX-License-Identifier: MIT */
/* The schema for others: columns with their meaning, and the views as SQL for any DuckDB. */
#include "base/alloc.h"
#include "db/db.h"
#include "model/columns.h"
#include "query/columns.h"
#include "query/query.h"

static const struct lq_column_info columns[] = {
#define RUN "all"
#define ONCE "run"
#define EVENT "event"
#define X(name, type, rows, text) { #name, type, rows, text },
    LQ_COLUMNS(X)
#undef X
#undef EVENT
#undef ONCE
#undef RUN
};

const struct lq_column_info *lq_columns(size_t *n_columns)
{
    *n_columns = LQ_COUNT(columns);
    return columns;
}

/* ---- the views for an engine ---- */

/* Run files below one folder, or one of them, as an engine is told of them. */
struct target {
    const struct dialect *dialect;
    const char *path;
    bool store; /* runs are called ns/proj@host:5, not 5 */
};

/* What differs from engine to engine. */
struct dialect {
    const char *name;
    void (*add_rows)(struct lq_buf *sql, const struct target *target); /* what the views stand on */
    const char *temporary;                                             /* before VIEW */
    const char *encode;   /* '?' percent-encoded, with '~' for '%' */
    const char *date;     /* of started_at, in UTC */
    bool backslashes;     /* escape in literals, quotes are not doubled */
    const char *types[6]; /* for `standard_types` */
};

static const char *const standard_types[] = {
    "BIGINT", "VARCHAR", "TIMESTAMPTZ", "DOUBLE", "BOOLEAN", "MAP(VARCHAR, VARCHAR)",
};

static void add_literal(struct lq_buf *sql, const struct target *target, const char *text)
{
    if (!target->dialect->backslashes) {
        lq_db_add_literal(sql, text);
        return;
    }
    lq_buf_addc(sql, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            lq_buf_addc(sql, '\\');
        lq_buf_addc(sql, *text);
    }
    lq_buf_addc(sql, '\'');
}

/* Append `text` with `with` for each '?'. */
static void add_with(struct lq_buf *sql, const char *text, const char *with)
{
    for (; *text; text++) {
        if (*text == '?')
            lq_buf_adds(sql, with);
        else
            lq_buf_addc(sql, *text);
    }
}

/* Append a value as it stands in folder names (docs/format.md): all but the cut of very long ones. */
static void add_escaped(struct lq_buf *sql, const struct target *target, const char *value)
{
    add_with(sql,
             "CASE WHEN coalesce(?, '') = '' THEN '_' "
             "WHEN ? = '.' THEN '~2E' "
             "WHEN ? = '..' THEN '~2E.' "
             "WHEN regexp_replace(?, '^[0-9]+', '') = '' THEN concat('~3', ?) "
             "WHEN lower(?) = 'null' AND ? LIKE 'n%' THEN concat('~6E', substr(?, 2)) "
             "WHEN lower(?) = 'null' THEN concat('~4E', substr(?, 2)) "
             "WHEN ? = '__HIVE_DEFAULT_PARTITION__' THEN '__~48IVE_DEFAULT_PARTITION__' "
             "ELSE ",
             value);
    add_with(sql, target->dialect->encode, value);
    lq_buf_adds(sql, " END");
}

static const char *type_in(const struct dialect *dialect, const char *type)
{
    size_t i = 0;

    while (strcmp(standard_types[i], type) != 0)
        i++;
    return dialect->types[i];
}

/* "name TYPE, …" of all columns. */
static void add_columns(struct lq_buf *sql, const struct target *target, const char *separator)
{
    for (size_t i = 0; i < LQ_COUNT(columns); i++)
        lq_buf_addf(sql, "%s%s %s", i ? separator : "", columns[i].name,
                    type_in(target->dialect, columns[i].type));
}

/* ---- below the views ---- */

static bool is_url(const char *path)
{
    return strstr(path, "://") != NULL;
}

static char *all_below(const char *path)
{
    return lq_str_ends(lq_str_of(path), LQ_STR(".parquet")) ? lq_strdup(path)
                                                            : lq_format("%s/**/*.parquet", path);
}

/* A name that begins with '.' or '_' below the folder is no run. */
static void add_duckdb_rows(struct lq_buf *sql, const struct target *target)
{
    LQ_CLEANUP(lq_free) char *files = all_below(target->path);

    lq_buf_adds(sql, "SET TimeZone = 'UTC';\nSET VARIABLE lq_paths = (\n"
                     "    SELECT list(file ORDER BY file) FROM glob(");
    add_literal(sql, target, files);
    lq_buf_adds(sql, ")\n    WHERE NOT regexp_matches(substr(file, 1 + length(");
    add_literal(sql, target, target->path);
    lq_buf_adds(sql, ")), '/[._]')\n);\n\n");
    if (target->store) {
        lq_buf_adds(sql, "CREATE TEMP MACRO lq_escape(value) AS\n    ");
        add_escaped(sql, target, "value");
        lq_buf_adds(sql, ";\n\n");
    }
    lq_buf_adds(sql, "CREATE TEMP VIEW lq_run_rows AS\nSELECT ");
    lq_buf_adds(sql, target->store ? "lq_escape(namespace) || '/' || lq_escape(project) || '@' || "
                                     "lq_escape(hostname) || ':' || run_id"
                                   : "run_id::VARCHAR");
    lq_buf_addf(sql, " AS ref, concat(file, '#', run_uid) AS run_key, *, '%s' AS place\nFROM (",
                target->store ? "store" : "local");
    lq_columns_add_select(sql, true);
    lq_buf_adds(sql, ")\nWHERE event_id IS NULL AND (run_uid IS NOT NULL OR run_id IS NOT NULL)\n"
                     "QUALIFY row_number() OVER (PARTITION BY coalesce(run_uid, file) ORDER BY "
                     "file) = 1;\n\nCREATE TEMP VIEW lq_event_rows AS\n"
                     "SELECT concat(file, '#', run_uid) AS run_key, ");
    lq_columns_add_event_names(sql, "");
    lq_buf_adds(sql, "\nFROM (");
    lq_columns_add_select(sql, true);
    lq_buf_adds(sql, ")\nWHERE event_id IS NOT NULL;\n\n");
}

/* Spark passes over hidden names by itself; folders are not to become columns. */
static void add_spark_rows(struct lq_buf *sql, const struct target *target)
{
    const bool s3 = strncmp(target->path, "s3://", 5) == 0;
    LQ_CLEANUP(lq_free) char *location = lq_format("%s%s",
                                                   s3                     ? "s3a://"
                                                   : is_url(target->path) ? ""
                                                                          : "file://",
                                                   target->path + (s3 ? 5 : 0));

    lq_buf_adds(sql, "CREATE OR REPLACE TEMPORARY VIEW lq_files (\n    ");
    add_columns(sql, target, ",\n    ");
    lq_buf_adds(sql, "\n)\nUSING parquet\nOPTIONS (\n    path ");
    add_literal(sql, target, location);
    lq_buf_adds(sql, ",\n    recursiveFileLookup 'true',\n    pathGlobFilter '*.parquet',\n"
                     "    ignoreCorruptFiles 'true'\n);\n\n"
                     "CREATE OR REPLACE TEMPORARY VIEW lq_rows AS\n"
                     "SELECT *, input_file_name() AS file\nFROM lq_files;\n\n");
}

/* In a catalog of the Hive connector, which passes over hidden names by itself. */
static void add_trino_rows(struct lq_buf *sql, const struct target *target)
{
    LQ_CLEANUP(lq_free) char *location =
        lq_format("%s%s", is_url(target->path) ? "" : "file://", target->path);

    lq_buf_adds(sql, "CREATE TABLE IF NOT EXISTS lq_files (\n    ");
    add_columns(sql, target, ",\n    ");
    lq_buf_adds(sql, "\n)\nWITH (\n    format = 'PARQUET',\n    external_location = ");
    add_literal(sql, target, location);
    lq_buf_adds(sql, "\n);\n\nCREATE OR REPLACE VIEW lq_rows AS\n"
                     "SELECT *, \"$path\" AS file\nFROM lq_files;\n\n");
}

static void add_clickhouse_rows(struct lq_buf *sql, const struct target *target)
{
    LQ_CLEANUP(lq_free) char *files = all_below(target->path);
    LQ_CLEANUP(lq_buf_release) struct lq_buf structure = LQ_BUF_INIT;

    add_columns(&structure, target, ", ");
    lq_buf_addf(sql, "CREATE OR REPLACE VIEW lq_rows AS\nSELECT *, _path AS file\nFROM %s(",
                is_url(target->path) ? "s3" : "file");
    add_literal(sql, target, files);
    lq_buf_adds(sql, ", 'Parquet',\n    ");
    add_literal(sql, target, lq_buf_text(&structure));
    lq_buf_adds(sql, ")\nWHERE NOT match(extract(_path, '/(?:namespace|date)=.*'), '/[._]')\n"
                     "SETTINGS use_hive_partitioning = 0;\n\n");
}

/* ---- the dialects ---- */

#define ENCODE_BY_RFC3986(replace, encode)                                                         \
    replace "(" replace "(" encode "(?), '~', '~7E'), '%', '~')"
/* As HTML forms do. */
#define ENCODE_AS_FORMS "replace(replace(replace(url_encode(?), '+', '~20'), '*', '~2A'), '%', '~')"

static const struct dialect dialects[] = {
    { "duckdb", add_duckdb_rows, .encode = ENCODE_BY_RFC3986("replace", "url_encode") },
    {
        "spark",
        add_spark_rows,
        .temporary = "TEMPORARY ",
        .encode = ENCODE_AS_FORMS,
        .date = "date_from_unix_date(CAST(floor(unix_seconds(started_at) / 86400) AS INT))",
        .backslashes = true,
        .types = { "BIGINT", "STRING", "TIMESTAMP", "DOUBLE", "BOOLEAN", "MAP<STRING, STRING>" },
    },
    {
        "trino",
        add_trino_rows,
        .encode = ENCODE_AS_FORMS,
        .date = "CAST(started_at AS DATE)",
        .types = { "BIGINT", "VARCHAR", "TIMESTAMP(6)", "DOUBLE", "BOOLEAN",
                   "MAP(VARCHAR, VARCHAR)" },
    },
    {
        "clickhouse",
        add_clickhouse_rows,
        .encode = ENCODE_BY_RFC3986("replaceAll", "encodeURLComponent"),
        .date = "toDate32(started_at)",
        .backslashes = true,
        .types = { "Nullable(Int64)", "Nullable(String)", "Nullable(DateTime64(6, 'UTC'))",
                   "Nullable(Float64)", "Nullable(Bool)", "Map(String, String)" },
    },
};

/* ---- filling in sql/engines.sql ---- */

static void fill_temporary(struct lq_buf *sql, const struct target *target)
{
    lq_buf_adds(sql, target->dialect->temporary ? target->dialect->temporary : "");
}

static void fill_place(struct lq_buf *sql, const struct target *target)
{
    lq_buf_adds(sql, target->store ? "store" : "local");
}

static void fill_text(struct lq_buf *sql, const struct target *target)
{
    lq_buf_adds(sql, type_in(target->dialect, "VARCHAR"));
}

static void fill_date(struct lq_buf *sql, const struct target *target)
{
    lq_buf_adds(sql, target->dialect->date);
}

static void fill_ref(struct lq_buf *sql, const struct target *target)
{
    static const char *const origin[][2] = { { "namespace", ", '/',\n        " },
                                             { "project", ", '@',\n        " },
                                             { "hostname", ", ':',\n        " } };

    lq_buf_adds(sql, target->store ? "concat(" : "");
    for (size_t i = 0; target->store && i < LQ_COUNT(origin); i++) {
        add_escaped(sql, target, origin[i][0]);
        lq_buf_adds(sql, origin[i][1]);
    }
    lq_buf_addf(sql, "CAST(run_id AS %s)%s", type_in(target->dialect, "VARCHAR"),
                target->store ? ")" : "");
}

static void fill_run_columns(struct lq_buf *sql, const struct target *target)
{
    size_t n = 0;

    (void)target;
    for (size_t i = 0; i < LQ_COUNT(columns); i++) {
        if (strcmp(columns[i].rows, "event") != 0)
            lq_buf_addf(sql, "%s%s", n++ ? ",\n    " : "", columns[i].name);
    }
}

/* What stands on the run row only comes from there. */
static void fill_event_columns(struct lq_buf *sql, const struct target *target)
{
    (void)target;
    for (size_t i = 0; i < LQ_COUNT(columns); i++)
        lq_buf_addf(sql, "%s%s.%s AS %s", i ? ",\n    " : "",
                    strcmp(columns[i].rows, "run") == 0 ? "r" : "e", columns[i].name,
                    columns[i].name);
}

static const struct {
    const char *name;
    void (*fill)(struct lq_buf *sql, const struct target *target);
} blanks[] = {
    { "temporary", fill_temporary },
    { "place", fill_place },
    { "text", fill_text },
    { "date", fill_date },
    { "ref", fill_ref },
    { "run_columns", fill_run_columns },
    { "event_columns", fill_event_columns },
};

static void fill_in(struct lq_buf *sql, const char *template, const struct target *target)
{
    for (const char *at = template; *at; at++) {
        const size_t len = *at == '{' ? strcspn(at + 1, "}") : 0;

        if (len == 0)
            lq_buf_addc(sql, *at);
        for (size_t i = 0; len > 0 && i < LQ_COUNT(blanks); i++) {
            if (strlen(blanks[i].name) == len && strncmp(at + 1, blanks[i].name, len) == 0)
                blanks[i].fill(sql, target);
        }
        at += len > 0 ? len + 1 : 0;
    }
}

char *lq_schema_sql(const char *dialect, const char *path, bool store)
{
    struct lq_buf sql = LQ_BUF_INIT;
    struct target target = { .path = path, .store = store };

    for (size_t i = 0; i < LQ_COUNT(dialects); i++) {
        if (strcmp(dialects[i].name, dialect) == 0)
            target.dialect = &dialects[i];
    }
    if (!target.dialect)
        return NULL;
    lq_buf_addf(&sql, "-- lq's views for %s, by lq %s.\n", dialect, LQ_VERSION);
    target.dialect->add_rows(&sql, &target);
    if (target.dialect == &dialects[0]) {
        lq_buf_adds(&sql, lq_sql_views);
        lq_buf_adds(&sql, "\n");
        lq_buf_adds(&sql, lq_sql_macros);
    } else {
        fill_in(&sql, strstr(lq_sql_engines, "CREATE"), &target);
    }
    return lq_buf_detach(&sql);
}
