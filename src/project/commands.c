/* SPDX-License-Identifier: MIT */
/* Reads and edits commands.yaml: a mapping of names below the one key `commands`. */
#include "project/commands.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define TEXT_MAX_BYTES ((size_t)4096)
#define TIMEOUT_MAX_SEC 100000000

static const char header[] =
    "# Commands of this project for `lq run NAME`; `lq register` adds to them.\n";

/* Where things stand in the text, for edits. */
struct layout {
    bool has_section, flow;
    size_t section_key_end;       /* behind `commands` */
    size_t keys[LQ_COMMANDS_MAX]; /* where each name begins */
};

struct reader {
    struct lq_yaml yaml;
    struct lq_commands *commands;
    struct layout *layout;
    char *section; /* "commands.build", for messages */
};

/* ---- the list ---- */

struct lq_registered *lq_commands_append(struct lq_commands *commands)
{
    LQ_GROW(commands->list, commands->count, commands->capacity);
    commands->list[commands->count] = (struct lq_registered){ 0 };
    return &commands->list[commands->count++];
}

static void registered_release(struct lq_registered *command)
{
    free(command->name);
    free(command->command);
    free(command->description);
    free(command->format);
}

void lq_commands_release(struct lq_commands *commands)
{
    for (size_t i = 0; i < commands->count; i++)
        registered_release(&commands->list[i]);
    free(commands->list);
    *commands = (struct lq_commands){ 0 };
}

const struct lq_registered *lq_commands_find(const struct lq_commands *commands, const char *name)
{
    for (size_t i = 0; i < commands->count; i++) {
        if (strcmp(commands->list[i].name, name) == 0)
            return &commands->list[i];
    }
    return NULL;
}

/* ---- values ---- */

/* As a reference (5, build:3) it must be told from a run's number and an event's. */
static const char *name_problem(struct lq_str name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool number = true;

    if (name.len == 0 || name.len > LQ_COMMAND_NAME_MAX_BYTES)
        return "must have 1 to 50 bytes";
    for (size_t i = 0; i < name.len; i++) {
        const bool digit = name.ptr[i] >= '0' && name.ptr[i] <= '9';

        number = number && digit;
        if (!digit && !memchr(letters, name.ptr[i], sizeof letters - 1) && name.ptr[i] != '_' &&
            (i == 0 || (name.ptr[i] != '.' && name.ptr[i] != '-')))
            return "must be of letters, digits, '_', '-' and '.', the last two not first";
    }
    return number ? "is a number, which would name a run" : NULL;
}

static const char *text_problem(struct lq_str text, bool one_line)
{
    if (text.len == 0)
        return "is empty";
    if (text.len > TEXT_MAX_BYTES)
        return "is longer than 4096 bytes";
    if (!lq_text_is_utf8(text))
        return "is not valid UTF-8";
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];

        if ((byte < 0x20 && (one_line || (byte != '\n' && byte != '\t'))) || byte == 0x7f)
            return "holds control characters";
    }
    return NULL;
}

static const char *line_problem(struct lq_str text)
{
    return text_problem(text, true);
}

static const char *command_problem(struct lq_str text)
{
    return text_problem(text, false);
}

static const struct key {
    const char *name;
    size_t offset; /* of the member in struct lq_registered */
    const char *(*problem)(struct lq_str text);
} keys[] = {
    { "command", offsetof(struct lq_registered, command), command_problem },
    { "description", offsetof(struct lq_registered, description), line_problem },
    { "format", offsetof(struct lq_registered, format), line_problem },
    { "timeout", offsetof(struct lq_registered, timeout_sec), NULL },
};

/* ---- reading ---- */

static enum lq_status read_text(struct reader *reader, const struct key *key, char **text)
{
    struct lq_str value = lq_yaml_text(&reader->yaml);
    const char *problem;

    if (reader->yaml.event->type != FYET_SCALAR)
        return lq_yaml_bad(&reader->yaml, reader->section, key->name, "must be a text");
    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    while (value.len > 0 && value.ptr[value.len - 1] == '\n') /* of a literal block */
        value.len--;
    problem = key->problem(value);
    if (problem)
        return lq_yaml_bad(&reader->yaml, reader->section, key->name, problem);
    *text = lq_strndup(value.ptr, value.len);
    return LQ_OK;
}

static enum lq_status read_timeout(struct reader *reader, int64_t *seconds)
{
    const struct lq_str value = lq_yaml_text(&reader->yaml);
    int64_t number = 0;
    size_t i = 0;

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    while (i < value.len && value.ptr[i] >= '0' && value.ptr[i] <= '9' && number < TIMEOUT_MAX_SEC)
        number = number * 10 + (value.ptr[i++] - '0');
    if (i == 0 || i < value.len || number > TIMEOUT_MAX_SEC || !lq_yaml_is_plain(&reader->yaml))
        return lq_yaml_bad(&reader->yaml, reader->section, "timeout",
                           "must be a number of seconds");
    *seconds = number;
    return LQ_OK;
}

/* The keys and values of one command, whose mapping has begun. */
static enum lq_status read_keys(struct reader *reader, struct lq_registered *command)
{
    unsigned seen = 0;

    for (;;) {
        size_t i = 0;
        void *member;

        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (reader->yaml.event->type == FYET_MAPPING_END)
            return LQ_OK;
        while (i < LQ_COUNT(keys) &&
               !lq_str_eq(lq_yaml_text(&reader->yaml), lq_str_of(keys[i].name)))
            i++;
        if (i == LQ_COUNT(keys))
            return lq_yaml_unknown_key(&reader->yaml, reader->section);
        if (seen & 1u << i)
            return lq_yaml_bad(&reader->yaml, reader->section, keys[i].name, "is there twice");
        seen |= 1u << i;
        LQ_TRY(lq_yaml_next(&reader->yaml));
        member = (char *)command + keys[i].offset;
        LQ_TRY(keys[i].problem ? read_text(reader, &keys[i], member)
                               : read_timeout(reader, member));
    }
}

/* One command; its name is the newest event. */
static enum lq_status read_command(struct reader *reader)
{
    struct lq_commands *commands = reader->commands;
    const struct lq_str name = lq_yaml_text(&reader->yaml);
    struct lq_registered *command;
    const char *problem = name_problem(name);

    if (reader->yaml.event->type != FYET_SCALAR || problem)
        return lq_yaml_bad(&reader->yaml, "a command's name", NULL,
                           problem ? problem : "must be a text");
    if (commands->count == LQ_COMMANDS_MAX)
        return lq_yaml_bad(&reader->yaml, "commands", NULL, "are more than 500");
    lq_free(&reader->section);
    reader->section = lq_format("commands.%.*s", (int)name.len, name.ptr);
    if (lq_commands_find(commands, reader->section + strlen("commands.")))
        return lq_yaml_bad(&reader->yaml, reader->section, NULL, "is there twice");
    reader->layout->keys[commands->count] = lq_yaml_span(&reader->yaml).start;
    command = lq_commands_append(commands);
    command->name = lq_strndup(name.ptr, name.len);
    LQ_TRY(lq_yaml_next(&reader->yaml));
    if (reader->yaml.event->type == FYET_MAPPING_START)
        LQ_TRY(read_keys(reader, command));
    else
        LQ_TRY(read_text(reader, &keys[0], &command->command));
    if (!command->command)
        return lq_yaml_bad(&reader->yaml, reader->section, NULL, "has no command");
    return LQ_OK;
}

static enum lq_status read_section(struct reader *reader)
{
    struct layout *layout = reader->layout;

    layout->has_section = true;
    layout->section_key_end = lq_yaml_span(&reader->yaml).end;
    LQ_TRY(lq_yaml_next(&reader->yaml));
    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type != FYET_MAPPING_START)
        return lq_yaml_bad(&reader->yaml, "commands", NULL, "must hold names and commands");
    layout->flow = fy_event_get_node_style(reader->yaml.event) == FYNS_FLOW;
    for (;;) {
        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (reader->yaml.event->type == FYET_MAPPING_END)
            return LQ_OK;
        LQ_TRY(read_command(reader));
    }
}

static enum lq_status read_root(struct reader *reader)
{
    struct lq_yaml *yaml = &reader->yaml;

    if (lq_yaml_is_null(yaml))
        return LQ_OK;
    if (yaml->event->type != FYET_MAPPING_START)
        return lq_yaml_bad(yaml, "the file", NULL, "must hold keys and values");
    for (;;) {
        LQ_TRY(lq_yaml_next(yaml));
        if (yaml->event->type == FYET_MAPPING_END)
            return LQ_OK;
        if (!lq_str_eq(lq_yaml_text(yaml), LQ_STR("commands")))
            return lq_yaml_unknown_key(yaml, NULL);
        if (reader->layout->has_section)
            return lq_yaml_bad(yaml, "commands", NULL, "is there twice");
        LQ_TRY(read_section(reader));
    }
}

static enum lq_status parse(struct lq_commands *commands, struct lq_str text, const char *path,
                            struct layout *layout, struct lq_error *err)
{
    struct reader reader = { .commands = commands, .layout = layout };
    enum lq_status status;
    bool empty;

    *layout = (struct layout){ 0 };
    status = lq_yaml_open(&reader.yaml, text, path, &empty, err);
    if (status == LQ_OK && !empty)
        status = read_root(&reader);
    if (status == LQ_OK && !empty)
        status = lq_yaml_end(&reader.yaml);
    lq_yaml_close(&reader.yaml);
    free(reader.section);
    return status;
}

enum lq_status lq_commands_parse(struct lq_commands *commands, struct lq_str text, const char *path,
                                 struct lq_error *err)
{
    struct layout layout;

    return parse(commands, text, path, &layout, err);
}

/* ---- editing ---- */

static size_t line_start(const char *text, size_t at)
{
    while (at > 0 && text[at - 1] != '\n')
        at--;
    return at;
}

/* Up to `end`, without the blank lines and comments before it: they belong to what follows. */
static size_t without_comments(const char *text, size_t start, size_t end)
{
    while (end > start) {
        const size_t line = line_start(text, end - 1);
        const char *word = text + line + strspn(text + line, " \t");

        if (line <= start || !strchr("#\r\n", *word))
            return end;
        end = line;
    }
    return end;
}

/* The lines of command number `i`. */
static struct lq_yaml_span entry_span(const struct lq_buf *text, const struct layout *layout,
                                      size_t count, size_t i)
{
    const size_t start = line_start(text->data, layout->keys[i]);
    size_t end = i + 1 < count ? line_start(text->data, layout->keys[i + 1]) : text->len;
    const char *document_end = i + 1 < count ? NULL : strstr(text->data + start, "\n...");

    if (document_end)
        end = (size_t)(document_end - text->data) + 1;
    return (struct lq_yaml_span){ start, without_comments(text->data, start, end) };
}

/* "  build:\n    command: make\n" */
static void add_entry(struct lq_buf *text, const char *indent, const struct lq_registered *command)
{
    const struct {
        const char *key, *value;
    } texts[] = {
        { "command", command->command },
        { "description", command->description },
        { "format", command->format },
    };

    lq_buf_adds(text, indent);
    lq_yaml_add_scalar(text, command->name);
    lq_buf_adds(text, ":\n");
    for (size_t i = 0; i < LQ_COUNT(texts); i++) {
        if (!texts[i].value)
            continue;
        lq_buf_addf(text, "%s%s%s: ", indent, *indent ? indent : "  ", texts[i].key);
        lq_yaml_add_scalar(text, texts[i].value);
        lq_buf_addc(text, '\n');
    }
    if (command->timeout_sec > 0)
        lq_buf_addf(text, "%s%stimeout: %lld\n", indent, *indent ? indent : "  ",
                    (long long)command->timeout_sec);
}

/* The text with the lines `span` replaced by `entry`. */
static void replace_lines(struct lq_buf *edited, const struct lq_buf *text,
                          struct lq_yaml_span span, const char *entry)
{
    lq_buf_add(edited, lq_buf_text(text), span.start);
    if (edited->len > 0 && edited->data[edited->len - 1] != '\n')
        lq_buf_addc(edited, '\n');
    lq_buf_adds(edited, entry);
    if (span.end < text->len)
        lq_buf_add(edited, text->data + span.end, text->len - span.end);
}

static void edit(struct lq_buf *edited, const struct lq_buf *text, const struct layout *layout,
                 const struct lq_commands *before, const char *name,
                 const struct lq_registered *command)
{
    const struct lq_registered *old = lq_commands_find(before, name);
    struct lq_yaml_span span = { text->len, text->len };
    LQ_CLEANUP(lq_free) char *indent = lq_strdup("  ");
    LQ_CLEANUP(lq_buf_release) struct lq_buf entry = LQ_BUF_INIT;

    if (before->count > 0) {
        const size_t line = line_start(text->data, layout->keys[0]);

        free(indent);
        indent = lq_strndup(text->data + line, layout->keys[0] - line);
        span = entry_span(text, layout, before->count,
                          old ? (size_t)(old - before->list) : before->count - 1);
        if (!old)
            span.start = span.end;
    } else if (layout->has_section) {
        span.start = layout->section_key_end;
        span.start += strcspn(text->data + span.start, "\n");
        span.start += span.start < text->len;
        span.end = span.start;
    } else {
        lq_buf_addf(&entry, "%scommands:\n", text->len > 0 ? "" : header);
    }
    if (command)
        add_entry(&entry, indent, command);
    replace_lines(edited, text, span, lq_buf_text(&entry));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_command(const struct lq_registered *a, const struct lq_registered *b)
{
    return a && b && same_text(a->command, b->command) &&
           same_text(a->description, b->description) && same_text(a->format, b->format) &&
           a->timeout_sec == b->timeout_sec;
}

/* Whether `after` is `before` with `name` set to `command` (NULL: gone) and nothing else changed. */
static bool differs_only_in(const struct lq_commands *before, const struct lq_commands *after,
                            const char *name, const struct lq_registered *command)
{
    const bool was_there = lq_commands_find(before, name);
    const struct lq_registered *now = lq_commands_find(after, name);

    for (size_t i = 0; i < before->count; i++) {
        if (strcmp(before->list[i].name, name) != 0 &&
            !same_command(&before->list[i], lq_commands_find(after, before->list[i].name)))
            return false;
    }
    return after->count == before->count - was_there + (command != NULL) &&
           (command ? same_command(now, command) : !now);
}

enum lq_status lq_commands_edit(struct lq_buf *text, const char *name,
                                const struct lq_registered *command, const char *path,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_commands_release) struct lq_commands before = { 0 }, after = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf edited = LQ_BUF_INIT;
    struct layout layout, unused;

    LQ_TRY(parse(&before, (struct lq_str){ lq_buf_text(text), text->len }, path, &layout, err));
    edit(&edited, text, &layout, &before, name, command);
    /* YAML has more ways to write a mapping than the edit knows: what it made is believed only
     * after it was read again. */
    if (layout.flow ||
        parse(&after, (struct lq_str){ lq_buf_text(&edited), edited.len }, path, &unused, NULL) !=
            LQ_OK ||
        !differs_only_in(&before, &after, name, command))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot change '%s' in '%s': edit it by hand", name,
                            path);
    lq_buf_clear(text);
    lq_buf_add(text, lq_buf_text(&edited), edited.len);
    return LQ_OK;
}

/* ---- the file ---- */

static char *file_path(const struct lq_project *project)
{
    return lq_path_join(project->lq_dir, "commands.yaml");
}

/* Its text; empty when there is no file. */
static enum lq_status read_file(const char *path, struct lq_buf *text, struct lq_error *err)
{
    struct lq_error failure = { 0 };
    const enum lq_status status = lq_file_read_regular(path, LQ_YAML_MAX_BYTES, text, &failure);

    if (status == LQ_OK || status == LQ_NOT_FOUND)
        return LQ_OK;
    if (err)
        *err = failure;
    return status;
}

enum lq_status lq_commands_read(struct lq_commands *commands, const struct lq_project *project,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = file_path(project);
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    LQ_TRY(read_file(path, &text, err));
    return lq_commands_parse(commands, (struct lq_str){ lq_buf_text(&text), text.len }, path, err);
}

static enum lq_status check(const struct lq_registered *command, struct lq_error *err)
{
    const struct {
        const char *what, *text, *problem;
    } values[] = {
        { "name", command->name, name_problem(lq_str_of(command->name)) },
        { "command", command->command, command_problem(lq_str_of(command->command)) },
        { "description", command->description,
          command->description ? line_problem(lq_str_of(command->description)) : NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(values); i++) {
        if (values[i].problem)
            return lq_error_set(err, LQ_BAD_INPUT, "the %s '%s' %s", values[i].what, values[i].text,
                                values[i].problem);
    }
    if (command->timeout_sec > TIMEOUT_MAX_SEC)
        return lq_error_set(err, LQ_BAD_INPUT, "the timeout is longer than three years");
    return LQ_OK;
}

/* One process at a time changes the file. */
static enum lq_status lock(const struct lq_project *project, int *fd, struct lq_error *err)
{
    *fd = LQ_RETRY(open(project->lq_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
        return lq_error_errno(err, errno, "cannot lock '%s'", project->lq_dir);
    return LQ_OK;
}

enum lq_status lq_commands_add(const struct lq_project *project,
                               const struct lq_registered *command, bool replace,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = file_path(project);
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_close) int fd = -1;

    LQ_TRY(check(command, err));
    LQ_TRY(lock(project, &fd, err));
    LQ_TRY(read_file(path, &text, err));
    LQ_TRY(
        lq_commands_parse(&commands, (struct lq_str){ lq_buf_text(&text), text.len }, path, err));
    if (!replace && lq_commands_find(&commands, command->name))
        return lq_error_set(err, LQ_EXISTS, "'%s' is registered already", command->name);
    LQ_TRY(lq_commands_edit(&text, command->name, command, path, err));
    return lq_file_replace(path, text.data, text.len, err);
}

enum lq_status lq_commands_remove(const struct lq_project *project, const char *name,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = file_path(project);
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_close) int fd = -1;

    LQ_TRY(lock(project, &fd, err));
    LQ_TRY(read_file(path, &text, err));
    LQ_TRY(
        lq_commands_parse(&commands, (struct lq_str){ lq_buf_text(&text), text.len }, path, err));
    if (!lq_commands_find(&commands, name))
        return lq_error_set(err, LQ_NOT_FOUND, "no command '%s' is registered", name);
    LQ_TRY(lq_commands_edit(&text, name, NULL, path, err));
    return lq_file_replace(path, lq_buf_text(&text), text.len, err);
}
