/* SPDX-License-Identifier: MIT */
/* What the files of this room, and sync, share of an open store. */
#ifndef LQ_STORE_STORE_H
#define LQ_STORE_STORE_H

#include "store/state.h"
#include <lq/store.h>

struct lq_store {
    const struct lq_project *project; /* borrowed */
    struct lq_state *state;
};

#endif
