/* SPDX-License-Identifier: MIT */
/* Messages of the Model Context Protocol: from a line to a request, from a result to a line. */
#include "cli/mcp_message.h"
#include "base/text.h"

#define VERSION_KEY "io.modelcontextprotocol/protocolVersion"
#define CAPABILITIES_KEY "io.modelcontextprotocol/clientCapabilities"

void lq_mcp_message_release(struct lq_mcp_message *message)
{
    json_decref(message->root);
    *message = (struct lq_mcp_message){ 0 };
}

const char *lq_mcp_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return NULL;
    return json_string_value(value);
}

static enum lq_mcp_kind bad(struct lq_mcp_message *message, enum lq_mcp_code code,
                            struct lq_error *err, const char *text)
{
    message->code = code;
    lq_error_set(err, LQ_BAD_INPUT, "%s", text);
    return LQ_MCP_BAD;
}

/* Which revision a request is of: those since 2026-07-28 say it themselves. */
static enum lq_mcp_kind read_version(struct lq_mcp_message *message, struct lq_error *err)
{
    const json_t *meta = json_object_get(message->params, "_meta");
    const json_t *version = json_object_get(meta, VERSION_KEY);

    if (!version)
        return LQ_MCP_REQUEST;
    message->modern = true;
    if (!json_is_string(version))
        return bad(message, LQ_MCP_INVALID_PARAMS, err, VERSION_KEY " is no string");
    if (strcmp(json_string_value(version), LQ_MCP_MODERN_VERSION) != 0)
        return bad(message, LQ_MCP_UNSUPPORTED_VERSION, err, "unsupported protocol version");
    if (!json_is_object(json_object_get(meta, CAPABILITIES_KEY)))
        return bad(message, LQ_MCP_INVALID_PARAMS, err, "_meta lacks " CAPABILITIES_KEY);
    return LQ_MCP_REQUEST;
}

static enum lq_mcp_kind read_object(struct lq_mcp_message *message, struct lq_error *err)
{
    json_t *id = json_object_get(message->root, "id");
    const bool notification = !id;
    const char *version = lq_mcp_text(message->root, "jsonrpc");

    if (json_is_string(id) || json_is_integer(id))
        message->id = id;
    message->method = lq_mcp_text(message->root, "method");
    message->params = json_object_get(message->root, "params");
    if (!json_object_get(message->root, "method") &&
        (json_object_get(message->root, "result") || json_object_get(message->root, "error")))
        return LQ_MCP_IGNORED;
    if (!version || strcmp(version, "2.0") != 0)
        return bad(message, LQ_MCP_INVALID_REQUEST, err, "'jsonrpc' is not \"2.0\"");
    if (!message->method)
        return bad(message, LQ_MCP_INVALID_REQUEST, err, "'method' is missing or no text");
    if (notification)
        return LQ_MCP_NOTIFICATION;
    if (!message->id)
        return bad(message, LQ_MCP_INVALID_REQUEST, err, "'id' is no string and no integer");
    if (message->params && !json_is_object(message->params)) {
        message->params = NULL;
        return bad(message, LQ_MCP_INVALID_PARAMS, err, "'params' is no object");
    }
    return read_version(message, err);
}

enum lq_mcp_kind lq_mcp_message_read(const char *line, size_t len, struct lq_mcp_message *message,
                                     struct lq_error *err)
{
    json_error_t reason;

    *message = (struct lq_mcp_message){ 0 };
    while (len > 0 && strchr(" \t\r\n", line[len - 1]) && line[len - 1])
        len--;
    if (len == 0)
        return LQ_MCP_IGNORED;
    /* NUL is JSON, so no reason to take a line for something else. */
    message->root = json_loadb(line, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
    if (!message->root) {
        message->code = LQ_MCP_PARSE_ERROR;
        lq_error_set(err, LQ_BAD_INPUT, "not JSON: %s (byte %d)", reason.text, reason.position);
        return LQ_MCP_BAD;
    }
    if (json_is_array(message->root))
        return bad(message, LQ_MCP_INVALID_REQUEST, err, "batches are not part of the protocol");
    if (!json_is_object(message->root))
        return bad(message, LQ_MCP_INVALID_REQUEST, err, "a message is a JSON object");
    return read_object(message, err);
}

/* ---- answers ---- */

static int add_piece(const char *piece, size_t len, void *ctx)
{
    lq_buf_add(ctx, piece, len);
    return 0;
}

void lq_mcp_add_json(struct lq_buf *out, const json_t *value)
{
    json_dump_callback(value, add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void begin(struct lq_buf *out, const json_t *id)
{
    lq_buf_adds(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id)
        lq_mcp_add_json(out, id);
    else
        lq_buf_adds(out, "null");
}

void lq_mcp_add_result(struct lq_buf *out, const json_t *id, struct lq_str members)
{
    size_t from;

    begin(out, id);
    lq_buf_adds(out, ",\"result\":{");
    from = out->len;
    lq_buf_add(out, members.ptr, members.len);
    /* Within strings line ends are escaped, so these stand between values. */
    for (size_t i = from; i < out->len; i++) {
        if (out->data[i] == '\n')
            out->data[i] = ' ';
    }
    lq_buf_adds(out, "}}\n");
}

void lq_mcp_add_error(struct lq_buf *out, const json_t *id, enum lq_mcp_code code, const char *text,
                      const json_t *data)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf valid = LQ_BUF_INIT;
    json_t *message;

    lq_text_add_utf8(&valid, lq_str_of(text));
    message = json_string(lq_buf_text(&valid));
    begin(out, id);
    lq_buf_addf(out, ",\"error\":{\"code\":%d,\"message\":", (int)code);
    lq_mcp_add_json(out, message);
    json_decref(message);
    if (data) {
        lq_buf_adds(out, ",\"data\":");
        lq_mcp_add_json(out, data);
    }
    lq_buf_adds(out, "}}\n");
}
