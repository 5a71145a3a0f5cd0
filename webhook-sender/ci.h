/*
 * ci.h - what targets that start a pipeline by a CI service's own API have in common:
 * the address of the call, its credentials, the ref and the variables it hands over, and
 * what an answer means, in the service's own words.
 *
 *	ci_begin(t, "POST", out, e)
 *	ci_url(t, out, "https://api.example.org", "/projects/%s/run", project)
 *	ci_bearer(t, &out->request, "Authorization", "Bearer ", e)
 *	ci_ref(t, out, "{branch}", &ref, e)
 *	ci_values(t, out, &values, e)
 *	... a body, call_body ...
 *
 * Functions that can settle the delivery return 1 then: *out says how.
 */
#ifndef CI_H
#define CI_H

#include "call.h"
#include "json.h"

struct ci_values {			/* of `variables`, filled in */
	struct name_value *v;
	size_t n;
};

/* One that means something particular here; the last has status 0. */
struct ci_word {
	int status;
	enum outcome outcome;
	const char *code, *text;
};

int ci_begin(const struct attempt *t, const char *method, struct step *out, struct err *e);
/* `url`, or where it is not set base, and the path behind it; segments are encoded
   by the caller. */
int ci_url(const struct attempt *t, struct step *out, const char *base, struct err *e,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Percent-encoded; slashes: they stay, and each part is encoded by itself. */
const char *ci_encode(struct arena *a, const char *s, bool slashes);
/* `project`, `job`, `workflow`: placeholders filled in. */
int ci_text(const struct attempt *t, struct step *out, const char *key, const char *text,
	const char **value, struct err *e);
/* `run-ref`, or what the service gets where it is not set. Empty: there is nothing to
   start, and the delivery fails. */
int ci_ref(const struct attempt *t, struct step *out, const char *usual, const char **ref,
	struct err *e);
int ci_values(const struct attempt *t, struct step *out, struct ci_values *v,
	struct err *e);
/* {"NAME": "value"}: key and object. */
void ci_json(struct json *j, const char *key, const struct ci_values *v);
/* "&NAME=value": of a form, or a query. prefix and suffix stand around the name. */
void ci_form(struct buf *b, const char *prefix, const char *suffix, const char *name,
	const char *value);

/* The first valid line of token-file. NULL and e: it cannot be read. */
const char *ci_token(const struct attempt *t, struct err *e);
/* A header of it. */
int ci_bearer(const struct attempt *t, struct request *r, const char *header,
	const char *scheme, struct err *e);
int ci_basic(const struct attempt *t, struct request *r, const char *user, struct err *e);

/* The verdict on the last answer: policy.h's, but for words, and what the service says
   itself in its JSON. */
void ci_judge(const struct attempt *t, struct step *out, const struct ci_word *words);
/* target.h's next, of a service that is asked once: make's request, then that verdict.
   make returns as the functions above. */
int ci_next(const struct attempt *t, struct step *out,
	int (*make)(const struct attempt *t, struct step *out, struct err *e),
	const struct ci_word *words, struct err *e);
/* A member of the last answer's JSON, as text; NULL: it has none. */
const char *ci_member(const struct attempt *t, const char *name);

int ci_check(const struct pipeline *p, struct err *e);
int ci_rule(const struct pipeline *p, const char **key, struct err *e);

#endif
