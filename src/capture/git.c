/* SPDX-License-Identifier: MIT */
/* The state of the work tree, as git itself tells it. */
#include "base/git.h"
#include "base/alloc.h"
#include <lq/capture.h>

enum {
    GIT_TIMEOUT_MS = 10000,       /* a huge tree on a cold disk takes seconds */
    GIT_OUTPUT_BYTES = 64 * 1024, /* what is beyond only lists more changed files */
};

/* The value of header `name` in the line, the caller's; NULL when it is another line. */
static char *header_value(const char *line, size_t len, const char *name)
{
    const size_t name_len = strlen(name);

    if (len <= name_len || strncmp(line, name, name_len) != 0)
        return NULL;
    return lq_strndup(line + name_len, len - name_len);
}

void lq_facts_git(struct lq_run *run, const char *folder)
{
    static const char *const args[] = { "status",
                                        "--porcelain=v2",
                                        "--branch",
                                        "--untracked-files=no",
                                        "--ignore-submodules=dirty",
                                        "--no-renames",
                                        "--no-ahead-behind",
                                        NULL };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    lq_free(&run->git_commit);
    lq_free(&run->git_branch);
    run->git_dirty = LQ_UNKNOWN;
    if (!lq_git_output(folder, args, (struct lq_str){ 0 }, GIT_TIMEOUT_MS, GIT_OUTPUT_BYTES, &text))
        return;
    run->git_dirty = LQ_NO;
    for (const char *line = lq_buf_text(&text); *line; line += *line == '\n') {
        const size_t len = strcspn(line, "\n");

        if (line[0] != '#')
            run->git_dirty = LQ_YES;
        if (!run->git_commit)
            run->git_commit = header_value(line, len, "# branch.oid ");
        if (!run->git_branch)
            run->git_branch = header_value(line, len, "# branch.head ");
        line += len;
    }
    if (run->git_commit && run->git_commit[0] == '(')
        lq_free(&run->git_commit); /* "(initial)": no commit yet */
    if (run->git_branch && strcmp(run->git_branch, "(detached)") == 0)
        lq_free(&run->git_branch);
}
