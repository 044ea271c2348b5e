/* SPDX-License-Identifier: MIT */
/* Any bytes as a message of the Model Context Protocol: what is answered is JSON on one line. */
#include "base/text.h"
#include "cli/mcp_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct lq_buf *answer)
{
    json_t *root;

    if (!answer->len || memchr(answer->data, '\n', answer->len) != answer->data + answer->len - 1)
        abort();
    root = json_loadb(answer->data, answer->len, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(root))
        abort();
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LQ_CLEANUP(lq_mcp_message_release) struct lq_mcp_message message;
    LQ_CLEANUP(lq_buf_release) struct lq_buf answer = LQ_BUF_INIT;
    struct lq_error err = { 0 };
    const enum lq_mcp_kind kind = lq_mcp_message_read((const char *)data, size, &message, &err);

    if (kind == LQ_MCP_BAD) {
        if (message.code >= 0 || !err.message[0])
            abort();
        lq_mcp_add_error(&answer, message.id, message.code, err.message, NULL);
        check_answer(&answer);
    } else if (kind == LQ_MCP_REQUEST) {
        if (!message.method || !message.id)
            abort();
        lq_mcp_text(message.params, "name");
        lq_mcp_add_result(&answer, message.id, LQ_STR("\"a\":\n1"));
        check_answer(&answer);
    }
    return 0;
}
