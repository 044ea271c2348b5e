/* SPDX-License-Identifier: MIT */
/* Where things stand in the text of config.yaml, in bytes from its start: between the reader, which
 * notes it, and config_edit.c, which changes one value and leaves the rest as it is. */
#ifndef LQ_PROJECT_CONFIG_LAYOUT_H
#define LQ_PROJECT_CONFIG_LAYOUT_H

#include "project/yaml.h"
#include <lq/project.h>

struct lq_config_value {
    bool present;
    size_t key_end; /* behind its key */
    struct lq_yaml_span span;
};

struct lq_config_map {
    bool present, flow, has_keys;
    size_t open_end;  /* flow only: behind the '{' */
    size_t first_key; /* start of its first key */
};

struct lq_config_layout {
    struct lq_config_map root, section;   /* section: what `project:` holds, when keys */
    struct lq_config_value section_value; /* the same as a value, when it holds none */
    struct lq_config_value namespace_, project;
};

/* lq_config_parse, with the places. */
LQ_CHECK enum lq_status lq_config_read(struct lq_config *config, struct lq_str text,
                                       const char *path, struct lq_config_layout *layout,
                                       struct lq_error *err);

/* Append "# env: […]" with the names that are recorded by default, each line after `indent`. */
void lq_config_add_default_env(struct lq_buf *text, const char *indent);

#endif
