/*
 * http.h - carries out requests: many at once over one curl_multi handle,
 * connections kept and reused. The only file of the sender with curl/curl.h.
 *
 * Never follows a redirect, never reads .netrc or proxy variables, never prompts;
 * http and https only; bounded in time, header and body size. Certificates are
 * verified unless tls-verify = no. An address that the request's rules refuse is not
 * connected to (address.h): looked at after DNS, when the socket is made, and again
 * when a kept connection is taken.
 *
 *	http_start(h, &request, tag, e);	many
 *	http_wait(h, timeout_ms, fd);		until something moved or fd is readable
 *	while (http_next(h, &arena, &tag, &answer)) ...
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "message.h"

struct http;

int http_open(struct http **out, size_t concurrency, struct err *e);
void http_close(struct http *h);	/* ends what is under way */
/* The request's strings are copied; a body in memory must live until its answer.
   -1 when libcurl refuses it (then no answer follows). */
int http_start(struct http *h, const struct request *r, void *tag, struct err *e);
size_t http_running(const struct http *h);
/* Wait until progress, a readable fd of fds (-1 entries are passed over), or the
   time-out; drives transfers. */
int http_wait(struct http *h, int timeout_ms, const int *fds, size_t nfds, struct err *e);
/* The tag of the one that http_next hands out next; NULL: none now. */
void *http_ended(const struct http *h);
/* A finished one: its tag and answer (strings in a). false: none now. */
bool http_next(struct http *h, struct arena *a, void **tag, struct answer *out);

/* Is it a whole http or https address that libcurl can read? ERR_CONFIG, with a
   sentence that does not repeat it (it may be a secret). */
int http_check_url(const char *url, struct err *e);

#endif
