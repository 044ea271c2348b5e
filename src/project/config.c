/* SPDX-License-Identifier: MIT */
/* Reads config.yaml as a stream of YAML events, against a table of the keys that exist. */
#include "project/config.h"
#include "base/alloc.h"
#include "base/text.h"
#include "project/config_layout.h"
#include <lq/redact.h>
#include <stddef.h>
#include <strings.h>

#define TEXT_MAX_BYTES ((size_t)4096)
#define PATTERNS_MAX 64

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

static const char *mode_problem(struct lq_str value)
{
    static const char *const modes[] = { "auto", "copy", "symlink" };

    for (size_t i = 0; i < LQ_COUNT(modes); i++)
        if (lq_str_eq(value, lq_str_of(modes[i])))
            return NULL;
    return "must be auto, copy or symlink";
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

/* A day. */
#define MAX_SECONDS 86400

enum kind { KIND_TEXT, KIND_BOOL, KIND_SECONDS, KIND_NAMES, KIND_PATTERNS, KIND_AUTO };

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
    { "capture", "redact", KIND_PATTERNS, offsetof(struct lq_config, redact_patterns), NULL },
    { "sync", "destination", KIND_TEXT, offsetof(struct lq_config, sync_destination),
      destination_problem },
    { "sync", "mode", KIND_TEXT, offsetof(struct lq_config, sync_mode), mode_problem },
    { "sync", "include_raw", KIND_BOOL, offsetof(struct lq_config, sync_include_raw), NULL },
    { "sync", "auto", KIND_AUTO, offsetof(struct lq_config, sync_auto), NULL },
    { "sync", "retry_budget_sec", KIND_SECONDS, offsetof(struct lq_config, sync_retry_budget_sec),
      NULL },
    { "sync", "hostname", KIND_TEXT, offsetof(struct lq_config, sync_hostname),
      lq_identity_problem },
};

struct reader {
    struct lq_yaml yaml;
    struct lq_config *config;
    struct lq_config_layout *layout;
};

static enum lq_status read_text(struct reader *reader, const struct key *key)
{
    char **member = (char **)((char *)reader->config + key->offset);
    struct lq_str text;
    const char *problem;

    if (reader->yaml.event->type != FYET_SCALAR)
        return lq_yaml_bad(&reader->yaml, key->section, key->name, "must be a text");
    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    text = lq_yaml_text(&reader->yaml);
    problem = key->problem(text);
    if (problem)
        return lq_yaml_bad(&reader->yaml, key->section, key->name, problem);
    *member = lq_strndup(text.ptr, text.len);
    return LQ_OK;
}

static enum lq_status read_bool(struct reader *reader, const struct key *key)
{
    bool *member = (bool *)((char *)reader->config + key->offset);
    const struct lq_str text = lq_yaml_text(&reader->yaml);

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type == FYET_SCALAR && lq_yaml_is_plain(&reader->yaml)) {
        if (text.len == 4 && strncasecmp(text.ptr, "true", 4) == 0) {
            *member = true;
            return LQ_OK;
        }
        if (text.len == 5 && strncasecmp(text.ptr, "false", 5) == 0) {
            *member = false;
            return LQ_OK;
        }
    }
    return lq_yaml_bad(&reader->yaml, key->section, key->name, "must be true or false");
}

static enum lq_status read_seconds(struct reader *reader, const struct key *key)
{
    int *member = (int *)((char *)reader->config + key->offset);
    const struct lq_str text = lq_yaml_text(&reader->yaml);
    int value = 0;

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type == FYET_SCALAR && text.len >= 1 && text.len <= 5) {
        size_t i = 0;

        for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            value = value * 10 + text.ptr[i] - '0';
        if (i == text.len && value >= 1 && value <= MAX_SECONDS) {
            *member = value;
            return LQ_OK;
        }
    }
    return lq_yaml_bad(&reader->yaml, key->section, key->name,
                       "must be a number of seconds from 1 to 86400");
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

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type != FYET_SEQUENCE_START)
        return lq_yaml_bad(&reader->yaml, key->section, key->name, "must be a list of names");
    free_names(member);
    *member = lq_alloc(sizeof **member);
    for (;;) {
        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (reader->yaml.event->type == FYET_SEQUENCE_END)
            return LQ_OK;
        if (reader->yaml.event->type != FYET_SCALAR)
            return lq_yaml_bad(&reader->yaml, key->section, key->name, "must be a list of names");

        const char *problem = key->problem(lq_yaml_text(&reader->yaml));

        if (problem)
            return lq_yaml_bad(&reader->yaml, key->section, key->name, problem);
        add_name(member, &n_names, lq_yaml_text(&reader->yaml));
    }
}

/* A list of expressions to add to lq's own, or "off". */
static enum lq_status read_patterns(struct reader *reader, const struct key *key)
{
    char ***member = (char ***)((char *)reader->config + key->offset);
    const struct lq_str text = lq_yaml_text(&reader->yaml);
    char problem[LQ_REDACT_PROBLEM_BYTES];
    size_t n_patterns = 0;

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type == FYET_SCALAR && lq_str_eq(text, LQ_STR("off"))) {
        reader->config->redact = false;
        return LQ_OK;
    }
    if (reader->yaml.event->type != FYET_SEQUENCE_START)
        return lq_yaml_bad(&reader->yaml, key->section, key->name,
                           "must be a list of regular expressions, or off");
    for (;;) {
        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (reader->yaml.event->type == FYET_SEQUENCE_END)
            return LQ_OK;
        if (reader->yaml.event->type != FYET_SCALAR)
            return lq_yaml_bad(&reader->yaml, key->section, key->name,
                               "must be a list of regular expressions, or off");
        if (n_patterns == PATTERNS_MAX)
            return lq_yaml_bad(&reader->yaml, key->section, key->name, "has more than 64 items");
        add_name(member, &n_patterns, lq_yaml_text(&reader->yaml));
        if (lq_redact_pattern_problem((*member)[n_patterns - 1], problem))
            return lq_yaml_bad(&reader->yaml, key->section, key->name, problem);
    }
}

static enum lq_status read_auto(struct reader *reader, const struct key *key)
{
    static const char *const words[] = { [LQ_AUTO_OFF] = "false",
                                         [LQ_AUTO_ON] = "true",
                                         [LQ_AUTO_WAIT] = "wait" };
    enum lq_auto *member = (enum lq_auto *)((char *)reader->config + key->offset);

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    for (size_t i = 0; i < LQ_COUNT(words); i++) {
        if (reader->yaml.event->type == FYET_SCALAR && lq_yaml_is_plain(&reader->yaml) &&
            lq_str_eq(lq_yaml_text(&reader->yaml), lq_str_of(words[i]))) {
            *member = (enum lq_auto)i;
            return LQ_OK;
        }
    }
    return lq_yaml_bad(&reader->yaml, key->section, key->name, "must be false, true or wait");
}

static enum lq_status read_value(struct reader *reader, const struct key *key)
{
    static enum lq_status (*const read[])(struct reader *, const struct key *) = {
        [KIND_TEXT] = read_text,         [KIND_BOOL] = read_bool, [KIND_NAMES] = read_names,
        [KIND_PATTERNS] = read_patterns, [KIND_AUTO] = read_auto, [KIND_SECONDS] = read_seconds,
    };

    return read[key->kind](reader, key);
}

/* Where a value stands is kept for the section `project` only, which lq itself changes. */
static void note_value(struct reader *reader, struct lq_config_value *value, size_t key_end)
{
    *value = (struct lq_config_value){ .present = true,
                                       .key_end = key_end,
                                       .span = lq_yaml_span(&reader->yaml) };
}

static void note_mapping(struct reader *reader, struct lq_config_map *map)
{
    *map = (struct lq_config_map){ .present = true,
                                   .flow = fy_event_get_node_style(reader->yaml.event) == FYNS_FLOW,
                                   .open_end = lq_yaml_span(&reader->yaml).end };
}

static void note_key(struct reader *reader, struct lq_config_map *map)
{
    if (!map->has_keys)
        map->first_key = lq_yaml_span(&reader->yaml).start;
    map->has_keys = true;
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
    if (reader->yaml.event->type == FYET_SCALAR && is_credential_key(lq_yaml_text(&reader->yaml)))
        return lq_yaml_bad(&reader->yaml, "credentials", NULL,
                           "do not belong in this file: lq takes them from AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY or from AWS profiles");
    return lq_yaml_unknown_key(&reader->yaml, section);
}

static enum lq_status read_section(struct reader *reader, const char *section)
{
    struct lq_config_layout *layout = reader->layout;
    const bool noted = strcmp(section, "project") == 0;
    unsigned seen = 0;

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type != FYET_MAPPING_START)
        return lq_yaml_bad(&reader->yaml, section, NULL, "must hold keys and values");
    if (noted)
        note_mapping(reader, &layout->section);
    for (;;) {
        const struct key *key = NULL;
        size_t key_end;

        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (reader->yaml.event->type == FYET_MAPPING_END)
            return LQ_OK;
        for (size_t i = 0; i < LQ_COUNT(keys) && reader->yaml.event->type == FYET_SCALAR; i++)
            if (strcmp(keys[i].section, section) == 0 &&
                lq_str_eq(lq_yaml_text(&reader->yaml), lq_str_of(keys[i].name)))
                key = &keys[i];
        if (!key)
            return refuse_key(reader, section);
        if (seen & 1u << (key - keys))
            return lq_yaml_bad(&reader->yaml, section, key->name, "is there twice");
        seen |= 1u << (key - keys);
        key_end = lq_yaml_span(&reader->yaml).end;
        if (noted)
            note_key(reader, &layout->section);
        LQ_TRY(lq_yaml_next(&reader->yaml));
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

    if (lq_yaml_is_null(&reader->yaml))
        return LQ_OK;
    if (reader->yaml.event->type != FYET_MAPPING_START)
        return lq_yaml_bad(&reader->yaml, "the file", NULL, "must hold keys and values");
    note_mapping(reader, &reader->layout->root);
    for (;;) {
        size_t i = 0, key_end;

        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (reader->yaml.event->type == FYET_MAPPING_END)
            return LQ_OK;
        if (reader->yaml.event->type != FYET_SCALAR)
            return refuse_key(reader, NULL);
        while (i < LQ_COUNT(sections) &&
               !lq_str_eq(lq_yaml_text(&reader->yaml), lq_str_of(sections[i])))
            i++;
        if (i == LQ_COUNT(sections))
            return refuse_key(reader, NULL);
        if (seen & 1u << i)
            return lq_yaml_bad(&reader->yaml, sections[i], NULL, "is there twice");
        seen |= 1u << i;
        note_key(reader, &reader->layout->root);
        key_end = lq_yaml_span(&reader->yaml).end;
        LQ_TRY(lq_yaml_next(&reader->yaml));
        if (i == 0)
            note_value(reader, &reader->layout->section_value, key_end);
        LQ_TRY(read_section(reader, sections[i]));
    }
}

enum lq_status lq_config_read(struct lq_config *config, struct lq_str text, const char *path,
                              struct lq_config_layout *layout, struct lq_error *err)
{
    struct reader reader = { .config = config, .layout = layout };
    enum lq_status status;
    size_t n_names = 0;
    bool empty;

    *layout = (struct lq_config_layout){ 0 };
    config->keep_raw = true;
    config->redact = true;
    for (size_t i = 0; i < LQ_COUNT(default_env); i++)
        add_name(&config->capture_env, &n_names, lq_str_of(default_env[i]));
    status = lq_yaml_open(&reader.yaml, text, path, &empty, err);
    if (status == LQ_OK && !empty)
        status = read_root(&reader);
    if (status == LQ_OK && !empty)
        status = lq_yaml_end(&reader.yaml);
    lq_yaml_close(&reader.yaml);
    return status;
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
    free_names(&config->redact_patterns);
    free(config->sync_destination);
    free(config->sync_mode);
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
