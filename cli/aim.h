/*
 * aim.h - what a person means by `refire fire PIPELINE --ref main`: which
 * repository, which ref in full, which object.
 *
 *	aim_pipeline(c, "web-deploy", &aim, &e)		then
 *	aim_repository(c, NULL, &aim, &e)		then
 *	aim_commit(c, "main", NULL, &aim, &e)
 *
 * A local repository is asked; of one that is only polled, ref and commit must
 * be given in full. All fail with ERR_USAGE and what could be meant.
 */
#ifndef AIM_H
#define AIM_H

#include "config.h"
#include "err.h"

struct aim {
	const struct pipeline *pipeline;
	char repository[LIMIT_PATH];
	char ref[LIMIT_REF + 16];
	char commit[LIMIT_OID + 1];
	const char *unchecked;		/* why ref and commit were taken as given; "" */
	char unchecked_text[LIMIT_ERR];
};

int aim_pipeline(const struct config *c, const char *name, struct aim *aim, struct err *e);
/* name NULL: the only one the pipeline watches. */
int aim_repository(const struct config *c, const char *name, struct aim *aim, struct err *e);
/* ref NULL: the branch of HEAD. commit NULL: what the ref points to. */
int aim_commit(const struct config *c, const char *ref, const char *commit, struct aim *aim,
	struct err *e);

#endif
