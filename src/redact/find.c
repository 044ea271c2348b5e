/* SPDX-License-Identifier: MIT */
/* Finds secrets in a line with PCRE2, after vectorscan has told which may be there. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "redact/find.h"

#include <lq/redact.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redact/secret.h"

/* No expression may blow up: past these the whole line is hidden, for what cannot be told. */
#define MATCH_LIMIT 10000
#define HEAP_LIMIT_KIB 8192
#define JIT_STACK_BYTES (256 << 10)
#define MAX_GROUPS 32

struct pattern {
    const char *name;
    pcre2_code *code; /* of lq's own: NULL until it is needed */
};

struct lq_finder {
    struct lq_scan *scan;
    struct pattern own[LQ_MAX_SECRETS];
    struct pattern *users;
    size_t n_users;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static struct lq_scan_set set = { .words = lq_secrets_words, .n_bytes = &lq_secrets_bytes };

/* ---- spans ---- */

void lq_spans_add(struct lq_spans *spans, size_t start, size_t end, const char *name)
{
    if (start >= end)
        return;
    LQ_GROW(spans->at, spans->count, spans->capacity);
    spans->at[spans->count++] = (struct lq_span){ start, end, name };
}

static int by_start(const void *a, const void *b)
{
    const struct lq_span *one = a, *other = b;

    if (one->start != other->start)
        return one->start < other->start ? -1 : 1;
    return one->end > other->end ? -1 : one->end < other->end;
}

void lq_spans_settle(struct lq_spans *spans)
{
    size_t n = 0;

    if (spans->count < 2)
        return;
    qsort(spans->at, spans->count, sizeof spans->at[0], by_start);
    for (size_t i = 1; i < spans->count; i++) {
        struct lq_span *last = &spans->at[n];

        if (spans->at[i].start >= last->end)
            spans->at[++n] = spans->at[i];
        else if (spans->at[i].end > last->end)
            last->end = spans->at[i].end;
    }
    spans->count = n + 1;
}

/* ---- patterns ---- */

/* The user's text is UTF-8; logs may hold any bytes. */
#define USER_OPTIONS (PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C)

static pcre2_code *compile(const char *regexp, uint32_t options, int *error)
{
    PCRE2_SIZE at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)regexp, PCRE2_ZERO_TERMINATED, options, error, &at, NULL);

    if (code)
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

bool lq_redact_pattern_problem(const char *regexp, char problem[LQ_REDACT_PROBLEM_BYTES])
{
    int error = 0;
    pcre2_code *code = NULL;

    if (!*regexp) {
        snprintf(problem, LQ_REDACT_PROBLEM_BYTES, "is empty");
        return true;
    }
    code = compile(regexp, USER_OPTIONS, &error);
    if (!code) {
        char reason[LQ_REDACT_PROBLEM_BYTES - 32];

        pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof reason);
        snprintf(problem, LQ_REDACT_PROBLEM_BYTES, "is no regular expression: %s", reason);
        return true;
    }
    pcre2_code_free(code);
    return false;
}

static enum lq_status add_user(struct lq_finder *finder, const char *regexp, struct lq_error *err)
{
    struct pattern *user = &finder->users[finder->n_users];
    char problem[LQ_REDACT_PROBLEM_BYTES];
    int error;

    if (lq_redact_pattern_problem(regexp, problem))
        return lq_error_set(err, LQ_BAD_INPUT, "pattern %zu %s", finder->n_users + 1, problem);
    user->code = compile(regexp, USER_OPTIONS, &error);
    user->name = lq_format("custom-%zu", ++finder->n_users);
    return LQ_OK;
}

enum lq_status lq_finder_new(struct lq_finder **out, char *const *patterns, struct lq_error *err)
{
    LQ_CLEANUP(lq_finder_free) struct lq_finder *finder = lq_alloc(sizeof *finder);
    size_t n = 0;

    finder->scan = lq_scan_new(&set);
    finder->data = pcre2_match_data_create(MAX_GROUPS, NULL);
    finder->context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(finder->context, MATCH_LIMIT);
    pcre2_set_heap_limit(finder->context, HEAP_LIMIT_KIB);
    while (patterns && patterns[n])
        n++;
    finder->users = lq_alloc((n + 1) * sizeof *finder->users);
    for (size_t i = 0; i < n; i++)
        LQ_TRY(add_user(finder, patterns[i], err));
    *out = LQ_TAKE(finder);
    return LQ_OK;
}

void lq_finder_free(struct lq_finder **out)
{
    struct lq_finder *finder = *out;

    if (!finder)
        return;
    for (size_t i = 0; i < LQ_MAX_SECRETS; i++)
        pcre2_code_free(finder->own[i].code);
    for (size_t i = 0; i < finder->n_users; i++) {
        pcre2_code_free(finder->users[i].code);
        free((char *)finder->users[i].name);
    }
    free(finder->users);
    lq_scan_free(&finder->scan);
    pcre2_match_data_free(finder->data);
    pcre2_match_context_free(finder->context);
    pcre2_jit_stack_free(finder->stack);
    lq_free(out);
}

bool lq_finder_has_patterns(const struct lq_finder *finder)
{
    return finder->n_users > 0;
}

bool lq_finder_scan(struct lq_finder *finder, struct lq_str block, struct lq_hits *hits)
{
    return lq_scan_run(finder->scan, block, hits);
}

/* ---- matching ---- */

/* What was hidden before is no secret: hiding twice changes nothing. */
static bool is_mark(const char *text, size_t len)
{
    const size_t head = sizeof LQ_MARK_START - 1;
    const char *close;

    if (len < head || memcmp(text, LQ_MARK_START, head) != 0)
        return false;
    close = memchr(text, ']', len);
    return close == text + len - 1;
}

/* The secret in the last match. */
static void secret_of(const struct lq_finder *finder, int n_groups, size_t *start, size_t *end)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(finder->data);
    int group = 1;

    while (group < n_groups && at[2 * group] == PCRE2_UNSET)
        group++;
    if (group >= n_groups)
        group = 0;
    *start = at[2 * group];
    *end = at[2 * group + 1];
}

static void match_all(struct lq_finder *finder, const struct pattern *pattern,
                      const struct lq_piece *piece, struct lq_spans *spans)
{
    const uint32_t options =
        (piece->is_start ? 0 : PCRE2_NOTBOL) | (piece->is_end ? 0 : PCRE2_NOTEOL);
    const char *text = piece->text.ptr;
    size_t from = piece->from, start, end;

    if (!finder->stack) {
        finder->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, NULL);
        pcre2_jit_stack_assign(finder->context, NULL, finder->stack);
    }
    while (from < piece->text.len) {
        const int n_groups = pcre2_match(pattern->code, (PCRE2_SPTR)text, piece->text.len, from,
                                         options, finder->data, finder->context);

        if (n_groups == PCRE2_ERROR_NOMATCH)
            return;
        if (n_groups < 0) {
            lq_spans_add(spans, piece->from, piece->text.len, pattern->name);
            return;
        }
        secret_of(finder, n_groups, &start, &end);
        if (!is_mark(text + start, end - start))
            lq_spans_add(spans, start, end, pattern->name);
        from = end > from ? end : from + 1;
    }
}

static void match_own(struct lq_finder *finder, size_t rule, const struct lq_piece *piece,
                      struct lq_spans *spans)
{
    struct pattern *own = &finder->own[rule];
    int error;

    if (lq_secrets[rule].block)
        return;
    if (!own->code) {
        /* tools/gen-secrets has compiled it before, so that this cannot fail for syntax. */
        own->name = lq_secrets[rule].name;
        own->code = compile(lq_secrets[rule].regexp, 0, &error);
    }
    if (own->code)
        match_all(finder, own, piece, spans);
}

void lq_finder_secrets(struct lq_finder *finder, const struct lq_piece *piece,
                       const struct lq_hit *hits, size_t n_hits, struct lq_spans *spans)
{
    uint64_t rules = hits ? 0 : UINT64_MAX;

    for (size_t i = 0; hits && i < n_hits; i++)
        rules |= UINT64_C(1) << hits[i].rule;
    for (size_t rule = 0; rule < lq_n_secrets; rule++)
        if (rules >> rule & 1)
            match_own(finder, rule, piece, spans);
}

void lq_finder_patterns(struct lq_finder *finder, const struct lq_piece *piece,
                        struct lq_spans *spans)
{
    for (size_t i = 0; i < finder->n_users; i++)
        match_all(finder, &finder->users[i], piece, spans);
}

void lq_redact_secret_list(lq_redact_secret_fn *on_secret, void *ctx)
{
    for (size_t i = 0; i < lq_n_secrets; i++)
        if (lq_secrets[i].about)
            on_secret(ctx, lq_secrets[i].name, lq_secrets[i].about);
}
