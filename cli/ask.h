/*
 * ask.h - what a person asked of `refire queue`: read from the command line by
 * queue.c, answered by list.c, show.c, command.c, many.c, hold.c, prune.c
 * and rebuild.c.
 *
 * Each *_run returns the exit status, or -1 with err filled in.
 */
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"
#include "store.h"
#include "table.h"

struct ask {
	struct session session;
	struct screen screen;
	bool json;
	bool failed;			/* retry: all that failed */
	bool yes, dry_run;
	int64_t older_us;		/* prune; 0: queue-keep */
	unsigned states;		/* bit per delivery state; 0: not asked for */
	const char *pipeline, *repository, *ref, *change, *code;	/* NULL: any */
	const char *reason;		/* of a command, "" */
	int64_t since_us, until_us;	/* 0: any */
	long long limit;		/* 0: all */
	char **ids;
	int nids;
	int64_t now_us;
};

int list_run(const struct ask *a, struct err *e);
int show_run(const struct ask *a, struct err *e);
/* verb: "retry", "drop" or "replay". */
int command_run(const struct ask *a, const char *verb, struct err *e);
/* The same of all that the filters choose. */
int many_run(const struct ask *a, const char *verb, struct err *e);
/* HELD for an approval that its pipeline still asks for: no retry sends it. */
bool command_needs_approval(const struct ask *a, const struct delivery *d);
int prune_run(const struct ask *a, struct err *e);
/* verb: "hold" or "resume"; ids are names of pipelines. */
int hold_run(const struct ask *a, const char *verb, struct err *e);
int rebuild_run(const struct ask *a, struct err *e);

/* The members of a delivery's object in JSON but "attempts", which is a number in
   rows and the attempts themselves in show: list.c. */
struct json;
void list_members(struct json *j, const struct delivery *d);
/* A branch's short name is looked for under refs/heads/. NULL for NULL. */
const char *list_ref(const char *ref, struct buf *b);
/* The style of a state's word. */
enum style list_style(enum delivery_state s);

#endif
