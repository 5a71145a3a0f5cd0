/*
 * session.h - what every operator's command begins with: the configuration, the
 * places of state-dir, and who is asking.
 *
 *	if (session_open(&s, config_path, &e))
 *		return log_exit(&e);
 *	if (s.who == SESSION_OWNER) ...
 *	session_close(&s);
 */
#ifndef SESSION_H
#define SESSION_H

#include <sys/types.h>

#include "change.h"
#include "config.h"
#include "err.h"
#include "spool.h"
#include "uuid.h"

enum session_who {
	SESSION_NEW,		/* state-dir is not there yet: nothing ran so far */
	SESSION_OWNER,		/* we own state-dir, or are root */
	SESSION_OTHER,		/* another account does; what we ask for is spooled */
};

struct session {
	struct config *config;
	struct spool_paths paths;
	enum session_who who;
	uid_t owner;			/* of state-dir; ours when it is not there */
	const char *user;		/* Unix name we run as, or its number */
	char user_text[64];
};

/* path NULL: search for it (config.h). */
int session_open(struct session *s, const char *path, struct err *e);
void session_close(struct session *s);

/* ERR_PERM: `what` of another account's state-dir is not ours to read. Returns -1. */
int session_refuse(const struct session *s, const char *what, struct err *e);
/* Encode c and publish it where this account may. ERR_PERM says what to set when it
   may not. */
int session_spool(const struct session *s, const struct change *c, struct err *e);
/* A command about deliveries, for the owner of state-dir to carry out: nothing but whole
   ids will do. out: the command's own id. */
int session_command(const struct session *s, const char *verb, const char *reason,
	char *const *ids, int n, int64_t now_us, char out[UUID_SIZE], struct err *e);
/* Make sure somebody takes in what is there: as spool_wake. */
int session_wake(const struct session *s, struct err *e);

/* The Unix name of a uid, or its number, into out. Returns out. */
const char *session_user(uid_t uid, char *out, size_t size);

#endif
