/*
 * call.h - what targets that make HTTP requests have in common: how the receiver is
 * reached, headers, the URL, and what an answer means.
 *
 *	call_begin(t, "POST", &out->request, e)	time limits, TLS, proxy; User-Agent, X-Refire-*
 *	call_url(t, out, e)			url or url-file, placeholders filled in
 *	call_body(t, &out->request, "application/json", text)
 *	call_configured(t, out, e)		headers, header-file
 *
 * Functions that can settle the delivery return 1 then: *out says how.
 */
#ifndef CALL_H
#define CALL_H

#include "secrets.h"
#include "target.h"

extern const struct secrets_kind call_url_lines, call_header_lines, call_login_lines;

int call_begin(const struct attempt *t, const char *method, struct request *r, struct err *e);
int call_url(const struct attempt *t, struct step *out, struct err *e);
void call_body(const struct attempt *t, struct request *r, const char *type, const struct buf *b);
int call_configured(const struct attempt *t, struct step *out, struct err *e);
/* What the pusher's words make impossible fails this delivery, no other. Returns 1. */
int call_refuse(const struct attempt *t, struct step *out, const char *what);

/* For refire check: url, and the files that any such target may have. */
int call_check(const struct pipeline *p, struct err *e);
/* The first line of a file that is needed. */
int call_check_file(const char *key, const char *path, const struct secrets_kind *kind,
	struct err *e);

#endif
