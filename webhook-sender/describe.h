/*
 * describe.h - an exchange as the journal keeps it: JSON of the request and of
 * the answer, secrets redacted by construction. Pure.
 *
 * What may hold a secret never gets in: the query and user part of a URL, all of
 * a URL that came from url-file but its host, values of configured headers and
 * of headers whose names speak of tokens, cookies or keys.
 */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "buf.h"
#include "config.h"
#include "message.h"
#include "policy.h"
#include "program.h"

/* "https://ci.example.org/hooks/web" of a URL with user, query and fragment;
   hidden: only "https://ci.example.org/...". */
void describe_url(struct buf *out, const char *url, bool hidden);

void describe_request(struct buf *out, const struct pipeline *p, const struct request *r);
/* out is within LIMIT_RECORD_BIG: headers and body are shortened to fit. */
void describe_answer(struct buf *out, const struct answer *a);
/* Names of its variables, not what they hold. */
void describe_program(struct buf *out, const struct program *p);
void describe_end(struct buf *out, const struct program_end *end);

struct describe_extra {
	int64_t attempt;
	int exchange;			/* of this attempt, from 1 */
	bool duplicate;			/* an earlier request may have arrived */
	const struct answer *answer;	/* NULL: a program ran for took_us */
	int64_t took_us;
	const struct verdict *verdict;	/* NULL: the attempt goes on */
	enum delivery_state next;
	int64_t due_us;
};
void describe_extra(struct buf *out, const struct describe_extra *x);

const char *outcome_word(enum outcome o);

#endif
