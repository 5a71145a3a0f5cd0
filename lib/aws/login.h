/*
 * login.h - keys to sign with, fetched where aws_plan.h says, kept until they expire; as a step
 * machine: who owns it does what it asks and tells it the answer. It waits for nobody.
 *
 *	while (!(keys = aws_login_keys(l, now)))
 *		switch (aws_login_next(l, now, &ask, &e)) {
 *		case LOGIN_HTTP: ... aws_login_said(l, now, &said, &e)
 *		case LOGIN_PROGRAM: ... the same
 *		case LOGIN_HAVE: continue
 *		case LOGIN_FAILED: return -1
 *		}
 *
 * Keys are renewed 5 minutes before they expire; while that fails, and they are good
 * still, they are used. What is fetched is in memory only, and wiped.
 */
#ifndef AWS_LOGIN_H
#define AWS_LOGIN_H

#include "aws/aws_plan.h"
#include "aws/request.h"

#define LOGIN_EARLY_US INT64_C(300000000)

struct aws_login;

enum login_want { LOGIN_HAVE, LOGIN_HTTP, LOGIN_PROGRAM, LOGIN_FAILED };

struct login_ask {
	const char *what;		/* eventSource and eventName of its record */
	struct aws_request request;	/* HTTP */
	bool metadata;			/* HTTP: the one place that is refused to others */
	int64_t timeout_us;
	const char *const *argv;	/* PROGRAM */
};
struct login_said {
	int status;			/* HTTP's, 0 no answer; of a program: 200 when it exits with 0 */
	const char *why;		/* where that is not 200: a phrase */
	const char *body;
	size_t len;
};

/* The place is copied, the environment in it not. */
struct aws_login *aws_login_new(const struct aws_place *p);
void aws_login_free(struct aws_login *l);	/* wiped; NULL does nothing */

/* NULL: ask aws_login_next. Good until the next call of anything here. */
const struct aws_keys *aws_login_keys(const struct aws_login *l, int64_t now_us);
/* Strings in a. e on FAILED: ERR_TEMP where later may help. */
enum login_want aws_login_next(struct aws_login *l, int64_t now_us, struct arena *a,
	struct login_ask *out, struct err *e);
int aws_login_said(struct aws_login *l, int64_t now_us, const struct login_said *said,
	struct err *e);
/* They were refused: fetch them anew, the files too. */
void aws_login_drop(struct aws_login *l);
/* "the environment", "[web] of the AWS credentials file", "... as arn:..." */
const char *aws_login_from(const struct aws_login *l);
/* The config file as it was when these keys were fetched, for endpoints and the region. */
const struct profiles *aws_login_files(const struct aws_login *l);

/* login_read.c: what came back. Strings in a; *until_us 0: they do not expire. */
int login_read_json(const char *text, size_t n, struct arena *a, struct aws_keys *out,
	int64_t *until_us, struct err *e);
int login_read_sts(const char *text, size_t n, struct arena *a, struct aws_keys *out,
	int64_t *until_us, struct err *e);

#endif
