/* SPDX-License-Identifier: MIT */
/*
 * Messages of the Model Context Protocol: JSON-RPC 2.0, one to a line (specification 2025-06-18,
 * 2025-11-25 and 2026-07-28). Reading them trusts nothing: any bytes give a request, something to be
 * ignored, or the error to answer with.
 */
#ifndef LQ_CLI_MCP_MESSAGE_H
#define LQ_CLI_MCP_MESSAGE_H

#include "base/buf.h"
#include <jansson.h>

/* A longer line is not read, but answered with an error. */
#define LQ_MCP_LINE_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* What a request can come to. The negative ones are error codes of JSON-RPC and of MCP. */
enum lq_mcp_code {
    LQ_MCP_OK = 0,
    LQ_MCP_LATER, /* it will be answered when a command has ended */
    LQ_MCP_PARSE_ERROR = -32700,
    LQ_MCP_INVALID_REQUEST = -32600,
    LQ_MCP_UNKNOWN_METHOD = -32601,
    LQ_MCP_INVALID_PARAMS = -32602,
    LQ_MCP_INTERNAL_ERROR = -32603,
    LQ_MCP_UNKNOWN_RESOURCE = -32002,    /* until 2025-11-25; invalid params since */
    LQ_MCP_UNSUPPORTED_VERSION = -32022, /* since 2026-07-28 */
};

/* The revision of which every request says its version, and none is made known by `initialize`. */
#define LQ_MCP_MODERN_VERSION "2026-07-28"

enum lq_mcp_kind {
    LQ_MCP_REQUEST,
    LQ_MCP_NOTIFICATION,
    LQ_MCP_IGNORED, /* an empty line, a response */
    LQ_MCP_BAD,     /* to be answered with `code` and the error's message */
};

struct lq_mcp_message {
    json_t *root; /* owned; the rest is borrowed from it */
    const char *method;
    json_t *id;     /* a string or an integer; NULL: none that could be read */
    json_t *params; /* an object; NULL: none */
    bool modern;    /* of LQ_MCP_MODERN_VERSION, else of a revision before */
    enum lq_mcp_code code;
};

/* Read one line. `err` is set for LQ_MCP_BAD. */
enum lq_mcp_kind lq_mcp_message_read(const char *line, size_t len, struct lq_mcp_message *message,
                                     struct lq_error *err);
void lq_mcp_message_release(struct lq_mcp_message *message);

/* The member `key` of `object`, which may be NULL: NULL when it is not there or no text without NUL. */
const char *lq_mcp_text(const json_t *object, const char *key);

/* Append the answer with its newline. `members`: of the result object, without its braces; a line
 * end between its values becomes a space. */
void lq_mcp_add_result(struct lq_buf *out, const json_t *id, struct lq_str members);
/* `data`: borrowed, may be NULL. */
void lq_mcp_add_error(struct lq_buf *out, const json_t *id, enum lq_mcp_code code, const char *text,
                      const json_t *data);

/* Append a JSON value, compact. */
void lq_mcp_add_json(struct lq_buf *out, const json_t *value);

#endif
