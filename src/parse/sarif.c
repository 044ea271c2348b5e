/* SPDX-License-Identifier: MIT */
/* SARIF 2.1.0: what its table in shapes.c cannot say. */
#include "base/alloc.h"
#include "parse/engine.h"
#include "parse/shapes.h"

/* Rules whose level is remembered, and how much of their names. */
#define MAX_RULES 4096
#define NAME_MAX_BYTES 128

struct rule {
    uint64_t name; /* hash */
    enum lq_severity severity;
};

struct sarif {
    struct rule *rules; /* open addressing by name, made when there is a first */
    size_t n_rules;
    struct lq_clip path, tool;
};

static void free_sarif(void *state)
{
    struct sarif *sarif = state;

    lq_clip_release(&sarif->path);
    lq_clip_release(&sarif->tool);
    free(sarif->rules);
    free(sarif);
}

static struct sarif *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_SARIF, free_sarif);

    if (!*slot) {
        struct sarif *sarif = lq_alloc(sizeof *sarif);

        sarif->path.max = sarif->tool.max = NAME_MAX_BYTES;
        sarif->path.max = LQ_MESSAGE_MAX_BYTES;
        *slot = sarif;
    }
    return *slot;
}

void lq_sarif_reset(struct lq_parser *parser)
{
    struct sarif *sarif = *lq_parser_slot(parser, LQ_SLOT_SARIF, free_sarif);

    if (!sarif)
        return;
    lq_free(&sarif->rules);
    sarif->n_rules = 0;
}

static uint64_t hash_of(struct lq_str name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

/* Its place in the table, which is never full. */
static struct rule *find_rule(const struct sarif *sarif, struct lq_str name)
{
    const uint64_t hash = hash_of(name);
    size_t at = hash % (2 * MAX_RULES);

    while (sarif->rules[at].name && sarif->rules[at].name != hash)
        at = (at + 1) % (2 * MAX_RULES);
    return &sarif->rules[at];
}

bool lq_sarif_learn(struct lq_parser *parser, struct lq_record *record)
{
    struct sarif *sarif = state_of(parser);
    struct rule *rule;

    if (!sarif->rules)
        sarif->rules = lq_alloc(2 * MAX_RULES * sizeof *sarif->rules);
    if (sarif->n_rules == MAX_RULES || !record->event.error_code.len)
        return false;
    rule = find_rule(sarif, record->event.error_code);
    sarif->n_rules += rule->name == 0;
    rule->name = hash_of(record->event.error_code);
    rule->severity = lq_severity_of(NULL, record->event.message, LQ_SEVERITY_NOTE);
    return false;
}

/* "GNU C17" is gcc as its text is; other names are written small: "ESLint", "Ruff". */
void lq_sarif_set_tool(struct lq_parser *parser, struct lq_event *event, struct lq_str name)
{
    static const struct {
        const char *start, *tool;
    } compilers[] = {
        { "GNU C++", "g++" },
        { "GNU Fortran", "gfortran" },
        { "GNU C", "gcc" },
        { "clang", "clang" },
    };
    struct lq_clip *tool = &state_of(parser)->tool;

    for (size_t i = 0; i < LQ_COUNT(compilers); i++)
        if (lq_str_eq(name, lq_str_of(compilers[i].start)) ||
            (i < 3 && lq_str_starts(name, lq_str_of(compilers[i].start)))) {
            event->tool_name = lq_str_of(compilers[i].tool);
            event->category = LQ_STR("compile");
            return;
        }
    lq_clip_clear(tool);
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];

        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte - 'A' + 'a');
        else if (byte == ' ')
            byte = '-';
        lq_clip_add(tool, (struct lq_str){ &byte, 1 });
    }
    event->tool_name = lq_clip_text(tool);
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = digit ? strchr(digits, digit) : NULL;

    return !at ? -1 : at - digits > 15 ? (int)(at - digits) - 6 : (int)(at - digits);
}

/* A path out of a URI reference: without "file://" and its host, %20 decoded. */
static struct lq_str path_of(struct lq_clip *path, struct lq_str uri)
{
    if (lq_str_starts(uri, LQ_STR("file://"))) {
        const char *slash = memchr(uri.ptr + 7, '/', uri.len - 7);
        const size_t skip = slash ? (size_t)(slash - uri.ptr) : 7;

        uri.ptr += skip;
        uri.len -= skip;
        /* file:///C:/x */
        if (uri.len > 2 && uri.ptr[2] == ':') {
            uri.ptr++;
            uri.len--;
        }
    }
    lq_clip_clear(path);
    for (size_t i = 0; i < uri.len; i++) {
        char byte = uri.ptr[i];

        if (byte == '%' && i + 2 < uri.len && hex_value(uri.ptr[i + 1]) >= 0 &&
            hex_value(uri.ptr[i + 2]) >= 0) {
            byte = (char)(hex_value(uri.ptr[i + 1]) << 4 | hex_value(uri.ptr[i + 2]));
            i += 2;
        }
        lq_clip_add(path, (struct lq_str){ &byte, 1 });
    }
    return lq_clip_text(path);
}

bool lq_sarif_adjust(struct lq_parser *parser, struct lq_record *record)
{
    struct sarif *sarif = state_of(parser);
    struct lq_event *event = &record->event;
    const struct lq_str level = record->parts[LQ_FIELD_SEVERITY],
                        kind = record->parts[LQ_VALUE_MORE];

    /* A check that passed, or did not apply; a result that was waved through. */
    if (lq_str_eq(kind, LQ_STR("pass")) || lq_str_eq(kind, LQ_STR("notApplicable")) ||
        record->parts[LQ_VALUE_OTHER].len)
        return false;
    if (event->file_path.len)
        event->file_path = path_of(&sarif->path, event->file_path);
    if (!level.len && sarif->rules && event->error_code.len) {
        const struct rule *rule = find_rule(sarif, event->error_code);

        if (rule->name)
            event->severity = rule->severity;
    }
    if (lq_str_eq(level, LQ_STR("none")))
        event->severity = LQ_SEVERITY_NOTE;
    /* GCC's rule of what no option controls is named by its level. */
    if (lq_str_eq(event->error_code, level))
        event->error_code = (struct lq_str){ NULL, 0 };
    if (record->parts[LQ_FIELD_TOOL].len)
        lq_sarif_set_tool(parser, event, record->parts[LQ_FIELD_TOOL]);
    return true;
}
