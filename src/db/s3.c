/* SPDX-License-Identifier: MIT */
/* Asking DuckDB's aws extension for keys. */
#include "db/s3.h"
#include "base/alloc.h"
#include "db/engine.h"

/* Nothing of the user's own set-up, nothing left behind. */
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

static void add_option(struct lq_buf *sql, const char *name, const char *value)
{
    if (!value)
        return;
    lq_buf_addf(sql, ", %s ", name);
    lq_db_add_literal(sql, value);
}

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

static enum lq_status no_keys(const struct lq_s3_config *config, struct lq_error *err)
{
    if (config->profile)
        return lq_error_set(err, LQ_DENIED,
                            "no credentials for S3: none in the profile '%s' (AWS_PROFILE)",
                            config->profile);
    /* The extension takes a URL there for the name of a host, of which it asks nothing then. */
    if (config->has_token_file && config->has_common_endpoint)
        return lq_error_set(err, LQ_DENIED,
                            "no credentials for S3: AWS_WEB_IDENTITY_TOKEN_FILE is not used where "
                            "AWS_ENDPOINT_URL is set: AWS_ENDPOINT_URL_S3 is for the store alone");
    if (config->has_token_file)
        return lq_error_set(err, LQ_DENIED,
                            "no credentials for S3: AWS gives none to the role in AWS_ROLE_ARN for "
                            "the token in AWS_WEB_IDENTITY_TOKEN_FILE");
    return lq_error_set(
        err, LQ_DENIED,
        "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
        "AWS_PROFILE");
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
    return no_keys(config, err);
}
