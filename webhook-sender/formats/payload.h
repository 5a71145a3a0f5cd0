/*
 * payload.h - what the dialects share: links, times, texts shortened to fit, bodies
 * and HMAC headers. Pure, as the formats are.
 *
 * A dialect writes its JSON with one function, which is called with the next fit
 * until the body is within LIMIT_BODY:
 *
 *	static void write_push(struct json *j, const struct payload *p) ...
 *	payload_render(in, NULL, a, "push", write_push, &messages[0], e)
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "../format.h"
#include "buf.h"
#include "detail.h"
#include "json.h"
#include "uuid.h"

/* How much of the lists goes in. */
struct payload_fit {
	size_t commits;			/* the newest so many */
	size_t message;			/* bytes of a commit's message */
	bool paths;			/* the paths of each commit, and all changed paths */
};

struct payload {
	const struct render_input *in;
	const struct payload_fit *fit;
	struct arena *a;
	const struct detail *detail;	/* NULL where the dialect does not carry it */
	const void *own;		/* the dialect's own, or NULL */
	const char *base;		/* where people look at the repository; see payload_base */
	bool created, deleted;
	size_t first;			/* of the enrichment's commits, the first that goes in */
};

/* What deliveries of one change and configuration say alike is written once: a member
   (or several) of an object, but not its first, that does not depend on the delivery's
   id, ref, before and after. A part is known by its function and pipeline. */
struct payload_parts;
struct payload_parts *payload_parts(struct arena *a);
void payload_part(struct json *j, const struct payload *p,
	void (*write)(struct json *j, const struct payload *p));

int payload_render(const struct render_input *in, const struct detail *detail, struct arena *a,
	const char *event, void (*write)(struct json *j, const struct payload *p),
	struct message *out, struct err *e);
int payload_render_own(const struct render_input *in, const struct detail *detail, const void *own,
	struct arena *a, const char *event, void (*write)(struct json *j, const struct payload *p),
	struct message *out, struct err *e);

/* The repository's web-url without a final slash (below it, for a section with
   `root`, what the name has in place of *); without one "refire:NAME", which is
   a URI that leads nowhere rather than an invented host. */
const char *payload_base(const struct render_input *in, struct arena *a);
/* "key": "<base><below>" */
void payload_link(struct json *j, const char *key, const char *base, const char *below);
/* "key": "<base>/commit/<oid>" */
void payload_commit_link(struct json *j, const char *key, const struct payload *p, const char *oid);
/* s with everything percent-encoded but unreserved characters (RFC 3986, 2.3) and
   those of keep. */
void payload_encode(struct buf *b, const char *s, const char *keep);
/* RFC 3339 with the offset. out: CLOCK_ISO_SIZE. */
char *payload_time(const struct person *p, char *out);
/* The bytes of a message that go in: no final newlines, at most max, whole
   characters. */
size_t payload_message(const char *s, size_t max);
/* "key": a list of texts, null where it is not known. */
void payload_list(struct json *j, const char *key, bool known, const char *const *v, size_t n);
/* One of three words: the ref is new, has moved, is gone. */
const char *payload_event(const struct render_input *in, const char *created,
	const char *updated, const char *deleted);
/* A UUIDv8 for a name, the same forever. */
void payload_uuid(const char *kind, const char *name, char out[UUID_SIZE]);
/* Receivers pass over a delivery id they have seen, so of several messages all but one
   (which "" stands for) have an id made from the delivery's: the same over retries. */
void payload_message_id(const struct render_input *in, const char *event, char out[UUID_SIZE]);
/* Does v[i] stand earlier in v? */
bool payload_seen(const char *const *v, size_t i);
/* A positive number for a name, the same forever, below 2^48: JavaScript keeps it. */
int64_t payload_id(const char *kind, const char *name);
/* "sha256=<hex>" of the body under one secret. sha1: the older algorithm. */
int payload_sign(struct headers *out, const char *name, const struct secret *s,
	const struct body *b, bool sha1);

#endif
