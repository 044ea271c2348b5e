/* SPDX-License-Identifier: MIT */
/* Which rules match where: vectorscan over blocks, then PCRE2 on the lines it hits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "parse/match.h"

#include <pcre2.h>

#include "base/alloc.h"
#include "parse/format.h"

/* ---- first pass ---- */

static struct lq_scan_set set = { .words = lq_database_words, .n_bytes = &lq_database_bytes };

struct lq_scanner {
    struct lq_scan *scan;
};

struct lq_scanner *lq_scanner_new(void)
{
    struct lq_scanner *scanner = lq_alloc(sizeof *scanner);

    scanner->scan = lq_scan_new(&set);
    return scanner;
}

void lq_scanner_free(struct lq_scanner **scanner)
{
    if (*scanner)
        lq_scan_free(&(*scanner)->scan);
    lq_free(scanner);
}

/* What scanning comes to without a first pass. */
static void hit_all(struct lq_str block, struct lq_hits *hits)
{
    for (size_t at = 0; at < block.len;) {
        const char *newline = memchr(block.ptr + at, '\n', block.len - at);
        const size_t end = newline ? (size_t)(newline - block.ptr) : block.len;

        for (size_t i = 0; end > at && i < lq_n_rules; i++)
            if (lq_rules[i].first)
                lq_hits_add(hits, end, i);
        at = end + 1;
    }
}

void lq_scanner_scan(struct lq_scanner *scanner, struct lq_str block, struct lq_hits *hits)
{
    if (!lq_scan_run(scanner->scan, block, hits))
        hit_all(block, hits);
}

/* ---- second pass ---- */

/* No expression may blow up on a line made for it: past these the line counts as no match. */
#define MATCH_LIMIT 200000
#define HEAP_LIMIT_KIB 8192
#define JIT_STACK_BYTES (256 << 10)
#define MAX_GROUPS 32

struct compiled {
    const char *regexp;
    pcre2_code *code;
    bool lent;
    bool jit; /* machine code of ours: may be called without the checks of pcre2_match */
};

struct lq_matches {
    struct compiled *table; /* open addressing by address; at most half full */
    size_t count, capacity;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    const char *line; /* that matched last */
    int n_groups;
};

struct lq_matches *lq_matches_new(void)
{
    struct lq_matches *matches = lq_alloc(sizeof *matches);

    matches->data = pcre2_match_data_create(MAX_GROUPS, NULL);
    matches->context = pcre2_match_context_create(NULL);
    matches->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, NULL);
    pcre2_set_match_limit(matches->context, MATCH_LIMIT);
    pcre2_set_heap_limit(matches->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(matches->context, NULL, matches->stack);
    return matches;
}

void lq_matches_free(struct lq_matches **matches)
{
    if (!*matches)
        return;
    for (size_t i = 0; i < (*matches)->capacity; i++)
        if (!(*matches)->table[i].lent)
            pcre2_code_free((*matches)->table[i].code);
    free((*matches)->table);
    pcre2_match_data_free((*matches)->data);
    pcre2_match_context_free((*matches)->context);
    pcre2_jit_stack_free((*matches)->stack);
    lq_free(matches);
}

static struct compiled *find_slot(struct compiled *table, size_t capacity, const char *regexp)
{
    size_t at = ((uintptr_t)regexp >> 3) * 0x9e3779b1u & (capacity - 1);

    while (table[at].regexp && table[at].regexp != regexp)
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

static void grow_table(struct lq_matches *matches)
{
    const size_t capacity = matches->capacity ? matches->capacity * 2 : 64;
    struct compiled *table = lq_alloc(capacity * sizeof *table);

    for (size_t i = 0; i < matches->capacity; i++)
        if (matches->table[i].regexp)
            *find_slot(table, capacity, matches->table[i].regexp) = matches->table[i];
    free(matches->table);
    matches->table = table;
    matches->capacity = capacity;
}

/* The place of `regexp`, which may be new there. */
static struct compiled *slot_of(struct lq_matches *matches, const char *regexp)
{
    struct compiled *slot;

    if (2 * (matches->count + 1) > matches->capacity)
        grow_table(matches);
    slot = find_slot(matches->table, matches->capacity, regexp);
    matches->count += slot->regexp == NULL;
    return slot;
}

void lq_matches_lend(struct lq_matches *matches, const struct lq_expression *expression)
{
    *slot_of(matches, expression->regexp) =
        (struct compiled){ expression->regexp, expression->code, true, false };
}

static const struct compiled *compile(struct lq_matches *matches, const char *regexp)
{
    struct compiled *slot = slot_of(matches, regexp);
    PCRE2_SIZE at;
    int error;

    if (!slot->regexp) {
        /* tools/gen-formats has compiled it before, so that this cannot fail for syntax. */
        slot->regexp = regexp;
        slot->code = pcre2_compile((PCRE2_SPTR)regexp, PCRE2_ZERO_TERMINATED, PCRE2_DOLLAR_ENDONLY,
                                   &error, &at, NULL);
        slot->jit = slot->code && pcre2_jit_compile(slot->code, PCRE2_JIT_COMPLETE) == 0;
    }
    return slot;
}

bool lq_matches_try(struct lq_matches *matches, const char *regexp, struct lq_str line)
{
    const struct compiled *compiled = compile(matches, regexp);
    const PCRE2_SPTR text = (PCRE2_SPTR)line.ptr;

    matches->line = line.ptr;
    if (compiled->jit)
        matches->n_groups =
            pcre2_jit_match(compiled->code, text, line.len, 0, 0, matches->data, matches->context);
    else if (compiled->code)
        matches->n_groups =
            pcre2_match(compiled->code, text, line.len, 0, 0, matches->data, matches->context);
    else
        matches->n_groups = 0;
    return matches->n_groups > 0;
}

bool lq_matches_gave_up(const struct lq_matches *matches)
{
    switch (matches->n_groups) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_JIT_STACKLIMIT:
        return true;
    default:
        return false;
    }
}

struct lq_str lq_matches_group(const struct lq_matches *matches, unsigned number)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(matches->data);

    if (number == LQ_GROUP_ALL)
        number = 0;
    if ((int)number >= matches->n_groups || at[2 * number] == PCRE2_UNSET)
        return (struct lq_str){ NULL, 0 };
    return (struct lq_str){ matches->line + at[2 * number], at[2 * number + 1] - at[2 * number] };
}
