/* SPDX-License-Identifier: MIT */
/* Stack traces of the JVM: the frame that is the user's. */
#include "parse/engine.h"

/* Of the platform and of libraries for tests. */
static const char *const foreign[] = {
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "org.junit.",
    "junit.",
    "org.opentest4j.",
    "org.hamcrest.",
    "org.assertj.",
    "org.mockito.",
    "org.testng.",
    "org.apache.maven.",
    "org.gradle.",
    "org.codehaus.",
    "com.google.common.truth.",
};

static bool is_foreign(struct lq_str method)
{
    for (size_t i = 0; i < LQ_COUNT(foreign); i++)
        if (lq_str_starts(method, lq_str_of(foreign[i])))
            return true;
    return false;
}

/* "org.example.AlarmTest.hours(int)[1]" is in the class "org.example.AlarmTest". */
static struct lq_str class_of(struct lq_str name)
{
    const char *end, *dot;

    if (!name.len)
        return name;
    end = memchr(name.ptr, '(', name.len);
    dot = memrchr(name.ptr, '.', end ? (size_t)(end - name.ptr) : name.len);
    return (struct lq_str){ name.ptr, dot ? (size_t)(dot - name.ptr) : 0 };
}

/* The first frame in the test's class, else the first that is not foreign. */
static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    struct lq_str rest = event->raw_text;
    const struct lq_str test = class_of(event->test_name);
    bool found = false;

    if (event->line_number)
        return;
    while (rest.len) {
        const char *newline = memchr(rest.ptr, '\n', rest.len);
        const struct lq_str line = { rest.ptr, newline ? (size_t)(newline - rest.ptr) : rest.len };

        if (lq_parser_try(
                parser, "^\\s+at (?:[^/()]+/+)?([\\w.$<>-]+)\\(([^():]+\\.\\w+):(\\d+)\\)", line)) {
            const struct lq_str method = lq_parser_group(parser, 1);
            const bool own = test.len && lq_str_starts(method, test) && method.len > test.len &&
                             (method.ptr[test.len] == '.' || method.ptr[test.len] == '$');

            if (own || (!found && !is_foreign(method))) {
                event->file_path = lq_parser_group(parser, 2);
                event->line_number = lq_digits(lq_parser_group(parser, 3));
                found = true;
            }
            if (own)
                return;
        }
        rest.len -= line.len + (newline != NULL);
        rest.ptr += line.len + (newline != NULL);
    }
}

const struct lq_family lq_family_java = { .adjust = adjust };
