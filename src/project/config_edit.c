/* SPDX-License-Identifier: MIT */
/* Writes a new config.yaml, and changes single values of an existing one in place. */
#include "base/alloc.h"
#include "project/config.h"
#include "project/config_layout.h"

void lq_config_add_template(struct lq_buf *text, const char *namespace_, const char *project)
{
    lq_buf_adds(text,
                "# Configuration of lq for this project. Fit to be committed: lq refuses\n"
                "# credentials here.\n"
                "\n"
                "# Who this project is, in every store. Runs keep the names under which they\n"
                "# were recorded.\n"
                "project:\n"
                "  namespace: ");
    lq_yaml_add_scalar(text, namespace_);
    lq_buf_adds(text, "\n  project: ");
    lq_yaml_add_scalar(text, project);
    lq_buf_adds(text,
                "\n"
                "\n"
                "capture:\n"
                "  # Environment variables to record with each run, when set; NAME* stands for\n"
                "  # all with that beginning.\n");
    lq_config_add_default_env(text, "  ");
    lq_buf_adds(text, "\n"
                      "  # Keep the whole log, compressed, beside the events.\n"
                      "  # keep_raw: true\n"
                      "\n"
                      "  # Secrets are taken out of all that is stored; further ones by regular\n"
                      "  # expression, or off.\n"
                      "  # redact: []\n"
                      "\n"
                      "sync:\n"
                      "  # Where `lq sync` copies runs to.\n"
                      "  # destination: ~/.lq/projects/\n"
                      "\n"
                      "  # Sync each run when it is recorded: true (in the background), or wait.\n"
                      "  # auto: false\n"
                      "\n"
                      "  # The name to record for this machine, in place of its own.\n"
                      "  # hostname: builder\n");
}

/* Put `with` in the place of the bytes from `start` to `end`. */
static void splice(struct lq_buf *text, size_t start, size_t end, const char *with)
{
    LQ_CLEANUP(lq_free) char *tail = lq_strndup(text->data + end, text->len - end);
    const size_t tail_len = text->len - end;

    lq_buf_truncate(text, start);
    lq_buf_adds(text, with);
    lq_buf_add(text, tail, tail_len);
}

/* Set a value whose key is there: over the old one, or, where that is empty, behind the colon. */
static void set_value(struct lq_buf *text, const struct lq_config_value *value, const char *scalar)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf with = LQ_BUF_INIT;
    size_t at = value->key_end;

    if (value->span.end > 0) {
        splice(text, value->span.start, value->span.end, scalar);
        return;
    }
    at += strspn(text->data + at, " \t");
    if (text->data[at] == ':')
        at++;
    else /* as in {namespace} */
        lq_buf_addc(&with, ':');
    lq_buf_addf(&with, " %s", scalar);
    splice(text, at, at, lq_buf_text(&with));
}

/* Put "key: value" before the first key of a mapping, in its style. */
static void add_pair(struct lq_buf *text, const struct lq_config_map *map, const char *pair)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf with = LQ_BUF_INIT;
    size_t line = map->first_key;

    lq_buf_adds(&with, pair);
    if (!map->has_keys) {
        splice(text, map->open_end, map->open_end, pair);
        return;
    }
    if (map->flow) {
        lq_buf_adds(&with, ", ");
    } else {
        while (line > 0 && text->data[line - 1] != '\n')
            line--;
        lq_buf_addc(&with, '\n');
        lq_buf_add(&with, text->data + line, map->first_key - line);
    }
    splice(text, map->first_key, map->first_key, lq_buf_text(&with));
}

static void edit(struct lq_buf *text, const struct lq_config_layout *layout, const char *key,
                 const char *scalar)
{
    const struct lq_config_value *value =
        strcmp(key, "project") == 0 ? &layout->project : &layout->namespace_;
    LQ_CLEANUP(lq_free) char *pair = lq_format("%s: %s", key, scalar);
    LQ_CLEANUP(lq_free) char *map = lq_format("{%s}", pair);
    LQ_CLEANUP(lq_free) char *block = lq_format("project:\n  %s", pair);
    LQ_CLEANUP(lq_free) char *flow = lq_format("project: %s", map);

    if (value->present) {
        set_value(text, value, scalar);
    } else if (layout->section.present) {
        add_pair(text, &layout->section, pair);
    } else if (layout->section_value.present) {
        set_value(text, &layout->section_value, map);
    } else if (layout->root.present) {
        add_pair(text, &layout->root, layout->root.flow ? flow : block);
    } else {
        if (text->len > 0 && text->data[text->len - 1] != '\n')
            lq_buf_addc(text, '\n');
        lq_buf_addf(text, "%s\n", block);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_names(char *const *a, char *const *b)
{
    while (*a && *b && strcmp(*a, *b) == 0)
        a++, b++;
    return !*a && !*b;
}

/* Whether `after` is `before` with `key` set to `value` and nothing else changed. */
static bool differs_only_in(const struct lq_config *before, const struct lq_config *after,
                            const char *key, const char *value)
{
    const bool project = strcmp(key, "project") == 0;

    return same_text(after->namespace_, project ? before->namespace_ : value) &&
           same_text(after->project, project ? value : before->project) &&
           same_names(after->capture_env, before->capture_env) &&
           after->keep_raw == before->keep_raw &&
           same_text(after->sync_destination, before->sync_destination) &&
           same_text(after->sync_mode, before->sync_mode) &&
           after->sync_include_raw == before->sync_include_raw &&
           after->sync_retry_budget_sec == before->sync_retry_budget_sec &&
           same_text(after->sync_hostname, before->sync_hostname);
}

enum lq_status lq_config_set(struct lq_buf *text, const char *key, const char *value,
                             const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_config_release) struct lq_config before = { 0 }, after = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf scalar = LQ_BUF_INIT, edited = LQ_BUF_INIT;
    struct lq_config_layout layout, unused;

    LQ_TRY(lq_config_read(&before, (struct lq_str){ lq_buf_text(text), text->len }, path, &layout,
                          err));
    lq_yaml_add_scalar(&scalar, value);
    lq_buf_add(&edited, lq_buf_text(text), text->len);
    edit(&edited, &layout, key, lq_buf_text(&scalar));
    /* YAML has more ways to write a mapping than the edit knows: what it made is believed only
     * after it was read again. */
    if (lq_config_read(&after, (struct lq_str){ lq_buf_text(&edited), edited.len }, path, &unused,
                       NULL) != LQ_OK ||
        !differs_only_in(&before, &after, key, value))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot change project.%s in '%s': edit it by hand",
                            key, path);
    lq_buf_clear(text);
    lq_buf_add(text, edited.data, edited.len);
    return LQ_OK;
}
