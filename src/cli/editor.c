/* SPDX-License-Identifier: MIT */
/* libedit: loading it, its keys, completion. */
#include "cli/editor.h"
#include "base/alloc.h"
#include "base/buf.h"
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HISTORY_ENTRIES 1000
/* More candidates than this are not listed. */
#define LISTED_CANDIDATES 120

#define FUNCTIONS(X)                                                                               \
    X(el_init)                                                                                     \
    X(el_end)                                                                                      \
    X(el_gets)                                                                                     \
    X(el_set)                                                                                      \
    X(el_get)                                                                                      \
    X(el_line)                                                                                     \
    X(el_insertstr)                                                                                \
    X(el_deletestr)                                                                                \
    X(el_source)                                                                                   \
    X(history_init)                                                                                \
    X(history_end)                                                                                 \
    X(history)

static struct {
#define DECLARE(name) __typeof__(name) *name;
    FUNCTIONS(DECLARE)
#undef DECLARE
} libedit;

struct lq_editor {
    EditLine *edit;
    History *history;
    const char *prompt;
    bool cleared;
    lq_complete_fn *complete;
    void *ctx;
};

static bool load(void)
{
    static const char *const names[] = { "libedit.so.2", "libedit.so.0", "libedit.so" };
    void *library = NULL;
    bool whole = true;

    for (size_t i = 0; !library && i < LQ_COUNT(names); i++)
        library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return false;
    /* Copied as bytes: ISO C has no cast from dlsym's void pointer. */
#define LOOK_UP(name)                                                                              \
    {                                                                                              \
        void *symbol = dlsym(library, #name);                                                      \
        whole = whole && symbol;                                                                   \
        memcpy(&libedit.name, &symbol, sizeof symbol);                                             \
    }
    FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    return whole;
}

static struct lq_editor *editor_of(EditLine *edit)
{
    void *editor = NULL;

    libedit.el_get(edit, EL_CLIENTDATA, &editor);
    return editor;
}

static const char *show_prompt(EditLine *edit)
{
    return editor_of(edit)->prompt;
}

/* ---- keys ---- */

/* Ctrl-C comes as a key: the terminal does not make a signal of it while a line is edited. */
static unsigned char on_clear(EditLine *edit, int key)
{
    (void)key;
    editor_of(edit)->cleared = true;
    return CC_NEWLINE;
}

/* libedit gives the terminal back meanwhile. */
static unsigned char on_suspend(EditLine *edit, int key)
{
    (void)edit;
    (void)key;
    raise(SIGTSTP);
    return CC_REDISPLAY;
}

static size_t common_prefix(const struct lq_candidate *candidates, size_t count)
{
    size_t len = strlen(candidates[0].text);

    for (size_t i = 1; i < count; i++) {
        size_t same = 0;

        while (same < len && tolower((unsigned char)candidates[i].text[same]) ==
                                 tolower((unsigned char)candidates[0].text[same]))
            same++;
        len = same;
    }
    return len;
}

/* Below the line, in columns. */
static void list(const struct lq_candidate *candidates, size_t count)
{
    struct winsize size = { 0 };
    const size_t shown = count < LISTED_CANDIDATES ? count : LISTED_CANDIDATES;
    size_t width = 0, columns;

    for (size_t i = 0; i < shown; i++)
        width = strlen(candidates[i].text) > width ? strlen(candidates[i].text) : width;
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    columns = (size.ws_col ? size.ws_col : 80) / (width + 2);
    columns = columns ? columns : 1;
    for (size_t i = 0; i < shown; i++)
        printf("%s%-*s", i % columns ? "  " : "\n", (int)width, candidates[i].text);
    printf(shown < count ? "\n... and %zu more\n" : "\n", count - shown);
    fflush(stdout);
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The word goes on as far as all candidates agree; when that is no further, they are listed. */
static unsigned char use(EditLine *edit, const struct lq_candidate *candidates, size_t count,
                         size_t word_len)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const size_t len = common_prefix(candidates, count);

    if (len == word_len && count > 1) {
        list(candidates, count);
        return CC_REDISPLAY;
    }
    lq_buf_add(&text, candidates[0].text, len);
    if (count == 1 && candidates[0].after)
        lq_buf_addc(&text, candidates[0].after);
    libedit.el_deletestr(edit, (int)word_len);
    return libedit.el_insertstr(edit, lq_buf_text(&text)) == 0 ? CC_REFRESH : CC_ERROR;
}

static bool is_blank(struct lq_str line)
{
    while (line.len > 0 && isspace((unsigned char)line.ptr[line.len - 1]))
        line.len--;
    return line.len == 0;
}

static unsigned char on_complete(EditLine *edit, int key)
{
    struct lq_editor *editor = editor_of(edit);
    const LineInfo *info = libedit.el_line(edit);
    const struct lq_str line = { info->buffer, (size_t)(info->cursor - info->buffer) };
    struct lq_candidate *candidates = NULL;
    size_t count, word_len = 0;
    unsigned char result = CC_ERROR;

    (void)key;
    /* So that a text with tabs can be pasted. */
    if (is_blank(line))
        return libedit.el_insertstr(edit, "    ") == 0 ? CC_REFRESH : CC_ERROR;
    count = editor->complete(editor->ctx, line, &candidates);
    while (word_len < line.len && in_word(line.ptr[line.len - word_len - 1]))
        word_len++;
    if (count > 0)
        result = use(edit, candidates, count, word_len);
    for (size_t i = 0; i < count; i++)
        free(candidates[i].text);
    free(candidates);
    return result;
}

/* ---- the editor ---- */

static void bind_keys(EditLine *edit)
{
    static const struct {
        const char *name, *help;
        unsigned char (*function)(EditLine *edit, int key);
        const char *key;
    } keys[] = {
        { "lq-complete", "complete the word", on_complete, "^I" },
        { "lq-clear", "give the line up", on_clear, "^C" },
        { "lq-suspend", "stop the shell", on_suspend, "^Z" },
    };

    libedit.el_set(edit, EL_SETTY, "-d", "-isig", NULL);
    for (size_t i = 0; i < LQ_COUNT(keys); i++) {
        libedit.el_set(edit, EL_ADDFN, keys[i].name, keys[i].help, keys[i].function);
        libedit.el_set(edit, EL_BIND, keys[i].key, keys[i].name, NULL);
    }
}

struct lq_editor *lq_editor_open(lq_complete_fn *complete, void *ctx)
{
    struct lq_editor *editor;
    HistEvent event;

    if (!load())
        return NULL;
    editor = lq_alloc(sizeof *editor);
    editor->complete = complete;
    editor->ctx = ctx;
    editor->edit = libedit.el_init("lq", stdin, stdout, stderr);
    editor->history = libedit.history_init();
    if (!editor->edit || !editor->history) {
        lq_editor_close(&editor);
        return NULL;
    }
    libedit.history(editor->history, &event, H_SETSIZE, HISTORY_ENTRIES);
    libedit.history(editor->history, &event, H_SETUNIQUE, 1);
    libedit.el_set(editor->edit, EL_CLIENTDATA, editor);
    libedit.el_set(editor->edit, EL_SIGNAL, 1);
    libedit.el_set(editor->edit, EL_PROMPT, show_prompt);
    libedit.el_set(editor->edit, EL_EDITOR, "emacs");
    libedit.el_set(editor->edit, EL_HIST, libedit.history, editor->history);
    libedit.el_set(editor->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    bind_keys(editor->edit);
    /* What the user's ~/.editrc says comes last. */
    libedit.el_source(editor->edit, NULL);
    return editor;
}

void lq_editor_close(struct lq_editor **editor)
{
    if (!*editor)
        return;
    if ((*editor)->edit)
        libedit.el_end((*editor)->edit);
    if ((*editor)->history)
        libedit.history_end((*editor)->history);
    lq_free(editor);
}

enum lq_editor_event lq_editor_read(struct lq_editor *editor, const char *prompt, const char **line)
{
    int count = 0;

    editor->prompt = prompt;
    editor->cleared = false;
    /* Before the prompt invites: what is typed until then would be the terminal's own, and a Ctrl-D be lost. */
    libedit.el_set(editor->edit, EL_PREP_TERM, 1);
    errno = 0;
    *line = libedit.el_gets(editor->edit, &count);
    if (editor->cleared || (!*line && errno == EINTR)) {
        fputs("^C\n", stdout);
        return LQ_EDITOR_CLEARED;
    }
    if (!*line || count <= 0) {
        fputc('\n', stdout);
        return LQ_EDITOR_END;
    }
    return LQ_EDITOR_LINE;
}

void lq_editor_remember(struct lq_editor *editor, const char *entry)
{
    HistEvent event;

    libedit.history(editor->history, &event, H_ENTER, entry);
}
