/* SPDX-License-Identifier: MIT */
/* The methods of the protocol, and how an answer goes out. */
#include "base/file.h"
#include "cli/mcp.h"
#include <limits.h>
#include <poll.h>

/* Until 2025-11-25 the client and the server agree on a version once, newest first here. */
static const char *const handshake_versions[] = { "2025-11-25", "2025-06-18" };

static const char server_info[] = "{\"name\":\"lq\",\"title\":\"lq: builds, tests and linters\","
                                  "\"version\":\"" LQ_VERSION "\"}";
static const char capabilities[] = "{\"tools\":{},\"resources\":{},\"prompts\":{}}";
static const char instructions[] =
    "lq keeps the runs of this project's builds, tests and linters, and the errors, warnings and "
    "test results found in their logs. Use 'run' to execute a registered command, 'errors' for what "
    "is wrong, 'event' and 'context' for one of them (by its ref, such as 5:3), 'diff' to compare "
    "two runs, and 'query' for SQL over lq_events and lq_runs.";

static void add_string(struct lq_buf *out, const char *text)
{
    lq_out_add_json(out, lq_str_of(text));
}

static enum lq_mcp_code initialize(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                   struct lq_buf *members, struct lq_error *err)
{
    const char *asked = lq_mcp_text(request->params, "protocolVersion");
    const char *version = handshake_versions[0];

    if (!asked) {
        lq_error_set(err, LQ_BAD_INPUT, "'protocolVersion' is missing or no text");
        return LQ_MCP_INVALID_PARAMS;
    }
    for (size_t i = 0; i < LQ_COUNT(handshake_versions); i++) {
        if (strcmp(asked, handshake_versions[i]) == 0)
            version = asked;
    }
    lq_buf_adds(members, "\"protocolVersion\":");
    add_string(members, version);
    lq_buf_addf(members, ",\"capabilities\":%s,\"serverInfo\":%s,\"instructions\":", capabilities,
                server_info);
    add_string(members, instructions);
    return LQ_MCP_OK;
}

static void add_versions(struct lq_buf *out)
{
    lq_buf_adds(out, "[\"" LQ_MCP_MODERN_VERSION "\"");
    for (size_t i = 0; i < LQ_COUNT(handshake_versions); i++)
        lq_buf_addf(out, ",\"%s\"", handshake_versions[i]);
    lq_buf_addc(out, ']');
}

static enum lq_mcp_code discover(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                 struct lq_buf *members, struct lq_error *err)
{
    lq_buf_adds(members, "\"supportedVersions\":");
    add_versions(members);
    lq_buf_addf(members, ",\"capabilities\":%s,\"instructions\":", capabilities);
    add_string(members, instructions);
    return LQ_MCP_OK;
}

static enum lq_mcp_code ping(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                             struct lq_buf *members, struct lq_error *err)
{
    return LQ_MCP_OK;
}

enum { OLD = 1, MODERN = 2, CACHEABLE = 4, LISTS = 8 };

/* The methods, the revisions that have them, whether what they answer says how long it holds, and
 * whether it is a list (which comes whole, so that no cursor is known). */
static const struct method {
    const char *name;
    unsigned flags;
    lq_mcp_handler *handle;
} methods[] = {
    { "initialize", OLD, initialize },
    { "ping", OLD, ping },
    { "server/discover", MODERN | CACHEABLE, discover },
    { "tools/list", OLD | MODERN | CACHEABLE | LISTS, lq_mcp_list_tools },
    { "tools/call", OLD | MODERN, lq_mcp_call_tool },
    { "resources/list", OLD | MODERN | CACHEABLE | LISTS, lq_mcp_list_resources },
    { "resources/templates/list", OLD | MODERN | CACHEABLE | LISTS, lq_mcp_list_templates },
    { "resources/read", OLD | MODERN | CACHEABLE, lq_mcp_read_resource },
    { "prompts/list", OLD | MODERN | CACHEABLE | LISTS, lq_mcp_list_prompts },
    { "prompts/get", OLD | MODERN, lq_mcp_get_prompt },
};

static const struct method *find_method(const struct lq_mcp_message *message)
{
    for (size_t i = 0; i < LQ_COUNT(methods); i++) {
        if (strcmp(methods[i].name, message->method) == 0 &&
            (methods[i].flags & (message->modern ? MODERN : OLD)))
            return &methods[i];
    }
    return NULL;
}

/* ---- sending ---- */

/* A client that does not read must not keep the server from being ended: as much as a pipe that is ready
 * takes without waiting, time and again. */
static enum lq_status send_line(struct lq_mcp *mcp, const struct lq_buf *line, struct lq_error *err)
{
    for (size_t at = 0; at < line->len;) {
        const size_t len = line->len - at < PIPE_BUF ? line->len - at : PIPE_BUF;
        struct pollfd fds[] = {
            { .fd = mcp->out_fd, .events = POLLOUT },
            { .fd = mcp->stop_fd, .events = POLLIN },
        };

        if (poll(fds, LQ_COUNT(fds), -1) < 0)
            continue;
        if (!fds[0].revents)
            return lq_error_set(err, LQ_CANCELLED, "the client does not read its answers");
        LQ_TRY(lq_write_all(mcp->out_fd, lq_buf_text(line) + at, len, "the answer", err));
        at += len;
    }
    return LQ_OK;
}

/* What every result of the modern revision says beside its own members. */
static void add_modern(struct lq_buf *members, bool cacheable)
{
    if (members->len)
        lq_buf_addc(members, ',');
    lq_buf_addf(members,
                "\"resultType\":\"complete\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}",
                server_info);
    if (cacheable)
        lq_buf_adds(members, ",\"ttlMs\":0,\"cacheScope\":\"private\"");
}

enum lq_status lq_mcp_send_result(struct lq_mcp *mcp, const json_t *id, bool modern,
                                  const struct lq_buf *members, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf more = LQ_BUF_INIT;

    lq_buf_add(&more, lq_buf_text(members), members->len);
    if (modern)
        add_modern(&more, false);
    lq_mcp_add_result(&line, id, (struct lq_str){ lq_buf_text(&more), more.len });
    return send_line(mcp, &line, err);
}

static enum lq_status send_error(struct lq_mcp *mcp, const struct lq_mcp_message *message,
                                 enum lq_mcp_code code, const char *text, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf supported = LQ_BUF_INIT;
    json_t *data = NULL;

    if (code == LQ_MCP_UNSUPPORTED_VERSION) {
        add_versions(&supported);
        data = json_pack("{s:o, s:O}", "supported", json_loads(lq_buf_text(&supported), 0, NULL),
                         "requested",
                         json_object_get(json_object_get(message->params, "_meta"),
                                         "io.modelcontextprotocol/protocolVersion"));
    }
    lq_mcp_add_error(&line, message->id, code, text, data);
    json_decref(data);
    return send_line(mcp, &line, err);
}

static enum lq_status answer(struct lq_mcp *mcp, const struct lq_mcp_message *message,
                             struct lq_error *err)
{
    const struct method *method = find_method(message);
    const struct lq_mcp_request request = { message->params, message->id, message->modern };
    LQ_CLEANUP(lq_buf_release) struct lq_buf members = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
    struct lq_error reason = { 0 };
    enum lq_mcp_code code;

    if (!method) {
        lq_error_set(&reason, LQ_BAD_INPUT, "unknown method '%s'", message->method);
        return send_error(mcp, message, LQ_MCP_UNKNOWN_METHOD, reason.message, err);
    }
    if ((method->flags & LISTS) && json_object_get(message->params, "cursor"))
        return send_error(mcp, message, LQ_MCP_INVALID_PARAMS, "unknown cursor", err);
    code = method->handle(mcp, &request, &members, &reason);
    if (code == LQ_MCP_LATER)
        return LQ_OK;
    if (code != LQ_MCP_OK)
        return send_error(mcp, message, code, reason.message, err);
    if (message->modern)
        add_modern(&members, method->flags & CACHEABLE);
    lq_mcp_add_result(&line, message->id, (struct lq_str){ lq_buf_text(&members), members.len });
    return send_line(mcp, &line, err);
}

/* Of notifications only one matters; what any of them holds gives no answer. */
static void take_notification(struct lq_mcp *mcp, const struct lq_mcp_message *message)
{
    const json_t *id = json_object_get(message->params, "requestId");

    if (strcmp(message->method, "notifications/cancelled") == 0 && id)
        lq_mcp_job_cancel(mcp, id);
}

enum lq_status lq_mcp_take_line(struct lq_mcp *mcp, const char *line, size_t len,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_mcp_message_release) struct lq_mcp_message message;
    struct lq_error reason = { 0 };

    switch (lq_mcp_message_read(line, len, &message, &reason)) {
    case LQ_MCP_REQUEST:
        return answer(mcp, &message, err);
    case LQ_MCP_NOTIFICATION:
        take_notification(mcp, &message);
        break;
    case LQ_MCP_BAD:
        return send_error(mcp, &message, message.code, reason.message, err);
    case LQ_MCP_IGNORED:
        break;
    }
    return LQ_OK;
}

enum lq_status lq_mcp_refuse_line(struct lq_mcp *mcp, struct lq_error *err)
{
    const struct lq_mcp_message none = { 0 };
    struct lq_error reason = { 0 };

    lq_error_set(&reason, LQ_BAD_INPUT, "the message is longer than %zu bytes",
                 LQ_MCP_LINE_MAX_BYTES);
    return send_error(mcp, &none, LQ_MCP_INVALID_REQUEST, reason.message, err);
}
