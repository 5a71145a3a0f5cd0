/*
 * args.h - the command line of one program: its options stand in one table,
 * from which both the reading and --help are made.
 *
 *	enum { OPT_CONFIG, OPT_STATE, OPT_HELP };
 *	static const struct args_option options[] = {
 *		[OPT_STATE] = { "state", 0, "STATE", "only deliveries in this state" },
 *		...
 *		{ NULL, 0, NULL, NULL },
 *	};
 *	while ((k = args_next(&a, &e)) >= 0)
 *		switch (k) { case OPT_STATE: state = a.value; ... }
 *	if (k == ARGS_BAD) return log_exit(&e);
 *	use a.rest, a.nrest
 *
 * Options may stand before, between and after the operands; `--name VALUE` and
 * `--name=VALUE` are the same; `--` ends them. Names are never abbreviated: an
 * unknown one is refused with the nearest known one.
 */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"

struct args_option {
	const char *name;		/* without the dashes; NULL ends the table */
	char letter;			/* "-h"; 0 none */
	const char *value;		/* "FILE": a value is required; NULL: a switch */
	const char *help;		/* a phrase; it is wrapped */
};

#define ARGS_OPTION_CONFIG { "config", 0, "FILE", "read this configuration file" }
#define ARGS_OPTION_CONFIG_UNUSED { "config", 0, "FILE", \
	"accepted as by every command; nothing of it is needed" }
#define ARGS_OPTION_JSON { "json", 0, NULL, "print JSON, one object a line" }
#define ARGS_OPTION_HELP { "help", 'h', NULL, "show this help" }

struct args_usage {
	const char *program;		/* "refire queue" */
	const char *const *synopsis;	/* what may follow it; NULL-terminated */
	const char *summary;		/* what it does; lines are printed as they are */
	const struct args_option *options;
	const char *notes;		/* printed last, as it is; NULL none */
};

struct args {
	const struct args_usage *usage;
	char **argv;
	int argc, at;
	const char *value;		/* of the option args_next returned */
	char **rest;			/* operands seen so far, in argv's own memory */
	int nrest;
	bool ended;			/* "--" was seen */
};

#define ARGS_END (-1)
#define ARGS_BAD (-2)

void args_init(struct args *a, const struct args_usage *u, int argc, char **argv);
/* The next option's index in the table, ARGS_END, or ARGS_BAD with ERR_USAGE. */
int args_next(struct args *a, struct err *e);
/* ERR_USAGE with a sentence and where help is. Returns -1. */
int args_refuse(const struct args_usage *u, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The text of --help. */
void args_help(const struct args_usage *u, struct buf *out);

/* "yes" or "no" and their kin; a whole number. 0, or -1 naming the option. */
int args_bool(const struct args *a, const char *option, bool *out, struct err *e);
int args_number(const struct args *a, const char *option, long long least, long long *out,
	struct err *e);

#endif
