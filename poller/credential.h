/*
 * credential.h - user name and password for an http URL whose server asks for them, from
 * git's own credential helpers (`git credential`, gitcredentials(7)), which are those of
 * the account that polls, as its git configuration names them.
 *
 * Nobody is ever prompted, nothing secret is in an argument list, and a helper that hangs
 * costs CREDENTIAL_ASK_S of a worker. What a helper said is kept in memory and sent at once
 * the next time, to the same account of the same host (and of the same path, where
 * credential.useHttpPath is set). The helper is told whether the server took it.
 *
 *	credential_recall(l)		before a request: is one known already?
 *	the answer: credential_next(l) says what a worker shall do with l before it ends,
 *	LOOK_LIST nothing; then credential_run(l), and credential_again(l): ask the server
 *	again?
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include <stdbool.h>

#include "look.h"

#define CREDENTIAL_ASK_S 20

struct credentials *credentials_open(void);
void credentials_close(struct credentials *c);	/* secrets are wiped */

void credential_recall(struct look *l);
enum look_task credential_next(struct look *l);
void credential_run(struct look *l);		/* blocks */
bool credential_again(const struct look *l);

#endif
