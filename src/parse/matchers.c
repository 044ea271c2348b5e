/* SPDX-License-Identifier: MIT */
/* Problem matchers out of JSON: the formats of users. What is read may come with a clone. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "parse/matchers.h"

#include <jansson.h>
#include <pcre2.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "parse/json.h"

#define MAX_MATCHERS 256
#define MAX_PATTERNS 1024 /* of all matchers together */
#define MAX_NAME_BYTES 64
#define MAX_TEXT_BYTES 1024
#define MAX_REGEXP_BYTES 4096
#define MAX_WORDS 64
#define MAX_GROUP 31
#define DEFAULT_PRIORITY 50

/* ---- where something stands, for messages ---- */

struct place {
    const char *path;                      /* wanted: "problemMatcher[0].pattern[1].regexp" */
    struct lq_buf at;                      /* path of the value at hand */
    size_t lengths[LQ_JSON_MAX_DEPTH + 1]; /* of the paths of what is open */
    int64_t counts[LQ_JSON_MAX_DEPTH + 1]; /* elements so far; -1: an object */
    unsigned depth;
    const struct lq_json *json;
    const char *found;
};

static void begin_value(struct place *place, const char *start)
{
    if (place->depth && place->counts[place->depth] >= 0) {
        lq_buf_truncate(&place->at, place->lengths[place->depth]);
        lq_buf_addf(&place->at, "[%lld]", (long long)place->counts[place->depth]++);
    }
    if (!place->found && strcmp(lq_buf_text(&place->at), place->path) == 0)
        place->found = start;
}

static void on_token(void *ctx, enum lq_json_token token, struct lq_str text)
{
    struct place *place = ctx;

    switch (token) {
    case LQ_JSON_OBJECT:
    case LQ_JSON_ARRAY:
        begin_value(place, place->json->at);
        place->depth++;
        place->lengths[place->depth] = place->at.len;
        place->counts[place->depth] = token == LQ_JSON_OBJECT ? -1 : 0;
        break;
    case LQ_JSON_OBJECT_END:
    case LQ_JSON_ARRAY_END:
        lq_buf_truncate(&place->at, place->lengths[place->depth--]);
        break;
    case LQ_JSON_KEY:
        lq_buf_truncate(&place->at, place->lengths[place->depth]);
        lq_buf_addf(&place->at, "%s%.*s", place->at.len ? "." : "", (int)text.len, text.ptr);
        /* It ends here, and begins before; escapes in it are not counted. */
        if (!place->found && strcmp(lq_buf_text(&place->at), place->path) == 0)
            place->found = place->json->at - text.len - 1;
        break;
    case LQ_JSON_TEXT:
        begin_value(place, place->json->at - text.len - 1);
        break;
    case LQ_JSON_NUMBER:
    case LQ_JSON_WORD:
        begin_value(place, place->json->at);
        break;
    }
}

/* Line and column of the value at `path`; of the start when it is not found. */
static void locate(struct lq_str text, const char *path, long *line, long *column)
{
    struct lq_json json = { 0 };
    struct place place = { .path = path, .json = &json };
    size_t used;

    lq_json_init(&json);
    lq_json_feed(&json, text, on_token, &place, &used);
    *line = *column = 1;
    for (const char *at = text.ptr; place.found && at < place.found; at++) {
        *line += *at == '\n';
        *column = *at == '\n' ? 1 : *column + 1;
    }
    lq_buf_release(&place.at);
    lq_json_release(&json);
}

/* ---- reading values ---- */

struct reader {
    const char *file;
    struct lq_str text;
    bool lenient; /* keys that are unknown are not looked at */
    struct lq_buf path;
    struct lq_user_matcher *matcher; /* being made */
    struct lq_error *err;
};

/* What is wrong with the value of `key` in the object that is read; NULL: with that object. */
LQ_PRINTF(3, 4) static enum lq_status bad(struct reader *reader, const char *key, const char *fmt,
                                          ...)
{
    const size_t len = reader->path.len;
    char what[512];
    long line, column;
    va_list args;
    enum lq_status status;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (key)
        lq_buf_addf(&reader->path, "%s%s", len ? "." : "", key);
    locate(reader->text, lq_buf_text(&reader->path), &line, &column);
    status = lq_error_set(reader->err, LQ_BAD_INPUT, "%s:%ld:%ld: %s%s%s", reader->file, line,
                          column, lq_buf_text(&reader->path), reader->path.len ? ": " : "", what);
    lq_buf_truncate(&reader->path, len);
    return status;
}

/* Go down to a value, and back by lq_buf_truncate to the length that this returns. */
static size_t descend(struct reader *reader, const char *key, size_t index, bool indexed)
{
    const size_t len = reader->path.len;

    if (key)
        lq_buf_addf(&reader->path, "%s%s", len ? "." : "", key);
    if (indexed)
        lq_buf_addf(&reader->path, "[%zu]", index);
    return len;
}

static void *keep(struct reader *reader, void *text)
{
    struct lq_user_matcher *matcher = reader->matcher;

    LQ_GROW(matcher->texts, matcher->n_texts, matcher->text_capacity);
    matcher->texts[matcher->n_texts++] = text;
    return text;
}

static bool among(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

static enum lq_status check_keys(struct reader *reader, json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;

    if (reader->lenient)
        return LQ_OK;
    json_object_foreach(object, key, value)
    {
        if (!among(key, known))
            return bad(reader, key, "unknown key");
    }
    return LQ_OK;
}

static enum lq_status read_text(struct reader *reader, json_t *object, const char *key,
                                const char **out)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        return LQ_OK;
    if (!json_is_string(value))
        return bad(reader, key, "must be text");
    if (json_string_length(value) > MAX_TEXT_BYTES)
        return bad(reader, key, "longer than %d bytes", MAX_TEXT_BYTES);
    *out = keep(reader, lq_strdup(json_string_value(value)));
    return LQ_OK;
}

/* A value that is one of `names`, whose indexes are what it means. */
static enum lq_status read_name(struct reader *reader, json_t *object, const char *key,
                                const char *const *names, int *out)
{
    const char *text = NULL;

    LQ_TRY(read_text(reader, object, key, &text));
    for (int i = 0; text && names[i]; i++)
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return LQ_OK;
        }
    return text ? bad(reader, key, "unknown value '%s'", text) : LQ_OK;
}

static enum lq_status read_bool(struct reader *reader, json_t *object, const char *key, bool *out)
{
    json_t *value = json_object_get(object, key);

    if (value && !json_is_boolean(value))
        return bad(reader, key, "must be true or false");
    *out = json_is_true(value);
    return LQ_OK;
}

static const char *const severities[] = { "none", "error", "warning", "note", "info", NULL };
static const char *const statuses[] = { "none", "pass", "fail", "error", "skip", NULL };
static const char *const parts[] = { "whole", "result", "details", "before", "end", NULL };

/* The letters that VS Code knows besides the words. */
static const struct lq_word letters[] = { { "E", LQ_SEVERITY_ERROR },
                                          { "W", LQ_SEVERITY_WARNING },
                                          { "I", LQ_SEVERITY_INFO } };

/* An object of a tool's words, `extra` behind them. */
static enum lq_status read_words(struct reader *reader, json_t *object, const char *key,
                                 const char *const *names, const struct lq_word *extra,
                                 size_t n_extra, const struct lq_word **out)
{
    json_t *words = json_object_get(object, key), *value;
    const size_t n = json_object_size(words);
    struct lq_word *list;
    const char *word;
    size_t len, i = 0;

    if (words && (!json_is_object(words) || n > MAX_WORDS))
        return bad(reader, key, "must be an object of at most %d words", MAX_WORDS);
    if (!n && !n_extra)
        return LQ_OK;
    list = keep(reader, lq_alloc((n + n_extra + 1) * sizeof *list));
    len = descend(reader, key, 0, false);
    json_object_foreach(words, word, value)
    {
        list[i].word = keep(reader, lq_strdup(word));
        LQ_TRY(read_name(reader, words, word, names, &list[i].value));
        i++;
    }
    lq_buf_truncate(&reader->path, len);
    if (n_extra)
        memcpy(list + n, extra, n_extra * sizeof *list);
    *out = list;
    return LQ_OK;
}

static enum lq_status read_codes(struct reader *reader, json_t *lq)
{
    json_t *codes = json_object_get(lq, "codes"), *value;
    const size_t n = json_object_size(codes);
    struct lq_code *list;
    const char *word;
    size_t len, i = 0;

    if (!codes)
        return LQ_OK;
    if (!json_is_object(codes) || n > MAX_WORDS)
        return bad(reader, "codes", "must be an object of at most %d words", MAX_WORDS);
    list = keep(reader, lq_alloc((n + 1) * sizeof *list));
    len = descend(reader, "codes", 0, false);
    json_object_foreach(codes, word, value)
    {
        list[i].word = keep(reader, lq_strdup(word));
        LQ_TRY(read_text(reader, codes, word, &list[i].code));
        i++;
    }
    lq_buf_truncate(&reader->path, len);
    reader->matcher->matcher.codes = list;
    return LQ_OK;
}

/* ---- expressions ---- */

/* JavaScript's way where Perl's differs: "$" is the end, \uXXXX, "[]" and "[^]", groups that took no
 * part match nothing. Text beyond ASCII is read as characters. */
static pcre2_code *compile(const char *regexp, int *error, PCRE2_SIZE *at)
{
    uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS |
                       PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *code;

    for (const char *byte = regexp; *byte; byte++)
        if ((unsigned char)*byte >= 0x80 || (byte[0] == '\\' && (byte[1] == 'u' || byte[1] == 'p')))
            options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_set_parens_nest_limit(context, 50);
    code = pcre2_compile((PCRE2_SPTR)regexp, PCRE2_ZERO_TERMINATED, options, error, at, context);
    pcre2_compile_context_free(context);
    if (code)
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

static enum lq_status read_regexp(struct reader *reader, json_t *object, const char *key,
                                  const char **out, uint32_t *n_groups)
{
    struct lq_user_matcher *matcher = reader->matcher;
    json_t *value = json_object_get(object, key);
    const char *regexp = json_string_value(value);
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code;

    if (!regexp)
        return bad(reader, value ? key : NULL, value ? "must be text" : "needs '%s'", key);
    if (strlen(regexp) > MAX_REGEXP_BYTES || strlen(regexp) != json_string_length(value))
        return bad(reader, key, "longer than %d bytes, or with a NUL", MAX_REGEXP_BYTES);
    regexp = keep(reader, lq_strdup(regexp));
    code = compile(regexp, &error, &at);
    if (!code) {
        PCRE2_UCHAR text[256] = "";

        pcre2_get_error_message(error, text, sizeof text);
        return bad(reader, key, "%s, at character %zu of the expression", (char *)text,
                   (size_t)at + 1);
    }
    LQ_GROW(matcher->expressions, matcher->n_expressions, matcher->expression_capacity);
    matcher->expressions[matcher->n_expressions++] = (struct lq_expression){ regexp, code };
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, n_groups);
    if (*n_groups > MAX_GROUP)
        return bad(reader, key, "more than %d groups", MAX_GROUP);
    *out = regexp;
    return LQ_OK;
}

/* ---- patterns ---- */

/* In the order of enum lq_field. */
static const struct {
    const char *key;
    bool lq; /* it stands in the object "lq" */
} fields[] = {
    { "file", false },      { "line", false },    { "column", false },   { "severity", false },
    { "code", false },      { "message", false }, { "tool", true },      { "testName", true },
    { "testStatus", true }, { "duration", true }, { "location", false },
};
_Static_assert(LQ_COUNT(fields) == LQ_N_FIELDS, "a key for each field");

static enum lq_status read_group(struct reader *reader, json_t *object, const char *key,
                                 uint32_t n_groups, uint8_t *out)
{
    json_t *value = json_object_get(object, key);
    const json_int_t group = json_integer_value(value);

    if (!value)
        return LQ_OK;
    if (!json_is_integer(value) || group < 0 || group > MAX_GROUP)
        return bad(reader, key, "must be the number of a group");
    if (group > (json_int_t)n_groups)
        return bad(reader, key, "group %d is not in the expression", (int)group);
    *out = group ? (uint8_t)group : LQ_GROUP_ALL;
    return LQ_OK;
}

static enum lq_status read_groups(struct reader *reader, json_t *pattern, uint32_t n_groups,
                                  struct lq_rule *rule)
{
    json_t *lq = json_object_get(pattern, "lq");
    const size_t len = reader->path.len;

    for (size_t i = 0; i < LQ_COUNT(fields); i++) {
        if (fields[i].lq)
            descend(reader, "lq", 0, false);
        LQ_TRY(read_group(reader, fields[i].lq ? lq : pattern, fields[i].key, n_groups,
                          &rule->group[i]));
        lq_buf_truncate(&reader->path, len);
    }
    return LQ_OK;
}

/* As VS Code fills in a pattern that is alone: file, line and column are the first groups when none of
 * them is told, the message is all that matched. */
static void set_defaults(struct lq_rule *rule, uint32_t n_groups)
{
    bool told = false;

    for (int i = 0; i < LQ_N_FIELDS; i++)
        told = told || (i != LQ_FIELD_SEVERITY && i != LQ_FIELD_CODE && rule->group[i]);
    for (uint8_t i = 0; !told && i < 3 && i < n_groups; i++)
        rule->group[LQ_FIELD_FILE + i] = i + 1;
    if (!rule->group[LQ_FIELD_MESSAGE] && !rule->group[LQ_FIELD_TEST_NAME])
        rule->group[LQ_FIELD_MESSAGE] = LQ_GROUP_ALL;
}

static enum lq_status read_pattern(struct reader *reader, json_t *pattern, struct lq_rule *rule)
{
    static const char *const keys[] = { "regexp",  "kind",      "file",     "line",     "column",
                                        "endLine", "endColumn", "location", "severity", "code",
                                        "message", "loop",      "fromPath", "lq",       NULL };
    static const char *const lq_keys[] = { "tool",  "testName", "testStatus", "duration",
                                           "again", "head",     NULL };
    json_t *lq = json_object_get(pattern, "lq");
    uint32_t n_groups = 0;
    size_t len;

    if (!json_is_object(pattern))
        return bad(reader, NULL,
                   json_is_string(pattern) ? "names a pattern of VS Code's, of which lq "
                                             "has none"
                                           : "must be an object");
    LQ_TRY(check_keys(reader, pattern, keys));
    if (lq && !json_is_object(lq))
        return bad(reader, "lq", "must be an object");
    rule->matcher = &reader->matcher->matcher;
    LQ_TRY(read_regexp(reader, pattern, "regexp", &rule->regexp, &n_groups));
    LQ_TRY(read_groups(reader, pattern, n_groups, rule));
    LQ_TRY(read_bool(reader, pattern, "loop", &rule->loop));
    len = descend(reader, "lq", 0, false);
    LQ_TRY(check_keys(reader, lq, lq_keys));
    LQ_TRY(read_bool(reader, lq, "again", &rule->again));
    lq_buf_truncate(&reader->path, len);
    if (rule->first && rule->last && !rule->prefix)
        set_defaults(rule, n_groups);
    return LQ_OK;
}

/* The patterns under `key`, one or a list, as rules from `at` on. */
static enum lq_status read_patterns(struct reader *reader, json_t *object, const char *key,
                                    bool is_find, bool prefix, struct lq_rule *at)
{
    json_t *list = json_object_get(object, key);
    const size_t n = json_is_array(list) ? json_array_size(list) : 1;

    for (size_t i = 0; i < n; i++) {
        const size_t len = descend(reader, key, i, json_is_array(list));

        at[i] = (struct lq_rule){ .first = !is_find && i == 0,
                                  .last = !is_find && i + 1 == n,
                                  .prefix = prefix };
        LQ_TRY(read_pattern(reader, json_is_array(list) ? json_array_get(list, i) : list, &at[i]));
        if (at[i].loop && !at[i].last)
            return bad(reader, "loop", "only the last pattern can loop");
        lq_buf_truncate(&reader->path, len);
    }
    return LQ_OK;
}

static size_t count(json_t *patterns)
{
    return json_is_array(patterns) ? json_array_size(patterns) : patterns != NULL;
}

/* ---- matchers ---- */

static enum lq_status read_need(struct reader *reader, json_t *lq)
{
    json_t *need = json_object_get(lq, "need"), *name;
    size_t i, f;

    if (need && !json_is_array(need))
        return bad(reader, "need", "must be a list of keys");
    json_array_foreach(need, i, name)
    {
        const char *text = json_string_value(name);

        for (f = 0; text && f < LQ_COUNT(fields) && strcmp(fields[f].key, text) != 0; f++)
            ;
        if (!text || f == LQ_COUNT(fields))
            return bad(reader, "need", "unknown field '%s'", text ? text : "?");
        reader->matcher->matcher.need |= (uint16_t)(1u << f);
    }
    return LQ_OK;
}

/* What lq adds to the form, all but the patterns. */
static enum lq_status read_lq(struct reader *reader, json_t *lq, const char **description,
                              bool *prefix)
{
    static const char *const keys[] = { "description", "tool",     "category", "code", "priority",
                                        "severities",  "statuses", "follow",   "find", "need",
                                        "codes",       "status",   "part",     "once", "prefix",
                                        "weak",        NULL };
    struct lq_user_matcher *matcher = reader->matcher;
    json_t *priority = json_object_get(lq, "priority");
    uint32_t n_groups;
    int part = LQ_PART_WHOLE;

    if (lq && !json_is_object(lq))
        return bad(reader, NULL, "must be an object");
    if (json_object_get(lq, "family"))
        return bad(reader, "family", "is for the formats that lq brings along");
    LQ_TRY(check_keys(reader, lq, keys));
    LQ_TRY(read_text(reader, lq, "description", description));
    LQ_TRY(read_text(reader, lq, "tool", &matcher->matcher.tool));
    LQ_TRY(read_text(reader, lq, "category", &matcher->matcher.category));
    LQ_TRY(read_text(reader, lq, "code", &matcher->matcher.code));
    LQ_TRY(read_words(reader, lq, "severities", severities, letters, LQ_COUNT(letters),
                      &matcher->matcher.severities));
    LQ_TRY(read_words(reader, lq, "statuses", statuses, NULL, 0, &matcher->matcher.statuses));
    LQ_TRY(read_codes(reader, lq));
    LQ_TRY(read_need(reader, lq));
    LQ_TRY(read_name(reader, lq, "status", statuses, &matcher->matcher.status));
    LQ_TRY(read_name(reader, lq, "part", parts, &part));
    matcher->matcher.part = (enum lq_part)part;
    LQ_TRY(read_bool(reader, lq, "once", &matcher->matcher.once));
    LQ_TRY(read_bool(reader, lq, "prefix", prefix));
    if (json_object_get(lq, "follow"))
        LQ_TRY(read_regexp(reader, lq, "follow", &matcher->matcher.follow, &n_groups));
    if (priority && (!json_is_integer(priority) || json_integer_value(priority) < 0 ||
                     json_integer_value(priority) > 1000))
        return bad(reader, "priority", "must be a number from 0 to 1000");
    if (priority)
        matcher->priority = (int)json_integer_value(priority);
    return LQ_OK;
}

static enum lq_status read_owner(struct reader *reader, json_t *json)
{
    const char *owner = NULL;

    LQ_TRY(read_text(reader, json, "owner", &owner));
    if (!owner)
        return bad(reader, NULL, "needs 'owner'");
    if (!*owner || strlen(owner) > MAX_NAME_BYTES)
        return bad(reader, "owner", "must be 1 to %d bytes", MAX_NAME_BYTES);
    for (const char *at = owner; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return bad(reader, "owner", "must be one word");
    reader->matcher->matcher.owner = owner;
    reader->matcher->matcher.tool = owner;
    return LQ_OK;
}

/* An event without a message or a test's name would say nothing. */
static enum lq_status check_message(struct reader *reader)
{
    const struct lq_user_matcher *matcher = reader->matcher;

    for (size_t i = 0; i < matcher->n_rules; i++)
        if (matcher->rules[i].prefix || matcher->matcher.follow ||
            matcher->matcher.part == LQ_PART_END || matcher->rules[i].group[LQ_FIELD_MESSAGE] ||
            matcher->rules[i].group[LQ_FIELD_TEST_NAME])
            return LQ_OK;
    return bad(reader, "pattern", "needs 'message' in one of its patterns");
}

static enum lq_status read_matcher(struct reader *reader, json_t *json, size_t max_patterns,
                                   const char **description)
{
    static const char *const keys[] = { "owner",        "severity", "pattern",    "lq",
                                        "source",       "name",     "label",      "$schema",
                                        "fileLocation", "applyTo",  "background", NULL };
    struct lq_user_matcher *matcher = reader->matcher;
    json_t *lq = json_object_get(json, "lq");
    json_t *patterns = json_object_get(json, "pattern"), *finds = json_object_get(lq, "find");
    size_t len;
    bool prefix = false;

    if (!json_is_object(json))
        return bad(reader, NULL, "must be an object");
    LQ_TRY(check_keys(reader, json, keys));
    LQ_TRY(read_owner(reader, json));
    matcher->matcher.severity = LQ_SEVERITY_ERROR;
    LQ_TRY(read_name(reader, json, "severity", severities, &matcher->matcher.severity));
    len = descend(reader, "lq", 0, false);
    LQ_TRY(read_lq(reader, lq, description, &prefix));
    lq_buf_truncate(&reader->path, len);
    matcher->n_rules = count(patterns);
    if (!matcher->n_rules)
        return bad(reader, NULL, "needs 'pattern'");
    if (matcher->n_rules + count(finds) > max_patterns)
        return bad(reader, "pattern", "more than %d patterns in all", MAX_PATTERNS);
    matcher->rules = lq_alloc((matcher->n_rules + count(finds)) * sizeof *matcher->rules);
    LQ_TRY(read_patterns(reader, json, "pattern", false, prefix, matcher->rules));
    matcher->rules[0].weak = json_is_true(json_object_get(lq, "weak"));
    LQ_TRY(check_message(reader));
    matcher->matcher.finds = matcher->rules + matcher->n_rules;
    matcher->matcher.n_finds = (uint16_t)count(finds);
    len = descend(reader, "lq", 0, false);
    if (finds)
        LQ_TRY(read_patterns(reader, lq, "find", true, false, matcher->rules + matcher->n_rules));
    lq_buf_truncate(&reader->path, len);
    return LQ_OK;
}

static void free_matcher(struct lq_user_matcher *matcher)
{
    for (size_t i = 0; i < matcher->n_texts; i++)
        free(matcher->texts[i]);
    for (size_t i = 0; i < matcher->n_expressions; i++)
        pcre2_code_free(matcher->expressions[i].code);
    free(matcher->texts);
    free(matcher->expressions);
    free(matcher->rules);
    free(matcher);
}

/* ---- files ---- */

/* What was read of one file, until all of it is known to be good. */
struct batch {
    struct lq_user_matcher *list[MAX_MATCHERS];
    const char *descriptions[MAX_MATCHERS];
    size_t n, n_patterns;
};

static void free_batch(struct batch **batch)
{
    for (size_t i = 0; i < (*batch)->n; i++)
        free_matcher((*batch)->list[i]);
    lq_free(batch);
}

static enum lq_status read_list(struct reader *reader, const struct lq_matchers *matchers,
                                json_t *list, struct batch *batch)
{
    const bool array = json_is_array(list);
    const size_t n = array ? json_array_size(list) : 1;

    for (size_t i = 0; i < n; i++) {
        const size_t len = descend(reader, "problemMatcher", i, array);
        struct lq_user_matcher *matcher;

        if (matchers->n + batch->n == MAX_MATCHERS)
            return bad(reader, NULL, "more than %d matchers in all", MAX_MATCHERS);
        matcher = batch->list[batch->n] = lq_alloc(sizeof *matcher);
        batch->n++;
        matcher->priority = DEFAULT_PRIORITY;
        matcher->after = reader->lenient;
        matcher->matcher.category = "build";
        reader->matcher = matcher;
        matcher->file = keep(reader, lq_strdup(reader->file));
        LQ_TRY(read_matcher(reader, array ? json_array_get(list, i) : list,
                            MAX_PATTERNS - matchers->n_patterns - batch->n_patterns,
                            &batch->descriptions[batch->n - 1]));
        batch->n_patterns += matcher->n_rules + matcher->matcher.n_finds;
        lq_buf_truncate(&reader->path, len);
    }
    return LQ_OK;
}

static enum lq_status read_root(struct reader *reader, const struct lq_matchers *matchers,
                                json_t *root, struct batch *batch)
{
    static const char *const keys[] = { "problemMatcher", "$schema", NULL };
    json_t *list = json_object_get(root, "problemMatcher");

    if (!json_is_object(root))
        return bad(reader, NULL, "must be an object");
    LQ_TRY(check_keys(reader, root, keys));
    if (!list && reader->lenient)
        return LQ_OK; /* a file of something else */
    if (!list)
        return bad(reader, NULL, "needs 'problemMatcher'");
    return read_list(reader, matchers, list, batch);
}

/* The words of jansson's complaint, without the piece of the file that it quotes: what is no JSON may be
 * anything, and the message goes to logs. */
static enum lq_status bad_syntax(const struct reader *reader, json_error_t *error)
{
    char *near = strstr(error->text, " near ");

    if (near)
        *near = '\0';
    return lq_error_set(reader->err, LQ_BAD_INPUT, "%s:%d:%d: %s", reader->file, error->line,
                        error->column > 0 ? error->column : 1, error->text);
}

static void add_matcher(struct lq_matchers *matchers, struct lq_user_matcher *matcher,
                        const char *description)
{
    size_t at = matchers->n, info = 0;

    LQ_GROW(matchers->list, matchers->n, matchers->capacity);
    for (; at > 0 && (matchers->list[at - 1]->after > matcher->after ||
                      (matchers->list[at - 1]->after == matcher->after &&
                       matchers->list[at - 1]->priority > matcher->priority));
         at--)
        matchers->list[at] = matchers->list[at - 1];
    matchers->list[at] = matcher;
    matchers->n++;
    matchers->n_patterns += matcher->n_rules + matcher->matcher.n_finds;

    while (info < matchers->n_infos &&
           strcmp(matchers->infos[info].name, matcher->matcher.owner) < 0)
        info++;
    if (info < matchers->n_infos && strcmp(matchers->infos[info].name, matcher->matcher.owner) == 0)
        return;
    LQ_GROW(matchers->infos, matchers->n_infos, matchers->info_capacity);
    memmove(matchers->infos + info + 1, matchers->infos + info,
            (matchers->n_infos - info) * sizeof *matchers->infos);
    matchers->infos[info] =
        (struct lq_format_info){ matcher->matcher.owner, matcher->matcher.tool,
                                 description ? description : "", matcher->file };
    matchers->n_infos++;
}

struct lq_matchers *lq_matchers_new(void)
{
    return lq_alloc(sizeof(struct lq_matchers));
}

enum lq_status lq_matchers_add(struct lq_matchers *matchers, const char *file, struct lq_str text,
                               enum lq_matchers_kind kind, struct lq_error *err)
{
    LQ_CLEANUP(free_batch) struct batch *batch = lq_alloc(sizeof *batch);
    struct reader reader = { .file = file, .text = text, .err = err };
    json_error_t error;
    json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    enum lq_status status;

    if (!root)
        return bad_syntax(&reader, &error);
    reader.lenient = kind == LQ_MATCHERS_GITHUB;
    status = read_root(&reader, matchers, root, batch);
    json_decref(root);
    lq_buf_release(&reader.path);
    if (status != LQ_OK)
        return status;
    for (size_t i = 0; i < batch->n; i++)
        add_matcher(matchers, batch->list[i], batch->descriptions[i]);
    batch->n = 0;
    return LQ_OK;
}

const struct lq_format_info *lq_matchers_formats(const struct lq_matchers *matchers,
                                                 size_t *n_formats)
{
    *n_formats = matchers ? matchers->n_infos : 0;
    return matchers ? matchers->infos : NULL;
}

void lq_matchers_free(struct lq_matchers **matchers)
{
    if (!*matchers)
        return;
    for (size_t i = 0; i < (*matchers)->n; i++)
        free_matcher((*matchers)->list[i]);
    free((*matchers)->list);
    free((*matchers)->infos);
    lq_free(matchers);
}
