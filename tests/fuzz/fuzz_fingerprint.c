/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a message, a code and a test's name: a fingerprint keeps to its form, and is the same
 * for the same event. */
#include <stdlib.h>

#include "base/base.h"
#include "parse/fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t third = size / 3;
    const char *text = (const char *)data;
    struct lq_event event = { .tool_name = { text, third },
                              .category = { text + third, third },
                              .message = { text, size },
                              .error_code = { text, third } };
    char one[LQ_FINGERPRINT_BYTES], other[LQ_FINGERPRINT_BYTES];
    size_t len = lq_fingerprint(&event, one);

    if (len < 18 || len > sizeof one || len != lq_fingerprint(&event, other) ||
        memcmp(one, other, len) != 0)
        abort();
    event.test_name = (struct lq_str){ text, size };
    len = lq_fingerprint(&event, one);
    if (len < 18 || len > sizeof one)
        abort();
    return 0;
}
