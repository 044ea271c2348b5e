/* SPDX-License-Identifier: MIT */
/* Takes secrets out of what is recorded about a run, apart from its log. */
#include "base/alloc.h"
#include "base/buf.h"
#include <lq/redact.h>
#include <lq/store.h>
#include <string.h>

static void redact(struct lq_redactor *redactor, char **text)
{
    char *hidden = *text ? lq_redact_text(redactor, lq_str_of(*text)) : NULL;

    if (!hidden)
        return;
    free(*text);
    *text = hidden;
}

/* A variable: its name tells more than its value, so both are looked at together. */
static void redact_variable(struct lq_redactor *redactor, const char *name, char **value)
{
    LQ_CLEANUP(lq_free) char *line = NULL;
    const size_t name_len = strlen(name) + 1;

    if (!**value)
        return;
    if (lq_redact_is_secret_name(name)) {
        free(*value);
        *value = lq_strdup("[redacted:variable]");
        return;
    }
    redact(redactor, value);
    line = lq_format("%s=%s", name, *value);
    redact(redactor, &line);
    if (strncmp(line, name, name_len - 1) == 0 && line[name_len - 1] == '=') {
        free(*value);
        *value = lq_strdup(line + name_len);
    }
}

void lq_run_redact(struct lq_run *run, struct lq_redactor *redactor)
{
    char **const texts[] = { &run->source_name, &run->command, &run->cwd, &run->executable_path,
                             &run->git_branch };

    for (size_t i = 0; i < LQ_COUNT(texts); i++)
        redact(redactor, texts[i]);
    for (size_t i = 0; i < run->environment.count; i++)
        redact_variable(redactor, run->environment.keys[i], &run->environment.values[i]);
    for (size_t i = 0; i < run->ci.count; i++)
        redact(redactor, &run->ci.values[i]);
}
