/*
 * format.h - a payload dialect: one file in formats/, one const struct.
 *
 * render is pure: the same input gives the same bytes. sign is apart because it
 * happens anew for each attempt (its time, its secret). Adding a dialect is one
 * file and one line in formats.c.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "change.h"
#include "config.h"
#include "detail.h"
#include "enrich.h"
#include "err.h"
#include "message.h"
#include "queue.h"
#include "secret_lines.h"

struct render_input {
	const struct config *config;
	const struct pipeline *pipeline;
	const struct repository *repository;	/* may be NULL */
	const struct change_row *change;
	const char *delivery;			/* id, the same over retries */
	const char *name;			/* repository's configured name */
	const char *ref, *before, *after;	/* full ref; oids, zeros for none */
	bool coalesced;				/* nobody reported it: reconcile or poll saw it */
	const struct enrichment *enrichment;
	const struct detail *detail;		/* of the change, decoded */
	struct payload_parts *parts;		/* see payload_part; NULL: nothing is kept */
};

struct format {
	const char *name;
	const char *help;			/* one line for the manual */
	bool all_sign;				/* every request has a signature of each secret,
						   so that none is to be tried after another */
	/* Is the pipeline's configuration whole for it? NULL: it always is. */
	int (*check)(const struct pipeline *p, struct err *e);
	/* How many messages render makes; NULL: one. */
	size_t (*count)(const struct render_input *in);
	/* One or more messages, in the order they must arrive. */
	int (*render)(const struct render_input *in, struct arena *a,
		struct message **out, size_t *n, struct err *e);
	/* The signature headers of one attempt of one message. secrets may be empty; where
	   there is room for one signature, the first signs. */
	int (*sign)(const struct message *m, const struct secrets *s, int64_t now_us,
		struct headers *out, struct err *e);
};

extern const struct format format_generic, format_github, format_gitlab, format_gitea,
	format_standard, format_cloudevents, format_cloudevents_binary, format_cdevents,
	format_codecommit, format_template;
/* All of them, ends with NULL. */
extern const struct format *const formats[];
const struct format *format_find(const char *name);	/* NULL */

#endif
