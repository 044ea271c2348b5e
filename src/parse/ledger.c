/* SPDX-License-Identifier: MIT */
/* Failed tests that wait for their details, and which tests were handed over. */
#include "parse/ledger.h"

#include "base/alloc.h"
#include "parse/engine.h"
#include "parse/seen.h"

#define MAX_HELD 4096
#define MAX_HELD_BYTES (4u << 20)

struct held {
    const char *owner;
    enum lq_part part;      /* RESULT or BEFORE */
    struct lq_event *event; /* owned, one block with its texts */
    size_t bytes;
};

/* Which tests of an owner were handed over holds until its END. */
struct session {
    const char *owner;
    uint64_t number;
};

#define MAX_SESSIONS 32

struct lq_ledger {
    struct held *held;
    size_t n_held, capacity, bytes;
    struct session sessions[MAX_SESSIONS];
    struct lq_seen done; /* tests handed over that did not pass: owner, session, name */
};

struct lq_ledger *lq_ledger_new(void)
{
    return lq_alloc(sizeof(struct lq_ledger));
}

void lq_ledger_free(struct lq_ledger **ledger)
{
    for (size_t i = 0; *ledger && i < (*ledger)->n_held; i++)
        free((*ledger)->held[i].event);
    if (*ledger) {
        free((*ledger)->held);
        lq_seen_release(&(*ledger)->done);
    }
    lq_free(ledger);
}

/* ---- copies ---- */

static struct lq_event *copy_event(const struct lq_event *event, size_t *bytes)
{
    static const size_t texts[] = {
        offsetof(struct lq_event, file_path), offsetof(struct lq_event, message),
        offsetof(struct lq_event, raw_text),  offsetof(struct lq_event, tool_name),
        offsetof(struct lq_event, category),  offsetof(struct lq_event, error_code),
        offsetof(struct lq_event, test_name),
    };
    struct lq_event *copy;
    char *to;

    *bytes = sizeof *copy;
    for (size_t i = 0; i < LQ_COUNT(texts); i++)
        *bytes += ((const struct lq_str *)((const char *)event + texts[i]))->len;
    copy = lq_alloc(*bytes);
    *copy = *event;
    to = (char *)(copy + 1);
    for (size_t i = 0; i < LQ_COUNT(texts); i++) {
        struct lq_str *text = (struct lq_str *)((char *)copy + texts[i]);

        if (!text->len)
            continue;
        memcpy(to, text->ptr, text->len);
        text->ptr = to;
        to += text->len;
    }
    return copy;
}

static bool failed(const struct lq_event *event)
{
    return event->test_status == LQ_TEST_FAIL || event->test_status == LQ_TEST_ERROR;
}

/* What `details` tell that `result` does not. */
static struct lq_event merge(const struct lq_event *result, const struct lq_event *details)
{
    struct lq_event event = *result;

    if (!event.line_number && details->file_path.len) {
        event.file_path = details->file_path;
        event.line_number = details->line_number;
        event.column_number = details->column_number;
    }
    if (!event.message.len)
        event.message = details->message;
    if (!event.error_code.len)
        event.error_code = details->error_code;
    if (details->raw_text.len > event.raw_text.len)
        event.raw_text = details->raw_text;
    if (details->log_line_start < event.log_line_start)
        event.log_line_start = details->log_line_start;
    if (details->log_line_end > event.log_line_end)
        event.log_line_end = details->log_line_end;
    return event;
}

/* ---- the list ---- */

static struct session *session_of(struct lq_ledger *ledger, const char *owner)
{
    size_t i;

    for (i = 0; i + 1 < MAX_SESSIONS && ledger->sessions[i].owner; i++)
        if (strcmp(ledger->sessions[i].owner, owner) == 0)
            return &ledger->sessions[i];
    ledger->sessions[i].owner = owner;
    return &ledger->sessions[i];
}

static uint64_t key_of(struct lq_ledger *ledger, const char *owner, const struct lq_event *event)
{
    const uint64_t session = session_of(ledger, owner)->number;

    return lq_seen_hash(lq_seen_hash(session, lq_str_of(owner)), event->test_name);
}

static void emit(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner,
                 const struct lq_event *event)
{
    struct lq_event copy = *event;

    if (failed(event) || event->test_status == LQ_TEST_SKIP)
        lq_seen_add(&ledger->done, key_of(ledger, owner, event));
    lq_parser_emit(parser, &copy);
}

static void drop(struct lq_ledger *ledger, size_t at)
{
    ledger->bytes -= ledger->held[at].bytes;
    free(ledger->held[at].event);
    ledger->n_held--;
    memmove(&ledger->held[at], &ledger->held[at + 1],
            (ledger->n_held - at) * sizeof ledger->held[0]);
}

static void hold(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner,
                 enum lq_part part, const struct lq_event *event)
{
    struct held held = { .owner = owner, .part = part };

    while (ledger->n_held >= MAX_HELD || (ledger->n_held && ledger->bytes > MAX_HELD_BYTES)) {
        emit(ledger, parser, ledger->held[0].owner, ledger->held[0].event);
        drop(ledger, 0);
    }
    held.event = copy_event(event, &held.bytes);
    LQ_GROW(ledger->held, ledger->n_held, ledger->capacity);
    ledger->held[ledger->n_held++] = held;
    ledger->bytes += held.bytes;
}

static size_t find(const struct lq_ledger *ledger, const char *owner, enum lq_part part,
                   struct lq_str name)
{
    for (size_t i = 0; i < ledger->n_held; i++)
        if (ledger->held[i].part == part && strcmp(ledger->held[i].owner, owner) == 0 &&
            (lq_str_eq(ledger->held[i].event->test_name, name) ||
             (part == LQ_PART_BEFORE && !ledger->held[i].event->test_name.len)))
            return i;
    return ledger->n_held;
}

/* Hand over `event` together with what is held at `at`, or alone. */
static void emit_with(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner,
                      const struct lq_event *event, size_t at)
{
    struct lq_event whole = *event;

    if (at < ledger->n_held)
        whole = ledger->held[at].part == LQ_PART_RESULT ? merge(ledger->held[at].event, event)
                                                        : merge(event, ledger->held[at].event);
    emit(ledger, parser, owner, &whole);
    if (at < ledger->n_held)
        drop(ledger, at);
}

static void take_result(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner,
                        const struct lq_event *event)
{
    const size_t before = find(ledger, owner, LQ_PART_BEFORE, event->test_name);

    if (before < ledger->n_held && failed(event))
        emit_with(ledger, parser, owner, event, before);
    else if (before < ledger->n_held && !failed(event)) {
        drop(ledger, before);
        emit(ledger, parser, owner, event);
    } else if (!failed(event) || event->line_number)
        emit(ledger, parser, owner, event);
    else
        hold(ledger, parser, owner, LQ_PART_RESULT, event);
}

void lq_ledger_take(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner,
                    enum lq_part part, const struct lq_event *event)
{
    switch (part) {
    case LQ_PART_END:
        lq_ledger_end(ledger, parser, owner);
        return;
    case LQ_PART_BEFORE:
        if (find(ledger, owner, part, event->test_name) == ledger->n_held)
            hold(ledger, parser, owner, part, event);
        return;
    case LQ_PART_DETAILS:
    case LQ_PART_RESULT:
        if ((failed(event) || part == LQ_PART_DETAILS) &&
            lq_seen_has(&ledger->done, key_of(ledger, owner, event)))
            return;
        break;
    case LQ_PART_WHOLE:
        break;
    }
    if (part == LQ_PART_DETAILS)
        emit_with(ledger, parser, owner, event,
                  find(ledger, owner, LQ_PART_RESULT, event->test_name));
    else if (find(ledger, owner, LQ_PART_RESULT, event->test_name) == ledger->n_held)
        take_result(ledger, parser, owner, event);
}

void lq_ledger_end(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner)
{
    size_t kept = 0;

    for (size_t i = 0; i < ledger->n_held; i++) {
        const struct held held = ledger->held[i];

        if (owner && strcmp(held.owner, owner) != 0) {
            ledger->held[kept++] = held;
            continue;
        }
        if (held.part == LQ_PART_RESULT)
            emit(ledger, parser, held.owner, held.event);
        ledger->bytes -= held.bytes;
        free(held.event);
    }
    ledger->n_held = kept;
    if (owner)
        session_of(ledger, owner)->number++;
    else
        lq_seen_clear(&ledger->done);
}
