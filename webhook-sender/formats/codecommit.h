/*
 * codecommit.h - the detail of a "CodeCommit Repository State Change", which the
 * codecommit format wraps as EventBridge does, and an EventBridge target puts there.
 */
#ifndef CODECOMMIT_H
#define CODECOMMIT_H

#include "payload.h"

#define CODECOMMIT_DETAIL_TYPE "CodeCommit Repository State Change"
/* Sources that begin with "aws." are AWS's own. */
#define CODECOMMIT_SOURCE "refire"

void codecommit_detail(struct json *j, const struct payload *p);

#endif
