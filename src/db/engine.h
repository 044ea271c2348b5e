/* SPDX-License-Identifier: MIT */
/* What the files of this room share: the open database. */
#ifndef LQ_DB_ENGINE_H
#define LQ_DB_ENGINE_H

#include "db/library.h"
#include <lq/str.h>

struct lq_db {
    duckdb_database database; /* NULL: another one's */
    duckdb_connection connection;
};

/* A text of a vector; borrowed from it. */
static inline struct lq_str lq_db_text_of(duckdb_string_t *text)
{
    if (duckdb_string_is_inlined(*text))
        return (struct lq_str){ text->value.inlined.inlined, text->value.inlined.length };
    return (struct lq_str){ text->value.pointer.ptr, text->value.pointer.length };
}

#endif
