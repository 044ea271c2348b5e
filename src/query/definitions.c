/* SPDX-License-Identifier: MIT */
/* The views and macros of sql/, defined when a statement names them. */
#include "base/alloc.h"
#include "query/query.h"
#include <ctype.h>

struct lq_definition {
    struct lq_str name, text;
    bool wanted, defined;
};

static bool in_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether `word` stands in `text` as a word, in any case. */
static bool names(struct lq_str text, struct lq_str word)
{
    for (size_t at = 0; at + word.len <= text.len; at++) {
        if (strncasecmp(text.ptr + at, word.ptr, word.len) == 0 &&
            (at == 0 || !in_name(text.ptr[at - 1])) &&
            (at + word.len == text.len || !in_name(text.ptr[at + word.len])))
            return true;
    }
    return false;
}

/* Append the statements of a script: "CREATE TEMP VIEW name …;" with the semicolon at the end of a line. */
static void split(struct lq_query *query, size_t *capacity, const char *script)
{
    static const char *const heads[] = { "\nCREATE TEMP VIEW ", "\nCREATE TEMP MACRO " };

    for (const char *at = strstr(script, "\nCREATE TEMP "); at; at = strstr(at, "\nCREATE TEMP ")) {
        const char *end = strstr(at, ";\n");
        const char *name = at;

        for (size_t i = 0; i < LQ_COUNT(heads); i++) {
            if (strncmp(at, heads[i], strlen(heads[i])) == 0)
                name = at + strlen(heads[i]);
        }
        LQ_GROW(query->definitions, query->n_definitions, *capacity);
        query->definitions[query->n_definitions] = (struct lq_definition){
            .name = { name, 0 },
            .text = { at, end ? (size_t)(end - at) + 1 : strlen(at) },
        };
        while (in_name(name[query->definitions[query->n_definitions].name.len]))
            query->definitions[query->n_definitions].name.len++;
        query->n_definitions++;
        at += query->definitions[query->n_definitions - 1].text.len;
    }
}

/* Whether a statement looks at what is defined, rather than naming it. */
static bool asks_catalog(const char *sql)
{
    static const char *const words[] = { "duckdb_", "information_schema",
                                         "show",    "pragma",
                                         "sqlite_", "pg_" };

    for (size_t i = 0; i < LQ_COUNT(words); i++) {
        if (strcasestr(sql, words[i]))
            return true;
    }
    return false;
}

/* A definition stands only on those before it: so the last is looked at first. */
static void mark_wanted(struct lq_query *query, const char *sql)
{
    const bool all = !sql || asks_catalog(sql);

    for (size_t i = query->n_definitions; i-- > 0;) {
        struct lq_definition *definition = &query->definitions[i];

        definition->wanted = all || names(lq_str_of(sql), definition->name);
        for (size_t k = i + 1; k < query->n_definitions && !definition->wanted; k++)
            definition->wanted =
                query->definitions[k].wanted && names(query->definitions[k].text, definition->name);
    }
}

enum lq_status lq_definitions_add(struct lq_query *query, const char *sql, struct lq_error *err)
{
    size_t capacity = 0;

    if (query->n_definitions == 0) {
        split(query, &capacity, lq_sql_views);
        split(query, &capacity, lq_sql_macros);
    }
    mark_wanted(query, sql);
    for (size_t i = 0; i < query->n_definitions; i++) {
        struct lq_definition *definition = &query->definitions[i];
        LQ_CLEANUP(lq_free) char *text = NULL;

        if (!definition->wanted || definition->defined)
            continue;
        text = lq_strndup(definition->text.ptr, definition->text.len);
        LQ_TRY(lq_db_script(query->db, text, err));
        /* At once: should the next one fail, the engine still has this one. */
        definition->defined = true;
    }
    return LQ_OK;
}
