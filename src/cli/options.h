/* SPDX-License-Identifier: MIT */
/*
 * Options as rows of a table over a struct: the kind of an option follows from its member's type,
 * so table and struct cannot disagree, and `-h` prints the same rows.
 */
#ifndef LQ_CLI_OPTIONS_H
#define LQ_CLI_OPTIONS_H

#include "base/str.h"

enum lq_opt_kind {
    LQ_OPT_END_OF_TABLE = 0,
    LQ_OPT_FLAG,   /* bool */
    LQ_OPT_TEXT,   /* const char *, borrowed from argv */
    LQ_OPT_NUMBER, /* int64_t, not negative */
    LQ_OPT_WORD,   /* const char *: a positional argument, optional */
    LQ_OPT_REST,   /* char *const *: all remaining words, NULL-terminated */
    LQ_OPT_WORDS,  /* char **: all words, NULL-terminated; options may stand between them */
};

struct lq_opt {
    enum lq_opt_kind kind;
    size_t offset;
    char letter; /* 0: none */
    const char *name;
    /* What the value is called in the help; NULL for flags. Completion goes by it, and by the name of
     * a word: tools/gen-docs lists what FILE, DIR, run, event... are completed to. */
    const char *value;
    const char *help;
    const char *const *choices; /* the values it takes, NULL-terminated; NULL: any */
};

#define LQ_OPT(type, member, short_name, long_name, value_name, text)                              \
    {                                                                                              \
        .kind = _Generic(((type *)NULL)->member,                                                   \
            bool: LQ_OPT_FLAG,                                                                     \
            const char *: LQ_OPT_TEXT,                                                             \
            int64_t: LQ_OPT_NUMBER),                                                               \
        .offset = offsetof(type, member),                                                          \
        .letter = (short_name),                                                                    \
        .name = (long_name),                                                                       \
        .value = (value_name),                                                                     \
        .help = (text),                                                                            \
    }
/* An option that takes one of the values that follow `text`. */
#define LQ_OPT_CHOICE(type, member, short_name, long_name, value_name, text, ...)                  \
    {                                                                                              \
        .kind = _Generic(((type *)NULL)->member, const char *: LQ_OPT_TEXT),                       \
        .offset = offsetof(type, member),                                                          \
        .letter = (short_name),                                                                    \
        .name = (long_name),                                                                       \
        .value = (value_name),                                                                     \
        .help = (text),                                                                            \
        .choices = (const char *const[]){ __VA_ARGS__, NULL },                                     \
    }
#define LQ_ARG(type, member, long_name, text)                                                      \
    {                                                                                              \
        .kind = _Generic(((type *)NULL)->member,                                                   \
            const char *: LQ_OPT_WORD,                                                             \
            char *const *: LQ_OPT_REST,                                                            \
            char **: LQ_OPT_WORDS),                                                                \
        .offset = offsetof(type, member),                                                          \
        .name = (long_name),                                                                       \
        .help = (text),                                                                            \
    }
#define LQ_OPT_END { .kind = LQ_OPT_END_OF_TABLE }

/* A table and the struct that it fills. */
struct lq_opt_group {
    const char *title; /* heading in the help; NULL: none */
    const struct lq_opt *opts;
    void *values;
};

/*
 * Fill the structs of `groups` from argv[1..]. An option may stand before or after the words, until
 * "--"; in a table with a LQ_OPT_REST row options end at the first word.
 *   command  for messages: "lq sync"
 * Words of a LQ_OPT_WORDS row are moved to the front of argv.
 * LQ_OK; LQ_USAGE: unknown option, missing or bad value, word too many.
 */
LQ_CHECK enum lq_status lq_options_parse(const char *command, char **argv,
                                         const struct lq_opt_group *groups, size_t n_groups,
                                         struct lq_error *err);

/* Of the texts that `text_at` gives for 0, 1, … until NULL, the one nearest to a mistyped `word`;
 * NULL when none is near. Borrowed. */
const char *lq_nearest(struct lq_str word, const char *(*text_at)(const void *ctx, size_t index),
                       const void *ctx);

/* "lq sync [options] [destination]" and the rows, on standard output. */
void lq_options_help(const char *command, const char *summary, const struct lq_opt_group *groups,
                     size_t n_groups);

#endif
