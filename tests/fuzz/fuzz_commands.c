/* SPDX-License-Identifier: MIT */
/* Any bytes as commands.yaml: read, and edited where they can be read. */
#include "base/alloc.h"
#include "project/commands.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lq_registered command = { .name = (char[]){ "build" },
                                           .command = (char[]){ "a: \"b\"\n#" } };
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct lq_error err = { 0 };
    const enum lq_status status =
        lq_commands_parse(&commands, (struct lq_str){ (const char *)data, size }, "f", &err);

    require(status == LQ_OK || (status == LQ_BAD_INPUT && err.message[0]));
    if (status != LQ_OK)
        return 0;
    lq_buf_add(&text, data, size);
    for (int put = 1; put >= 0; put--) {
        const size_t before = text.len;

        if (lq_commands_edit(&text, "build", put ? &command : NULL, "f", &err) != LQ_OK)
            require(text.len == before);
    }
    return 0;
}
