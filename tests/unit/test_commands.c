/* SPDX-License-Identifier: MIT */
/* commands.yaml: read, refused, edited. */
#include "base/alloc.h"
#include "project/commands.h"
#include "tap.h"

/* "build=make -j8|desc|gcc|60 test=…" */
static char *show(const struct lq_commands *commands)
{
    struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < commands->count; i++) {
        const struct lq_registered *command = &commands->list[i];

        lq_buf_addf(&text, "%s%s=%s", i ? " " : "", command->name, command->command);
        if (command->description)
            lq_buf_addf(&text, "|%s", command->description);
        if (command->format)
            lq_buf_addf(&text, "|%s", command->format);
        if (command->timeout_sec)
            lq_buf_addf(&text, "|%lld", (long long)command->timeout_sec);
    }
    return lq_buf_detach(&text);
}

static void test_read(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "# none\n", "" },
        { "commands:\n", "" },
        { "commands: {}\n", "" },
        { "commands:\n  build: make -j8\n", "build=make -j8" },
        { "commands:\n  build:\n    command: make\n    timeout: 60\n", "build=make|60" },
        { "commands: {a: {command: x, description: d, format: gcc}, b: y}", "a=x|d|gcc b=y" },
        { "commands:\n  two: |\n    make\n    make test\n", "two=make\nmake test" },
        { "commands:\n  a:\n    command: x\n    timeout:\n", "a=x" },
        { "commands:\n  \"a.b-c_9\": x\n", "a.b-c_9=x" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
        LQ_CLEANUP(lq_free) char *got = NULL;
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].text);
        CHECK_INT(lq_commands_parse(&commands, lq_str_of(cases[i].text), "f", &err), LQ_OK);
        got = show(&commands);
        CHECK_STR(got, cases[i].want);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "x: 1\n", "'f' line 1: unknown key 'x'" },
        { "- a\n", "'f' line 1: the file must hold keys and values" },
        { "commands: make\n", "'f' line 1: commands must hold names and commands" },
        { "commands:\n  a: x\n  a: y\n", "'f' line 3: commands.a is there twice" },
        { "commands:\n  a:\n", "'f' line 2: commands.a has no command" },
        { "commands:\n  a: {timeout: 3}\n", "'f' line 2: commands.a has no command" },
        { "commands:\n  a: {command: x, shell: 3}\n",
          "'f' line 2: unknown key 'commands.a.shell'" },
        { "commands:\n  a: {command: x, timeout: -3}\n",
          "'f' line 2: commands.a.timeout must be a number of seconds" },
        { "commands:\n  a: {command: x, timeout: 99999999999999999999}\n",
          "'f' line 2: commands.a.timeout must be a number of seconds" },
        { "commands:\n  a: [make]\n", "'f' line 2: commands.a.command must be a text" },
        { "commands:\n  a: \"x\\e[2J\"\n",
          "'f' line 2: commands.a.command holds control characters" },
        { "commands:\n  a: {command: x, description: \"a\\nb\"}\n",
          "'f' line 2: commands.a.description holds control characters" },
        { "commands:\n  12: x\n",
          "'f' line 2: a command's name is a number, which would name a run" },
        { "commands:\n  a:b: x\n",
          "'f' line 2: a command's name must be of letters, digits, '_', '-' and '.', the last two "
          "not first" },
        { "commands:\n  -a: x\n",
          "'f' line 2: a command's name must be of letters, digits, '_', '-' and '.', the last two "
          "not first" },
        { "commands:\n  ? [a]\n  : x\n", "'f' line 2: a command's name must have 1 to 50 bytes" },
        { "commands:\n  a: &x make\n  b: *x\n",
          "'f' line 2: anchors, aliases and tags are not supported" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].text);
        CHECK_INT(lq_commands_parse(&commands, lq_str_of(cases[i].text), "f", &err), LQ_BAD_INPUT);
        CHECK_STR(err.message, cases[i].message);
    }
}

static void test_edit(void)
{
    const struct lq_registered add = { .name = (char[]){ "new" },
                                       .command = (char[]){ "make n" },
                                       .timeout_sec = 5 };
    static const struct {
        const char *text, *name;
        bool put;
        const char *want; /* NULL: refused, unchanged */
    } cases[] = {
        { "", "new", true,
          "# Commands of this project for `lq run NAME`; `lq register` adds to them.\n"
          "commands:\n  new:\n    command: make n\n    timeout: 5\n" },
        { "# mine\n", "new", true,
          "# mine\ncommands:\n  new:\n    command: make n\n    timeout: 5\n" },
        { "commands:\n", "new", true, "commands:\n  new:\n    command: make n\n    timeout: 5\n" },
        { "commands:", "new", true, "commands:\n  new:\n    command: make n\n    timeout: 5\n" },
        { "commands:\n    a: x # keep\n\n# end\n", "new", true,
          "commands:\n    a: x # keep\n    new:\n        command: make n\n        timeout: 5\n\n# "
          "end\n" },
        { "commands:\n  a: x", "new", true,
          "commands:\n  a: x\n  new:\n    command: make n\n    timeout: 5\n" },
        { "commands:\n  new: |\n    old\n    # of it\n  # about b\n  b: y\n", "new", true,
          "commands:\n  new:\n    command: make n\n    timeout: 5\n    # of it\n  # about b\n  b: y\n" },
        { "---\ncommands:\n  a: x\n...\n", "new", true,
          "---\ncommands:\n  a: x\n  new:\n    command: make n\n    timeout: 5\n...\n" },
        { "commands:\n  a: x\n  # about new\n  new: {command: z}\n  b: y\n", "new", false,
          "commands:\n  a: x\n  # about new\n  b: y\n" },
        { "commands:\n  new: x\n", "new", false, "commands:\n" },
        { "commands:\na: x\n", "new", true, NULL },
        { "commands: {a: x}\n", "new", true, NULL },
        { "{commands: {new: x}}\n", "new", false, NULL },
        { "commands:\n  ? a\n  : x\n", "new", true, NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
        enum lq_status status;

        TAP_CASE(cases[i].text);
        lq_buf_adds(&text, cases[i].text);
        status = lq_commands_edit(&text, cases[i].name, cases[i].put ? &add : NULL, "f", NULL);
        CHECK_INT(status, cases[i].want ? LQ_OK : LQ_BAD_INPUT);
        CHECK_STR(lq_buf_text(&text), cases[i].want ? cases[i].want : cases[i].text);
    }
}

/* What was written is what is read, whatever the texts hold. */
static void test_round_trip(void)
{
    static const char *const texts[] = {
        "make",      "yes",         "a b",       "x: y", "# no",   "'\"\\",
        "a\nb\tc",   "*x",          "\xc3\xa4 ", "-j8",  "{a, b}", "\xe2\x80\xa8\xef\xbb\xbf",
        "true",      "% @ ` ! & |", "a ",        "12",   "a  #b",  "a:",
        "a/b=c+d e",
    };

    for (size_t i = 0; i < LQ_COUNT(texts); i++) {
        LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
        const struct lq_registered add = { .name = (char[]){ "true" },
                                           .command = (char *)texts[i] };

        TAP_CASE(texts[i]);
        CHECK_INT(lq_commands_edit(&text, add.name, &add, "f", NULL), LQ_OK);
        CHECK_INT(lq_commands_parse(&commands, lq_str_of(lq_buf_text(&text)), "f", NULL), LQ_OK);
        CHECK_STR(commands.count ? commands.list[0].command : NULL, texts[i]);
    }
}

int main(void)
{
    TAP_RUN(test_read);
    TAP_RUN(test_refused);
    TAP_RUN(test_edit);
    TAP_RUN(test_round_trip);
    return tap_done();
}
