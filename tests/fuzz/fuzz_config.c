/* SPDX-License-Identifier: MIT */
/* Any bytes as config.yaml: read, and edited where they can be read. */
#include "base/alloc.h"
#include "project/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = { "project", "namespace" };
    LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct lq_error err = { 0 };
    const enum lq_status status =
        lq_config_parse(&config, (struct lq_str){ (const char *)data, size }, "f", &err);

    require(status == LQ_OK || (status == LQ_BAD_INPUT && err.message[0]));
    if (status != LQ_OK)
        return 0;
    require(!lq_destination_has_credentials(config.sync_destination));
    require(!config.project || !lq_identity_problem(lq_str_of(config.project)));
    lq_buf_add(&text, data, size);
    for (size_t i = 0; i < LQ_COUNT(keys); i++) {
        const size_t before = text.len;

        if (lq_config_set(&text, keys[i], "a: \"b\"", "f", &err) != LQ_OK)
            require(text.len == before);
    }
    return 0;
}
