/* SPDX-License-Identifier: MIT */
/* Writing objects through httpfs, and asking the aws extension for keys. */
#include "db/s3.h"
#include "base/alloc.h"
#include "db/engine.h"
#include <ctype.h>
#include <pthread.h>

struct lq_db_writer {
    struct lq_db *db;
    pthread_mutex_t lock; /* of `idle` */
    duckdb_connection *idle;
    size_t n_idle, capacity;
};

/* For both kinds of engine here: nothing of the user's own set-up, nothing left behind. */
static enum lq_status load_extension(struct lq_db *db, const char *name, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *folder = lq_db_extension_folder();
    struct lq_error reason = { 0 };

    lq_buf_adds(&sql, "SET allow_persistent_secrets = false; SET extension_directory = ");
    lq_db_add_literal(&sql, folder);
    lq_buf_addf(&sql, "; LOAD %s", name);
    if (lq_db_script(db, lq_buf_text(&sql), &reason) != LQ_OK)
        return lq_error_set(err, LQ_NOT_FOUND, "cannot load DuckDB's extension %s from '%s'", name,
                            folder);
    return LQ_OK;
}

/* ---- writing ---- */

static void add_option(struct lq_buf *sql, const char *name, const char *value)
{
    if (!value)
        return;
    lq_buf_addf(sql, ", %s ", name);
    lq_db_add_literal(sql, value);
}

static enum lq_status set_up_writer(struct lq_db *db, const struct lq_s3_config *config,
                                    struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    lq_buf_adds(&sql, "SET GLOBAL http_retries = 0; SET GLOBAL http_timeout = 30;"
                      "SET GLOBAL httpfs_client_implementation = 'curl';"
                      "SET GLOBAL enable_server_cert_verification = true;"
                      "SET GLOBAL enable_curl_server_cert_verification = true;");
    if (config->ca_bundle) {
        lq_buf_adds(&sql, "SET GLOBAL ca_cert_file = ");
        lq_db_add_literal(&sql, config->ca_bundle);
        lq_buf_adds(&sql, ";");
    }
    /* CREATE SECRET takes no parameters. */
    lq_buf_adds(&sql, "CREATE SECRET lq (TYPE s3, PROVIDER config");
    add_option(&sql, "KEY_ID", config->key_id);
    add_option(&sql, "SECRET", config->secret);
    add_option(&sql, "SESSION_TOKEN", config->token);
    add_option(&sql, "REGION", config->region);
    add_option(&sql, "ENDPOINT", config->host);
    add_option(&sql, "URL_STYLE", config->path_style ? "path" : "vhost");
    lq_buf_addf(&sql, ", USE_SSL %s, EXTRA_HTTP_HEADERS MAP {'If-None-Match': '*'})",
                config->tls ? "true" : "false");
    /* What the engine says about it may quote it. */
    if (lq_db_script(db, lq_buf_text(&sql), NULL) != LQ_OK)
        return lq_error_set(err, LQ_SQL, "DuckDB does not take the settings for '%s'",
                            config->host);
    return LQ_OK;
}

enum lq_status lq_db_writer_new(struct lq_db_writer **out, const struct lq_s3_config *config,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_db_writer_free) struct lq_db_writer *writer = lq_alloc(sizeof *writer);

    pthread_mutex_init(&writer->lock, NULL);
    LQ_TRY(lq_db_open(&writer->db, NULL, err));
    LQ_TRY(load_extension(writer->db, "httpfs", err));
    LQ_TRY(set_up_writer(writer->db, config, err));
    *out = LQ_TAKE(writer);
    return LQ_OK;
}

void lq_db_writer_free(struct lq_db_writer **out)
{
    struct lq_db_writer *writer = *out;

    if (!writer)
        return;
    for (size_t i = 0; i < writer->n_idle; i++)
        duckdb_disconnect(&writer->idle[i]);
    free(writer->idle);
    lq_db_close(&writer->db);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
    *out = NULL;
}

static duckdb_connection take_connection(struct lq_db_writer *writer)
{
    duckdb_connection connection = NULL;

    pthread_mutex_lock(&writer->lock);
    if (writer->n_idle > 0)
        connection = writer->idle[--writer->n_idle];
    pthread_mutex_unlock(&writer->lock);
    if (!connection && duckdb_connect(writer->db->database, &connection))
        return NULL;
    return connection;
}

static void give_back(struct lq_db_writer *writer, duckdb_connection connection)
{
    pthread_mutex_lock(&writer->lock);
    LQ_GROW(writer->idle, writer->n_idle, writer->capacity);
    writer->idle[writer->n_idle++] = connection;
    pthread_mutex_unlock(&writer->lock);
}

/*
 * httpfs words an error as "HTTP Error: … (HTTP code 403)", an empty line, and S3's own
 * "AccessDenied: …". Nothing else of its text is used: it quotes URLs.
 */
static void read_answer(const char *message, struct lq_s3_answer *answer)
{
    const char *http = strstr(message, "(HTTP code ");
    const char *code = http ? strstr(http, "\n\n") : NULL;
    size_t len = 0;

    *answer = (struct lq_s3_answer){ 0 };
    if (http)
        answer->http = strtol(http + strlen("(HTTP code "), NULL, 10);
    if (!code)
        return;
    code += 2;
    while (isalnum((unsigned char)code[len]))
        len++;
    if (code[len] == ':' && len < sizeof answer->code)
        snprintf(answer->code, sizeof answer->code, "%.*s", (int)len, code);
}

enum lq_status lq_db_writer_put(struct lq_db_writer *writer, int fd, const char *bucket,
                                const char *key, struct lq_s3_answer *answer, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *url = lq_format("s3://%s/%s", bucket, key);
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    duckdb_connection connection = take_connection(writer);
    duckdb_result result = { 0 };
    bool failed;

    *answer = (struct lq_s3_answer){ 0 };
    if (!connection)
        return lq_error_set(err, LQ_SQL, "cannot connect to the database");
    /* By descriptor: it is the very file that was opened. Not compressed: a name that ends in .zst would
     * have it compressed once more. */
    lq_buf_addf(&sql, "COPY (SELECT content FROM read_blob('/proc/self/fd/%d')) TO ", fd);
    lq_db_add_literal(&sql, url);
    lq_buf_adds(&sql, " (FORMAT blob, COMPRESSION none)");
    failed = duckdb_query(connection, lq_buf_text(&sql), &result) != DuckDBSuccess;
    if (failed)
        read_answer(duckdb_result_error(&result), answer);
    duckdb_destroy_result(&result);
    give_back(writer, connection);
    return failed ? lq_error_set(err, LQ_IO, "cannot write '%s'", url) : LQ_OK;
}

/* ---- keys ---- */

/* The value of `name` in "key_id=…;secret=…;…"; the caller's, NULL without. */
static char *field(const char *text, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = text; at; at = strchr(at, ';'), at += at != NULL)
        if (strncmp(at, name, len) == 0 && at[len] == '=' && strcspn(at + len + 1, ";") > 0)
            return lq_strndup(at + len + 1, strcspn(at + len + 1, ";"));
    return NULL;
}

static enum lq_status read_keys(struct lq_db *db, struct lq_s3_config *config, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_free) char *text = NULL;
    bool more = false;
    char *region;

    LQ_TRY(lq_db_query(db, LQ_DB_ANY, "SELECT secret_string FROM duckdb_secrets(redact = false)",
                       NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    text = more ? lq_rows_get_text(rows, 0) : NULL;
    if (!text)
        return lq_error_set(err, LQ_SQL, "cannot read the credentials that DuckDB found");
    config->key_id = field(text, "key_id");
    config->secret = field(text, "secret");
    config->token = field(text, "session_token");
    region = config->has_region ? NULL : field(text, "region");
    if (region) {
        free(config->region);
        config->region = region;
    }
    return LQ_OK;
}

enum lq_status lq_db_find_keys(struct lq_s3_config *config, struct lq_error *err)
{
    const struct lq_db_opts opts = { .unredacted_secrets = true };
    LQ_CLEANUP(lq_db_close) struct lq_db *db = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    enum lq_status status;

    LQ_TRY(lq_db_open(&db, &opts, err));
    LQ_TRY(load_extension(db, "httpfs", err));
    LQ_TRY(load_extension(db, "aws", err));
    lq_buf_adds(&sql, "CREATE SECRET lq (TYPE s3, PROVIDER credential_chain");
    add_option(&sql, "PROFILE", config->profile);
    lq_buf_adds(&sql, ")");
    status = lq_db_script(db, lq_buf_text(&sql), NULL);
    if (status == LQ_OK)
        LQ_TRY(read_keys(db, config, err));
    if (status == LQ_OK && config->key_id && config->secret)
        return LQ_OK;
    if (config->profile)
        return lq_error_set(err, LQ_DENIED,
                            "no credentials for S3: none in the profile '%s' "
                            "(AWS_PROFILE)",
                            config->profile);
    return lq_error_set(
        err, LQ_DENIED,
        "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
        "AWS_PROFILE");
}
