/* SPDX-License-Identifier: MIT */
/* Which commands a project's build files offer, by what stands in them; nothing is run. */
#include "base/alloc.h"
#include "base/file.h"
#include "project/commands.h"
#include <jansson.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)

/* The first whose file is there decides; the last row has none. */
struct choice {
    const char *file, *text;
};

static const struct choice python_runner[] = { { "uv.lock", "uv run " },
                                               { "poetry.lock", "poetry run " },
                                               { "pdm.lock", "pdm run " },
                                               { NULL, "" } };
static const struct choice node_runner[] = { { "pnpm-lock.yaml", "pnpm run " },
                                             { "yarn.lock", "yarn run " },
                                             { "bun.lock", "bun run " },
                                             { "bun.lockb", "bun run " },
                                             { NULL, "npm run " } };
static const struct choice maven[] = { { "mvnw", "./mvnw " }, { NULL, "mvn " } };
static const struct choice gradle[] = { { "gradlew", "./gradlew " }, { NULL, "gradle " } };

/* A file, the beginning of a line that it must have, and the command that it then offers. */
static const struct rule {
    const char *file, *line; /* NULL: any */
    const char *tool;        /* behind the name where that is taken */
    const char *name, *command;
    const struct choice *runner; /* what the command begins with; NULL: nothing */
} rules[] = {
    { "CMakeLists.txt", NULL, "cmake", "build", "cmake -S . -B build && cmake --build build",
      NULL },
    { "CMakeLists.txt", "enable_testing", "cmake", "test",
      "ctest --test-dir build --output-on-failure", NULL },
    { "CMakeLists.txt", "include(CTest", "cmake", "test",
      "ctest --test-dir build --output-on-failure", NULL },
    { "meson.build", "project(", "meson", "build", "meson setup build && meson compile -C build",
      NULL },
    { "meson.build", "project(", "meson", "test", "meson test -C build --print-errorlogs", NULL },
    { "Cargo.toml", NULL, "cargo", "build", "cargo build", NULL },
    { "Cargo.toml", NULL, "cargo", "test", "cargo test", NULL },
    { "Cargo.toml", NULL, "cargo", "lint", "cargo clippy", NULL },
    { "go.mod", NULL, "go", "build", "go build ./...", NULL },
    { "go.mod", NULL, "go", "test", "go test ./...", NULL },
    { ".golangci.yml", NULL, "golangci", "lint", "golangci-lint run", NULL },
    { ".golangci.yaml", NULL, "golangci", "lint", "golangci-lint run", NULL },
    { "go.mod", NULL, "go", "lint", "go vet ./...", NULL },
    { "pom.xml", NULL, "maven", "build", "-B compile", maven },
    { "pom.xml", NULL, "maven", "test", "-B test", maven },
    { "build.gradle", NULL, "gradle", "build", "assemble", gradle },
    { "build.gradle.kts", NULL, "gradle", "build", "assemble", gradle },
    { "build.gradle", NULL, "gradle", "test", "test", gradle },
    { "build.gradle.kts", NULL, "gradle", "test", "test", gradle },
    { "pyproject.toml", "[tool.pytest", "pytest", "test", "pytest", python_runner },
    { "pytest.ini", NULL, "pytest", "test", "pytest", python_runner },
    { "conftest.py", NULL, "pytest", "test", "pytest", python_runner },
    { "setup.cfg", "[tool:pytest]", "pytest", "test", "pytest", python_runner },
    { "tox.ini", "[pytest]", "pytest", "test", "pytest", python_runner },
    { "pyproject.toml", "[tool.ruff", "ruff", "lint", "ruff check", python_runner },
    { "ruff.toml", NULL, "ruff", "lint", "ruff check", python_runner },
    { ".ruff.toml", NULL, "ruff", "lint", "ruff check", python_runner },
    { ".flake8", NULL, "flake8", "lint", "flake8", python_runner },
    { "setup.cfg", "[flake8]", "flake8", "lint", "flake8", python_runner },
    { "tox.ini", "[flake8]", "flake8", "lint", "flake8", python_runner },
    { "pyproject.toml", "[tool.mypy", "mypy", "typecheck", "mypy .", python_runner },
    { "mypy.ini", NULL, "mypy", "typecheck", "mypy .", python_runner },
    { ".mypy.ini", NULL, "mypy", "typecheck", "mypy .", python_runner },
    { "setup.cfg", "[mypy", "mypy", "typecheck", "mypy .", python_runner },
};

struct detection {
    const char *root;
    struct lq_commands *commands;
};

static bool exists(const struct detection *detection, const char *file)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(detection->root, file);

    return access(path, F_OK) == 0;
}

/* The text of a file; false when it is not there, too large, or cannot be read: what it would have
 * offered is registered by hand then. */
static bool read_file(const struct detection *detection, const char *file, struct lq_buf *text)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(detection->root, file);

    lq_buf_clear(text);
    return lq_file_read_regular(path, FILE_MAX_BYTES, text, NULL) == LQ_OK;
}

static const char *choose(const struct detection *detection, const struct choice *choice)
{
    while (choice->file && !exists(detection, choice->file))
        choice++;
    return choice->text;
}

/* Add a command, unless it is there by any name. */
static void add(struct detection *detection, const char *name, const char *tool,
                const char *command)
{
    struct lq_commands *commands = detection->commands;
    LQ_CLEANUP(lq_free) char *longer = lq_format("%s-%s", name, tool);
    struct lq_registered *added;

    for (size_t i = 0; i < commands->count; i++) {
        if (strcmp(commands->list[i].command, command) == 0)
            return;
    }
    if (lq_commands_find(commands, name))
        name = longer;
    if (lq_commands_find(commands, name))
        return;
    added = lq_commands_append(commands);
    added->name = lq_strdup(name);
    added->command = lq_strdup(command);
}

static bool has_line(const struct lq_buf *text, const char *beginning)
{
    const char *line = lq_buf_text(text);

    for (;;) {
        line += strspn(line, " \t");
        if (strncasecmp(line, beginning, strlen(beginning)) == 0)
            return true;
        line = strchr(line, '\n');
        if (!line)
            return false;
        line++;
    }
}

static void detect_by_rules(struct detection *detection)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < LQ_COUNT(rules); i++) {
        const struct rule *rule = &rules[i];
        LQ_CLEANUP(lq_free) char *command = NULL;

        if (!exists(detection, rule->file))
            continue;
        if (rule->line &&
            (!read_file(detection, rule->file, &text) || !has_line(&text, rule->line)))
            continue;
        command =
            lq_format("%s%s", rule->runner ? choose(detection, rule->runner) : "", rule->command);
        add(detection, rule->name, rule->tool, command);
    }
}

/* Targets and scripts that are worth a name, the better one first. */
static const struct {
    const char *target, *name;
} targets[] = { { "build", "build" }, { "all", "build" },           { "test", "test" },
                { "check", "test" },  { "lint", "lint" },           { "typecheck", "typecheck" },
                { "tests", "test" },  { "type-check", "typecheck" } };

/* Whether a line of a makefile has rules for `target`: "build: …", "all build : …". */
static bool is_target_line(struct lq_str line, const char *target)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    const char *at = line.ptr;
    const size_t len = strlen(target);

    if (!colon || memchr(line.ptr, '=', (size_t)(colon - line.ptr)) || line.ptr[0] == '\t')
        return false;
    /* := and ::= are assignments. */
    if (colon + 1 < line.ptr + line.len &&
        (colon[1] == '=' ||
         (colon[1] == ':' && colon + 2 < line.ptr + line.len && colon[2] == '=')))
        return false;
    while (at < colon) {
        const char *end = at;

        while (end < colon && *end != ' ' && *end != '\t')
            end++;
        if ((size_t)(end - at) == len && memcmp(at, target, len) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static bool has_target(const struct lq_buf *text, const char *target)
{
    const char *line = lq_buf_text(text), *const end = line + text->len;

    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const size_t len = (size_t)((newline ? newline : end) - line);

        if (is_target_line((struct lq_str){ line, len }, target))
            return true;
        line += len + 1;
    }
    return false;
}

static void detect_make(struct detection *detection)
{
    static const char *const files[] = { "GNUmakefile", "makefile", "Makefile" };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    size_t i = 0;

    while (i < LQ_COUNT(files) && !read_file(detection, files[i], &text))
        i++;
    if (i == LQ_COUNT(files))
        return;
    for (size_t k = 0; k < LQ_COUNT(targets); k++) {
        LQ_CLEANUP(lq_free) char *command = lq_format("make %s", targets[k].target);

        if (!lq_commands_find(detection->commands, targets[k].name) &&
            has_target(&text, targets[k].target))
            add(detection, targets[k].name, "make", command);
    }
    if (!lq_commands_find(detection->commands, "build"))
        add(detection, "build", "make", "make");
}

static void detect_node(struct detection *detection)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *runner;
    json_t *root, *scripts;

    if (!read_file(detection, "package.json", &text))
        return;
    root = json_loadb(lq_buf_text(&text), text.len, 0, NULL);
    scripts = json_object_get(root, "scripts");
    runner = choose(detection, node_runner);
    for (size_t i = 0; i < LQ_COUNT(targets); i++) {
        const char *script = json_string_value(json_object_get(scripts, targets[i].target));
        LQ_CLEANUP(lq_free) char *command = lq_format("%s%s", runner, targets[i].target);

        /* What `npm init` writes for a project without tests. */
        if (script && !strstr(script, "no test specified"))
            add(detection, targets[i].name, "node", command);
    }
    json_decref(root);
}

void lq_commands_detect(struct lq_commands *commands, const char *root)
{
    struct detection detection = { root, commands };

    detect_make(&detection);
    detect_node(&detection);
    detect_by_rules(&detection);
}
