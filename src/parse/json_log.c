/* SPDX-License-Identifier: MIT */
/* JSON in a log, a document or a line: finds the objects that are events (shapes.h) while it streams by. */
#include "base/alloc.h"
#include "base/clean.h"
#include "parse/engine.h"
#include "parse/json.h"
#include "parse/shapes.h"

/* Lines of other writers in a row, after which a document counts as torn. */
#define MAX_STRAY_LINES 64
/* Events that wait for a value behind them: memory they may take. */
#define HELD_MAX_BYTES ((size_t)4 << 20)

#define NONE 0 /* as a node: nothing that a shape looks at */
#define ROOT 1

/* All paths of all shapes as one tree. */
struct node {
    struct lq_str
        name; /* of the key; "[]" for elements, "{}" for any key: then its slot holds that */
    unsigned child, next, parent;
    int slot;    /* where its value is kept, or -1 */
    bool record; /* the object is an event of some shape */
    bool pick;
    int pick_if; /* slot */
    bool picked; /* one of its objects told what was wanted; the others are passed over */
    bool waited; /* at its end, events stop to wait for a late value below it */
};

struct slot {
    struct lq_clip text;
    const char *join; /* between several values; NULL: the first counts */
    bool set;
};

/* A shape's paths, looked up. */
struct places {
    unsigned record;
    int needs[LQ_COUNT(lq_shapes->needs)];
    int parts[LQ_N_VALUES];
    int late; /* slot, or -1 */
    int late_part;
};

struct held {
    struct held *next;
    const struct places *places;
    struct lq_event event; /* its texts follow in the same block */
};

struct json_log {
    struct lq_parser *parser;
    struct lq_json json;
    struct node *nodes;
    size_t n_nodes, node_capacity;
    struct slot *slots;
    size_t n_slots, slot_capacity;
    struct places *places; /* by shape */
    unsigned levels[LQ_JSON_MAX_DEPTH + 1],
        elements[LQ_JSON_MAX_DEPTH + 1]; /* nodes of what is open */
    unsigned depth, next;                /* the node of the value that a key announced */
    struct lq_clip raw, text;
    const char *capture; /* the object's bytes, from here on, go to raw; NULL: none is open */
    int64_t line, record_line;
    struct held *held, **held_end;
    size_t held_bytes;
    bool certain; /* more than a bracket was seen */
    bool feeding; /* what is read may hold a line to be read afresh: that is no document */
    int n_strays;
};

/* ---- the tree ---- */

static unsigned find_child(const struct json_log *log, unsigned node, struct lq_str name)
{
    unsigned child = node == NONE ? NONE : log->nodes[node].child;

    while (child != NONE && !lq_str_eq(log->nodes[child].name, name))
        child = log->nodes[child].next;
    return child;
}

static unsigned add_node(struct json_log *log, unsigned parent, struct lq_str name)
{
    LQ_GROW(log->nodes, log->n_nodes, log->node_capacity);
    log->nodes[log->n_nodes] =
        (struct node){ .name = name, .parent = parent, .slot = -1, .pick_if = -1 };
    if (parent != NONE) {
        log->nodes[log->n_nodes].next = log->nodes[parent].child;
        log->nodes[parent].child = (unsigned)log->n_nodes;
    }
    return (unsigned)log->n_nodes++;
}

/* The next name of a path; it is moved on. ptr NULL at its end. */
static struct lq_str next_name(const char **path)
{
    const char *at = *path;
    size_t len;

    if (*at == '.')
        at++;
    if (!*at)
        return (struct lq_str){ NULL, 0 };
    len = *at == '[' ? 2 : strcspn(at, ".[");
    *path = at + len;
    return (struct lq_str){ at, len };
}

static unsigned add_path(struct json_log *log, const char *path)
{
    unsigned node = ROOT;

    for (struct lq_str name; (name = next_name(&path)).ptr;) {
        const unsigned child = find_child(log, node, name);

        node = child != NONE ? child : add_node(log, node, name);
    }
    return node;
}

/* The slot for the value at `path`; -1 for no path. */
static int add_slot(struct json_log *log, const char *path)
{
    unsigned node;

    if (!path)
        return -1;
    node = add_path(log, path);
    if (log->nodes[node].slot < 0) {
        LQ_GROW(log->slots, log->n_slots, log->slot_capacity);
        log->slots[log->n_slots] = (struct slot){ .text.max = LQ_JSON_TEXT_MAX_BYTES };
        log->nodes[node].slot = (int)log->n_slots++;
    }
    return log->nodes[node].slot;
}

/* The innermost node above both. */
static unsigned common(const struct json_log *log, unsigned one, unsigned other)
{
    for (; one != NONE; one = log->nodes[one].parent)
        for (unsigned at = other; at != NONE; at = log->nodes[at].parent)
            if (at == one)
                return one;
    return ROOT;
}

static void add_shape(struct json_log *log, const struct lq_shape *shape, struct places *places)
{
    places->record = add_path(log, shape->record);
    log->nodes[places->record].record = true;
    for (size_t i = 0; i < LQ_COUNT(shape->needs); i++)
        places->needs[i] = add_slot(log, shape->needs[i]);
    for (int i = 0; i < LQ_N_VALUES; i++) {
        places->parts[i] = add_slot(log, shape->paths[i]);
        if (shape->late && shape->paths[i] && strcmp(shape->late, shape->paths[i]) == 0)
            places->late_part = i;
    }
    if (shape->join)
        log->slots[places->parts[LQ_VALUE_OTHER]].join = shape->join;
    places->late = add_slot(log, shape->late);
    if (shape->late)
        log->nodes[common(log, places->record, add_path(log, shape->late))].waited = true;
    if (shape->pick) {
        const int pick_if = add_slot(log, shape->pick_if);
        struct node *node = &log->nodes[add_path(log, shape->pick)];

        node->pick = true;
        node->pick_if = pick_if;
    }
}

static void release_held(struct json_log *log, struct lq_str value);

static void free_log(void *state)
{
    struct json_log *log = state;

    for (struct held *held = log->held, *next; held; held = next) {
        next = held->next;
        free(held);
    }
    for (size_t i = 0; i < log->n_slots; i++)
        lq_clip_release(&log->slots[i].text);
    lq_json_release(&log->json);
    lq_clip_release(&log->raw);
    lq_clip_release(&log->text);
    free(log->slots);
    free(log->nodes);
    free(log->places);
    free(log);
}

static struct json_log *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_JSON, free_log);

    if (!*slot) {
        struct json_log *log = lq_alloc(sizeof *log);

        log->parser = parser;
        log->raw.max = LQ_RAW_TEXT_MAX_BYTES;
        log->text.max = LQ_JSON_TEXT_MAX_BYTES;
        log->held_end = &log->held;
        add_node(log, NONE, LQ_STR("")); /* NONE itself */
        add_node(log, NONE, LQ_STR(""));
        log->places = lq_alloc(lq_n_shapes * sizeof *log->places);
        for (size_t i = 0; i < lq_n_shapes; i++)
            add_shape(log, &lq_shapes[i], &log->places[i]);
        *slot = log;
    }
    return *slot;
}

/* ---- events ---- */

static bool is_set(const struct json_log *log, int slot)
{
    return slot >= 0 && log->slots[slot].set;
}

static struct lq_str value_of(const struct json_log *log, int slot)
{
    return is_set(log, slot) ? lq_clip_text(&log->slots[slot].text) : (struct lq_str){ NULL, 0 };
}

/* A text of the event that is copied behind it. */
static void copy_text(struct lq_str *text, char **to)
{
    if (text->len)
        memcpy(*to, text->ptr, text->len);
    text->ptr = text->ptr ? *to : NULL;
    *to += text->len;
}

/* Let the event wait for the value that its shape expects behind it. */
static void hold(struct json_log *log, const struct places *places, const struct lq_event *event)
{
    const size_t bytes = sizeof(struct held) + event->file_path.len + event->message.len +
                         event->raw_text.len + event->tool_name.len + event->error_code.len +
                         event->test_name.len;
    struct held *held = lq_alloc(bytes);
    char *to = (char *)(held + 1);

    held->places = places;
    held->event = *event;
    copy_text(&held->event.file_path, &to);
    copy_text(&held->event.message, &to);
    copy_text(&held->event.raw_text, &to);
    copy_text(&held->event.tool_name, &to);
    copy_text(&held->event.error_code, &to);
    copy_text(&held->event.test_name, &to);
    *log->held_end = held;
    log->held_end = &held->next;
    log->held_bytes += bytes;
    if (log->held_bytes > HELD_MAX_BYTES)
        release_held(log, (struct lq_str){ NULL, 0 });
}

/* Hand over all that waits, with the value that came. */
static void release_held(struct json_log *log, struct lq_str value)
{
    struct held *held = log->held;

    log->held = NULL;
    log->held_end = &log->held;
    log->held_bytes = 0;
    while (held) {
        struct held *next = held->next;

        if (value.len && held->places->late_part == LQ_FIELD_TOOL)
            lq_sarif_set_tool(log->parser, &held->event, value);
        else if (value.len && !held->event.file_path.len)
            held->event.file_path = value;
        lq_parser_emit(log->parser, &held->event);
        free(held);
        held = next;
    }
}

static void fill_event(const struct json_log *log, struct lq_record *record)
{
    const struct lq_shape *shape = record->shape;
    const struct lq_str *parts = record->parts, status = parts[LQ_FIELD_TEST_STATUS];
    const int zero = shape->zero_based;
    struct lq_event *event = &record->event;

    *event = lq_event_of(shape->tool, shape->category, log->record_line);
    event->log_line_end = log->line;
    event->file_path = parts[LQ_FIELD_FILE];
    event->line_number = lq_digits(parts[LQ_FIELD_LINE]);
    event->column_number = lq_digits(parts[LQ_FIELD_COLUMN]);
    if (zero && parts[LQ_FIELD_LINE].len)
        event->line_number += zero;
    if (zero && parts[LQ_FIELD_COLUMN].len)
        event->column_number += zero;
    event->error_code = parts[LQ_FIELD_CODE];
    event->message = lq_drop_code(lq_trim_lines(parts[LQ_FIELD_MESSAGE]), event->error_code);
    if (parts[LQ_FIELD_TOOL].len)
        event->tool_name = parts[LQ_FIELD_TOOL];
    event->raw_text = parts[LQ_VALUE_RAW].len ? parts[LQ_VALUE_RAW] : lq_clip_text(&log->raw);
    event->test_name = parts[LQ_FIELD_TEST_NAME];
    event->severity = lq_severity_of(shape->severities, parts[LQ_FIELD_SEVERITY],
                                     (enum lq_severity)shape->severity);
    if (!event->test_name.ptr)
        return;
    event->test_status =
        lq_test_status_of(shape->statuses, status, (enum lq_test_status)shape->status);
    event->severity = lq_severity_of_test(event->test_status);
    event->test_duration_sec = lq_seconds(parts[LQ_FIELD_DURATION]);
    if (shape->duration_scale > 0 && event->test_duration_sec > 0)
        event->test_duration_sec *= shape->duration_scale;
}

/* Whether the object is one of this shape: then it is handed over, or known to be none. */
static bool take_as(struct json_log *log, const struct lq_shape *shape, const struct places *places)
{
    struct lq_record record = { .shape = shape, .text = &log->text };

    if (!lq_parser_wants(log->parser, shape->format))
        return false;
    for (size_t i = 0; i < LQ_COUNT(places->needs); i++)
        if (places->needs[i] >= 0 && !is_set(log, places->needs[i]))
            return false;
    for (int i = 0; i < LQ_N_VALUES; i++)
        record.parts[i] = value_of(log, places->parts[i]);
    if (!record.parts[LQ_FIELD_MESSAGE].len && !record.parts[LQ_FIELD_TEST_NAME].len)
        return false;
    fill_event(log, &record);
    lq_clip_clear(&log->text);
    if (shape->adjust && !shape->adjust(log->parser, &record))
        return true;
    if (shape->late && !is_set(log, places->late))
        hold(log, places, &record.event);
    else
        lq_parser_emit(log->parser, &record.event);
    return true;
}

static void take_record(struct json_log *log, unsigned node)
{
    for (size_t i = 0; i < lq_n_shapes; i++)
        if (log->places[i].record == node && take_as(log, &lq_shapes[i], &log->places[i]))
            return;
}

/* ---- walking through the document ---- */

static void clear_below(struct json_log *log, unsigned node)
{
    for (unsigned child = log->nodes[node].child; child != NONE; child = log->nodes[child].next) {
        if (log->nodes[child].slot >= 0)
            log->slots[log->nodes[child].slot].set = false;
        log->nodes[child].picked = false;
        clear_below(log, child);
    }
}

/* The node of the value that begins. */
static unsigned take_node(struct json_log *log)
{
    const unsigned node = log->next != NONE ? log->next : log->elements[log->depth];

    log->next = NONE;
    return log->nodes[node].picked ? NONE : node;
}

static void enter(struct json_log *log, unsigned node, bool object)
{
    log->levels[++log->depth] = node;
    log->elements[log->depth] = object ? NONE : find_child(log, node, LQ_STR("[]"));
    if (node == NONE)
        return;
    clear_below(log, node);
    if (!object || !log->nodes[node].record)
        return;
    log->record_line = log->line;
    lq_clip_clear(&log->raw);
    log->capture = log->json.at;
}

static void leave(struct json_log *log)
{
    const unsigned node = log->levels[log->depth--];

    if (node == NONE)
        return;
    if (log->nodes[node].record) {
        if (log->capture)
            lq_clip_add(&log->raw,
                        (struct lq_str){ log->capture, (size_t)(log->json.at + 1 - log->capture) });
        log->capture = NULL;
        take_record(log, node);
    }
    if (log->nodes[node].waited && log->held)
        release_held(log, (struct lq_str){ NULL, 0 });
    if (log->nodes[node].pick &&
        (log->nodes[node].pick_if < 0 ||
         lq_str_eq(value_of(log, log->nodes[node].pick_if), LQ_STR("true"))))
        log->nodes[node].picked = true;
}

/* Keep the value. */
static void set_slot(struct json_log *log, unsigned node, struct lq_str text)
{
    struct slot *slot;

    if (log->nodes[node].slot < 0)
        return;
    slot = &log->slots[log->nodes[node].slot];
    if (slot->set && !slot->join)
        return;
    if (slot->set)
        lq_clip_add(&slot->text, lq_str_of(slot->join));
    else
        lq_clip_clear(&slot->text);
    lq_clip_add(&slot->text, text);
    if (slot->text.len && (memchr(slot->text.data, '\033', slot->text.len) ||
                           memchr(slot->text.data, '\r', slot->text.len)))
        slot->text.len = lq_clean(slot->text.data, slot->text.len);
    slot->set = true;
    if (!log->held)
        return;
    for (size_t i = 0; i < lq_n_shapes; i++)
        if (log->places[i].late == log->nodes[node].slot) {
            release_held(log, lq_clip_text(&slot->text));
            return;
        }
}

/* A key announces the node of its value. */
static void take_key(struct json_log *log, struct lq_str key)
{
    const unsigned parent = log->levels[log->depth];

    log->next = find_child(log, parent, key);
    if (log->next != NONE)
        return;
    log->next = find_child(log, parent, LQ_STR("{}"));
    if (log->next == NONE || log->nodes[log->next].slot < 0)
        return;
    log->slots[log->nodes[log->next].slot].set = false;
    set_slot(log, log->next, key);
}

static void on_token(void *ctx, enum lq_json_token token, struct lq_str text)
{
    struct json_log *log = ctx;
    unsigned node;

    switch (token) {
    case LQ_JSON_OBJECT:
    case LQ_JSON_ARRAY:
        enter(log, take_node(log), token == LQ_JSON_OBJECT);
        break;
    case LQ_JSON_OBJECT_END:
    case LQ_JSON_ARRAY_END:
        leave(log);
        break;
    case LQ_JSON_KEY:
        log->certain = true;
        take_key(log, text);
        break;
    case LQ_JSON_TEXT:
    case LQ_JSON_NUMBER:
    case LQ_JSON_WORD:
        log->certain = true;
        node = take_node(log);
        if (node != NONE && !(token == LQ_JSON_WORD && lq_str_eq(text, LQ_STR("null"))))
            set_slot(log, node, text);
        break;
    }
}

/* ---- lines ---- */

static enum lq_json_state feed(struct json_log *log, struct lq_str bytes)
{
    enum lq_json_state state;
    size_t used;

    if (log->capture)
        log->capture = bytes.ptr;
    log->feeding = true;
    state = lq_json_feed(&log->json, bytes, on_token, log, &used);
    log->feeding = false;
    if (log->capture)
        lq_clip_add(&log->raw,
                    (struct lq_str){ log->capture, (size_t)(bytes.ptr + used - log->capture) });
    return state;
}

static void stop(struct json_log *log)
{
    release_held(log, (struct lq_str){ NULL, 0 });
    lq_parser_activate(log->parser, NULL);
}

/* Take a line that peeking found to be JSON. */
static void take(struct json_log *log, struct lq_line line)
{
    enum lq_json_state state;

    log->line = line.number;
    log->n_strays = 0;
    state = feed(log, line.text);
    if (state == LQ_JSON_MORE && !line.goes_on)
        state = feed(log, LQ_STR("\n"));
    if (state == LQ_JSON_MORE)
        lq_parser_activate(log->parser, &lq_family_json);
    else
        stop(log);
}

static bool begin(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct json_log *log = state_of(parser);
    const struct lq_str mark = LQ_STR("\xEF\xBB\xBF");

    (void)rule;
    if (lq_str_starts(line.text, mark)) {
        line.text.ptr += mark.len;
        line.text.len -= mark.len;
    }
    if (log->feeding)
        return false;
    lq_json_init(&log->json);
    if (lq_json_peek(&log->json, line.text, line.goes_on) == LQ_JSON_BAD)
        return false;
    log->depth = 0;
    log->next = ROOT;
    log->levels[0] = log->elements[0] = NONE;
    log->capture = NULL;
    log->certain = false;
    lq_sarif_reset(parser);
    take(log, line);
    return true;
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct json_log *log = state_of(parser);

    if (lq_json_peek(&log->json, line.text, line.goes_on) != LQ_JSON_BAD) {
        take(log, line);
        return true;
    }
    /* Another writer's line within the document, or it never was one. */
    if (!log->certain || ++log->n_strays > MAX_STRAY_LINES)
        stop(log);
    return false;
}

static void take_piece(struct lq_parser *parser, struct lq_str bytes, bool last)
{
    struct json_log *log = state_of(parser);
    enum lq_json_state state = feed(log, bytes);

    if (state == LQ_JSON_MORE && last)
        state = feed(log, LQ_STR("\n"));
    if (state != LQ_JSON_MORE)
        stop(log);
}

static void finish(struct lq_parser *parser)
{
    if (*lq_parser_slot(parser, LQ_SLOT_JSON, free_log))
        release_held(state_of(parser), (struct lq_str){ NULL, 0 });
}

const struct lq_family lq_family_json = {
    .match = begin,
    .line = take_line,
    .piece = take_piece,
    .finish = finish,
    .documents = true,
};
