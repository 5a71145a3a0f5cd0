/*
 * exchange.h - one request and its answer on a pooled libcurl handle. Private to
 * http.c and exchange.c, the two files that know libcurl.
 *
 * exchange.c turns a struct request into the handle's options, collects what
 * comes back within its limits, and makes the struct answer. http.c owns the
 * multi handle, the descriptors and the waiting.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <curl/curl.h>

#include "buf.h"
#include "digest.h"
#include "http.h"

struct exchange {
	struct http *h;
	struct exchange *next, *older;	/* http.c's lists: free or done, and all */
	CURL *easy;
	void *tag;
	bool running;			/* in the multi handle */
	CURLcode result;
	int sends;			/* times the request was about to leave */

	bool told;			/* easy has url and settings as below */
	struct buf url;
	struct buf settings, settings_now;	/* see route.h */
	struct buf lines;		/* header lines, each ended by a NUL */
	struct curl_slist *list;
	size_t list_cap;
	int fd;				/* the body's file, or -1 */
	size_t len, offset;

	struct buf head;		/* answer: the last header block */
	size_t head_read;		/* bytes of all blocks */
	bool head_over;
	struct buf body;		/* what is kept of it */
	size_t body_read;
	bool body_cut;
	struct digest_stream digest;	/* begun once the body exceeds what is kept */
	struct address_rules rules;
	bool barred;			/* behind a proxy: the address in the URL is refused */
	struct err refusal;		/* of an address, "" none was refused */
	size_t opened;			/* sockets, to addresses that were not */
	char address[sizeof ((struct answer *)0)->address];
	char detail[CURL_ERROR_SIZE];
};

/* NULL when libcurl cannot. The caller sets the options that are its own. */
struct exchange *exchange_new(struct http *h);
void exchange_free(struct exchange *x);		/* taken out of the multi handle before */
/* Everything for one request; also empties what the last one left. */
CURLcode exchange_set(struct exchange *x, const struct request *r);
/* May this exchange go to that address? Else notes why not. */
bool exchange_permits(struct exchange *x, const struct address *a);
/* After result is set. */
void exchange_answer(struct exchange *x, struct arena *a, struct answer *out);

#endif
