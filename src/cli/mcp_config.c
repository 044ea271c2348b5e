/* SPDX-License-Identifier: MIT */
/* .mcp.json: where agents look for the servers of a project. */
#include "base/file.h"
#include "cli/cli.h"
#include <jansson.h>

/* Such files name a few servers. */
#define CONFIG_MAX_BYTES ((size_t)1024 * 1024)

static void release(json_t **json)
{
    json_decref(*json);
}

/* What the file holds; an empty object when there is none. */
static enum lq_status read_config(const char *path, json_t **config, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct lq_error reason = { 0 };
    json_error_t problem;
    const enum lq_status status = lq_file_read(path, CONFIG_MAX_BYTES, &text, &reason);

    if (status == LQ_NOT_FOUND) {
        *config = json_object();
        return LQ_OK;
    }
    if (status != LQ_OK) {
        *err = reason;
        return status;
    }
    *config = json_loadb(lq_buf_text(&text), text.len, JSON_REJECT_DUPLICATES, &problem);
    if (!*config)
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' line %d: %s", path, problem.line,
                            problem.text);
    if (!json_is_object(*config))
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' holds no JSON object", path);
    return LQ_OK;
}

enum lq_status lq_mcp_config_add(const char *root, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *name = lq_path_join(root, ".mcp.json");
    LQ_CLEANUP(lq_free) char *real = realpath(name, NULL);
    LQ_CLEANUP(lq_free) char *text = NULL, *lines = NULL;
    LQ_CLEANUP(release) json_t *config = NULL;
    const char *path = real ? real : name; /* a link stays one */
    json_t *servers;

    LQ_TRY(read_config(path, &config, err));
    servers = json_object_get(config, "mcpServers");
    if (!servers) {
        servers = json_object();
        json_object_set_new(config, "mcpServers", servers);
    }
    if (!json_is_object(servers))
        return lq_error_set(err, LQ_BAD_INPUT, "'%s': 'mcpServers' is no object", path);
    if (json_object_get(servers, "lq")) {
        lq_say("'%s' has a server 'lq' already: it stays as it is", path);
        return LQ_OK;
    }
    json_object_set_new(servers, "lq", json_pack("{s:s, s:[s]}", "command", "lq", "args", "serve"));
    text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    lines = lq_format("%s\n", text);
    LQ_TRY(lq_file_replace(path, lines, strlen(lines), err));
    lq_say("added the server 'lq' to '%s'", path);
    return LQ_OK;
}
