/* SPDX-License-Identifier: MIT */
/* What the files of this room share: the open database. */
#ifndef LQ_DB_ENGINE_H
#define LQ_DB_ENGINE_H

#include "db/library.h"

struct lq_db {
    duckdb_database database;
    duckdb_connection connection;
};

#endif
