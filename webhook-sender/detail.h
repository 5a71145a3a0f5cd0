/*
 * detail.h - what a change carries beside its refs, read from the JSON it is stored
 * as (change_row.detail): push options, claims of the environment, variables.
 */
#ifndef DETAIL_H
#define DETAIL_H

#include <stddef.h>

#include "change.h"
#include "err.h"
#include "mem.h"

struct detail {
	const char **options, **shortened;
	size_t noptions, nshortened;
	struct name_value *claims, *vars;
	size_t nclaims, nvars;
};

/* "" is nothing at all. Strings live in a. ERR_DATA when it is not what we store. */
int detail_decode(struct arena *a, const char *json, struct detail *out, struct err *e);
/* The value of a variable; NULL when it is not set. */
const char *detail_var(const struct detail *d, const char *name);

#endif
