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

enum language { HEADER, PLAIN, CXX, FORTRAN };

static enum language language_of(struct lq_str path)
{
    static const struct {
        char ext[6];
        enum language language;
    } known[] = {
        { ".c", PLAIN },     { ".cpp", CXX },     { ".cc", CXX },      { ".cxx", CXX },
        { ".hpp", CXX },     { ".i", PLAIN },     { ".m", PLAIN },     { ".s", PLAIN },
        { ".S", PLAIN },     { ".c++", CXX },     { ".C", CXX },       { ".hh", CXX },
        { ".hxx", CXX },     { ".tpp", CXX },     { ".ipp", CXX },     { ".tcc", CXX },
        { ".cppm", CXX },    { ".ixx", CXX },     { ".f", FORTRAN },   { ".for", FORTRAN },
        { ".f90", FORTRAN }, { ".F90", FORTRAN }, { ".f95", FORTRAN }, { ".f03", FORTRAN },
        { ".f08", FORTRAN }, { ".F", FORTRAN },
    };
    const struct lq_str ext = extension(path);

    for (size_t i = 0; ext.len > 1 && i < LQ_COUNT(known); i++)
        if (ext.ptr[1] == known[i].ext[1] && lq_str_eq(ext, lq_str_of(known[i].ext)))
            return known[i].language;
    return HEADER;
}

/* Asked before `contains`, which is slow. */
static bool has_byte(struct lq_str text, char byte)
{
    return text.len && memchr(text.ptr, byte, text.len);
}

static bool contains(struct lq_str text, const char *part)
{
    return text.len && memmem(text.ptr, text.len, part, strlen(part));
}

/* Learn the language from a file's name; headers keep what their includer told. */
static enum language learn_language(int *dialect, struct lq_str path)
{
    const enum language language = language_of(path);

    if (language == CXX || (has_byte(path, '+') && contains(path, "/c++/")))
        *dialect |= DIALECT_CXX;
    else if (language == PLAIN)
        *dialect &= ~DIALECT_CXX;
    return language;
}

void lq_cc_set_language(struct lq_parser *parser, struct lq_event *event)
{
    int *dialect = lq_parser_dialect(parser);

    if (learn_language(dialect, event->file_path) == FORTRAN)
        event->tool_name = LQ_STR("gfortran");
    else if (*dialect & DIALECT_CXX)
        event->tool_name = LQ_STR("g++");
}

static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    int *dialect = lq_parser_dialect(parser);
    const enum language language = learn_language(dialect, event->file_path);

    if (has_byte(event->message, '\xe2') && contains(event->message, "‘"))
        *dialect = (*dialect & DIALECT_CXX) | DIALECT_GCC_QUOTES;
    else if (has_byte(event->message, '\'') && !(*dialect & DIALECT_GCC_CONTEXT))
        *dialect = (*dialect & DIALECT_CXX) | DIALECT_CLANG_QUOTES;
    else if (!(*dialect & ~DIALECT_CXX) && event->error_code.len && event->column_number &&
             event->log_line_end == event->log_line_start)
        *dialect |= DIALECT_CLANG_QUOTES; /* gcc would have shown the source with a bar */
    if (language == FORTRAN)
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
