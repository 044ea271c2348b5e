/* SPDX-License-Identifier: MIT */
/* Text and vectorscan databases as C source. */
#include "emit.h"
#include <hs/hs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Octal escapes, since hexadecimal ones have no end. */
void emit_text(FILE *out, const char *text)
{
    if (!text) {
        fputs("NULL", out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f || *text == '?')
            fprintf(out, "\\%03o", (unsigned char)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static void emit_words(FILE *out, const char *prefix, const char *bytes, size_t len)
{
    fprintf(out, "\nconst size_t %s_bytes = %zu;\nconst uint64_t %s_words[] = {", prefix, len,
            prefix);
    for (size_t at = 0; at < len; at += 8) {
        uint64_t word = 0;

        memcpy(&word, bytes + at, len - at < 8 ? len - at : 8);
        fprintf(out, "%s0x%jxu,", at % 64 ? "" : "\n", (uintmax_t)word);
    }
    fputs("\n};\n", out);
}

const char *emit_database(FILE *out, const char *prefix, const char *const *expressions,
                          const unsigned *flags, const unsigned *ids, unsigned n, int *bad)
{
    /* Zeroed: code for any x86-64, as fast as for this very processor. */
    const hs_platform_info_t platform = { 0 };
    hs_database_t *database;
    hs_compile_error_t *error;
    char *bytes;
    size_t len;

    *bad = -1;
    if (hs_compile_multi(expressions, flags, ids, n, HS_MODE_BLOCK, &platform, &database, &error)) {
        *bad = error->expression;
        return error->message;
    }
    if (hs_serialize_database(database, &bytes, &len))
        return "cannot serialise the database";
    emit_words(out, prefix, bytes, len);
    free(bytes);
    hs_free_database(database);
    return NULL;
}
