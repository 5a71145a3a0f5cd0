/*
 * look.h - one look at one repository: what is asked of it, and what came back.
 *
 * A look owns copies of all it needs, so that it outlives a reload of the
 * configuration, and may run in a thread of its own. It ends in one of two ways:
 * failed with a sentence, or with refs, complete within its scope.
 *
 *	l = look_new(...); look_load(l, q, mark, e); then
 *	local path:	look_local(l)		in a worker
 *	ssh, git:	look_ssh(l), look_daemon(l)	in a worker
 *	http:		smart_start(s, l)	beside many others (smart.h)
 *
 * Where the mark says that nothing may have moved, look_load loads no refs: a look
 * comes back `same`, or `unloaded`. A local one is then loaded without a mark, and
 * begun again; one of a remote has its answer: look_catch_up.
 *
 * Others that ask the same remote ride along (look_join): one answer serves them all,
 * after look_share each of them has ended by itself.
 */
#ifndef LOOK_H
#define LOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "err.h"
#include "mem.h"
#include "queue.h"
#include "remote.h"
#include "repo.h"
#include "still.h"

struct host;
struct credentials;

enum look_task {
	LOOK_LIST,			/* look_run's own */
	LOOK_ASK, LOOK_APPROVE, LOOK_REJECT,	/* credential.h */
	LOOK_FETCH,			/* fetch.h */
};

struct look {
	struct arena arena;		/* owns every string below */
	const char *name;		/* the repository's */
	bool local;
	bool helpers;			/* git's credential helpers may be asked */
	bool loaded;			/* accepted and version are */
	const char *dir, *below;	/* local: git directory, and the root it must lie below, or "" */
	struct remote remote;
	const char *ssh_key, *known_hosts, *token_file, *username, *ca_file, *user_agent;
	const char *tls_cert, *tls_key;
	const char *ssh_dir;		/* where connections are shared; "" they are not */
	const char *mirror;		/* git directory to fetch into before it is reported; "" */
	int64_t mirror_timeout_us;
	struct credentials *credentials;	/* what they said */
	int64_t timeout_us;
	const atomic_bool *stop;	/* the program is to end */
	struct queue_texts scope;	/* ref prefixes it is about */
	struct queue_texts asked;	/* prefixes asked for: its own and its twins' */
	struct host *host;		/* whose slot it has */
	struct look *twins;		/* that its answer serves too; each has the next */
	int64_t speaks;			/* http: as advert_speaks; 0: greet the server first. Comes
					   back as it was found */
	struct queue_texts known;	/* prefixes with a baseline */
	struct queue_ref *accepted;	/* as they stood before it began; byte order */
	size_t naccepted;
	struct queue_version version;	/* of accepted */
	char still[STILL_DIGEST];	/* the stats, or the answer, of the last whole look; "" none */
	int64_t began_us;		/* wall-clock */
	enum look_task task;		/* what a worker shall do */
	const char *user, *password;	/* of a credential helper, NULL none */
	/* what came back */
	bool failed;
	bool unauthorized;		/* failed: the server asks for a user name and password */
	bool greeted;			/* http: the server told what it speaks */
	bool deaf;			/* and had not answered the question that came first */
	bool same;			/* stats or answer are those: there is nothing to report */
	bool unloaded;			/* they are not, and accepted was not loaded */
	bool fetched;			/* the mirror was looked after, well or not */
	struct err err;
	int64_t wait_us;		/* failed: the server asks to be left alone so long; 0 */
	char stands[STILL_DIGEST];	/* the stats before it was read, or the answer */
	uint64_t sum;			/* of the answer's bytes */
	struct repo_refs refs;
	const char *mirror_said, *mirror_failed;	/* for people; NULL nothing */
};

/* -1: the URL cannot be used. */
int look_new(const struct config *c, const struct repository *r, const char *name,
	const char *dir, struct look **out, struct err *e);
/* Its accepted refs and spaces; or, where the mark says that nothing may have moved, only
   what to compare. now: how they stand, where that is known; or NULL. -1: the queue
   cannot be read. */
int look_load(struct look *l, struct queue *q, const char *mark,
	const struct queue_version *now, struct err *e);
/* The accepted refs for an answer that is another one. They are newer than the look: if
   they moved since it began, its version tells. */
int look_catch_up(struct look *l, struct queue *q, struct err *e);
/* t rides along; it belongs to l. */
void look_join(struct look *l, struct look *t);
/* l has ended: so have its twins, each with what concerns it. Their strings are l's. */
void look_share(struct look *l);
/* One that failed before it began. */
struct look *look_failed(const char *name, const struct err *e);
void look_free(struct look *l);		/* and its twins */

/* These block, and end in l->failed or l->refs. */
void look_local(struct look *l);
void look_ssh(struct look *l);
void look_daemon(struct look *l);
/* The one of them that fits (http is not among them), or what task says. */
void look_run(struct look *l);

#endif
