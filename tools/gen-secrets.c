/* SPDX-License-Identifier: MIT */
/* Turn src/redact/secrets.json into the C table of src/redact/secret.h and a vectorscan database:
 * gen-secrets OUTPUT.c SECRETS.json */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "emit.h"
#include <hs/hs.h>
#include <jansson.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECRETS 64

/* "{start}" in an expression: not in the middle of a word, unless the letters before are the end of
 * an escape ("\n" in JSON, "%20" in a URL, "[0m" of a colour). */
#define START_MARK "{start}"
#define START "(?:(?<![A-Za-z0-9_-])|(?<=\\\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=[0-9\\[]m))"

__attribute__((noreturn)) static void die(const char *what, const char *problem)
{
    fprintf(stderr, "gen-secrets: %s: %s\n", what, problem);
    exit(1);
}

static const char *text_of(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

/* The expression with its marks replaced. */
static char *expand(const char *regexp)
{
    char *text = malloc(strlen(regexp) * sizeof START + 1);
    char *to = text;

    while (*regexp) {
        if (strncmp(regexp, START_MARK, sizeof START_MARK - 1) == 0) {
            memcpy(to, START, sizeof START - 1);
            to += sizeof START - 1;
            regexp += sizeof START_MARK - 1;
        } else {
            *to++ = *regexp++;
        }
    }
    *to = '\0';
    return text;
}

static void check_regexp(const char *name, const char *regexp)
{
    PCRE2_UCHAR text[256];
    PCRE2_SIZE at;
    int error;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)regexp, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);

    if (!code) {
        pcre2_get_error_message(error, text, sizeof text);
        die(name, (const char *)text);
    }
    pcre2_code_free(code);
}

static void put_secrets(FILE *out, json_t *list)
{
    json_t *row;
    size_t i;

    fputs("/* Made by tools/gen-secrets.c from src/redact/secrets.json. */\n"
          "#include \"redact/secret.h\"\n\nconst struct lq_secret lq_secrets[] = {\n",
          out);
    json_array_foreach(list, i, row)
    {
        char *regexp = expand(text_of(row, "regexp"));

        check_regexp(text_of(row, "name"), regexp);
        fputs("    { ", out);
        emit_text(out, text_of(row, "name"));
        fputs(", ", out);
        emit_text(out, text_of(row, "about"));
        fputs(", ", out);
        emit_text(out, regexp);
        fprintf(out, ", %d },\n", json_is_true(json_object_get(row, "block")));
        free(regexp);
    }
    fprintf(out, "};\nconst size_t lq_n_secrets = %zu;\n", json_array_size(list));
}

static void put_database(FILE *out, json_t *list)
{
    const char *heads[MAX_SECRETS] = { NULL }, *problem;
    unsigned flags[MAX_SECRETS] = { 0 }, ids[MAX_SECRETS] = { 0 };
    const unsigned n = (unsigned)json_array_size(list);
    int bad;

    if (n > MAX_SECRETS)
        die("secrets", "too many");
    for (unsigned i = 0; i < n; i++) {
        const char *head = text_of(json_array_get(list, i), "head");
        const char *caseless = "(?i)";

        flags[i] = HS_FLAG_MULTILINE;
        if (strncmp(head, caseless, strlen(caseless)) == 0) {
            flags[i] |= HS_FLAG_CASELESS;
            head += strlen(caseless);
        }
        heads[i] = head;
        ids[i] = i;
    }
    problem = emit_database(out, "lq_secrets", heads, flags, ids, n, &bad);
    if (problem)
        die(bad >= 0 ? heads[bad] : "all", problem);
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *root, *list;
    FILE *out;

    if (argc != 3 || !(out = fopen(argv[1], "w")))
        die(argc < 2 ? "usage" : argv[1], "cannot write the table");
    root = json_load_file(argv[2], JSON_REJECT_DUPLICATES, &error);
    if (!root)
        die(argv[2], error.text);
    list = json_object_get(root, "secrets");
    put_secrets(out, list);
    put_database(out, list);
    json_decref(root);
    return fclose(out) ? 1 : 0;
}
