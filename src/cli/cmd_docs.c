/* SPDX-License-Identifier: MIT */
/* lq docs: every command with its options as JSON, from which tools/gen-docs makes the man pages and
 * the completions when lq is built. */
#include "cli/cli.h"
#include <lq/format.h>

static const struct lq_opt docs_opts[] = {
    LQ_OPT_END,
};

static const char *kind_name(enum lq_opt_kind kind)
{
    return kind == LQ_OPT_FLAG     ? "flag"
           : kind == LQ_OPT_TEXT   ? "text"
           : kind == LQ_OPT_NUMBER ? "number"
           : kind == LQ_OPT_WORD   ? "word"
           : kind == LQ_OPT_REST   ? "rest"
                                   : "words";
}

/* `"key": "text", `, nothing for NULL. */
static void add_text(struct lq_buf *buf, const char *key, const char *text)
{
    if (!text)
        return;
    lq_buf_addf(buf, "\"%s\": ", key);
    lq_out_add_json(buf, lq_str_of(text));
    lq_buf_adds(buf, ", ");
}

static void add_option(struct lq_buf *buf, const struct lq_opt *opt)
{
    lq_buf_adds(buf, "    {");
    add_text(buf, "name", opt->name);
    add_text(buf, "letter", opt->letter ? (const char[]){ opt->letter, '\0' } : NULL);
    add_text(buf, "value", opt->value);
    add_text(buf, "help", opt->help);
    lq_buf_adds(buf, "\"choices\": [");
    for (const char *const *choice = opt->choices; choice && *choice; choice++) {
        lq_buf_adds(buf, choice == opt->choices ? "" : ", ");
        lq_out_add_json(buf, lq_str_of(*choice));
    }
    lq_buf_addf(buf, "], \"kind\": \"%s\"}", kind_name(opt->kind));
}

static void add_command(struct lq_buf *buf, const struct lq_command *command)
{
    struct lq_opt_group groups[LQ_CLI_MAX_GROUPS];
    const size_t n_groups = lq_cli_groups(command, groups);

    lq_buf_adds(buf, "{");
    add_text(buf, "name", command->name);
    add_text(buf, "alias", command->alias);
    add_text(buf, "summary", command->summary);
    lq_buf_adds(buf, "\"groups\": [");
    for (size_t g = 0; g < n_groups; g++) {
        lq_buf_adds(buf, g ? ",\n  {" : "\n  {");
        add_text(buf, "title", groups[g].title);
        lq_buf_adds(buf, "\"options\": [\n");
        for (const struct lq_opt *opt = groups[g].opts; opt->kind; opt++) {
            lq_buf_adds(buf, opt == groups[g].opts ? "" : ",\n");
            add_option(buf, opt);
        }
        lq_buf_adds(buf, "]}");
    }
    lq_buf_adds(buf, "]}");
}

static enum lq_status docs_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;
    size_t n_formats;
    const struct lq_format_info *formats = lq_formats(&n_formats);

    (void)args;
    lq_buf_adds(&buf, "{");
    add_text(&buf, "version", LQ_VERSION);
    lq_buf_adds(&buf, "\"commands\": [\n");
    for (const struct lq_command *const *at = lq_commands; *at; at++) {
        if ((*at)->hidden)
            continue;
        lq_buf_adds(&buf, at == lq_commands ? "" : ",\n");
        add_command(&buf, *at);
    }
    lq_buf_adds(&buf, "],\n\"formats\": [");
    for (size_t i = 0; i < n_formats; i++) {
        lq_buf_adds(&buf, i ? ", " : "");
        lq_out_add_json(&buf, lq_str_of(formats[i].name));
    }
    lq_buf_adds(&buf, "]}\n");
    if (fwrite(lq_buf_text(&buf), 1, buf.len, cli->out) != buf.len)
        return lq_error_set(err, LQ_IO, "cannot write standard output");
    return LQ_OK;
}

const struct lq_command lq_cmd_docs = {
    .name = "docs",
    .summary = "print all commands and options as JSON",
    .hidden = true,
    .needs = LQ_NEEDS_NOTHING,
    .opts = docs_opts,
    .main = docs_main,
};
