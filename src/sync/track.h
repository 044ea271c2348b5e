/* SPDX-License-Identifier: MIT */
/* What state.db remembers of syncs: destinations, what is there, what local files are. */
#ifndef LQ_SYNC_TRACK_H
#define LQ_SYNC_TRACK_H

#include "sync/plan.h"

/* ---- destinations ---- */

/* Find plan->place: sets destination_id and what is remembered of it. */
LQ_CHECK enum lq_status lq_track_find(struct lq_sync_plan *plan, struct lq_error *err);
/* Remember plan->place as it is now: sets destination_id and remembered. */
LQ_CHECK enum lq_status lq_track_save(struct lq_sync_plan *plan, struct lq_error *err);
/* All that was to be there at plan->opts.now is (`problem` NULL), or why it is not. */
LQ_CHECK enum lq_status lq_track_result(struct lq_sync_plan *plan, const char *problem,
                                        struct lq_error *err);
/* "namespace=N/project=P/hostname=H"; NULL counts as empty. The caller's. */
char *lq_track_folder(const char *namespace_, const char *project, const char *hostname);
/* Until the next sync that finishes, the mode of what is there is in doubt. */
LQ_CHECK enum lq_status lq_track_doubt(struct lq_sync_plan *plan, struct lq_error *err);
/* The folders below the destination that this project's runs of `.lq/logs` belong to, and those where
 * state.db says that some are: "namespace=N/project=P/hostname=H", sorted, each once. */
LQ_CHECK enum lq_status lq_track_folders(const struct lq_sync_plan *plan, struct lq_names *folders,
                                         struct lq_error *err);
/* The folders that runs were brought to since plan->swept_at or shortly before. */
LQ_CHECK enum lq_status lq_track_recent_folders(const struct lq_sync_plan *plan,
                                                struct lq_names *folders, struct lq_error *err);
LQ_CHECK enum lq_status lq_track_swept(struct lq_sync_plan *plan, struct lq_error *err);

/* Keys and URLs of all destinations, in turn. */
LQ_CHECK enum lq_status lq_track_destinations(struct lq_state *state, struct lq_names *pairs,
                                              struct lq_error *err);
/* Fill what `state` says is there and when it last succeeded; `last_error`, NULL when it did, and
 * `failures`, behind the last of which is one without path, are the caller's. */
LQ_CHECK enum lq_status lq_track_state(const struct lq_sync_plan *plan, struct lq_sync_state *state,
                                       char **last_error, struct lq_sync_failure **failures,
                                       struct lq_error *err);

/* ---- files ---- */

/* The folders that held nothing which was not at the destination. */
LQ_CHECK enum lq_status lq_track_known_folders(const struct lq_sync_plan *plan,
                                               struct lq_known_folders *known,
                                               struct lq_error *err);

/* Rows about the files of one folder, in the order of their paths. Asked for paths in that order. */
struct lq_cursor {
    struct lq_state *state;
    sqlite3_stmt *statement; /* prepared by the first lq_cursor_open, for all folders */
    bool more;
};
enum lq_cursor_table { LQ_CURSOR_SYNCED, LQ_CURSOR_FILE, LQ_CURSOR_BAD };
/* Go to the folder `leaf`. */
LQ_CHECK enum lq_status lq_cursor_open(struct lq_cursor *cursor, enum lq_cursor_table table,
                                       const struct lq_sync_plan *plan, const char *leaf,
                                       struct lq_error *err);
LQ_CHECK enum lq_status lq_cursor_find(struct lq_cursor *cursor, const char *path, bool *found,
                                       struct lq_error *err);
void lq_cursor_release(struct lq_cursor *cursor);

/* A found row of LQ_CURSOR_SYNCED; texts are borrowed until the next call. */
struct lq_synced {
    const char *remote_path, *sha256;
    int64_t size_bytes;
    int64_t raw_bytes; /* -1: its raw log is not there */
};
void lq_cursor_synced(const struct lq_cursor *cursor, struct lq_synced *row);
/* Fill the step from a found row of LQ_CURSOR_FILE, and set in_state. */
void lq_cursor_file(const struct lq_cursor *cursor, struct lq_step *step);

/* Fill bad->reason and set in_state, if the file was found bad with that size and time. */
LQ_CHECK enum lq_status lq_track_bad_file(struct lq_state *state, struct lq_bad_file *bad,
                                          struct lq_error *err);

/* ---- recording ---- */

/* Remember, in one transaction, the steps that are at the destination since plan->opts.now, those that
 * failed, and what was found out about local files. */
LQ_CHECK enum lq_status lq_track_record(struct lq_sync_plan *plan, const struct lq_step *steps,
                                        size_t n_steps, struct lq_error *err);
/* What is missing at the destination is not there: a kill from now on leaves it to the next sync. */
LQ_CHECK enum lq_status lq_track_forget_missing(struct lq_sync_plan *plan, struct lq_error *err);
/* Remember which leaves hold nothing that is not at the destination. */
LQ_CHECK enum lq_status lq_track_record_scans(struct lq_sync_plan *plan, struct lq_error *err);

#endif
