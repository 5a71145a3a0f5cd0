/*
 * dryrun.h - what a change would do, without doing it: one encoded spool file on
 * stdin; for each pipeline, whether it would start and why not; for those that
 * would, the exact request of the first attempt. Nothing is stored or sent. As
 * JSON: one object a pipeline, one a line.
 */
#ifndef DRYRUN_H
#define DRYRUN_H

#include "buf.h"
#include "config.h"

int dryrun(struct config *c, bool as_json, struct buf *out, struct err *e);

#endif
