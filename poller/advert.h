/*
 * advert.h - what a git server says about its refs: the greeting of protocol 0 or 1
 * (all refs) or 2 (capabilities only), and the answer to protocol 2's ls-refs.
 * Pure: bytes in, refs out (gitprotocol-pack(5), gitprotocol-v2(5),
 * gitprotocol-http(5)).
 *
 * An answer counts only when it ended with its flush; all else (cut short, empty,
 * HTML, more after the end) is ERR_DATA, never "no refs". Refs outside the scope
 * are passed over, whatever the server sends.
 *
 *	advert_init(&x, ADVERT_GREETING, &arena, &scope);
 *	advert_feed(&x, bytes, n, e)		as they come
 *	if (advert_done(&x) && x.version == 2)	ask: advert_request, and read ADVERT_LS_REFS
 *	advert_refs(&x, &refs, e)		the end: complete, in order
 *	advert_release(&x);
 */
#ifndef ADVERT_H
#define ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "mem.h"
#include "pkt.h"
#include "queue.h"
#include "repo.h"

enum advert_form { ADVERT_GREETING, ADVERT_LS_REFS };

/* What protocol 2's greeting offers. */
struct advert_caps {
	bool ls_refs, unborn;
	bool sha256, agent;
};

/* The same as one number, to keep; 0 stands for "not protocol 2, or not known". */
int64_t advert_speaks(const struct advert_caps *caps);
struct advert_caps advert_spoken(int64_t speaks);
/* What of it holds for other repositories of that server. */
int64_t advert_speaks_any(int64_t speaks);

struct advert {
	struct pkt_reader pkt;
	struct arena *arena;
	const struct queue_texts *scope;	/* ref prefixes */
	int version;			/* of a greeting: 0, 1, 2 */
	struct advert_caps caps;
	struct repo_refs refs;
	const char *head;
	size_t bytes;			/* all that came */
	uint64_t sum;			/* of all lines, however they were cut into pieces */
	size_t oid_len;			/* 0 until one was seen */
	int state;
};

/* Strings go into a; scope outlives x. */
void advert_init(struct advert *x, enum advert_form form, struct arena *a,
	const struct queue_texts *scope);
void advert_release(struct advert *x);
int advert_feed(struct advert *x, const char *s, size_t n, struct err *e);
/* The final flush came. */
bool advert_done(const struct advert *x);
/* The answer: v and strings in the arena, byte order, each ref once. ERR_DATA when it
   is not complete. */
int advert_refs(struct advert *x, struct repo_refs *out, struct err *e);

/* The ls-refs request for the scope, and HEAD. */
void advert_request(struct buf *b, const struct advert_caps *caps,
	const struct queue_texts *scope);

#endif
