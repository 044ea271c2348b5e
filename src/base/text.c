/* SPDX-License-Identifier: MIT */
/* UTF-8 validation (Unicode standard, table 3-7) and escaping for terminals. */
#include "base/text.h"

/*
 * Length of the well-formed sequence at `at`, or minus the length of the ill-formed maximal
 * subpart there. The code point goes to `*code`.
 */
static int sequence(const unsigned char *at, size_t left, uint32_t *code)
{
    const unsigned char lead = at[0];
    unsigned char low = 0x80, high = 0xbf;
    int need;

    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf)
        need = 1;
    else if (lead >= 0xe0 && lead <= 0xef)
        need = 2;
    else if (lead >= 0xf0 && lead <= 0xf4)
        need = 3;
    else
        return -1;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    *code = lead & (0x3fU >> need);
    for (int i = 1; i <= need; i++) {
        if ((size_t)i >= left || at[i] < low || at[i] > high)
            return -i;
        *code = *code << 6 | (at[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    return need + 1;
}

void lq_text_add_utf8(struct lq_buf *buf, struct lq_str text)
{
    size_t good = 0; /* start of what is not yet copied */
    size_t i = 0;

    while (i < text.len) {
        uint32_t code;
        const int n = text.ptr[i] == '\0'
                          ? -1
                          : sequence((const unsigned char *)text.ptr + i, text.len - i, &code);

        if (n > 0) {
            i += (size_t)n;
            continue;
        }
        lq_buf_add(buf, text.ptr + good, i - good);
        lq_buf_adds(buf, "\xef\xbf\xbd");
        i += (size_t)-n;
        good = i;
    }
    lq_buf_add(buf, text.ptr + good, i - good);
}

/* Whether all of the eight bytes at `at` are ASCII and none is NUL, as they are in nearly all of every log. */
static bool plain(const char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return !(((word - ones) | word) & ones << 7);
}

bool lq_text_is_utf8(struct lq_str text)
{
    for (size_t i = 0; i < text.len;) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        uint32_t code;
        int n;

        if (text.len - i >= sizeof(uint64_t) && plain(text.ptr + i)) {
            i += sizeof(uint64_t);
            continue;
        }
        if (byte > 0 && byte < 0x80) {
            i++;
            continue;
        }
        n = sequence((const unsigned char *)text.ptr + i, text.len - i, &code);
        if (n < 0 || code == 0)
            return false;
        i += (size_t)n;
    }
    return true;
}

size_t lq_text_cut(struct lq_str text, size_t max)
{
    size_t len = text.len < max ? text.len : max;

    if (len == text.len)
        return len;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static bool steers(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

void lq_text_add_visible(struct lq_buf *buf, struct lq_str text, bool keep_lines)
{
    for (size_t i = 0; i < text.len;) {
        const unsigned char *at = (const unsigned char *)text.ptr + i;
        uint32_t code;
        const int n = sequence(at, text.len - i, &code);

        if (n < 0) {
            for (int k = 0; k < -n; k++)
                lq_buf_addf(buf, "\\x%02x", at[k]);
            i += (size_t)-n;
            continue;
        }
        i += (size_t)n;
        if (keep_lines && (code == '\n' || code == '\t'))
            lq_buf_addc(buf, (char)code);
        else if (code == '\n')
            lq_buf_adds(buf, "\\n");
        else if (code == '\r')
            lq_buf_adds(buf, "\\r");
        else if (code == '\t')
            lq_buf_adds(buf, "\\t");
        else if (!steers(code))
            lq_buf_add(buf, at, (size_t)n);
        else if (code < 0xa0)
            lq_buf_addf(buf, "\\x%02x", code);
        else
            lq_buf_addf(buf, "\\u{%04x}", code);
    }
}
