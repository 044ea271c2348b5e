/* SPDX-License-Identifier: MIT */
/* Reading the command line by tables. */
#include "cli/options.h"
#include "base/alloc.h"
#include "base/buf.h"
#include <errno.h>

static bool is_word(const struct lq_opt *opt)
{
    return opt->kind == LQ_OPT_WORD || opt->kind == LQ_OPT_REST || opt->kind == LQ_OPT_WORDS;
}

/* ---- the nearest name ---- */

/* Longer words are not compared: nobody mistypes those. */
#define NEAR_MAX_BYTES 32

/* Insertions, deletions, changes and swaps of neighbours that turn `a` into `b` (optimal string
 * alignment). */
static size_t distance(struct lq_str a, struct lq_str b)
{
    size_t rows[3][NEAR_MAX_BYTES + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t k = 0; k <= b.len; k++)
        above[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *reused = before;

        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t best = above[k - 1] + (a.ptr[i - 1] != b.ptr[k - 1]);

            best = above[k] + 1 < best ? above[k] + 1 : best;
            best = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
            if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1] &&
                before[k - 2] + 1 < best)
                best = before[k - 2] + 1;
            row[k] = best;
        }
        before = above;
        above = row;
        row = reused;
    }
    return above[b.len];
}

const char *lq_nearest(struct lq_str word, const char *(*text_at)(const void *ctx, size_t index),
                       const void *ctx)
{
    const char *nearest = NULL, *text;
    /* A third of the word may be wrong. */
    size_t least = word.len / 3 + 2;

    for (size_t i = 0; word.len <= NEAR_MAX_BYTES && (text = text_at(ctx, i)); i++) {
        const struct lq_str candidate = lq_str_of(text);
        const bool begins = word.len > 1 && lq_str_starts(candidate, word);
        const size_t far = candidate.len > NEAR_MAX_BYTES ? SIZE_MAX
                           : begins                       ? 0
                                                          : distance(word, candidate);

        if (far < least && far < candidate.len) {
            least = far;
            nearest = text;
        }
    }
    return nearest;
}

struct parse {
    const char *command;
    const struct lq_opt_group *groups;
    size_t n_groups;
    char **words;   /* where those of a LQ_OPT_WORDS row are gathered: the front of argv */
    size_t n_words; /* positional arguments seen */
    struct lq_error *err;
};

/* The row for "--name", or for the letter when `name` is empty; its group goes to `*group`. */
static const struct lq_opt *find(const struct parse *parse, struct lq_str name, char letter,
                                 const struct lq_opt_group **group)
{
    for (size_t g = 0; g < parse->n_groups; g++) {
        for (const struct lq_opt *opt = parse->groups[g].opts; opt->kind; opt++) {
            if (is_word(opt))
                continue;
            *group = &parse->groups[g];
            if (name.ptr ? lq_str_eq(name, lq_str_of(opt->name)) : opt->letter == letter)
                return opt;
        }
    }
    return NULL;
}

/* Names of options, one after the other, for lq_nearest. */
static const char *option_name_at(const void *ctx, size_t index)
{
    const struct parse *parse = ctx;

    for (size_t g = 0; g < parse->n_groups; g++) {
        for (const struct lq_opt *opt = parse->groups[g].opts; opt->kind; opt++) {
            if (!is_word(opt) && index-- == 0)
                return opt->name;
        }
    }
    return NULL;
}

static enum lq_status unknown_option(const struct parse *parse, struct lq_str name)
{
    const char *nearest = lq_nearest(name, option_name_at, parse);

    if (nearest)
        return lq_error_set(parse->err, LQ_USAGE, "unknown option '--%.*s': did you mean '--%s'?",
                            (int)name.len, name.ptr, nearest);
    return lq_error_set(parse->err, LQ_USAGE, "unknown option '--%.*s': '%s -h' lists those it has",
                        (int)name.len, name.ptr, parse->command);
}

static void *member(const struct lq_opt_group *group, const struct lq_opt *opt)
{
    return (char *)group->values + opt->offset;
}

/* "--source is run, import or capture, not 'x'" unless the value is one of them. */
static enum lq_status check_choice(const struct parse *parse, const struct lq_opt *opt,
                                   const char *value)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf list = LQ_BUF_INIT;

    for (const char *const *choice = opt->choices; *choice; choice++) {
        if (strcmp(*choice, value) == 0)
            return LQ_OK;
        lq_buf_adds(&list, choice == opt->choices ? "" : choice[1] ? ", " : " or ");
        lq_buf_adds(&list, *choice);
    }
    return lq_error_set(parse->err, LQ_USAGE, "--%s is %s, not '%s'", opt->name, lq_buf_text(&list),
                        value);
}

static enum lq_status set(const struct parse *parse, const struct lq_opt_group *group,
                          const struct lq_opt *opt, const char *value)
{
    char *end;

    if (opt->kind == LQ_OPT_FLAG) {
        *(bool *)member(group, opt) = true;
        return LQ_OK;
    }
    if (opt->kind == LQ_OPT_TEXT) {
        if (opt->choices)
            LQ_TRY(check_choice(parse, opt, value));
        *(const char **)member(group, opt) = value;
        return LQ_OK;
    }
    errno = 0;
    *(int64_t *)member(group, opt) = strtoll(value, &end, 10);
    if (errno || end == value || *end || *value == '-' || *value == '+')
        return lq_error_set(parse->err, LQ_USAGE, "--%s needs a number, not '%s'", opt->name,
                            value);
    return LQ_OK;
}

/* "--name", "--name=value", "--name value"; `*at` moves past a value of its own. */
static enum lq_status take_long(const struct parse *parse, char ***at)
{
    const char *text = **at + 2;
    const char *equals = strchr(text, '=');
    const struct lq_str name = { text, equals ? (size_t)(equals - text) : strlen(text) };
    const struct lq_opt_group *group = NULL;
    const struct lq_opt *opt = find(parse, name, 0, &group);

    if (!opt)
        return unknown_option(parse, name);
    if (opt->kind == LQ_OPT_FLAG && equals)
        return lq_error_set(parse->err, LQ_USAGE, "--%s takes no value", opt->name);
    if (opt->kind != LQ_OPT_FLAG && !equals && !(*at)[1])
        return lq_error_set(parse->err, LQ_USAGE, "--%s needs a value", opt->name);
    return set(parse, group, opt, opt->kind == LQ_OPT_FLAG ? NULL : equals ? equals + 1 : *++*at);
}

/* "-v", "-vn", "-n5", "-n 5". */
static enum lq_status take_short(const struct parse *parse, char ***at)
{
    for (const char *letter = **at + 1; *letter; letter++) {
        const struct lq_opt_group *group = NULL;
        const struct lq_opt *opt = find(parse, (struct lq_str){ 0 }, *letter, &group);

        if (!opt)
            return lq_error_set(parse->err, LQ_USAGE,
                                "unknown option '-%c': '%s -h' lists those it has", *letter,
                                parse->command);
        if (opt->kind == LQ_OPT_FLAG) {
            LQ_TRY(set(parse, group, opt, NULL));
            continue;
        }
        if (!letter[1] && !(*at)[1])
            return lq_error_set(parse->err, LQ_USAGE, "-%c needs a value", *letter);
        return set(parse, group, opt, letter[1] ? letter + 1 : *++*at);
    }
    return LQ_OK;
}

/* A positional word; `*ends` is set when it and all that follows belong to a REST row. */
static enum lq_status take_word(struct parse *parse, char **at, bool *ends)
{
    size_t index = 0;

    for (size_t g = 0; g < parse->n_groups; g++) {
        for (const struct lq_opt *opt = parse->groups[g].opts; opt->kind; opt++) {
            if (opt->kind == LQ_OPT_REST) {
                *(char *const **)member(&parse->groups[g], opt) = at;
                *ends = true;
                return LQ_OK;
            }
            if (opt->kind == LQ_OPT_WORDS) {
                /* What stood there was read already. */
                parse->words[parse->n_words++] = *at;
                return LQ_OK;
            }
            if (opt->kind == LQ_OPT_WORD && index++ == parse->n_words) {
                *(const char **)member(&parse->groups[g], opt) = *at;
                parse->n_words++;
                return LQ_OK;
            }
        }
    }
    return lq_error_set(parse->err, LQ_USAGE, "%s: one word too many: '%s'", parse->command, *at);
}

static void set_words(const struct parse *parse)
{
    for (size_t g = 0; g < parse->n_groups; g++) {
        for (const struct lq_opt *opt = parse->groups[g].opts; opt->kind; opt++) {
            if (opt->kind != LQ_OPT_WORDS)
                continue;
            parse->words[parse->n_words] = NULL;
            *(char ***)member(&parse->groups[g], opt) = parse->words;
        }
    }
}

enum lq_status lq_options_parse(const char *command, char **argv, const struct lq_opt_group *groups,
                                size_t n_groups, struct lq_error *err)
{
    struct parse parse = { command, groups, n_groups, argv + 1, 0, err };
    bool only_words = false, ends = false;

    for (char **at = argv + 1; *at && !ends; at++) {
        const char *text = *at;

        if (only_words || text[0] != '-' || !text[1])
            LQ_TRY(take_word(&parse, at, &ends));
        else if (strcmp(text, "--") == 0)
            only_words = true;
        else if (text[1] == '-')
            LQ_TRY(take_long(&parse, &at));
        else
            LQ_TRY(take_short(&parse, &at));
    }
    set_words(&parse);
    return LQ_OK;
}

static void print_row(const struct lq_opt *opt)
{
    char left[64];

    if (is_word(opt))
        snprintf(left, sizeof left, "  %s", opt->name);
    else
        snprintf(left, sizeof left, "  %c%c%s--%s%s%s", opt->letter ? '-' : ' ',
                 opt->letter ? opt->letter : ' ', opt->letter ? ", " : "  ", opt->name,
                 opt->value ? " " : "", opt->value ? opt->value : "");
    if (strlen(left) > 26)
        printf("%s\n%28s%s\n", left, "", opt->help);
    else
        printf("%-28s%s\n", left, opt->help);
}

void lq_options_help(const char *command, const char *summary, const struct lq_opt_group *groups,
                     size_t n_groups)
{
    printf("usage: %s [options]", command);
    for (size_t g = 0; g < n_groups; g++) {
        for (const struct lq_opt *opt = groups[g].opts; opt->kind; opt++) {
            if (is_word(opt))
                printf(" [%s%s]", opt->name, opt->kind == LQ_OPT_WORD ? "" : "...");
        }
    }
    printf("\n%s\n", summary);
    for (size_t g = 0; g < n_groups; g++) {
        if (!groups[g].opts->kind)
            continue;
        printf("\n%s\n", groups[g].title ? groups[g].title : "Options:");
        for (const struct lq_opt *opt = groups[g].opts; opt->kind; opt++)
            print_row(opt);
    }
}
