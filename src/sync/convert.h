/* SPDX-License-Identifier: MIT */
/*
 * Mode symlink: "hostname=H" at the destination is a link to `.lq/logs`, and "_raw/hostname=H" one to
 * `.lq/raw`. Making such a link of a folder, or a folder of a link, is one exchange of names: a reader finds the
 * one or the other, with the same runs, and never both or neither.
 */
#ifndef LQ_SYNC_CONVERT_H
#define LQ_SYNC_CONVERT_H

#include "sync/plan.h"

/* What has the name of a folder that holds one identity's runs. */
enum lq_at_folder {
    LQ_AT_NOTHING = 0,
    LQ_AT_FOLDER,
    LQ_AT_OUR_LINK, /* to this project's own folder */
    LQ_AT_OTHER,    /* another link, or no folder at all */
};

/* Look at `folder` ("…/hostname=H" or "…/_raw/hostname=H"). */
enum lq_at_folder lq_convert_look(const struct lq_sync_plan *plan, const struct lq_remote *remote,
                                  const char *folder);

/*
 * Whether everything in `folder` is a file that this project has too, byte for byte, so that a link can
 * take its place. LQ_EXISTS: it is not; the message names what is in the way.
 */
LQ_CHECK enum lq_status lq_convert_check(const struct lq_sync_plan *plan,
                                         const struct lq_remote *remote, const char *folder,
                                         struct lq_error *err);

/* Make step->remote_path a link to the project's own folder, in place of a folder if one is there: that is
 * checked before and after, and put back if anybody has added to it. LQ_EXISTS as above; LQ_DENIED: a link
 * of another; LQ_IO: the file system has no links or cannot exchange names. */
LQ_CHECK enum lq_status lq_convert_to_link(struct lq_sync_plan *plan, struct lq_remote *remote,
                                           struct lq_step *step, struct lq_error *err);

/* Remove what killed syncs left of folders and links on their way: as far as it is this project's, and
 * nobody is at work on it. */
void lq_convert_sweep(const struct lq_sync_plan *plan, const struct lq_remote *remote,
                      const char *folder);

/* Make the folders that are to take the place of plan->links, beside them. */
LQ_CHECK enum lq_status lq_convert_begin(struct lq_sync_plan *plan, struct lq_remote *remote,
                                         struct lq_error *err);
/* Where a step's file goes until then. */
void lq_convert_detour(const struct lq_sync_plan *plan, struct lq_step *step);
/* The folders are whole, if `complete`: exchange them with the links. Otherwise they are removed. */
LQ_CHECK enum lq_status lq_convert_end(struct lq_sync_plan *plan, struct lq_remote *remote,
                                       bool complete, struct lq_error *err);

#endif
