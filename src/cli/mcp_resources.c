/* SPDX-License-Identifier: MIT */
/* The resources: what some tools answer, by address. */
#include "cli/mcp.h"

static const struct resource {
    const char *uri; /* without what stands for the reference */
    const char *name;
    const char *description;
    const char *tool;
    bool takes_ref;
} resources[] = {
    { "lq://status", "status", "The newest run of each name and what it came to", "status", false },
    { "lq://runs", "runs", "The runs, newest first", "history", false },
    { "lq://run/", "run", "All that is known of one run: 5, build, build:~1", "info", true },
    { "lq://event/", "event", "All that is known of one event: 5:3, build:3", "event", true },
};

static void add_listed(struct lq_buf *members, bool templates)
{
    const char *separator = "";

    for (size_t i = 0; i < LQ_COUNT(resources); i++) {
        const struct resource *resource = &resources[i];

        if (resource->takes_ref != templates)
            continue;
        lq_buf_addf(members,
                    "%s{\"%s\":\"%s%s\",\"name\":\"%s\",\"description\":\"%s\","
                    "\"mimeType\":\"application/json\"}",
                    separator, templates ? "uriTemplate" : "uri", resource->uri,
                    templates ? "{ref}" : "", resource->name, resource->description);
        separator = ",";
    }
    lq_buf_addc(members, ']');
}

enum lq_mcp_code lq_mcp_list_resources(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                       struct lq_buf *members, struct lq_error *err)
{
    lq_buf_adds(members, "\"resources\":[");
    add_listed(members, false);
    return LQ_MCP_OK;
}

enum lq_mcp_code lq_mcp_list_templates(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                       struct lq_buf *members, struct lq_error *err)
{
    lq_buf_adds(members, "\"resourceTemplates\":[");
    add_listed(members, true);
    return LQ_MCP_OK;
}

static int hex(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The text with its %XX read (RFC 3986); NULL when one is no such thing, or NUL. The caller's. */
static char *percent_decode(const char *text)
{
    char *out = lq_strdup(text), *to = out;

    for (; *text; text++) {
        *to = *text;
        if (*text == '%') {
            const int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

            *to = (char)(high * 16 + low);
            if (low < 0 || !*to) {
                free(out);
                return NULL;
            }
            text += 2;
        }
        to++;
    }
    *to = '\0';
    return out;
}

/* The resource that `uri` names, and the reference in it (the caller's), or NULL. */
static const struct resource *find(const char *uri, char **ref)
{
    for (size_t i = 0; uri && i < LQ_COUNT(resources); i++) {
        const struct resource *resource = &resources[i];
        const size_t len = strlen(resource->uri);

        if (!resource->takes_ref && strcmp(uri, resource->uri) == 0)
            return resource;
        if (!resource->takes_ref || strncmp(uri, resource->uri, len) != 0 || !uri[len])
            continue;
        *ref = percent_decode(uri + len);
        return *ref ? resource : NULL;
    }
    return NULL;
}

enum lq_mcp_code lq_mcp_read_resource(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                      struct lq_buf *members, struct lq_error *err)
{
    const enum lq_mcp_code unknown =
        request->modern ? LQ_MCP_INVALID_PARAMS : LQ_MCP_UNKNOWN_RESOURCE;
    const char *uri = lq_mcp_text(request->params, "uri");
    LQ_CLEANUP(lq_buf_release) struct lq_buf answer = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *ref = NULL;
    const struct resource *resource = find(uri, &ref);
    enum lq_mcp_code code;
    enum lq_status status;
    json_t *arguments;

    if (!uri) {
        lq_error_set(err, LQ_BAD_INPUT, "'uri' is missing or no text");
        return LQ_MCP_INVALID_PARAMS;
    }
    if (!resource) {
        lq_error_set(err, LQ_NOT_FOUND, "no resource '%s'", uri);
        return unknown;
    }
    arguments = json_object();
    if (ref)
        json_object_set_new(arguments, "ref", json_string(ref));
    status = lq_mcp_ask(mcp, resource->tool, arguments, &answer, &code, err);
    json_decref(arguments);
    if (status != LQ_OK)
        return code != LQ_MCP_OK                                  ? code
               : status == LQ_NOT_FOUND || status == LQ_BAD_INPUT ? unknown
                                                                  : LQ_MCP_INTERNAL_ERROR;
    lq_buf_adds(members, "\"contents\":[{\"uri\":");
    lq_out_add_json(members, lq_str_of(uri));
    lq_buf_adds(members, ",\"mimeType\":\"application/json\",\"text\":");
    lq_out_add_json(members, (struct lq_str){ lq_buf_text(&answer), answer.len });
    lq_buf_adds(members, "}]");
    return LQ_MCP_OK;
}
