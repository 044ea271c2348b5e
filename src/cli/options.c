/* SPDX-License-Identifier: MIT */
/* Reading the command line by tables. */
#include "cli/options.h"
#include "base/buf.h"
#include "base/str.h"
#include <errno.h>

struct parse {
    const char *command;
    const struct lq_opt_group *groups;
    size_t n_groups;
    size_t n_words; /* positional arguments seen */
    struct lq_error *err;
};

/* The row for "--name", or for the letter when `name` is empty; its group goes to `*group`. */
static const struct lq_opt *find(const struct parse *parse, struct lq_str name, char letter,
                                 const struct lq_opt_group **group)
{
    for (size_t g = 0; g < parse->n_groups; g++) {
        for (const struct lq_opt *opt = parse->groups[g].opts; opt->kind; opt++) {
            if (opt->kind == LQ_OPT_WORD || opt->kind == LQ_OPT_REST)
                continue;
            *group = &parse->groups[g];
            if (name.ptr ? lq_str_eq(name, lq_str_of(opt->name)) : opt->letter == letter)
                return opt;
        }
    }
    return NULL;
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
        return lq_error_set(parse->err, LQ_USAGE,
                            "unknown option '--%.*s': '%s -h' lists those it has", (int)name.len,
                            name.ptr, parse->command);
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
            if (opt->kind == LQ_OPT_WORD && index++ == parse->n_words) {
                *(const char **)member(&parse->groups[g], opt) = *at;
                parse->n_words++;
                return LQ_OK;
            }
        }
    }
    return lq_error_set(parse->err, LQ_USAGE, "%s: one word too many: '%s'", parse->command, *at);
}

enum lq_status lq_options_parse(const char *command, char **argv, const struct lq_opt_group *groups,
                                size_t n_groups, struct lq_error *err)
{
    struct parse parse = { command, groups, n_groups, 0, err };
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
    return LQ_OK;
}

static void print_row(const struct lq_opt *opt)
{
    char left[64];

    if (opt->kind == LQ_OPT_WORD || opt->kind == LQ_OPT_REST)
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
            if (opt->kind == LQ_OPT_WORD || opt->kind == LQ_OPT_REST)
                printf(" [%s%s]", opt->name, opt->kind == LQ_OPT_REST ? "..." : "");
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
