/* SPDX-License-Identifier: MIT */
/* Namespace and project from a git remote URL or a path; credentials in destinations. */
#include "project/identity.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/git.h"
#include "base/text.h"
#include "project/config.h"
#include <strings.h>

#define URL_MAX_BYTES ((size_t)16384)
#define GIT_TIMEOUT_MS 5000
#define N_PARTS_MAX 256
#define HASH_BYTES 17 /* '_' and 16 hex */

/* The parts of a path, each its own string. */
struct parts {
    char *at[N_PARTS_MAX];
    size_t count;
};

static void release_parts(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free(parts->at[i]);
    parts->count = 0;
}

static void remove_part(struct parts *parts, size_t i)
{
    free(parts->at[i]);
    memmove(parts->at + i, parts->at + i + 1, (--parts->count - i) * sizeof parts->at[0]);
}

/* What a name may hold: valid UTF-8 without control characters, at most 255 bytes and never empty.
 * A longer one keeps a hash of its whole, so that two such never become one. */
static char *clean_name(struct lq_str raw)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    char hex[LQ_SHA256_HEX_BYTES];

    lq_text_add_utf8(&text, raw);
    if (text.len == 0)
        return lq_strdup("_");
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.data[i];

        if (byte < 0x20 || byte == 0x7f)
            text.data[i] = '_';
        else if (byte == 0xc2 && (unsigned char)text.data[i + 1] < 0xa0)
            text.data[i] = text.data[i + 1] = '_'; /* U+0080 to U+009F */
    }
    if (text.len > LQ_IDENTITY_MAX_BYTES) {
        lq_sha256_hex(raw.ptr, raw.len, hex);
        lq_buf_truncate(&text, lq_text_cut((struct lq_str){ text.data, text.len },
                                           LQ_IDENTITY_MAX_BYTES - HASH_BYTES));
        lq_buf_addf(&text, "_%.16s", hex);
    }
    return lq_buf_detach(&text);
}

/* The last part is the project, those before it the namespace. */
static void join(const struct parts *parts, char **namespace_, char **project)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *last = parts->count > 0 ? parts->at[parts->count - 1] : "";

    for (size_t i = 0; i + 1 < parts->count; i++)
        lq_buf_addf(&text, "%s%s", i > 0 ? "__" : "", parts->at[i]);
    *namespace_ = clean_name((struct lq_str){ lq_buf_text(&text), text.len });
    *project = clean_name(lq_str_of(last));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decoded; as it stands where that is no escape, or would give something that a part of a
 * path cannot be. */
static char *decode_part(struct lq_str raw)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < raw.len; i++) {
        const int high = i + 2 < raw.len && raw.ptr[i] == '%' ? hex_digit(raw.ptr[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(raw.ptr[i + 2]) : -1;

        lq_buf_addc(&text, low >= 0 ? (char)(high * 16 + low) : raw.ptr[i]);
        i += low >= 0 ? 2 : 0;
    }
    if (memchr(lq_buf_text(&text), '/', text.len) ||
        lq_identity_problem((struct lq_str){ lq_buf_text(&text), text.len }))
        return lq_strndup(raw.ptr, raw.len);
    return lq_buf_detach(&text);
}

/* Split at '/', without empty parts and ".". false: too many, "..", or part of a user name. */
static bool split_remote(struct lq_str path, bool decode, struct parts *parts)
{
    for (size_t start = 0, i = 0; i <= path.len; i++) {
        const struct lq_str raw = { path.ptr + start, i - start };

        if (i < path.len && path.ptr[i] != '/')
            continue;
        start = i + 1;
        if (raw.len == 0 || lq_str_eq(raw, LQ_STR(".")))
            continue;
        if (parts->count == N_PARTS_MAX)
            return false;

        char *part = decode ? decode_part(raw) : lq_strndup(raw.ptr, raw.len);

        parts->at[parts->count++] = part;
        /* "https://user:to/ken@host/o/r": an unescaped slash in a token makes the rest of it look
         * like a path. No forge has an '@' inside a name; npm-like scopes begin with one. */
        if (strcmp(part, "..") == 0 || strchr(part + 1, '@'))
            return false;
    }
    return true;
}

/* "repo.git", and the ".git" of a work tree. */
static void strip_git(struct parts *parts)
{
    if (parts->count > 0 && strcmp(parts->at[parts->count - 1], ".git") == 0)
        remove_part(parts, parts->count - 1);
    if (parts->count == 0)
        return;

    char *last = parts->at[parts->count - 1];
    const size_t len = strlen(last);

    if (len > 4 && strcmp(last + len - 4, ".git") == 0)
        last[len - 4] = '\0';
}

static bool ends_with_host(struct lq_str host, const char *suffix)
{
    const size_t len = strlen(suffix);

    return host.len >= len && strncasecmp(host.ptr + host.len - len, suffix, len) == 0;
}

/* Azure DevOps writes one repository as HOST/org/proj/_git/repo, as
 * org.visualstudio.com/proj/_git/repo and, over ssh, as v3/org/proj/repo; all give org, proj, repo. */
static void normalise_azure(struct lq_str host, struct parts *parts)
{
    static const char old_domain[] = ".visualstudio.com";
    const bool ssh = ends_with_host(host, "ssh.dev.azure.com") ||
                     ends_with_host(host, "vs-ssh.visualstudio.com");

    if (parts->count >= 3 && strcmp(parts->at[parts->count - 2], "_git") == 0)
        remove_part(parts, parts->count - 2);
    else if (parts->count == 2 && strcmp(parts->at[0], "_git") == 0)
        remove_part(parts, 0);
    if (ssh && parts->count > 2 && strcmp(parts->at[0], "v3") == 0)
        remove_part(parts, 0);
    if (!ssh && ends_with_host(host, old_domain) && host.len >= sizeof old_domain &&
        parts->count > 0 && parts->count < N_PARTS_MAX) {
        if (strcasecmp(parts->at[0], "DefaultCollection") == 0)
            remove_part(parts, 0);
        memmove(parts->at + 1, parts->at, parts->count++ * sizeof parts->at[0]);
        parts->at[0] = lq_strndup(host.ptr, host.len - (sizeof old_domain - 1));
    }
}

static size_t span_until(struct lq_str text, const char *stops)
{
    size_t i = 0;

    while (i < text.len && !strchr(stops, text.ptr[i]))
        i++;
    return i;
}

static struct lq_str skip(struct lq_str text, size_t n)
{
    return (struct lq_str){ text.ptr + n, text.len - n };
}

/* Drop "user:password@", by the last '@'. */
static struct lq_str skip_user(struct lq_str authority)
{
    for (size_t i = authority.len; i > 0; i--)
        if (authority.ptr[i - 1] == '@')
            return skip(authority, i);
    return authority;
}

/* "host", "host:2222", "[::1]:2222" give the host; false for anything else, which is either
 * no URL or a password that holds a '/'. */
static bool split_port(struct lq_str *host)
{
    size_t end =
        host->len > 0 && host->ptr[0] == '[' ? span_until(*host, "]") + 1 : span_until(*host, ":");

    if (end > host->len)
        return false;
    for (size_t i = end; i < host->len; i++)
        if (i == end ? host->ptr[i] != ':' : host->ptr[i] < '0' || host->ptr[i] > '9')
            return false;
    host->len = end;
    return end > 0;
}

/* Drop query or fragment. false when an '@' stands there: it is the rest of a password then. */
static bool cut_query(struct lq_str *path, const char *stops)
{
    const size_t len = span_until(*path, stops);
    const bool good = !memchr(path->ptr + len, '@', path->len - len);

    path->len = len;
    return good;
}

/* scheme://[user[:password]@]host[:port]/path[?query][#fragment] */
static bool split_url(struct lq_str url, size_t scheme_len, struct lq_str *host,
                      struct lq_str *path)
{
    static const char *const schemes[] = { "https", "http", "ssh", "git", "git+ssh", "ssh+git" };
    size_t i = 0;

    while (i < LQ_COUNT(schemes) &&
           (strlen(schemes[i]) != scheme_len || strncasecmp(schemes[i], url.ptr, scheme_len) != 0))
        i++;
    if (i == LQ_COUNT(schemes))
        return false;
    url = skip(url, scheme_len + strlen("://"));
    host->ptr = url.ptr;
    host->len = span_until(url, "/?#");
    *path = skip(url, host->len);
    *host = skip_user(*host);
    return cut_query(path, "?#") && split_port(host);
}

/* [user@]host:path, [user@host:port]:path with real brackets. As for git, a ':' behind a '/' makes
 * it a local path. */
static bool split_scp(struct lq_str url, struct lq_str *host, struct lq_str *path)
{
    struct lq_str rest = url;
    const size_t at = span_until(url, "@:/");

    if (at < url.len && url.ptr[at] == '@' && url.ptr[0] != '[')
        rest = skip(url, at + 1);
    host->ptr = rest.ptr;
    host->len =
        rest.len > 0 && rest.ptr[0] == '[' ? span_until(rest, "]") + 1 : span_until(rest, ":/");
    if (host->len == 0 || host->len >= rest.len || rest.ptr[host->len] != ':')
        return false;
    *path = skip(rest, host->len + 1);
    if (path->len > 0 && path->ptr[0] == ':') /* "ext::sh -c …": a transport helper */
        return false;
    /* "C:\repo", "C:/repo" */
    return cut_query(path, "?") && (host->len > 1 || rest.ptr != url.ptr);
}

bool lq_identity_from_url(const char *url, char **namespace_, char **project)
{
    LQ_CLEANUP(release_parts) struct parts parts = { .count = 0 };
    const struct lq_str text = lq_str_of(url);
    const char *slashes = url ? strstr(url, "://") : NULL;
    struct lq_str host, path;

    *namespace_ = *project = NULL;
    if (text.len == 0 || text.len > URL_MAX_BYTES || !lq_text_is_utf8(text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)url[i] < 0x20 || url[i] == 0x7f)
            return false;
    if (slashes ? !split_url(text, (size_t)(slashes - url), &host, &path)
                : !split_scp(text, &host, &path))
        return false;
    if (!split_remote(path, slashes != NULL, &parts))
        return false;
    strip_git(&parts);
    normalise_azure(host, &parts);
    if (parts.count < 2)
        return false;
    join(&parts, namespace_, project);
    return true;
}

void lq_identity_from_path(const char *folder, char **namespace_, char **project)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf parent = LQ_BUF_INIT;
    struct lq_str last = { "", 0 };

    for (const char *at = folder; *at;) {
        const size_t len = strcspn(at, "/");
        const struct lq_str part = { at, len };

        at += len + (at[len] == '/');
        if (len == 0 || lq_str_eq(part, LQ_STR(".")))
            continue;
        if (last.len > 0)
            lq_buf_addf(&parent, "%s%.*s", parent.len > 0 ? "__" : "", (int)last.len, last.ptr);
        last = part;
    }
    *namespace_ = clean_name((struct lq_str){ lq_buf_text(&parent), parent.len });
    *project = clean_name(last);
}

/* The URL may hold a token: it comes by a pipe, stands in no argument list, and goes nowhere but
 * into lq_identity_from_url(). */
static bool origin_url(const char *folder, struct lq_buf *url)
{
    static const char *const args[] = { "remote", "get-url", "origin", NULL };

    if (!lq_git_output(folder, args, (struct lq_str){ 0 }, GIT_TIMEOUT_MS, URL_MAX_BYTES + 1, url))
        return false;
    while (url->len > 0 && url->data[url->len - 1] == '\n')
        lq_buf_truncate(url, url->len - 1);
    return true;
}

void lq_identity_detect(const char *folder, char **namespace_, char **project)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf url = LQ_BUF_INIT;

    if (origin_url(folder, &url) && lq_identity_from_url(lq_buf_text(&url), namespace_, project))
        return;
    lq_identity_from_path(folder, namespace_, project);
}

/* Whether a parameter of a query names a credential: X-Amz-Signature, sig, access_token, … */
static bool is_secret_parameter(struct lq_str name)
{
    static const char *const parts_of[] = { "signature", "credential", "token",     "secret",
                                            "passw",     "access_key", "accesskey", "api_key",
                                            "apikey",    "key_id",     "keyid" };
    static const char *const whole[] = { "sig", "key", "pwd", "pass", "auth", "user" };
    LQ_CLEANUP(lq_free) char *text = decode_part(name);

    for (char *at = text; *at; at++)
        if (*at == '-')
            *at = '_';
    for (size_t i = 0; i < LQ_COUNT(parts_of); i++)
        if (strcasestr(text, parts_of[i]))
            return true;
    for (size_t i = 0; i < LQ_COUNT(whole); i++)
        if (strcasecmp(text, whole[i]) == 0)
            return true;
    return false;
}

static bool query_has_credentials(struct lq_str query)
{
    while (query.len > 0) {
        const struct lq_str parameter = { query.ptr, span_until(query, "?#&;") };
        const struct lq_str name = { parameter.ptr, span_until(parameter, "=") };

        if (name.len > 0 && is_secret_parameter(name))
            return true;
        query = skip(query, parameter.len < query.len ? parameter.len + 1 : query.len);
    }
    return false;
}

bool lq_destination_has_credentials(const char *destination)
{
    const char *slashes = destination ? strstr(destination, "://") : NULL;
    struct lq_str text = lq_str_of(destination), authority;

    if (text.len == 0 || strchr("/~.", destination[0]))
        return false; /* a folder */
    if (slashes)
        text = skip(text, (size_t)(slashes - destination) + strlen("://"));
    authority = (struct lq_str){ text.ptr, span_until(text, "/?#") };
    if (memchr(authority.ptr, '@', authority.len) && (slashes || memchr(text.ptr, ':', text.len)))
        return true;
    if (!slashes) { /* "KEY:SEC/RET@bucket": a URL without its scheme */
        const char *colon = memchr(text.ptr, ':', text.len);

        return colon && strchr(colon, '@');
    }
    /* "s3://KEY:SEC/RET@bucket": what follows the colon is no port, or an '@' comes later. */
    if (memchr(authority.ptr, ':', authority.len) && memchr(text.ptr, '@', text.len))
        return true;
    if (!split_port(&authority))
        return true;
    return query_has_credentials(skip(text, span_until(text, "?#")));
}
