/* SPDX-License-Identifier: MIT */
/* Sizes as people write and read them, in powers of 1000, as ls --si and df -H count. */
#ifndef LQ_CLI_SIZE_H
#define LQ_CLI_SIZE_H

#include "base/base.h"

#define LQ_SIZE_TEXT_BYTES 32

/* "1.3 MB" */
void lq_size_format(int64_t bytes, char text[static LQ_SIZE_TEXT_BYTES]);

/* "500", "500k", "2G", "2GB", "1.5T"; "2Gi", "2GiB" are powers of 1024. false: no size. */
bool lq_size_parse(const char *text, int64_t *bytes);

#endif
