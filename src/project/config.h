/* SPDX-License-Identifier: MIT */
/*
 * The text of `.lq/config.yaml`: reading it, writing a new one, changing one value of it.
 *
 * It may come from a cloned repository, so it is untrusted: at most LQ_YAML_MAX_BYTES, UTF-8,
 * one YAML document of known keys, no anchors, aliases or tags. No message repeats a value, which
 * could be a credential.
 */
#ifndef LQ_PROJECT_CONFIG_H
#define LQ_PROJECT_CONFIG_H

#include "project/yaml.h"
#include <lq/project.h>

#define LQ_IDENTITY_MAX_BYTES ((size_t)255)

/*
 * Read `text` into `config` (empty before; the caller releases it, on failure too). What the text
 * does not set has its default; namespace_, project, sync_destination and sync_hostname: NULL.
 *   path  names the file in messages
 * LQ_OK; LQ_BAD_INPUT: "'PATH' line 3: unknown key 'capture.x'".
 */
LQ_CHECK enum lq_status lq_config_parse(struct lq_config *config, struct lq_str text,
                                        const char *path, struct lq_error *err);

void lq_config_release(struct lq_config *config);

/*
 * Set `key` ("namespace" or "project") of the section `project` in `text` to `value`; every other
 * byte stays. LQ_OK; LQ_BAD_INPUT, with `text` unchanged: bad configuration, or written in a way
 * that this cannot change.
 */
LQ_CHECK enum lq_status lq_config_set(struct lq_buf *text, const char *key, const char *value,
                                      const char *path, struct lq_error *err);

/* Append a new, commented config.yaml. */
void lq_config_add_template(struct lq_buf *text, const char *namespace_, const char *project);

/* Why `value` cannot be a namespace or project, to follow a subject ("is empty"); NULL: it can. */
const char *lq_identity_problem(struct lq_str value);

#endif
