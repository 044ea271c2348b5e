/* SPDX-License-Identifier: MIT */
/*
 * Turn formats/ into the C tables of src/parse/format.h and a vectorscan database:
 * gen-formats OUTPUT.c FORMAT.json... With --heads in place of OUTPUT.c it prints what that database searches.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "emit.h"
#include <hs/hs.h>
#include <jansson.h>
#include <pcre2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MATCHERS 512
#define MAX_RULES 1024
#define DEFAULT_PRIORITY 50

/* In the order of enum lq_field; "lq" marks keys that stand in the "lq" object of a pattern. */
static const struct {
    const char *key;
    bool lq;
} fields[] = {
    { "file", false },      { "line", false },    { "column", false },   { "severity", false },
    { "code", false },      { "message", false }, { "tool", true },      { "testName", true },
    { "testStatus", true }, { "duration", true }, { "location", false },
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static const char *const severities[] = { "none", "error", "warning", "note", "info", NULL };
static const char *const parts[] = { "whole", "result", "details", "before", "end", NULL };
static const char *const statuses[] = { "none", "pass", "fail", "error", "skip", NULL };

struct matcher {
    const char *file;
    json_t *json, *lq, *patterns, *finds;
    int priority, order, find; /* the first rule of `finds` */
};

struct rule {
    int matcher;
    json_t *json;
    bool first, last; /* neither: of `find` */
};

static json_t *kept; /* all that was read */
static struct matcher matchers[MAX_MATCHERS];
static int n_matchers;
static struct rule rules[MAX_RULES];
static int n_rules;
static FILE *out;

__attribute__((noreturn, format(printf, 2, 3))) static void die(const char *file, const char *fmt,
                                                                ...)
{
    va_list args;

    fprintf(stderr, "gen-formats: %s: ", file);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static const char *text_of(json_t *object, const char *key, const char *otherwise)
{
    json_t *value = json_object_get(object, key);

    return value ? json_string_value(value) : otherwise;
}

static int group_of(json_t *pattern, size_t field)
{
    json_t *object = fields[field].lq ? json_object_get(pattern, "lq") : pattern;

    return (int)json_integer_value(json_object_get(object, fields[field].key));
}

static void put_text(const char *text)
{
    emit_text(out, text);
}

static int index_of(const char *const *names, const char *name, const char *file)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    die(file, "unknown value '%s'", name);
}

/* ---- reading ---- */

static void read_file(const char *file)
{
    json_error_t error;
    json_t *root = json_load_file(file, 0, &error), *list, *one;
    size_t i;

    if (!root)
        die(file, "line %d: %s", error.line, error.text);
    json_array_append_new(kept, root);
    list = json_object_get(root, "problemMatcher");
    if (!json_is_array(list))
        die(file, "no array 'problemMatcher'");
    json_array_foreach(list, i, one)
    {
        struct matcher *matcher = &matchers[n_matchers];
        json_t *priority;

        if (n_matchers == MAX_MATCHERS)
            die(file, "too many matchers");
        matcher->file = file;
        matcher->json = one;
        matcher->lq = json_object_get(one, "lq");
        matcher->patterns = json_object_get(one, "pattern");
        if (json_is_object(matcher->patterns)) {
            json_object_set_new(one, "pattern", json_pack("[O]", matcher->patterns));
            matcher->patterns = json_object_get(one, "pattern");
        }
        matcher->finds = json_object_get(matcher->lq, "find");
        priority = json_object_get(matcher->lq, "priority");
        matcher->priority = priority ? (int)json_integer_value(priority) : DEFAULT_PRIORITY;
        matcher->order = n_matchers++;
        /* Without a pattern it names a format that a family finds by itself. */
        if (!text_of(one, "owner", NULL) ||
            !(json_array_size(matcher->patterns) || text_of(matcher->lq, "family", NULL)))
            die(file, "a matcher needs 'owner' and 'pattern'");
    }
}

static int by_priority(const void *a, const void *b)
{
    const struct matcher *one = a, *other = b;

    if (one->priority != other->priority)
        return one->priority < other->priority ? -1 : 1;
    return one->order < other->order ? -1 : one->order > other->order;
}

static void check_regexp(const char *file, const char *regexp, int most)
{
    int error;
    PCRE2_SIZE at;
    uint32_t groups;
    pcre2_code *code;

    if (!regexp)
        die(file, "a pattern without 'regexp'");
    code = pcre2_compile((PCRE2_SPTR)regexp, PCRE2_ZERO_TERMINATED, PCRE2_DOLLAR_ENDONLY, &error,
                         &at, NULL);
    if (!code) {
        PCRE2_UCHAR text[256];

        pcre2_get_error_message(error, text, sizeof text);
        die(file, "%s at %zu in '%s'", (char *)text, (size_t)at, regexp);
    }
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (most > (int)groups)
        die(file, "group %d is not in '%s'", most, regexp);
    pcre2_code_free(code);
}

static void add_rule(int m, json_t *pattern, bool first, bool last)
{
    int most = 0;

    if (n_rules == MAX_RULES)
        die(matchers[m].file, "too many patterns");
    for (size_t f = 0; f < N_FIELDS; f++)
        if (group_of(pattern, f) > most)
            most = group_of(pattern, f);
    check_regexp(matchers[m].file, text_of(pattern, "regexp", NULL), most);
    rules[n_rules++] = (struct rule){ m, pattern, first, last };
}

static void list_rules(void)
{
    for (int m = 0; m < n_matchers; m++) {
        const size_t n = json_array_size(matchers[m].patterns);
        json_t *pattern;
        size_t i;

        json_array_foreach(matchers[m].patterns, i, pattern)
            add_rule(m, pattern, i == 0, i + 1 == n);
        matchers[m].find = n_rules;
        json_array_foreach(matchers[m].finds, i, pattern) add_rule(m, pattern, false, false);
    }
}

/* ---- heads for the first pass ---- */

/* Length of the item of a regular expression at `at`: an escape, a class, or one byte. */
static size_t item(const char *at)
{
    size_t len = 1;

    if (*at == '\\')
        return at[1] ? 2 : 1;
    if (*at != '[')
        return 1;
    if (at[len] == '^')
        len++;
    if (at[len] == ']')
        len++;
    while (at[len] && at[len] != ']')
        len += at[len] == '\\' && at[len + 1] ? 2 : 1;
    return at[len] ? len + 1 : len;
}

/* The last ".*" or ".+" outside of groups, alone or as "(.*": what follows it need not be looked
 * at to know that a line is worth a second look. An alternative at the top forbids to cut. */
static size_t head_length(const char *regexp)
{
    size_t cut = strlen(regexp), at = 0;
    int depth = 0;

    for (; regexp[at]; at += item(regexp + at)) {
        const size_t inner = regexp[at] == '(' ? at + 1 : at;

        if (depth == 0 && regexp[at] == '|')
            return strlen(regexp);
        if (depth == 0 && at > 1 && regexp[inner] == '.' &&
            (regexp[inner + 1] == '*' || regexp[inner + 1] == '+'))
            cut = at;
        depth += (regexp[at] == '(') - (regexp[at] == ')');
    }
    return cut;
}

/* Vectorscan sees blocks of lines: keep classes from crossing line ends, and leave out assertions,
 * which it does not know; without them more lines match, and the second pass decides. */
static char *head_of(json_t *pattern)
{
    const char *given = text_of(json_object_get(pattern, "lq"), "head", NULL);
    const char *regexp = given ? given : text_of(pattern, "regexp", "");
    const size_t len = given ? strlen(given) : head_length(regexp);
    char *head = malloc(4 * len + 1), *to = head;

    for (size_t at = 0; at < len;) {
        size_t take = item(regexp + at);

        if (strncmp(regexp + at, "(?!", 3) == 0 || strncmp(regexp + at, "(?=", 3) == 0 ||
            strncmp(regexp + at, "(?<!", 4) == 0 || strncmp(regexp + at, "(?<=", 4) == 0) {
            int depth = 0;

            do {
                depth += (regexp[at] == '(') - (regexp[at] == ')');
                at += item(regexp + at);
            } while (depth && at < len);
            continue;
        }
        if (regexp[at] == '[' && regexp[at + 1] == '^') {
            memcpy(to, "[^\\n", 4);
            to += 4;
            at += 2;
            take -= 2;
        } else if (regexp[at] == '\\' && regexp[at + 1] == 's') {
            memcpy(to, "[ \\t]", 5);
            to += 5;
            at += take;
            continue;
        }
        memcpy(to, regexp + at, take);
        to += take;
        at += take;
    }
    *to = '\0';
    return head;
}

static void put_database(void)
{
    char *heads[MAX_RULES] = { NULL };
    unsigned flags[MAX_RULES] = { 0 }, ids[MAX_RULES] = { 0 }, n = 0;
    const char *problem;
    int at;

    for (int i = 0; i < n_rules; i++) {
        if (!rules[i].first)
            continue;
        heads[n] = head_of(rules[i].json);
        flags[n] = HS_FLAG_MULTILINE;
        ids[n++] = (unsigned)i;
    }
    problem = emit_database(out, "lq_database", (const char *const *)heads, flags, ids, n, &at);
    if (problem)
        die(at >= 0 ? matchers[rules[ids[at]].matcher].file : "all", "%s in head '%s'", problem,
            at >= 0 ? heads[at] : "");
    for (unsigned i = 0; i < n; i++)
        free(heads[i]);
}

/* ---- writing ---- */

static void put_words(int number, const char *kind, json_t *words, const char *const *names)
{
    const char *key;
    json_t *value;

    if (!words)
        return;
    fprintf(out, "static const struct lq_word %s_%d[] = {", kind, number);
    json_object_foreach(words, key, value)
    {
        fputs(" { ", out);
        put_text(key);
        fprintf(out, ", %d },", index_of(names, json_string_value(value), matchers[number].file));
    }
    fputs(" { NULL, 0 } };\n", out);
}

/* Words in the order of the file: the first that begins the text counts. */
static void put_codes(int number, json_t *codes)
{
    const char *key;
    json_t *value;

    if (!codes)
        return;
    fprintf(out, "static const struct lq_code codes_%d[] = {", number);
    json_object_foreach(codes, key, value)
    {
        fputs(" { ", out);
        put_text(key);
        fputs(", ", out);
        put_text(json_string_value(value));
        fputs(" },", out);
    }
    fputs(" { NULL, NULL } };\n", out);
}

static unsigned fields_needed(const struct matcher *matcher)
{
    json_t *need = json_object_get(matcher->lq, "need"), *name;
    unsigned bits = 0;
    size_t i, f;

    json_array_foreach(need, i, name)
    {
        for (f = 0; f < N_FIELDS && strcmp(fields[f].key, json_string_value(name)) != 0; f++)
            ;
        if (f == N_FIELDS)
            die(matcher->file, "unknown field '%s'", json_string_value(name));
        bits |= 1u << f;
    }
    return bits;
}

static void put_matchers(void)
{
    for (int i = 0; i < n_matchers; i++) {
        put_codes(i, json_object_get(matchers[i].lq, "codes"));
        put_words(i, "severities", json_object_get(matchers[i].lq, "severities"), severities);
        put_words(i, "statuses", json_object_get(matchers[i].lq, "statuses"), statuses);
    }
    fputs("\nstatic const struct lq_matcher matchers[] = {\n", out);
    for (int i = 0; i < n_matchers; i++) {
        json_t *lq = matchers[i].lq;
        const char *owner = text_of(matchers[i].json, "owner", "");
        const char *family = text_of(lq, "family", NULL);
        const char *follow = text_of(lq, "follow", NULL);

        if (follow)
            check_regexp(matchers[i].file, follow, 0);
        fputs("    { .owner = ", out);
        put_text(owner);
        fputs(", .tool = ", out);
        put_text(text_of(lq, "tool", owner));
        fputs(", .category = ", out);
        put_text(text_of(lq, "category", "build"));
        fputs(", .code = ", out);
        put_text(text_of(lq, "code", NULL));
        fprintf(
            out, ", .severity = %d",
            index_of(severities, text_of(matchers[i].json, "severity", "error"), matchers[i].file));
        fprintf(out, ", .status = %d",
                index_of(statuses, text_of(lq, "status", "none"), matchers[i].file));
        if (json_object_get(lq, "severities"))
            fprintf(out, ", .severities = severities_%d", i);
        if (json_object_get(lq, "statuses"))
            fprintf(out, ", .statuses = statuses_%d", i);
        if (json_object_get(lq, "codes"))
            fprintf(out, ", .codes = codes_%d", i);
        fprintf(out, ", .finds = &lq_rules[%d], .n_finds = %zu, .need = %u, .part = %d, .once = %d",
                matchers[i].find, json_array_size(matchers[i].finds), fields_needed(&matchers[i]),
                index_of(parts, text_of(lq, "part", "whole"), matchers[i].file),
                json_is_true(json_object_get(lq, "once")));
        fputs(", .follow = ", out);
        put_text(follow);
        if (family)
            fprintf(out, ", .family = &lq_family_%s", family);
        fputs(" },\n", out);
    }
    fputs("};\n", out);
}

static void put_rules(void)
{
    fputs("\nconst struct lq_rule lq_rules[] = {\n", out);
    for (int i = 0; i < n_rules; i++) {
        const struct rule *rule = &rules[i];

        fprintf(out, "    { .matcher = &matchers[%d], .regexp = ", rule->matcher);
        put_text(text_of(rule->json, "regexp", NULL));
        fputs(", .group = {", out);
        for (size_t f = 0; f < N_FIELDS; f++)
            fprintf(out, " %d,", group_of(rule->json, f));
        fprintf(
            out,
            " }, .first = %d, .last = %d, .loop = %d, .again = %d, .prefix = %d, .weak = %d },\n",
            rule->first, rule->last, json_is_true(json_object_get(rule->json, "loop")),
            json_is_true(json_object_get(json_object_get(rule->json, "lq"), "again")),
            json_is_true(json_object_get(matchers[rule->matcher].lq, "prefix")),
            json_is_true(json_object_get(matchers[rule->matcher].lq, "weak")));
    }
    fprintf(out, "};\nconst size_t lq_n_rules = %d;\n", n_rules);
}

static int by_owner(const void *a, const void *b)
{
    const struct matcher *const *one = a, *const *other = b;
    const int order =
        strcmp(text_of((*one)->json, "owner", ""), text_of((*other)->json, "owner", ""));

    return order ? order : (*one)->order - (*other)->order;
}

/* One line for each owner, from the first of its matchers that has a description. */
static void put_infos(void)
{
    const struct matcher *sorted[MAX_MATCHERS];
    const char *last = "";
    int n = 0;

    for (int i = 0; i < n_matchers; i++)
        if (text_of(matchers[i].lq, "description", NULL))
            sorted[n++] = &matchers[i];
    qsort(sorted, (size_t)n, sizeof sorted[0], by_owner);
    fputs("\nconst struct lq_format_info lq_format_infos[] = {\n", out);
    for (int i = 0; i < n; i++) {
        const char *owner = text_of(sorted[i]->json, "owner", "");

        if (strcmp(owner, last) == 0)
            continue;
        fputs("    { ", out);
        put_text(owner);
        fputs(", ", out);
        put_text(text_of(sorted[i]->lq, "tool", owner));
        fputs(", ", out);
        put_text(text_of(sorted[i]->lq, "description", NULL));
        fputs(" },\n", out);
        last = owner;
    }
    fputs(
        "};\nconst size_t lq_n_format_infos = sizeof lq_format_infos / sizeof lq_format_infos[0];\n",
        out);
}

/* For tests/check/t_heads.py. */
static void print_heads(void)
{
    for (int i = 0; i < n_rules; i++) {
        char *head;

        if (!rules[i].first)
            continue;
        head = head_of(rules[i].json);
        printf("%s\t%s\n", text_of(matchers[rules[i].matcher].json, "owner", ""), head);
        free(head);
    }
}

int main(int argc, char **argv)
{
    const bool heads = argc > 2 && strcmp(argv[1], "--heads") == 0;

    if (argc < 3 || !(out = fopen(heads ? "/dev/null" : argv[1], "w")))
        die(argc < 2 ? "usage" : argv[1], "cannot write the tables");
    kept = json_array();
    for (int i = 2; i < argc; i++)
        read_file(argv[i]);
    qsort(matchers, (size_t)n_matchers, sizeof matchers[0], by_priority);
    list_rules();
    if (heads) {
        print_heads();
        return 0;
    }
    fputs("/* Made by tools/gen-formats.c from formats/. */\n#include \"parse/engine.h\"\n\n", out);
    put_matchers();
    put_rules();
    put_infos();
    put_database();
    json_decref(kept);
    return fclose(out) ? 1 : 0;
}
