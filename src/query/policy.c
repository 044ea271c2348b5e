/* SPDX-License-Identifier: MIT */
/* Writes S3 policies. */
#include "base/alloc.h"
#include "base/buf.h"
#include "s3/config.h"
#include "store/names.h"
#include <lq/policy.h>

/* `text` within a JSON string of a policy, where "${…}" is a variable; control bytes and patterns are
 * not in it. */
static void add_text(struct lq_buf *json, const char *text)
{
    for (; *text; text++) {
        if (*text == '$')
            lq_buf_adds(json, "${$}");
        else
            lq_buf_addf(json, "%s%c", strchr("\"\\", *text) ? "\\" : "", *text);
    }
}

/* "prefix/namespace=N/project=P/" */
static char *part_of(const struct lq_policy *policy, const struct lq_s3_url *url)
{
    const struct {
        const char *key, *value;
    } parts[] = { { "namespace=", policy->namespace_ }, { "project=", policy->project } };
    struct lq_buf path = LQ_BUF_INIT;

    if (*url->prefix)
        lq_buf_addf(&path, "%s/", url->prefix);
    for (size_t i = 0; i < LQ_COUNT(parts) && parts[i].value; i++) {
        lq_buf_adds(&path, parts[i].key);
        lq_name_add_partition(&path, lq_str_of(parts[i].value));
        lq_buf_addc(&path, '/');
    }
    return path.len > 0 ? lq_buf_detach(&path) : lq_strdup("");
}

static void begin_statement(struct lq_buf *json, const struct lq_policy *policy, const char *sid,
                            const char *actions)
{
    lq_buf_addf(json, "    {\n      \"Sid\": \"%s\",\n      \"Effect\": \"Allow\",\n", sid);
    if (policy->principal) {
        lq_buf_adds(json, "      \"Principal\": { \"AWS\": \"");
        add_text(json, policy->principal);
        lq_buf_adds(json, "\" },\n");
    }
    lq_buf_addf(json, "      \"Action\": [%s],\n      \"Resource\": \"arn:aws:s3:::", actions);
}

static void add_objects(struct lq_buf *json, const struct lq_policy *policy,
                        const struct lq_s3_url *url, const char *part)
{
    static const char *const actions[] = {
        [LQ_ROLE_WRITER] = "\"s3:PutObject\"",
        [LQ_ROLE_READER] = "\"s3:GetObject\"",
        [LQ_ROLE_ADMIN] = "\"s3:PutObject\", \"s3:GetObject\", \"s3:DeleteObject\"",
    };

    begin_statement(json, policy, "LqObjects", actions[policy->role]);
    lq_buf_addf(json, "%s/", url->bucket);
    add_text(json, part);
    lq_buf_adds(json, "*\"\n    }");
}

static void add_list(struct lq_buf *json, const struct lq_policy *policy,
                     const struct lq_s3_url *url, const char *part)
{
    lq_buf_adds(json, ",\n");
    begin_statement(json, policy, "LqList", "\"s3:ListBucket\"");
    lq_buf_addf(json, "%s\"", url->bucket);
    if (*part) {
        lq_buf_adds(json, ",\n      \"Condition\": { \"StringLike\": { \"s3:prefix\": \"");
        add_text(json, part);
        lq_buf_adds(json, "*\" } }");
    }
    lq_buf_adds(json, "\n    }");
}

enum lq_status lq_policy_json(const struct lq_policy *policy, char **out, struct lq_error *err)
{
    LQ_CLEANUP(lq_s3_url_release) struct lq_s3_url url = { 0 };
    LQ_CLEANUP(lq_free) char *part = NULL;
    struct lq_buf json = LQ_BUF_INIT;

    LQ_TRY(lq_s3_url_parse(&url, policy->url, err));
    if (policy->project && !policy->namespace_)
        return lq_error_set(err, LQ_BAD_INPUT, "a project is part of a namespace: give both");
    part = part_of(policy, &url);
    lq_buf_adds(&json, "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n");
    add_objects(&json, policy, &url, part);
    if (policy->role != LQ_ROLE_WRITER)
        add_list(&json, policy, &url, part);
    lq_buf_adds(&json, "\n  ]\n}\n");
    *out = lq_buf_detach(&json);
    return LQ_OK;
}
