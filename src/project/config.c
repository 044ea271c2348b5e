/* SPDX-License-Identifier: MIT */
/* Reads config.yaml as a stream of YAML events, against a table of the keys that exist. */
#include "project/config.h"
#include "base/alloc.h"
#include "base/text.h"
#include "project/config_layout.h"
#include <libfyaml.h>
#include <stddef.h>
#include <strings.h>

#define TEXT_MAX_BYTES ((size_t)4096)

/* What shapes a build, and neither names people nor, in common use, holds a secret. */
/* clang-format off: it would give each item a line */
static const char *const default_env[] = {
    "CC",
    "CXX",
    "LD",
    "AR",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "MAKEFLAGS",
    "CMAKE_BUILD_TYPE",
    "CMAKE_GENERATOR",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "CARGO_BUILD_TARGET",
    "GOOS",
    "GOARCH",
    "GOFLAGS",
    "CGO_ENABLED",
    "JAVA_HOME",
    "NODE_ENV",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_DEFAULT_ENV",
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "CI",
};
/* clang-format on */

static bool has_control(struct lq_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char byte = (unsigned char)value.ptr[i];

        /* U+0080 to U+009F are the bytes C2 80 to C2 9F. */
        if (byte < 0x20 || byte == 0x7f ||
            (byte == 0xc2 && i + 1 < value.len && (unsigned char)value.ptr[i + 1] < 0xa0))
            return true;
    }
    return false;
}

const char *lq_identity_problem(struct lq_str value)
{
    if (value.len == 0)
        return "is empty";
    if (value.len > LQ_IDENTITY_MAX_BYTES)
        return "is longer than 255 bytes";
    if (!lq_text_is_utf8(value))
        return "is not valid UTF-8";
    if (has_control(value))
        return "holds control characters";
    return NULL;
}

static const char *destination_problem(struct lq_str value)
{
    LQ_CLEANUP(lq_free) char *text = lq_strndup(value.ptr, value.len);

    if (value.len == 0)
        return "is empty";
    if (value.len > TEXT_MAX_BYTES)
        return "is longer than 4096 bytes";
    if (!lq_text_is_utf8(value) || has_control(value))
        return "holds control characters";
    if (lq_destination_has_credentials(text))
        return "holds credentials, which do not belong in this file: lq takes them from "
               "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or from AWS profiles";
    return NULL;
}

static bool is_env_byte(char byte)
{
    return byte == '_' || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9');
}

/* The '*' alone would record every secret of the environment. */
static const char *env_name_problem(struct lq_str value)
{
    if (value.len > 1 && value.ptr[value.len - 1] == '*')
        value.len--;
    for (size_t i = 0; i < value.len; i++)
        if (!is_env_byte(value.ptr[i]))
            return "must list names of environment variables, such as CC or CMAKE_*";
    if (value.len == 0 || value.len > LQ_IDENTITY_MAX_BYTES ||
        (value.ptr[0] >= '0' && value.ptr[0] <= '9'))
        return "must list names of environment variables, such as CC or CMAKE_*";
    return NULL;
}

enum kind { KIND_TEXT, KIND_BOOL, KIND_NAMES };

static const struct key {
    const char *section, *name;
    enum kind kind;
    size_t offset; /* of the member in struct lq_config */
    const char *(*problem)(struct lq_str value);
} keys[] = {
    { "project", "namespace", KIND_TEXT, offsetof(struct lq_config, namespace_),
      lq_identity_problem },
    { "project", "project", KIND_TEXT, offsetof(struct lq_config, project), lq_identity_problem },
    { "capture", "env", KIND_NAMES, offsetof(struct lq_config, capture_env), env_name_problem },
    { "capture", "keep_raw", KIND_BOOL, offsetof(struct lq_config, keep_raw), NULL },
    { "sync", "destination", KIND_TEXT, offsetof(struct lq_config, sync_destination),
      destination_problem },
    { "sync", "hostname", KIND_TEXT, offsetof(struct lq_config, sync_hostname),
      lq_identity_problem },
};

struct reader {
    struct fy_parser *parser;
    struct fy_diag *diag;
    struct fy_event *event; /* the newest */
    int line;               /* of it, from 1; an empty value has the line of its key */
    struct lq_str text;     /* all of the file */
    const char *path;
    struct lq_config *config;
    struct lq_config_layout *layout;
    struct lq_error *err;
};

static void close_reader(struct reader *reader)
{
    if (reader->diag)
        fy_diag_reset_error(reader->diag); /* its errors are not freed with it */
    if (reader->parser) {
        fy_parser_event_free(reader->parser, reader->event);
        fy_parser_destroy(reader->parser);
    }
    if (reader->diag)
        fy_diag_unref(reader->diag);
}

static enum lq_status bad(const struct reader *reader, const char *section, const char *name,
                          const char *problem)
{
    return lq_error_set(reader->err, LQ_BAD_INPUT, "'%s' line %d: %s%s%s %s", reader->path,
                        reader->line, section, name ? "." : "", name ? name : "", problem);
}

static enum lq_status bad_syntax(const struct reader *reader)
{
    void *at = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(reader->diag, &at);

    return lq_error_set(reader->err, LQ_BAD_INPUT, "'%s' line %d: %s", reader->path,
                        first && first->line > 0 ? first->line : reader->line,
                        first ? first->msg : "not valid YAML");
}

/* libfyaml 0.7.12 loses memory and characters over two '' in a row ('a''''b'). */
static bool is_misread(const struct reader *reader)
{
    struct fy_token *token = fy_event_get_token(reader->event);
    const struct fy_mark *start = fy_event_start_mark(reader->event);
    const struct fy_mark *end = fy_event_end_mark(reader->event);

    return reader->event->type == FYET_SCALAR && token && start && end &&
           fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED &&
           memmem(reader->text.ptr + start->input_pos, end->input_pos - start->input_pos, "''''",
                  4);
}

/* Advance to the next event. Stopping at the first alias is also what makes a "billion laughs" file
 * harmless: nothing is ever expanded. */
static enum lq_status next(struct reader *reader)
{
    const struct fy_mark *mark;

    fy_parser_event_free(reader->parser, reader->event);
    reader->event = fy_parser_parse(reader->parser);
    if (!reader->event)
        return bad_syntax(reader);
    mark = fy_event_start_mark(reader->event);
    if (mark)
        reader->line = mark->line + 1;
    if (reader->event->type == FYET_ALIAS || fy_event_get_anchor_token(reader->event) ||
        fy_event_get_tag_token(reader->event))
        return bad(reader, "anchors, aliases and tags", NULL, "are not supported");
    if (is_misread(reader))
        return bad(reader, "a text", NULL,
                   "holds several single quotes in a row: put it between "
                   "double quotes");
    return LQ_OK;
}

/* The text of a scalar event, borrowed until the next one. */
static struct lq_str scalar_text(const struct reader *reader)
{
    struct fy_token *token = fy_event_get_token(reader->event);
    struct lq_str text = { "", 0 };

    if (token)
        text.ptr = fy_token_get_text(token, &text.len);
    return text.ptr ? text : (struct lq_str){ "", 0 };
}

static bool is_plain(const struct reader *reader)
{
    struct fy_token *token = fy_event_get_token(reader->event);

    return !token || fy_token_scalar_style(token) == FYSS_PLAIN;
}

static bool is_null(const struct reader *reader)
{
    const struct lq_str text = scalar_text(reader);

    return reader->event->type == FYET_SCALAR && is_plain(reader) &&
           (text.len == 0 || lq_str_eq(text, LQ_STR("~")) ||
            (text.len == 4 && strncasecmp(text.ptr, "null", 4) == 0));
}

static struct lq_config_span event_span(const struct reader *reader)
{
    const struct fy_mark *start = fy_event_start_mark(reader->event);
    const struct fy_mark *end = fy_event_end_mark(reader->event);
    struct fy_token *token = fy_event_get_token(reader->event);
    struct lq_config_span span = { 0 };

    if (!start || !end || !token)
        return span;
    span = (struct lq_config_span){ .start = start->input_pos, .end = end->input_pos };
    if (reader->event->type != FYET_SCALAR)
        return span;
    if (fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED ||
        fy_token_scalar_style(token) == FYSS_DOUBLE_QUOTED) {
        span.start--; /* the marks lie inside the quotes */
        span.end++;
    } else if (span.start == span.end) {
        span = (struct lq_config_span){ 0 }; /* libfyaml 0.8 gives an empty value a token */
    }
    return span;
}

static enum lq_status read_text(struct reader *reader, const struct key *key)
{
    char **member = (char **)((char *)reader->config + key->offset);
    struct lq_str text;
    const char *problem;

    if (reader->event->type != FYET_SCALAR)
        return bad(reader, key->section, key->name, "must be a text");
    if (is_null(reader))
        return LQ_OK;
    text = scalar_text(reader);
    problem = key->problem(text);
    if (problem)
        return bad(reader, key->section, key->name, problem);
    *member = lq_strndup(text.ptr, text.len);
    return LQ_OK;
}

static enum lq_status read_bool(struct reader *reader, const struct key *key)
{
    bool *member = (bool *)((char *)reader->config + key->offset);
    const struct lq_str text = scalar_text(reader);

    if (is_null(reader))
        return LQ_OK;
    if (reader->event->type == FYET_SCALAR && is_plain(reader)) {
        if (text.len == 4 && strncasecmp(text.ptr, "true", 4) == 0) {
            *member = true;
            return LQ_OK;
        }
        if (text.len == 5 && strncasecmp(text.ptr, "false", 5) == 0) {
            *member = false;
            return LQ_OK;
        }
    }
    return bad(reader, key->section, key->name, "must be true or false");
}

static void free_names(char ***names)
{
    for (char **name = *names; name && *name; name++)
        free(*name);
    free(*names);
    *names = NULL;
}

static void add_name(char ***names, size_t *n_names, struct lq_str name)
{
    *names = lq_realloc(*names, *n_names + 2, sizeof **names);
    (*names)[(*n_names)++] = lq_strndup(name.ptr, name.len);
    (*names)[*n_names] = NULL;
}

static enum lq_status read_names(struct reader *reader, const struct key *key)
{
    char ***member = (char ***)((char *)reader->config + key->offset);
    size_t n_names = 0;

    if (is_null(reader))
        return LQ_OK;
    if (reader->event->type != FYET_SEQUENCE_START)
        return bad(reader, key->section, key->name, "must be a list of names");
    free_names(member);
    *member = lq_alloc(sizeof **member);
    for (;;) {
        LQ_TRY(next(reader));
        if (reader->event->type == FYET_SEQUENCE_END)
            return LQ_OK;
        if (reader->event->type != FYET_SCALAR)
            return bad(reader, key->section, key->name, "must be a list of names");

        const char *problem = key->problem(scalar_text(reader));

        if (problem)
            return bad(reader, key->section, key->name, problem);
        add_name(member, &n_names, scalar_text(reader));
    }
}

static enum lq_status read_value(struct reader *reader, const struct key *key)
{
    static enum lq_status (*const read[])(struct reader *, const struct key *) = {
        [KIND_TEXT] = read_text, [KIND_BOOL] = read_bool, [KIND_NAMES] = read_names
    };

    return read[key->kind](reader, key);
}

/* Where a value stands is kept for the section `project` only, which lq itself changes. */
static void note_value(struct reader *reader, struct lq_config_value *value, size_t key_end)
{
    *value =
        (struct lq_config_value){ .present = true, .key_end = key_end, .span = event_span(reader) };
}

static void note_mapping(struct reader *reader, struct lq_config_map *map)
{
    *map = (struct lq_config_map){ .present = true,
                                   .flow = fy_event_get_node_style(reader->event) == FYNS_FLOW,
                                   .open_end = event_span(reader).end };
}

static void note_key(struct reader *reader, struct lq_config_map *map)
{
    if (!map->has_keys)
        map->first_key = event_span(reader).start;
    map->has_keys = true;
}

/* An unknown key is repeated only when it looks like one: it could be a secret out of place. */
static enum lq_status unknown_key(struct reader *reader, const char *section)
{
    const struct lq_str text = scalar_text(reader);
    bool is_word = reader->event->type == FYET_SCALAR && text.len > 0 && text.len <= 30;

    for (size_t i = 0; is_word && i < text.len; i++)
        is_word = is_env_byte(text.ptr[i]) || text.ptr[i] == '-' || text.ptr[i] == '.';
    if (!is_word)
        return lq_error_set(reader->err, LQ_BAD_INPUT, "'%s' line %d: unknown key%s%s",
                            reader->path, reader->line, section ? " below " : "",
                            section ? section : "");
    return lq_error_set(reader->err, LQ_BAD_INPUT, "'%s' line %d: unknown key '%s%s%.*s'",
                        reader->path, reader->line, section ? section : "", section ? "." : "",
                        (int)text.len, text.ptr);
}

static bool is_credential_key(struct lq_str name)
{
    static const char *const words[] = { "access_key", "accesskey", "secret",     "token",
                                         "password",   "passwd",    "credential", "api_key" };
    LQ_CLEANUP(lq_free) char *text = lq_strndup(name.ptr, name.len);

    for (char *at = text; *at; at++)
        if (*at == '-')
            *at = '_';
    for (size_t i = 0; i < LQ_COUNT(words); i++)
        if (strcasestr(text, words[i]))
            return true;
    return false;
}

/* The event is a key that no table knows. */
static enum lq_status refuse_key(struct reader *reader, const char *section)
{
    if (reader->event->type == FYET_SCALAR && is_credential_key(scalar_text(reader)))
        return bad(reader, "credentials", NULL,
                   "do not belong in this file: lq takes them from AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY or from AWS profiles");
    return unknown_key(reader, section);
}

static enum lq_status read_section(struct reader *reader, const char *section)
{
    struct lq_config_layout *layout = reader->layout;
    const bool noted = strcmp(section, "project") == 0;
    unsigned seen = 0;

    if (is_null(reader))
        return LQ_OK;
    if (reader->event->type != FYET_MAPPING_START)
        return bad(reader, section, NULL, "must hold keys and values");
    if (noted)
        note_mapping(reader, &layout->section);
    for (;;) {
        const struct key *key = NULL;
        size_t key_end;

        LQ_TRY(next(reader));
        if (reader->event->type == FYET_MAPPING_END)
            return LQ_OK;
        for (size_t i = 0; i < LQ_COUNT(keys) && reader->event->type == FYET_SCALAR; i++)
            if (strcmp(keys[i].section, section) == 0 &&
                lq_str_eq(scalar_text(reader), lq_str_of(keys[i].name)))
                key = &keys[i];
        if (!key)
            return refuse_key(reader, section);
        if (seen & 1u << (key - keys))
            return bad(reader, section, key->name, "is there twice");
        seen |= 1u << (key - keys);
        key_end = event_span(reader).end;
        if (noted)
            note_key(reader, &layout->section);
        LQ_TRY(next(reader));
        if (noted)
            note_value(reader,
                       strcmp(key->name, "project") == 0 ? &layout->project : &layout->namespace_,
                       key_end);
        LQ_TRY(read_value(reader, key));
    }
}

static enum lq_status read_root(struct reader *reader)
{
    static const char *const sections[] = { "project", "capture", "sync" };
    unsigned seen = 0;

    if (is_null(reader))
        return LQ_OK;
    if (reader->event->type != FYET_MAPPING_START)
        return bad(reader, "the file", NULL, "must hold keys and values");
    note_mapping(reader, &reader->layout->root);
    for (;;) {
        size_t i = 0, key_end;

        LQ_TRY(next(reader));
        if (reader->event->type == FYET_MAPPING_END)
            return LQ_OK;
        if (reader->event->type != FYET_SCALAR)
            return refuse_key(reader, NULL);
        while (i < LQ_COUNT(sections) && !lq_str_eq(scalar_text(reader), lq_str_of(sections[i])))
            i++;
        if (i == LQ_COUNT(sections))
            return refuse_key(reader, NULL);
        if (seen & 1u << i)
            return bad(reader, sections[i], NULL, "is there twice");
        seen |= 1u << i;
        note_key(reader, &reader->layout->root);
        key_end = event_span(reader).end;
        LQ_TRY(next(reader));
        if (i == 0)
            note_value(reader, &reader->layout->section_value, key_end);
        LQ_TRY(read_section(reader, sections[i]));
    }
}

static enum lq_status read_stream(struct reader *reader)
{
    LQ_TRY(next(reader)); /* stream start */
    LQ_TRY(next(reader));
    if (reader->event->type == FYET_STREAM_END)
        return LQ_OK;
    LQ_TRY(next(reader));
    LQ_TRY(read_root(reader));
    LQ_TRY(next(reader)); /* document end */
    LQ_TRY(next(reader));
    if (reader->event->type != FYET_STREAM_END)
        return bad(reader, "the file", NULL, "must hold one YAML document");
    return LQ_OK;
}

static enum lq_status open_reader(struct reader *reader)
{
    struct fy_diag_cfg diag_cfg;
    struct fy_parse_cfg cfg = { .search_path = "", .flags = FYPCF_QUIET | FYPCF_JSON_NONE };

    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL; /* its default is stderr */
    reader->diag = fy_diag_create(&diag_cfg);
    if (reader->diag) {
        fy_diag_set_collect_errors(reader->diag, true);
        cfg.diag = reader->diag;
        reader->parser = fy_parser_create(&cfg);
    }
    if (!reader->parser ||
        fy_parser_set_string(reader->parser, reader->text.ptr, reader->text.len) != 0)
        return lq_error_set(reader->err, LQ_IO, "cannot start reading '%s'", reader->path);
    return LQ_OK;
}

enum lq_status lq_config_read(struct lq_config *config, struct lq_str text, const char *path,
                              struct lq_config_layout *layout, struct lq_error *err)
{
    LQ_CLEANUP(close_reader) struct reader reader = {
        .line = 1, .text = text, .path = path, .config = config, .layout = layout, .err = err
    };
    size_t n_names = 0;

    *layout = (struct lq_config_layout){ 0 };
    config->keep_raw = true;
    for (size_t i = 0; i < LQ_COUNT(default_env); i++)
        add_name(&config->capture_env, &n_names, lq_str_of(default_env[i]));
    if (text.len > LQ_CONFIG_MAX_BYTES)
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is larger than %zu bytes", path,
                            LQ_CONFIG_MAX_BYTES);
    if (!lq_text_is_utf8(text))
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is not valid UTF-8 text", path);
    if (text.len == 0)
        return LQ_OK;
    LQ_TRY(open_reader(&reader));
    return read_stream(&reader);
}

enum lq_status lq_config_parse(struct lq_config *config, struct lq_str text, const char *path,
                               struct lq_error *err)
{
    struct lq_config_layout layout;

    return lq_config_read(config, text, path, &layout, err);
}

void lq_config_release(struct lq_config *config)
{
    free(config->namespace_);
    free(config->project);
    free_names(&config->capture_env);
    free(config->sync_destination);
    free(config->sync_hostname);
    *config = (struct lq_config){ 0 };
}

/* The default list as a commented YAML list, wrapped. */
void lq_config_add_default_env(struct lq_buf *text, const char *indent)
{
    size_t line = text->len;

    lq_buf_addf(text, "%s# env: [", indent);
    for (size_t i = 0; i < LQ_COUNT(default_env); i++) {
        if (i > 0)
            lq_buf_addc(text, ',');
        if (text->len - line + strlen(default_env[i]) > 80) {
            line = text->len;
            lq_buf_addf(text, "\n%s#   %s", indent, default_env[i]);
        } else {
            lq_buf_addf(text, "%s%s", i > 0 ? " " : "", default_env[i]);
        }
    }
    lq_buf_adds(text, "]\n");
}
