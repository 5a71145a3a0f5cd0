/* advert.c - greetings and ls-refs answers, line by line. */
#include "advert.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "still.h"

enum {
	FIRST,			/* a greeting's first line */
	SERVICE,		/* after "# service=...": its flush */
	VERSION,		/* after that flush: as FIRST, but no service again */
	FIRST_REF,		/* after "version 1" */
	REFS,			/* refs of protocol 0 and 1 */
	CAPS,			/* capabilities of protocol 2 */
	LS_REFS,
	DONE,
};

void advert_init(struct advert *x, enum advert_form form, struct arena *a,
	const struct queue_texts *scope)
{
	*x = (struct advert){ .arena = a, .scope = scope, .head = "",
		.sum = UINT64_C(14695981039346656037),
		.state = form == ADVERT_LS_REFS ? LS_REFS : FIRST };
	pkt_init(&x->pkt);
}

void advert_release(struct advert *x)
{
	pkt_release(&x->pkt);
	free(x->refs.v);
	x->refs = (struct repo_refs){ 0 };
}

bool advert_done(const struct advert *x)
{
	return x->state == DONE;
}

static int odd(struct err *e, const char *what, const char *line)
{
	return err_set(e, ERR_DATA, "not an answer of git's protocol: %s: `%.100s`", what, line);
}

enum { SPEAKS_LS_REFS = 1, SPEAKS_UNBORN = 2, SPEAKS_SHA256 = 4, SPEAKS_AGENT = 8 };

int64_t advert_speaks(const struct advert_caps *caps)
{
	return (caps->ls_refs ? SPEAKS_LS_REFS : 0) | (caps->unborn ? SPEAKS_UNBORN : 0) |
		(caps->sha256 ? SPEAKS_SHA256 : 0) | (caps->agent ? SPEAKS_AGENT : 0);
}

struct advert_caps advert_spoken(int64_t speaks)
{
	return (struct advert_caps){ speaks & SPEAKS_LS_REFS, speaks & SPEAKS_UNBORN,
		speaks & SPEAKS_SHA256, speaks & SPEAKS_AGENT };
}

int64_t advert_speaks_any(int64_t speaks)
{
	return speaks & ~(int64_t)SPEAKS_SHA256;
}

/* ---- one ref ---- */

static bool in_scope(const struct advert *x, const char *ref)
{
	for (size_t i = 0; i < x->scope->n; i++)
		if (!strncmp(ref, x->scope->v[i], strlen(x->scope->v[i])))
			return true;
	return false;
}

static int check_oid(struct advert *x, const char *oid, struct err *e)
{
	size_t n = strlen(oid);

	if (!change_oid_ok(oid))
		return odd(e, "an object id was expected", oid);
	if (x->oid_len && x->oid_len != n)
		return odd(e, "object ids of two lengths", oid);
	x->oid_len = n;
	return 0;
}

static int add_ref(struct advert *x, const char *oid, const char *ref, const char *peeled,
	struct err *e)
{
	struct arena *a = x->arena;

	if (strlen(ref) > LIMIT_REF)
		return err_set(e, ERR_DATA, "a ref's name is longer than %d bytes: `%.60s...`",
			LIMIT_REF, ref);
	if (!change_ref_ok(ref))
		return odd(e, "no name of a ref", ref);
	if (check_oid(x, oid, e))
		return -1;
	if (oid[strspn(oid, "0")] == 0)
		return odd(e, "a ref without an object", ref);
	if (!strcmp(ref, "HEAD") || !in_scope(x, ref))
		return 0;
	if (x->refs.n == LIMIT_REFS)
		return err_set(e, ERR_DATA, "more than %d refs", LIMIT_REFS);
	x->refs.v = mem_grow(x->refs.v, &x->refs.cap, x->refs.n + 1, sizeof(*x->refs.v));
	x->refs.v[x->refs.n++] = (struct repo_ref){ arena_strdup(a, ref), arena_strdup(a, oid),
		*peeled ? arena_strdup(a, peeled) : "" };
	return 0;
}

static void set_head(struct advert *x, const char *target, size_t n)
{
	char *head = arena_memdup(x->arena, target, n);

	if (change_ref_ok(head))
		x->head = head;
}

/* ---- protocol 0 and 1 ---- */

/* "symref=HEAD:refs/heads/main object-format=sha1 ..." */
static void read_v0_caps(struct advert *x, const char *caps)
{
	static const char key[] = "symref=HEAD:";

	for (const char *s = caps; (s = strstr(s, key)); s++) {
		if (s != caps && s[-1] != ' ')
			continue;
		s += sizeof(key) - 1;
		set_head(x, s, strcspn(s, " "));
		return;
	}
}

static int take_peeled(struct advert *x, const char *oid, const char *ref, size_t n, struct err *e)
{
	struct repo_ref *last = x->refs.n ? &x->refs.v[x->refs.n - 1] : NULL;

	if (check_oid(x, oid, e))
		return -1;
	if (last && strlen(last->ref) == n && !memcmp(last->ref, ref, n))
		last->peeled = arena_strdup(x->arena, oid);
	return 0;
}

/* "OID SP REF", the first with NUL CAPABILITIES behind it. */
static int take_v0(struct advert *x, char *line, size_t len, struct err *e)
{
	char *ref = strchr(line, ' ');
	size_t n;

	if (x->state != REFS) {
		if (strlen(line) < len)
			read_v0_caps(x, line + strlen(line) + 1);
		x->state = REFS;
	} else if (strlen(line) < len) {
		return odd(e, "a NUL byte", line);
	}
	if (!ref)
		return odd(e, "`OID REF` was expected", line);
	*ref++ = 0;
	if (!strcmp(line, "shallow"))
		return check_oid(x, ref, e);
	if (!strcmp(ref, "capabilities^{}"))
		return check_oid(x, line, e);
	n = strlen(ref);
	if (n > 3 && !strcmp(ref + n - 3, "^{}"))
		return take_peeled(x, line, ref, n - 3, e);
	return add_ref(x, line, ref, "", e);
}

/* ---- protocol 2 ---- */

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; (s = strstr(s, word)); s += n)
		if ((s == list || s[-1] == ' ') && (!s[n] || s[n] == ' '))
			return true;
	return false;
}

static void take_cap(struct advert *x, const char *line)
{
	if (!strcmp(line, "ls-refs"))
		x->caps.ls_refs = true;
	if (!strncmp(line, "ls-refs=", 8)) {
		x->caps.ls_refs = true;
		x->caps.unborn = has_word(line + 8, "unborn");
	}
	if (!strcmp(line, "object-format=sha256"))
		x->caps.sha256 = true;
	if (!strncmp(line, "agent=", 6))
		x->caps.agent = true;
}

/* "OID SP REF [SP symref-target:REF] [SP peeled:OID]", or "unborn" for OID. */
static int take_ls_refs(struct advert *x, char *line, size_t len, struct err *e)
{
	char *ref = strchr(line, ' '), *attributes;
	const char *peeled = "";

	if (strlen(line) < len)
		return odd(e, "a NUL byte", line);
	if (!ref)
		return odd(e, "`OID REF` was expected", line);
	*ref++ = 0;
	attributes = ref + strcspn(ref, " ");
	while (*attributes) {
		char *word = attributes + 1;

		*attributes = 0;
		attributes = word + strcspn(word, " ");
		if (!strncmp(word, "symref-target:", 14) && !strcmp(ref, "HEAD"))
			set_head(x, word + 14, strcspn(word + 14, " "));
		if (!strncmp(word, "peeled:", 7)) {
			peeled = arena_memdup(x->arena, word + 7, strcspn(word + 7, " "));
			if (check_oid(x, peeled, e))
				return -1;
		}
	}
	return strcmp(line, "unborn") ? add_ref(x, line, ref, peeled, e) : 0;
}

/* ---- the states ---- */

static int take_first(struct advert *x, char *line, size_t len, struct err *e)
{
	if (x->state == FIRST && !strcmp(line, "# service=git-upload-pack"))
		x->state = SERVICE;
	else if (!strcmp(line, "version 2") && x->state != FIRST_REF)
		x->state = CAPS;
	else if (!strcmp(line, "version 1") && x->state != FIRST_REF)
		x->state = FIRST_REF;
	else
		return take_v0(x, line, len, e);
	if (x->state == CAPS)
		x->version = 2;
	if (x->state == FIRST_REF)
		x->version = 1;
	return 0;
}

static int take_line(struct advert *x, char *line, size_t len, struct err *e)
{
	if (!strncmp(line, "ERR ", 4))
		return err_set(e, ERR_DATA, "the server says: %.300s", line + 4);
	switch (x->state) {
	case FIRST:
	case VERSION:
	case FIRST_REF:
		return take_first(x, line, len, e);
	case REFS:
		return take_v0(x, line, len, e);
	case CAPS:
		take_cap(x, line);
		return 0;
	case LS_REFS:
		return take_ls_refs(x, line, len, e);
	default:
		return odd(e, "a flush was expected", line);
	}
}

static int take_flush(struct advert *x, struct err *e)
{
	switch (x->state) {
	case SERVICE:
		x->state = VERSION;
		return 0;
	case CAPS:
		if (!x->caps.ls_refs)
			return err_set(e, ERR_DATA, "the server does not offer ls-refs");
		break;
	case FIRST:		/* a bare flush is how git before 1.8 said "no refs" over HTTP, */
		return odd(e, "a flush", "0000");	/* but only after its service line */
	}
	x->state = DONE;
	return 0;
}

static int take(void *arg, enum pkt_kind kind, char *line, size_t len, struct err *e)
{
	struct advert *x = arg;

	x->sum = still_add_bytes(x->sum + kind, line, len);
	if (x->state == DONE)
		return odd(e, "more after the end", kind == PKT_LINE ? line : "a flush");
	if (kind == PKT_LINE)
		return take_line(x, line, len, e);
	return kind == PKT_FLUSH ? take_flush(x, e) : odd(e, "a flush was expected", "0001 or 0002");
}

int advert_feed(struct advert *x, const char *s, size_t n, struct err *e)
{
	if (n > LIMIT_ADVERTISEMENT - x->bytes)
		return err_set(e, ERR_DATA, "the answer is longer than %d bytes", LIMIT_ADVERTISEMENT);
	x->bytes += n;
	return pkt_feed(&x->pkt, s, n, &(struct pkt_taker){ take, x }, e);
}

/* ---- the end ---- */

static int by_name(const void *a, const void *b)
{
	const struct repo_ref *p = a, *q = b;

	return strcmp(p->ref, q->ref);
}

/* 1 in order, 0 not, -1 one stands twice. */
static int order(const struct repo_refs *r)
{
	int in_order = 1;

	for (size_t i = 1; i < r->n; i++) {
		int c = strcmp(r->v[i - 1].ref, r->v[i].ref);

		if (c == 0)
			return -1;
		if (c > 0)
			in_order = 0;
	}
	return in_order;
}

int advert_refs(struct advert *x, struct repo_refs *out, struct err *e)
{
	if (!x->bytes)
		return err_set(e, ERR_DATA, "an empty answer");
	if (x->state != DONE || pkt_partial(&x->pkt))
		return err_set(e, ERR_DATA, "the answer was cut short after %zu bytes", x->bytes);
	if (!order(&x->refs))
		qsort(x->refs.v, x->refs.n, sizeof(*x->refs.v), by_name);
	if (order(&x->refs) < 0)
		return err_set(e, ERR_DATA, "the answer names one ref twice");
	*out = (struct repo_refs){ .n = x->refs.n, .cap = x->refs.n, .head = x->head };
	out->v = arena_alloc(x->arena, (x->refs.n + 1) * sizeof(*out->v));
	if (x->refs.n)
		memcpy(out->v, x->refs.v, x->refs.n * sizeof(*out->v));
	return 0;
}

void advert_request(struct buf *b, const struct advert_caps *caps,
	const struct queue_texts *scope)
{
	pkt_text(b, "command=", "ls-refs");
	if (caps->agent)
		pkt_text(b, "agent=refire/", REFIRE_VERSION);
	if (caps->sha256)
		pkt_text(b, "object-format=", "sha256");
	pkt_delim(b);
	pkt_text(b, "symrefs", "");
	if (caps->unborn)
		pkt_text(b, "unborn", "");
	pkt_text(b, "ref-prefix ", "HEAD");
	for (size_t i = 0; i < scope->n; i++)
		pkt_text(b, "ref-prefix ", scope->v[i]);
	pkt_flush(b);
}
