/*
 * change.h - the noun: what one source saw, once, immutable.
 *
 * A spool file holds one change, or one command of an operator. change_decode
 * reads either; change_encode writes what C programs other than the hook spool
 * (poll, fire, commands). The hook writes the same form by itself (hooks/).
 *
 * Fields of the file (docs/spool.md):
 *	kind		change | command
 *	id		UUIDv7
 *	source		post-receive | reconcile | poll | fire
 *	time		microseconds since 1970, the source's clock
 *	path		absolute git directory (post-receive)
 *	repository	configured name (reconcile, poll, fire)
 *	claim.NAME	what the environment said: REMOTE_USER, SSH_CONNECTION ...
 *	option		one push option, repeated
 *	shortened	name of a field that was cut to its limit, repeated
 *	refs		events: "OLD SP NEW SP REF LF" each, as git gave them on stdin
 *	seen		observations: "SEQ SP OID SP REF LF"; zeros: gone. SEQ is the
 *			accepted row's sequence number when it was made, 0: no row
 *	space		a ref prefix that was listed completely, repeated
 *	total		how many refs the answer held in all
 *	head		HEAD's symbolic target, where known
 *	pipeline ref commit		fire
 *	var		NAME=value (fire --var), repeated
 *	verb delivery reason		command: retry, drop ...; delivery repeated
 */
#ifndef CHANGE_H
#define CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "mem.h"
#include "uuid.h"

#define SOURCE_LIST(X) \
	X(POST_RECEIVE, "post-receive") \
	X(RECONCILE, "reconcile") \
	X(POLL, "poll") \
	X(FIRE, "fire")

enum source {
#define X(name, word) SOURCE_##name,
	SOURCE_LIST(X)
#undef X
	SOURCE_COUNT
};
const char *source_word(enum source s);
int source_parse(const char *word);		/* -1: none */

/* One line of `refs` or `seen`. */
struct ref_update {
	const char *ref, *old, *new;	/* seen: old is "" */
	int64_t base;			/* seen: the row's sequence number; -1 for events */
};

struct name_value {
	const char *name, *value;
};

struct change {
	bool command;			/* a command, not a change */
	char id[UUID_SIZE];
	enum source source;
	int64_t time_us;
	const char *path, *repository;	/* "" where not given */
	uid_t uid;			/* from fstat of the file, never from its content */
	const char *user;		/* Unix name of uid, or its number */
	const char *actor;		/* the pusher: the best claim, else user */
	const char *address;		/* client address by REMOTE_ADDR or SSH_CONNECTION, or "" */
	struct name_value *claims;
	size_t nclaims;
	const char **options;
	size_t noptions;
	const char **shortened;
	size_t nshortened;
	struct name_value *vars;	/* fire --var, and -o ci.variable= */
	size_t nvars;
	bool skip;			/* -o ci.skip */
	bool observed;			/* updates are observations */
	struct ref_update *updates;
	size_t nupdates;
	const char **spaces;
	size_t nspaces;
	int64_t total;
	const char *head;
	const char *pipeline;		/* fire */
	const char *verb, *reason;	/* command */
	const char **deliveries;
	size_t ndeliveries;
};

/* text (modified) is the file's content, uid its owner. Strings live in a or in
   text: both must outlive the change. ERR_DATA with a sentence when it is not a
   change this version can read; ERR_TEMP when it is of a newer version. Checks
   every value: uuid, oids (40 or 64 hex digits), ref names (length, no control
   bytes, begins with refs/ or is HEAD). */
int change_decode(struct arena *a, char *text, size_t len, uid_t uid,
	struct change *out, struct err *e);
/* Into malloc()ed memory. id and time are taken from c. */
int change_encode(const struct change *c, char **out, size_t *len, struct err *e);
/* A ref name git could have made and we can carry. */
bool change_ref_ok(const char *ref);
bool change_oid_ok(const char *oid);

#endif
