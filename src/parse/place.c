/* SPDX-License-Identifier: MIT */
/* Where a failed test points: the place in its stack that is its author's. */
#include "parse/engine.h"
#include "parse/shapes.h"

/* Lines of a stack that are looked at. */
#define MAX_LINES 200

/* How the languages print a place; groups: file, line, column. The first that matches counts for a line. */
static const char *const forms[] = {
    "^ *at (?:.*? )?\\(?(?:file://)?((?:/|[A-Za-z]:[\\\\/]|\\.\\.?/)?[^\\s():]+):(\\d+):(\\d+)\\)?$", /* Node */
    "^\\s*at (?:[\\w.-]+/)?[\\w.$<>]+\\(([\\w$]+\\.(?:java|kt|scala|groovy)):(\\d+)\\)$", /* Java */
    "^ *File \"([^\"]+)\", line (\\d+)", /* Python */
    "^\\s+at .* in (.+):line (\\d+)$",   /* .NET */
    "^\\s*#\\d+ ([^()]+)\\((\\d+)\\)",   /* PHP */
    "^(?:\\s*(?:# )?|thread '.*' panicked at |.* panicked at )((?:/|[A-Za-z]:[\\\\/])?[^\\s:'\"()<>]+\\.\\w+):(\\d+)(?::(\\d+))?(?:$|[: ,])",
};

bool lq_place_is_foreign(struct lq_str path)
{
    static const char *const parts[] = { "node_modules/",   "node:",       "/site-packages/",
                                         "/dist-packages/", "/lib/python", "internal/",
                                         "/rustc/",         "/usr/lib/",   "/usr/local/go/" };

    for (size_t i = 0; i < LQ_COUNT(parts); i++)
        if (memmem(path.ptr, path.len, parts[i], strlen(parts[i])))
            return true;
    return false;
}

/* In Java the class is told and the file's folder is not: of the test's class alone. */
static bool is_library(struct lq_str line)
{
    static const char *const parts[] = { "at java.",      "at jdk.",         "at org.junit",
                                         "at sun.",       "at org.testng.",  "at kotlin.",
                                         "at java.base/", "at org.assertj.", "at org.hamcrest." };

    for (size_t i = 0; i < LQ_COUNT(parts); i++)
        if (memmem(line.ptr, line.len, parts[i], strlen(parts[i])))
            return true;
    return false;
}

/* Whether `line` holds a place. `*outermost`: its language tells the innermost frame last. */
static bool find(struct lq_parser *parser, struct lq_str line, struct lq_event *event,
                 bool *outermost)
{
    for (size_t i = 0; i < LQ_COUNT(forms); i++) {
        struct lq_str path;

        if (!lq_parser_try(parser, forms[i], line))
            continue;
        path = lq_parser_group(parser, 1);
        if (lq_place_is_foreign(path) || is_library(line))
            return false;
        event->file_path = path;
        event->line_number = lq_digits(lq_parser_group(parser, 2));
        event->column_number = lq_digits(lq_parser_group(parser, 3));
        *outermost = lq_str_ends(path, LQ_STR(".py"));
        return true;
    }
    return false;
}

void lq_place_find(struct lq_parser *parser, struct lq_str text, struct lq_event *event)
{
    bool go_on = true;

    for (int n = 0; n < MAX_LINES && text.len && go_on; n++) {
        const char *newline = memchr(text.ptr, '\n', text.len);
        const size_t len = newline ? (size_t)(newline - text.ptr) : text.len;

        find(parser, (struct lq_str){ text.ptr, len }, event, &go_on);
        text.ptr += newline ? len + 1 : len;
        text.len -= newline ? len + 1 : len;
    }
}
