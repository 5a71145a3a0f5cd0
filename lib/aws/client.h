/*
 * client.h - calls of AWS for commands that a person waits for: one after the other, with
 * credentials fetched when they are needed. A sender has its own way (aws_call.h).
 *
 *	client_open(&c, &place, endpoint, config->user_agent, &e)
 *	client_call(c, &call, &arena, &answer, &e)	-1: no answer, or it is a fault
 *	client_close(c)
 *
 * Throttling and passing failures are tried again, three times in all; keys that are
 * refused are fetched once more; a clock that is wrong is corrected by the answer's Date.
 */
#ifndef AWS_CLIENT_H
#define AWS_CLIENT_H

#include "aws/fault.h"
#include "aws/login.h"

struct client;

struct client_answer {
	int status;			/* 0: none came */
	const char *body;
	size_t len;
	const char *request_id;		/* "" none */
	const char *error_type;		/* header; NULL none */
	int64_t date_us;		/* of its Date; 0 none */
	struct aws_fault fault;		/* where status is not 2xx */
	const char *why;		/* where there is no answer: a phrase */
};

int client_open(struct client **out, const struct aws_place *p, const char *endpoint,
	const char *agent, struct err *e);
void client_close(struct client *c);		/* NULL does nothing */
/* 0: 2xx. -1: e is a sentence with the service's code and message; out->status and
   out->fault say more, where there was an answer. */
int client_call(struct client *c, const struct aws_call *call, struct arena *a,
	struct client_answer *out, struct err *e);
/* The keys themselves. */
const struct aws_keys *client_keys(struct client *c, struct err *e);
const char *client_from(const struct client *c);	/* where they are from */
int64_t client_skew_us(const struct client *c);		/* our clock is that much behind */

/* The account's place: its home, this process's environment. region "" : AWS_REGION's, the
   profile's, else fallback. Strings in a. */
void client_place(struct aws_place *out, const char *profile, const char *region,
	const char *fallback, struct arena *a);

/* fetch.c: one request by libcurl. */
struct fetch;
int fetch_open(struct fetch **out, const char *agent, struct err *e);
void fetch_close(struct fetch *f);
void fetch_run(struct fetch *f, const struct aws_request *r, int64_t timeout_us, struct arena *a,
	struct client_answer *out);

#endif
