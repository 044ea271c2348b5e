/* SPDX-License-Identifier: MIT */
/* The parser: cuts the log into blocks of whole lines and offers each line to who may want it. */
#include <lq/format.h>

#include "base/alloc.h"
#include "base/clean.h"
#include "parse/engine.h"
#include "parse/fingerprint.h"
#include "parse/ledger.h"
#include "parse/match.h"
#include "parse/matchers.h"
#include "parse/seen.h"

/* Blocks end at a line's end. Where they begin depends on the log alone, not on how it is fed. */
#define BLOCK_BYTES LQ_LINE_MAX_BYTES
/* Groups that earlier lines of a multi-line pattern gave, kept for the next. */
#define KEPT_BYTES 8192
/* Patterns of several lines that may begin with the same line. */
#define MAX_SEQUENCES 16
/* A CI system's prefix, then a tool's: no real line has more. */
#define MAX_PREFIXES 3
/* Lines on which a user's expression may take too long before it is no longer tried. */
#define MAX_GAVE_UP 16

/* An event of the rules that further lines may still belong to. */
struct draft {
    bool open;
    const struct lq_matcher *matcher;
    struct lq_str fields[LQ_N_FIELDS]; /* in `raw`, or in what the sequence keeps */
    struct lq_event event;
    struct lq_clip raw, message;
    size_t n_blanks; /* empty lines seen last */
};

/* A multi-line pattern of which some lines were seen. */
struct sequence {
    const struct lq_rule *rule; /* that the next line must match */
    int64_t first_line;
    struct lq_str fields[LQ_N_FIELDS];
    char kept[KEPT_BYTES];
    size_t kept_len;
};

struct slot {
    void *state;
    void (*release)(void *);
};

struct lq_parser {
    lq_event_fn *on_event;
    void *ctx;
    lq_line_fn *on_line;
    const char *format;                 /* NULL: all */
    const struct lq_matchers *matchers; /* of users, or NULL */
    unsigned char *gave_up;             /* by user's matcher: lines on which it took too long */
    struct lq_scanner *scanner;
    struct lq_matches *matches;
    struct lq_hits hits, rescan;
    char *block;
    size_t block_len;
    bool overlong;    /* the block is the start of a line that goes on; what follows is skipped */
    bool overlong_cr; /* and its last byte was a carriage return */
    bool taken;       /* and that start was taken already */
    bool streaming;   /* the active family takes the rest of a line that goes on */
    int n_prefixes;   /* cut off the present line so far */
    char habit[128];  /* the weak prefix of the line taken last */
    size_t habit_len;
    int in_weak; /* what is read stands behind such a prefix, or behind what looks like one */
    int64_t line_count;
    struct draft draft;
    struct sequence sequences[MAX_SEQUENCES]; /* begun with the same line */
    size_t n_sequences;
    const struct lq_rule
        *instead;         /* what the sequences' first line is when none goes on, or NULL */
    struct lq_clip first; /* that line */
    const struct lq_family *active;
    const char *owner; /* of the rule that made it so */
    struct slot slots[LQ_N_SLOTS];
    struct lq_ledger *ledger;
    struct lq_seen said; /* of matchers whose tool says things twice */
    int dialect;
};

/* ---- for the families ---- */

void **lq_parser_slot(struct lq_parser *parser, enum lq_family_slot slot, void (*release)(void *))
{
    parser->slots[slot].release = release;
    return &parser->slots[slot].state;
}

int *lq_parser_dialect(struct lq_parser *parser)
{
    return &parser->dialect;
}

void lq_parser_activate(struct lq_parser *parser, const struct lq_family *family)
{
    parser->active = family;
}

struct lq_str lq_parser_group(const struct lq_parser *parser, unsigned number)
{
    return lq_matches_group(parser->matches, number);
}

struct lq_str lq_parser_field(const struct lq_parser *parser, const struct lq_rule *rule,
                              enum lq_field field)
{
    return rule->group[field] ? lq_matches_group(parser->matches, rule->group[field])
                              : (struct lq_str){ NULL, 0 };
}

bool lq_parser_try(struct lq_parser *parser, const char *regexp, struct lq_str line)
{
    return lq_matches_try(parser->matches, regexp, line);
}

struct lq_event lq_event_of(const char *tool, const char *category, int64_t line)
{
    return (struct lq_event){
        .tool_name = lq_str_of(tool),
        .category = lq_str_of(category),
        .test_duration_sec = -1,
        .log_line_start = line,
        .log_line_end = line,
    };
}

int64_t lq_digits(struct lq_str text)
{
    int64_t value = 0;

    for (size_t i = 0; i < text.len && i < 18 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return value;
}

double lq_seconds(struct lq_str text)
{
    char copy[32];
    char *end;
    double value;

    if (text.len == 0 || text.len >= sizeof copy)
        return -1;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    value = strtod(copy, &end);
    return *end || !(value >= 0) ? -1 : value;
}

struct lq_str lq_parser_earlier(const struct lq_parser *parser, struct lq_line line, int back)
{
    const char *const start = parser->block;
    const char *end, *from;
    size_t cut;

    /* A line that was wrapped in another has none before it. */
    if (line.text.ptr < start || line.text.ptr > start + BLOCK_BYTES)
        return (struct lq_str){ NULL, 0 };
    end = memrchr(start, '\n', (size_t)(line.text.ptr - start));
    cut = (size_t)(line.text.ptr - (end ? end + 1 : start));

    for (from = end; from && back > 0; back--) {
        end = from;
        from = memrchr(start, '\n', (size_t)(end - start));
    }
    if (!end || back > 0)
        return (struct lq_str){ NULL, 0 };
    from = from ? from + 1 : start;
    if ((size_t)(end - from) < cut)
        return (struct lq_str){ end, 0 };
    return (struct lq_str){ from + cut, (size_t)(end - from) - cut };
}

/* ---- events ---- */

static void hand_over(struct lq_parser *parser, struct lq_event *event)
{
    char fingerprint[LQ_FINGERPRINT_BYTES];

    if (!event->test_name.len)
        event->file_path = lq_makedirs_resolve(parser, event->file_path);
    event->fingerprint.len = lq_fingerprint(event, fingerprint);
    event->fingerprint.ptr = fingerprint;
    parser->on_event(parser->ctx, event);
}

static bool said_before(struct lq_parser *parser, const char *owner, const struct lq_event *event)
{
    uint64_t hash = lq_seen_hash(
        (uint64_t)event->line_number << 20 ^ (uint64_t)event->column_number, lq_str_of(owner));

    hash = lq_seen_hash(hash, event->file_path);
    hash = lq_seen_hash(hash, event->error_code);
    return !lq_seen_add(&parser->said, lq_seen_hash(hash, event->message));
}

static void close_draft(struct lq_parser *parser)
{
    struct draft *draft = &parser->draft;

    if (!draft->open)
        return;
    draft->open = false;
    draft->event.message = lq_clip_text(&draft->message);
    draft->event.raw_text = lq_clip_text(&draft->raw);
    for (unsigned i = 0; i < LQ_N_FIELDS; i++)
        if (draft->matcher->need & (1u << i) && !draft->fields[i].len)
            return;
    if (draft->matcher->family && draft->matcher->family->adjust)
        draft->matcher->family->adjust(parser, &draft->event);
    if (draft->matcher->once && said_before(parser, draft->matcher->owner, &draft->event))
        return;
    if (draft->matcher->part == LQ_PART_WHOLE)
        hand_over(parser, &draft->event);
    else
        lq_ledger_take(parser->ledger, parser, draft->matcher->owner, draft->matcher->part,
                       &draft->event);
}

void lq_parser_emit(struct lq_parser *parser, struct lq_event *event)
{
    close_draft(parser);
    hand_over(parser, event);
}

void lq_parser_report(struct lq_parser *parser, const char *owner, enum lq_part part,
                      const struct lq_event *event)
{
    close_draft(parser);
    lq_ledger_take(parser->ledger, parser, owner, part, event);
}

static void add_raw(struct draft *draft, struct lq_str line)
{
    if (draft->raw.len)
        lq_clip_add(&draft->raw, LQ_STR("\n"));
    lq_clip_add(&draft->raw, line);
}

static struct lq_str trim(struct lq_str text)
{
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    return text;
}

struct lq_str lq_trim_lines(struct lq_str text)
{
    while (text.len && memchr(" \t\n", text.ptr[text.len - 1], 3))
        text.len--;
    while (text.len && memchr(" \t\n", text.ptr[0], 3)) {
        text.ptr++;
        text.len--;
    }
    return text;
}

/* ---- the words of the tools ---- */

/* The first letter, in either case, already tells most words apart. */
static bool same_word(struct lq_str text, const char *word)
{
    return text.len && ((text.ptr[0] ^ word[0]) & ~0x20) == 0 && strlen(word) == text.len &&
           strncasecmp(text.ptr, word, text.len) == 0;
}

static int look_up(const struct lq_word *words, struct lq_str text, int otherwise)
{
    for (; words && words->word; words++)
        if (same_word(text, words->word))
            return words->value;
    return otherwise;
}

static const struct lq_word common_severities[] = {
    { "error", LQ_SEVERITY_ERROR },
    { "warning", LQ_SEVERITY_WARNING },
    { "note", LQ_SEVERITY_NOTE },
    { "info", LQ_SEVERITY_INFO },
    { "fatal error", LQ_SEVERITY_ERROR },
    { "fatal", LQ_SEVERITY_ERROR },
    { "err", LQ_SEVERITY_ERROR },
    { "failure", LQ_SEVERITY_ERROR },
    { "critical", LQ_SEVERITY_ERROR },
    { "internal compiler error", LQ_SEVERITY_ERROR },
    { "sorry, unimplemented", LQ_SEVERITY_ERROR },
    { "warn", LQ_SEVERITY_WARNING },
    { "help", LQ_SEVERITY_NOTE },
    { "hint", LQ_SEVERITY_NOTE },
    { "notice", LQ_SEVERITY_NOTE },
    { "information", LQ_SEVERITY_INFO },
    { "remark", LQ_SEVERITY_INFO },
    { "style", LQ_SEVERITY_INFO },
    { NULL, 0 },
};

static const struct lq_word common_statuses[] = {
    { "passed", LQ_TEST_PASS },  { "pass", LQ_TEST_PASS },
    { "ok", LQ_TEST_PASS },      { "failed", LQ_TEST_FAIL },
    { "fail", LQ_TEST_FAIL },    { "error", LQ_TEST_ERROR },
    { "skipped", LQ_TEST_SKIP }, { "skip", LQ_TEST_SKIP },
    { "ignored", LQ_TEST_SKIP }, { NULL, 0 },
};

enum lq_severity lq_severity_of(const struct lq_word *words, struct lq_str text,
                                enum lq_severity otherwise)
{
    return (enum lq_severity)look_up(words, text, look_up(common_severities, text, (int)otherwise));
}

enum lq_test_status lq_test_status_of(const struct lq_word *words, struct lq_str text,
                                      enum lq_test_status otherwise)
{
    return (enum lq_test_status)look_up(words, text,
                                        look_up(common_statuses, text, (int)otherwise));
}

enum lq_severity lq_severity_of_test(enum lq_test_status status)
{
    return status == LQ_TEST_FAIL || status == LQ_TEST_ERROR ? LQ_SEVERITY_ERROR : LQ_SEVERITY_NONE;
}

/* ---- rules ---- */

static struct lq_str code_of(const struct lq_matcher *matcher, struct lq_str text)
{
    if (!text.ptr)
        return lq_str_of(matcher->code);
    for (const struct lq_code *code = matcher->codes; code && code->word; code++)
        if (lq_str_starts(text, lq_str_of(code->word)))
            return lq_str_of(code->code);
    return text;
}

static void fill_status(struct draft *draft)
{
    const struct lq_matcher *matcher = draft->matcher;
    struct lq_event *event = &draft->event;
    const struct lq_str severity = draft->fields[LQ_FIELD_SEVERITY];
    const struct lq_str status = draft->fields[LQ_FIELD_TEST_STATUS];

    event->severity = (enum lq_severity)matcher->severity;
    if (severity.ptr)
        event->severity =
            lq_severity_of(matcher->severities, severity, (enum lq_severity)matcher->severity);
    if (!status.ptr && !matcher->status)
        return;
    event->test_status = (enum lq_test_status)matcher->status;
    if (status.ptr)
        event->test_status =
            lq_test_status_of(matcher->statuses, status, (enum lq_test_status)matcher->status);
    event->severity = lq_severity_of_test(event->test_status);
}

/* "12", "12,5", "12,5,12,9" */
static void fill_location(struct lq_event *event, struct lq_str text)
{
    size_t n = 0;

    event->line_number = lq_digits(text);
    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;
    if (n + 1 < text.len)
        event->column_number = lq_digits((struct lq_str){ text.ptr + n + 1, text.len - n - 1 });
}

static void fill_event(struct draft *draft)
{
    const struct lq_str *fields = draft->fields;
    struct lq_event *event = &draft->event;

    event->file_path = trim(fields[LQ_FIELD_FILE]);
    event->line_number = lq_digits(fields[LQ_FIELD_LINE]);
    event->column_number = lq_digits(fields[LQ_FIELD_COLUMN]);
    if (fields[LQ_FIELD_LOCATION].len)
        fill_location(event, fields[LQ_FIELD_LOCATION]);
    event->error_code = code_of(draft->matcher, fields[LQ_FIELD_CODE]);
    if (fields[LQ_FIELD_TOOL].len)
        event->tool_name = fields[LQ_FIELD_TOOL];
    event->test_name = trim(fields[LQ_FIELD_TEST_NAME]);
    event->test_duration_sec = lq_seconds(fields[LQ_FIELD_DURATION]);
    fill_status(draft);
}

static void fill_message(struct draft *draft)
{
    lq_clip_clear(&draft->message);
    lq_clip_add(&draft->message, trim(draft->fields[LQ_FIELD_MESSAGE]));
    draft->event.message = lq_clip_text(&draft->message);
}

/* Keep a group for the lines to come; what does not fit is left out. */
static struct lq_str keep(struct sequence *sequence, struct lq_str text)
{
    char *copy = sequence->kept + sequence->kept_len;

    if (!text.ptr || text.len > KEPT_BYTES - sequence->kept_len)
        return (struct lq_str){ NULL, 0 };
    memcpy(copy, text.ptr, text.len);
    sequence->kept_len += text.len;
    return (struct lq_str){ copy, text.len };
}

/* A group of the match in `line`, moved to the copy of the line that the draft holds. */
static struct lq_str copied(const struct lq_parser *parser, unsigned group, struct lq_str line)
{
    const struct draft *draft = &parser->draft;
    const struct lq_str text = lq_matches_group(parser->matches, group);

    if (!text.ptr || !draft->raw.data)
        return (struct lq_str){ NULL, 0 };
    return (struct lq_str){ draft->raw.data + draft->raw.len - line.len + (text.ptr - line.ptr),
                            text.len };
}

/* A line that a later line completes: keep its groups, and its text unless more than one event
 * will follow. */
static void go_on(struct lq_parser *parser, struct sequence *sequence, const struct lq_rule *rule)
{
    for (int i = 0; i < LQ_N_FIELDS; i++)
        if (rule->group[i])
            sequence->fields[i] = keep(sequence, lq_matches_group(parser->matches, rule->group[i]));
    sequence->rule = rule + 1;
}

static void begin_sequence(struct lq_parser *parser, const struct lq_rule *rule,
                           struct lq_line line)
{
    struct sequence *sequence;

    if (!parser->n_sequences) {
        parser->instead = NULL;
        lq_clip_clear(&parser->draft.raw);
        add_raw(&parser->draft, line.text);
    }
    if (parser->n_sequences == MAX_SEQUENCES)
        return;
    sequence = &parser->sequences[parser->n_sequences++];
    memset(sequence->fields, 0, sizeof sequence->fields);
    sequence->kept_len = 0;
    sequence->first_line = line.number;
    go_on(parser, sequence, rule);
}

/* `rule` matched, `line` is the last that it needs: open the event. */
static void open_event(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct draft *draft = &parser->draft;
    const struct sequence *sequence = &parser->sequences[0];

    draft->matcher = rule->matcher;
    draft->n_blanks = 0;
    draft->event = lq_event_of(rule->matcher->tool, rule->matcher->category, line.number);
    if (rule->first)
        memset(draft->fields, 0, sizeof draft->fields);
    else
        memcpy(draft->fields, sequence->fields, sizeof draft->fields);
    if (rule->first || rule->loop)
        lq_clip_clear(&draft->raw);
    if (!rule->first && !rule->loop)
        draft->event.log_line_start = sequence->first_line;
    /* The copy of the line begins where raw ends; a line that was cut has its groups before. */
    add_raw(draft, line.text);
    if (draft->raw.cut)
        return;
    for (int i = 0; i < LQ_N_FIELDS; i++) {
        const struct lq_str text =
            rule->group[i] ? copied(parser, rule->group[i], line.text) : (struct lq_str){ NULL, 0 };

        if (text.ptr)
            draft->fields[i] = text;
    }
    fill_event(draft);
    fill_message(draft);
    draft->open = true;
}

static void tell(const struct lq_parser *parser, struct lq_line line, const char *format,
                 enum lq_line_part part)
{
    if (parser->on_line)
        parser->on_line(parser->ctx, line.number, format, part);
}

static bool take_family(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    if (!rule->matcher->family->match(parser, rule, line))
        return false;
    parser->owner = rule->matcher->owner;
    tell(parser, line, parser->owner, parser->active ? LQ_LINE_BEGIN : LQ_LINE_EVENT);
    return true;
}

/* `rule` is the first of its matcher and has matched. */
static bool take_match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    if (rule->matcher->family && rule->matcher->family->match)
        return take_family(parser, rule, line);
    tell(parser, line, rule->matcher->owner, rule->last ? LQ_LINE_EVENT : LQ_LINE_BEGIN);
    if (rule->last)
        open_event(parser, rule, line);
    else
        begin_sequence(parser, rule, line);
    return true;
}

/* No sequence went on: its first line is what a pattern of one line says. */
static void open_instead(struct lq_parser *parser)
{
    const struct lq_rule *rule = parser->instead;
    const struct lq_line line = { lq_clip_text(&parser->first), parser->sequences[0].first_line };

    parser->instead = NULL;
    if (rule && lq_matches_try(parser->matches, rule->regexp, line.text))
        open_event(parser, rule, line);
}

/* Whether the line goes on with one of the multi-line patterns that earlier lines began: with it
 * alone it goes on from here. */
static bool take_sequence(struct lq_parser *parser, struct lq_line line)
{
    const size_t n = parser->n_sequences;
    struct sequence *sequence = &parser->sequences[0];
    const struct lq_rule *rule;
    size_t i;

    parser->n_sequences = 0;
    for (i = 0; i < n; i++)
        if (lq_matches_try(parser->matches, parser->sequences[i].rule->regexp, line.text))
            break;
    if (i == n) {
        open_instead(parser);
        return false;
    }
    parser->instead = NULL;
    rule = parser->sequences[i].rule;
    if (i > 0) {
        *sequence = parser->sequences[i];
        for (int f = 0; f < LQ_N_FIELDS; f++) /* its texts have moved with it */
            if (sequence->fields[f].ptr)
                sequence->fields[f].ptr += sequence->kept - parser->sequences[i].kept;
    }
    tell(parser, line, rule->matcher->owner, rule->last ? LQ_LINE_EVENT : LQ_LINE_MORE);
    if (parser->draft.open) { /* of the same loop; improving it may have used the match */
        close_draft(parser);
        lq_matches_try(parser->matches, rule->regexp, line.text);
    }
    if (rule->last) {
        open_event(parser, rule, line);
        parser->n_sequences = rule->loop;
    } else {
        go_on(parser, sequence, rule);
        add_raw(&parser->draft, line.text);
        parser->n_sequences = 1;
    }
    return true;
}

/* The matcher's `find` patterns look for fields in a line that belongs to the open event. A place is
 * taken whole or not at all. */
static void find_fields(struct lq_parser *parser, struct lq_str line)
{
    struct draft *draft = &parser->draft;

    for (size_t n = 0; n < draft->matcher->n_finds && !draft->raw.cut; n++) {
        const struct lq_rule *rule = &draft->matcher->finds[n];
        const bool place = rule->group[LQ_FIELD_FILE];

        if ((place && !rule->again && draft->fields[LQ_FIELD_FILE].ptr) ||
            !lq_matches_try(parser->matches, rule->regexp, line))
            continue;
        for (int i = 0; i < LQ_N_FIELDS; i++) {
            if (!rule->group[i] || (draft->fields[i].len && !rule->again))
                continue;
            draft->fields[i] = copied(parser, rule->group[i], line);
            if (i == LQ_FIELD_MESSAGE)
                fill_message(draft);
        }
        fill_event(draft);
    }
}

/* Whether the line still belongs to the open event. A first group of the expression is text that
 * goes on with the message: lines are joined by a space; between empty ones it is a paragraph. A
 * second group is the error code, unless it is known. Empty lines belong to the event
 * only when more of it follows. */
static bool take_follow(struct lq_parser *parser, struct lq_line line)
{
    struct draft *draft = &parser->draft;
    struct lq_str more, code;

    if (!draft->open)
        return false;
    if (!draft->matcher->follow ||
        !lq_matches_try(parser->matches, draft->matcher->follow, line.text)) {
        close_draft(parser);
        return false;
    }
    tell(parser, line, draft->matcher->owner, LQ_LINE_MORE);
    if (!line.text.len) {
        draft->n_blanks++;
        return true;
    }
    more = trim(lq_matches_group(parser->matches, 1));
    if (more.len && draft->message.len)
        lq_clip_add(&draft->message, draft->n_blanks ? LQ_STR("\n") : LQ_STR(" "));
    lq_clip_add(&draft->message, more);
    for (; draft->n_blanks; draft->n_blanks--)
        add_raw(draft, LQ_STR(""));
    add_raw(draft, line.text);
    code = copied(parser, 2, line.text);
    if (code.len && !draft->event.error_code.len && !draft->raw.cut)
        draft->event.error_code = draft->fields[LQ_FIELD_CODE] = code;
    find_fields(parser, line.text);
    draft->event.log_line_end = line.number;
    return true;
}

bool lq_parser_wants(const struct lq_parser *parser, const char *name)
{
    return !parser->format || strcmp(parser->format, name) == 0;
}

static bool wanted(const struct lq_parser *parser, const struct lq_rule *rule)
{
    const struct lq_family *family = rule->matcher->family;

    return rule->prefix || (family && family->documents) ||
           lq_parser_wants(parser, rule->matcher->owner);
}

static bool take_line(struct lq_parser *parser, struct lq_line line, const struct lq_hit *hits,
                      size_t n_hits);

static bool reread(struct lq_parser *parser, struct lq_line line)
{
    struct lq_hits hits = parser->rescan;
    bool taken;

    parser->rescan = (struct lq_hits){ .at = NULL };
    lq_scanner_scan(parser->scanner, line.text, &hits);
    taken = take_line(parser, line, hits.at, hits.count);
    free(parser->rescan.at);
    parser->rescan = hits;
    return taken;
}

void lq_parser_reread(struct lq_parser *parser, struct lq_line line)
{
    reread(parser, line);
}

/* Whether `rule`, the first of a user's matcher, matches. One that takes too long again and again is given
 * up: it may be made for that. */
static bool try_user(struct lq_parser *parser, size_t matcher, const struct lq_rule *rule,
                     struct lq_str line)
{
    if (parser->gave_up[matcher] == MAX_GAVE_UP || !wanted(parser, rule))
        return false;
    if (lq_matches_try(parser->matches, rule->regexp, line))
        return true;
    parser->gave_up[matcher] += lq_matches_gave_up(parser->matches);
    return false;
}

/* Whether a matcher of a user takes the line as an event; `after`: one of those that come behind lq's own. */
static bool take_user(struct lq_parser *parser, struct lq_line line, bool after)
{
    for (size_t i = 0; parser->matchers && i < parser->matchers->n; i++) {
        const struct lq_user_matcher *user = parser->matchers->list[i];
        const struct lq_rule *rule = &user->rules[0];

        if (user->after == after && rule->last && !rule->prefix &&
            try_user(parser, i, rule, line.text) && take_match(parser, rule, line))
            return true;
    }
    return false;
}

/* Users' patterns of several lines may begin with this one. They do so last of all, and it means nothing
 * yet: many begin with a file's name alone, for which they take any line. */
static void begin_user(struct lq_parser *parser, struct lq_line line)
{
    for (size_t i = 0; parser->matchers && i < parser->matchers->n; i++) {
        const struct lq_rule *rule = &parser->matchers->list[i]->rules[0];

        if (!rule->last && !rule->prefix && try_user(parser, i, rule, line.text))
            take_match(parser, rule, line);
    }
}

/* Read the line afresh without its first `len` bytes. */
static bool take_rest(struct lq_parser *parser, struct lq_line line, size_t len)
{
    bool taken;

    line.text.ptr += len;
    line.text.len -= len;
    parser->n_prefixes++;
    taken = reread(parser, line);
    parser->n_prefixes--;
    return taken;
}

/* The first prefix of one kind that the line has, as its length; 0: none. */
static size_t prefix_of(struct lq_parser *parser, struct lq_str line, const struct lq_hit *hits,
                        size_t n_hits, bool weak, const char **owner)
{
    for (size_t i = 0; i < n_hits && parser->n_prefixes < MAX_PREFIXES; i++) {
        const struct lq_rule *rule = &lq_rules[hits[i].rule];

        if (rule->prefix && rule->weak == weak &&
            lq_matches_try(parser->matches, rule->regexp, line)) {
            *owner = rule->matcher->owner;
            return lq_matches_group(parser->matches, 0).len;
        }
    }
    for (size_t i = 0; parser->matchers && i < parser->matchers->n; i++) {
        const struct lq_rule *rule = &parser->matchers->list[i]->rules[0];

        if (rule->prefix && rule->weak == weak && parser->n_prefixes < MAX_PREFIXES &&
            try_user(parser, i, rule, line)) {
            *owner = rule->matcher->owner;
            return lq_matches_group(parser->matches, 0).len;
        }
    }
    return 0;
}

/* Whether something began that may go on. */
static bool goes_on(const struct lq_parser *parser)
{
    return parser->active || parser->draft.open || parser->n_sequences;
}

static bool wants_every_line(const struct lq_parser *parser)
{
    return goes_on(parser) || (parser->matchers && parser->matchers->n);
}

static void keep_instead(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    if (parser->instead)
        return;
    parser->instead = rule;
    lq_clip_clear(&parser->first);
    lq_clip_add(&parser->first, line.text);
}

/* Rules are in order of preference; a line has few hits, so the next lowest is searched. Once a
 * pattern of several lines has begun, others of that kind may begin with the same line; the next
 * line tells which it was, or that it was none. */
static bool take_rules(struct lq_parser *parser, struct lq_line line, const struct lq_hit *hits,
                       size_t n_hits)
{
    uint32_t last = UINT32_MAX;

    for (;;) {
        uint32_t next = UINT32_MAX;

        for (size_t i = 0; i < n_hits; i++)
            if (hits[i].rule < next && (last == UINT32_MAX || hits[i].rule > last))
                next = hits[i].rule;
        if (next == UINT32_MAX)
            return parser->n_sequences > 0;
        last = next;
        if (lq_rules[next].prefix || !wanted(parser, &lq_rules[next]) ||
            !lq_matches_try(parser->matches, lq_rules[next].regexp, line.text))
            continue;
        if (parser->n_sequences && lq_rules[next].last) {
            if (!lq_rules[next].matcher->family || !lq_rules[next].matcher->family->match)
                keep_instead(parser, &lq_rules[next], line);
        } else if (take_match(parser, &lq_rules[next], line) && !parser->n_sequences) {
            return true;
        }
    }
}

/* What lq's own formats and those of users make of a line that belongs to nothing before it. */
static bool take_afresh(struct lq_parser *parser, struct lq_line line, const struct lq_hit *hits,
                        size_t n_hits)
{
    if (take_user(parser, line, false) || take_rules(parser, line, hits, n_hits) ||
        take_user(parser, line, true))
        return true;
    if (!parser->in_weak)
        begin_user(parser, line);
    return false;
}

/* The weak prefix of the line that was taken last is expected again while something goes on. */
static bool take_habit(struct lq_parser *parser, struct lq_line line, bool *taken)
{
    struct lq_str habit = { parser->habit, parser->habit_len };

    if (!habit.len || parser->n_prefixes || !goes_on(parser))
        return false;
    /* Spaces at the end of a line may have been lost. */
    while (habit.len > line.text.len && habit.ptr[habit.len - 1] == ' ')
        habit.len--;
    if (!lq_str_starts(line.text, habit))
        return false;
    *taken = take_rest(parser, line, habit.len);
    return true;
}

/* Read the line without its weak prefix. When the rest may begin something, so may the whole: the
 * next line tells. */
static bool take_weak(struct lq_parser *parser, struct lq_line line, const struct lq_hit *hits,
                      size_t n_hits)
{
    const char *owner;
    const size_t len = prefix_of(parser, line.text, hits, n_hits, true, &owner);
    bool taken;

    if (!len)
        return false;
    parser->in_weak++;
    taken = take_rest(parser, line, len);
    parser->in_weak--;
    if (!taken)
        return false;
    parser->habit_len = 0;
    if (!parser->n_prefixes && len <= sizeof parser->habit) {
        memcpy(parser->habit, line.text.ptr, len);
        parser->habit_len = len;
    }
    return !parser->n_sequences;
}

/* Whether it meant something. */
static bool take_line(struct lq_parser *parser, struct lq_line line, const struct lq_hit *hits,
                      size_t n_hits)
{
    const size_t n_loops = parser->n_sequences && parser->sequences[0].rule->loop;
    const char *owner = NULL, *active = parser->owner;
    const size_t prefix = prefix_of(parser, line.text, hits, n_hits, false, &owner);
    bool taken;

    if (prefix) {
        tell(parser, line, owner, LQ_LINE_PREFIX);
        return take_rest(parser, line, prefix);
    }
    if (take_habit(parser, line, &taken))
        return taken || take_afresh(parser, line, hits, n_hits);
    if (parser->active && parser->active->line(parser, line)) {
        tell(parser, line, active, LQ_LINE_MORE);
        return true;
    }
    if (take_sequence(parser, line))
        return true;
    if (take_follow(parser, line)) {
        parser->n_sequences = n_loops; /* the next line may be another of its events */
        return true;
    }
    /* The rest first: a path may hold anything that a prefix looks like. */
    return take_weak(parser, line, hits, n_hits) || take_afresh(parser, line, hits, n_hits);
}

/* ---- lines and blocks ---- */

static int64_t count_lines(const char *at, const char *end)
{
    int64_t count = 0;

    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        count++;
        at++;
    }
    return count;
}

/* Whole lines, each with its line end. */
static void take_block(struct lq_parser *parser, char *block, size_t len)
{
    const struct lq_hits *hits = &parser->hits;
    const char *at = block, *end;
    size_t n = 0;

    if (memchr(block, '\033', len) || memchr(block, '\r', len))
        len = lq_clean(block, len);
    end = block + len;
    lq_scanner_scan(parser->scanner, (struct lq_str){ block, len }, &parser->hits);
    while (at < end) {
        const char *stop;
        size_t first;

        while (n < hits->count && block + hits->at[n].end <= at)
            n++;
        if (!wants_every_line(parser)) {
            const char *start;

            if (n == hits->count)
                break;
            start = memrchr(at, '\n', (size_t)(block + hits->at[n].end - 1 - at));
            if (start) {
                parser->line_count += count_lines(at, start + 1);
                at = start + 1;
            }
        }
        stop = memchr(at, '\n', (size_t)(end - at));
        parser->line_count++;
        for (first = n; n < hits->count && block + hits->at[n].end <= stop; n++)
            ;
        take_line(parser,
                  (struct lq_line){ .text = { at, (size_t)(stop - at) },
                                    .number = parser->line_count,
                                    .goes_on = parser->streaming },
                  hits->at + first, n - first);
        at = stop + 1;
    }
    parser->line_count += count_lines(at, end);
}

/* Whether a document may begin in the block. */
static bool may_be_document(struct lq_str block)
{
    static const char *const marks[] = { "{\"", "[{", "[\"", "<?xml", "<testsuite", "<checkstyle" };

    for (size_t i = 0; i < LQ_COUNT(marks); i++)
        if (memmem(block.ptr, block.len < 256 ? block.len : 256, marks[i], strlen(marks[i])))
            return true;
    return false;
}

/* The block is the start of a line that goes on: take it at once when a family may want the rest as it
 * comes. */
static void take_start(struct lq_parser *parser)
{
    const bool active = parser->active && parser->active->piece;

    parser->taken = active || may_be_document((struct lq_str){ parser->block, parser->block_len });
    if (!parser->taken)
        return;
    parser->streaming = true;
    parser->block[parser->block_len] = '\n';
    take_block(parser, parser->block, parser->block_len + 1);
    parser->block_len = 0;
    parser->streaming = parser->active && parser->active->piece;
}

static void end_piece(struct lq_parser *parser, bool last)
{
    if (parser->active && parser->active->piece)
        parser->active->piece(parser, (struct lq_str){ parser->block, parser->block_len }, last);
    parser->block_len = 0;
    parser->streaming = !last;
}

/* The block is full: take its whole lines, or else know that its only line is too long. */
static void take_full_block(struct lq_parser *parser)
{
    const char *newline = memrchr(parser->block, '\n', parser->block_len);
    const char *cr;
    size_t len;

    if (newline) {
        len = (size_t)(newline + 1 - parser->block);
        memcpy(parser->block + BLOCK_BYTES + 1, parser->block + len, parser->block_len - len);
        take_block(parser, parser->block, len);
        parser->block_len -= len;
        memcpy(parser->block, parser->block + BLOCK_BYTES + 1, parser->block_len);
        return;
    }
    /* A progress display that never ends its line: what was overwritten is of no interest. */
    cr = memrchr(parser->block, '\r', parser->block_len - 1);
    if (cr) {
        len = (size_t)(cr + 1 - parser->block);
        parser->block_len -= len;
        memmove(parser->block, cr + 1, parser->block_len);
        return;
    }
    take_start(parser);
    parser->overlong = !parser->streaming;
    parser->overlong_cr = false;
}

/* Copy what follows of a streamed line into the block, and hand that on when it is full or the line
 * ends; returns what was used up. */
static size_t stream_line(struct lq_parser *parser, const char *bytes, size_t len)
{
    const size_t room = BLOCK_BYTES - parser->block_len, take = len < room ? len : room;
    const char *newline = memchr(bytes, '\n', take);
    const size_t used = newline ? (size_t)(newline - bytes) : take;

    memcpy(parser->block + parser->block_len, bytes, used);
    parser->block_len += used;
    if (newline || parser->block_len == BLOCK_BYTES)
        end_piece(parser, newline);
    return used + (newline ? 1 : 0);
}

/* Skip the rest of a line that is too long; returns what was used up. */
static size_t skip_overlong(struct lq_parser *parser, const char *bytes, size_t len)
{
    const char *newline = memchr(bytes, '\n', len);
    const size_t rest = newline ? (size_t)(newline - bytes) : len;
    const char *cr = rest ? memrchr(bytes, '\r', rest) : NULL;

    if (parser->overlong_cr && rest && bytes[0] != '\r')
        cr = cr && cr > bytes ? cr : bytes - 1;
    parser->overlong_cr = cr == bytes + rest - 1;
    if (cr && !parser->overlong_cr) {
        /* Text after a carriage return begins the line anew. */
        parser->overlong = false;
        parser->block_len = 0;
        parser->line_count -= parser->taken;
        return (size_t)(cr + 1 - bytes);
    }
    if (!newline)
        return len;
    parser->overlong = false;
    if (!parser->taken) {
        parser->block[parser->block_len++] = '\n';
        take_block(parser, parser->block, parser->block_len);
    }
    parser->block_len = 0;
    return rest + 1;
}

void lq_parser_feed(struct lq_parser *parser, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len) {
        size_t take = BLOCK_BYTES - parser->block_len;

        if (parser->streaming) {
            take = stream_line(parser, at, len);
        } else if (parser->overlong) {
            take = skip_overlong(parser, at, len);
        } else {
            take = take < len ? take : len;
            memcpy(parser->block + parser->block_len, at, take);
            parser->block_len += take;
            if (parser->block_len == BLOCK_BYTES)
                take_full_block(parser);
        }
        at += take;
        len -= take;
    }
}

static const struct lq_family *const families[] = {
    &lq_family_gotest, &lq_family_jest,   &lq_family_json, &lq_family_mocha, &lq_family_nodetest,
    &lq_family_pytest, &lq_family_python, &lq_family_tap,  &lq_family_xml
};

void lq_parser_finish(struct lq_parser *parser)
{
    if (parser->streaming) {
        end_piece(parser, true);
    } else if (parser->block_len) {
        if (parser->block[parser->block_len - 1] != '\n')
            parser->block[parser->block_len++] = '\n';
        take_block(parser, parser->block, parser->block_len);
        parser->block_len = 0;
        parser->overlong = false;
    }
    if (parser->n_sequences)
        open_instead(parser);
    parser->n_sequences = 0;
    close_draft(parser);
    for (size_t i = 0; i < LQ_COUNT(families); i++)
        families[i]->finish(parser);
    close_draft(parser);
    lq_ledger_end(parser->ledger, parser, NULL);
    parser->active = NULL;
}

/* ---- the public rest ---- */

const struct lq_format_info *lq_formats(size_t *n_formats)
{
    *n_formats = lq_n_format_infos;
    return lq_format_infos;
}

/* The format of that name, as the listing has it; NULL: there is none. */
static const char *find_format(const struct lq_matchers *matchers, const char *name)
{
    size_t n;
    const struct lq_format_info *infos = lq_matchers_formats(matchers, &n);

    for (size_t i = 0; i < lq_n_format_infos; i++)
        if (strcmp(name, lq_format_infos[i].name) == 0)
            return lq_format_infos[i].name;
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, infos[i].name) == 0)
            return infos[i].name;
    return NULL;
}

static void lend_expressions(struct lq_parser *parser)
{
    parser->gave_up = lq_alloc(parser->matchers->n + 1);
    for (size_t i = 0; i < parser->matchers->n; i++) {
        const struct lq_user_matcher *user = parser->matchers->list[i];

        for (size_t n = 0; n < user->n_expressions; n++)
            lq_matches_lend(parser->matches, &user->expressions[n]);
    }
}

enum lq_status lq_parser_new(struct lq_parser **out, const struct lq_parser_opts *opts,
                             lq_event_fn *on_event, void *ctx, struct lq_error *err)
{
    const struct lq_parser_opts all = { .format = NULL };
    struct lq_parser *parser;
    const char *format = NULL;

    opts = opts ? opts : &all;
    if (opts->format && !(format = find_format(opts->matchers, opts->format)))
        return lq_error_set(err, LQ_BAD_INPUT, "unknown format '%s'", opts->format);
    parser = lq_alloc(sizeof *parser);
    parser->on_event = on_event;
    parser->on_line = opts->on_line;
    parser->ctx = ctx;
    parser->format = format;
    parser->matchers = opts->matchers;
    parser->scanner = lq_scanner_new();
    parser->matches = lq_matches_new();
    if (parser->matchers)
        lend_expressions(parser);
    parser->ledger = lq_ledger_new();
    /* A block, the line end that finish adds, and room for the line that a block cuts. */
    parser->block = lq_realloc(NULL, 2 * BLOCK_BYTES + 1, 1);
    lq_clip_reserve(&parser->draft.raw, LQ_RAW_TEXT_MAX_BYTES);
    lq_clip_reserve(&parser->draft.message, LQ_MESSAGE_MAX_BYTES);
    parser->first.max = LQ_LINE_MAX_BYTES;
    *out = parser;
    return LQ_OK;
}

int64_t lq_parser_line_count(const struct lq_parser *parser)
{
    return parser->line_count;
}

void lq_parser_free(struct lq_parser **out)
{
    struct lq_parser *parser = *out;

    if (!parser)
        return;
    for (size_t i = 0; i < LQ_N_SLOTS; i++)
        if (parser->slots[i].state)
            parser->slots[i].release(parser->slots[i].state);
    lq_ledger_free(&parser->ledger);
    lq_seen_release(&parser->said);
    lq_scanner_free(&parser->scanner);
    lq_matches_free(&parser->matches);
    free(parser->hits.at);
    free(parser->rescan.at);
    free(parser->gave_up);
    free(parser->block);
    lq_clip_release(&parser->draft.raw);
    lq_clip_release(&parser->draft.message);
    lq_clip_release(&parser->first);
    lq_free(out);
}
