/* SPDX-License-Identifier: MIT */
/*
 * Which rules match where: vectorscan finds the lines in a block on which a rule may match, PCRE2
 * decides and yields the groups.
 */
#ifndef LQ_PARSE_MATCH_H
#define LQ_PARSE_MATCH_H

#include "base/str.h"
#include "scan/scan.h"

/* The first pass: one per parser. Without a usable database every rule is a hit on every line. */
struct lq_scanner;
struct lq_scanner *lq_scanner_new(void);
void lq_scanner_free(struct lq_scanner **scanner);
/* Find the hits in whole lines, ordered by `end`. `hits` is overwritten. */
void lq_scanner_scan(struct lq_scanner *scanner, struct lq_str block, struct lq_hits *hits);

/* The second pass: expressions, compiled when they are first used. */
struct lq_matches;
struct lq_matches *lq_matches_new(void);
void lq_matches_free(struct lq_matches **matches);
/* An expression compiled elsewhere; `code` is a pcre2_code. */
struct lq_expression {
    const char *regexp;
    void *code;
};

/* Use `expression`, which must stay, for its address. */
void lq_matches_lend(struct lq_matches *matches, const struct lq_expression *expression);
/* Match the expression at address `regexp`, which stands for it, against a line. */
bool lq_matches_try(struct lq_matches *matches, const char *regexp, struct lq_str line);
/* Whether the last one was given up, because it took too long. */
bool lq_matches_gave_up(const struct lq_matches *matches);
/* As the number of a group: all that was matched. */
#define LQ_GROUP_ALL UINT8_MAX
/* A group of the last match; ptr NULL when it took no part. */
struct lq_str lq_matches_group(const struct lq_matches *matches, unsigned number);

#endif
