/* SPDX-License-Identifier: MIT */
/* Which compiler of the gcc family printed a diagnostic: they share one form. */
#include "parse/engine.h"

/* What the log told so far, kept in lq_parser_dialect. GCC names the function that a diagnostic is
 * in, and quotes ‘so’ in a UTF-8 locale; Clang does neither. */
enum {
    DIALECT_GCC_QUOTES = 1, /* seen last */
    DIALECT_CLANG_QUOTES = 2,
    DIALECT_GCC_CONTEXT = 4, /* "In function 'f':" was seen, so that 'quotes' mean nothing */
    DIALECT_CXX = 8,         /* the translation unit at hand is C++ */
};

static struct lq_str extension(struct lq_str path)
{
    const char *dot = path.len ? memrchr(path.ptr, '.', path.len) : NULL;

    return dot ? (struct lq_str){ dot, path.len - (size_t)(dot - path.ptr) }
               : (struct lq_str){ NULL, 0 };
}

static bool among(struct lq_str text, const char *const *list)
{
    for (; *list; list++)
        if (lq_str_eq(text, lq_str_of(*list)))
            return true;
    return false;
}

/* Learn the language from a file's name; headers keep what their includer told. */
static void learn_language(int *dialect, struct lq_str path)
{
    static const char *const cxx[] = { ".cpp", ".cc",  ".cxx", ".c++", ".C",    ".hpp", ".hh",
                                       ".hxx", ".tpp", ".ipp", ".tcc", ".cppm", ".ixx", NULL };
    static const char *const plain[] = { ".c", ".i", ".m", ".s", ".S", NULL };
    const struct lq_str ext = extension(path);

    if (among(ext, cxx) || memmem(path.ptr, path.len, "/c++/", 5))
        *dialect |= DIALECT_CXX;
    else if (among(ext, plain))
        *dialect &= ~DIALECT_CXX;
}

static bool contains(struct lq_str text, const char *part)
{
    return text.len && memmem(text.ptr, text.len, part, strlen(part));
}

static bool is_fortran(struct lq_str path)
{
    static const char *const fortran[] = { ".f",   ".for", ".f90", ".F90", ".f95",
                                           ".f03", ".f08", ".F",   NULL };

    return among(extension(path), fortran);
}

void lq_cc_set_language(struct lq_parser *parser, struct lq_event *event)
{
    int *dialect = lq_parser_dialect(parser);

    learn_language(dialect, event->file_path);
    if (is_fortran(event->file_path))
        event->tool_name = LQ_STR("gfortran");
    else if (*dialect & DIALECT_CXX)
        event->tool_name = LQ_STR("g++");
}

static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    int *dialect = lq_parser_dialect(parser);

    learn_language(dialect, event->file_path);
    if (contains(event->message, "‘"))
        *dialect = (*dialect & DIALECT_CXX) | DIALECT_GCC_QUOTES;
    else if (contains(event->message, "'") && !(*dialect & DIALECT_GCC_CONTEXT))
        *dialect = (*dialect & DIALECT_CXX) | DIALECT_CLANG_QUOTES;
    else if (!(*dialect & ~DIALECT_CXX) && event->error_code.len && event->column_number &&
             event->log_line_end == event->log_line_start)
        *dialect |= DIALECT_CLANG_QUOTES; /* gcc would have shown the source with a bar */
    if (is_fortran(event->file_path))
        event->tool_name = LQ_STR("gfortran");
    else if (*dialect & DIALECT_CLANG_QUOTES)
        event->tool_name = LQ_STR("clang");
    else if (*dialect & DIALECT_CXX)
        event->tool_name = LQ_STR("g++");
}

/* "a.c: In function 'f':", "In file included from a.c:1:", "2 warnings generated." */
static bool learn(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    int *dialect = lq_parser_dialect(parser);
    const struct lq_str path = lq_parser_field(parser, rule, LQ_FIELD_FILE);
    const struct lq_str context = lq_parser_field(parser, rule, LQ_FIELD_MESSAGE);

    if (path.len)
        learn_language(dialect, path);
    if (context.len)
        *dialect = (*dialect & DIALECT_CXX) | DIALECT_GCC_CONTEXT;
    else if (!path.len)
        *dialect = (*dialect & DIALECT_CXX) | DIALECT_CLANG_QUOTES;
    return false;
}

const struct lq_family lq_family_cc = { .adjust = adjust };
const struct lq_family lq_family_cc_context = { .match = learn };
