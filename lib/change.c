/* change.c - decode and encode what a source saw. */
#include "change.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "record.h"

static const char *const source_words[] = {
#define X(name, word) [SOURCE_##name] = word,
	SOURCE_LIST(X)
#undef X
};
_Static_assert(sizeof(source_words) / sizeof(*source_words) == SOURCE_COUNT, "one word each");

/* The pusher's name, best first. What the environment says is a claim: the uid of
   the file stays beside it. */
static const char *const actor_claims[] = {
	"GL_USERNAME", "GITEA_PUSHER_NAME", "FORGEJO_PUSHER_NAME", "GL_USER", "REMOTE_USER",
};

const char *source_word(enum source s)
{
	return source_words[s];
}

int source_parse(const char *word)
{
	for (int i = 0; i < SOURCE_COUNT; i++)
		if (!strcmp(word, source_words[i]))
			return i;
	return -1;
}

bool change_oid_ok(const char *oid)
{
	size_t n = strspn(oid, "0123456789abcdef");

	return !oid[n] && (n == 40 || n == 64);
}

bool change_ref_ok(const char *ref)
{
	size_t n = strlen(ref);

	if (n == 0 || n > LIMIT_REF || (strcmp(ref, "HEAD") && strncmp(ref, "refs/", 5)))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)ref[i] <= 0x20 || ref[i] == 0x7f)
			return false;
	return ref[n - 1] != '/' && !strstr(ref, "..") && !strstr(ref, "//");
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_DATA, "not a change refire can read: %s", what);
}

/* Cut the word before sep out of *s; NULL when there is none. */
static char *word(char **s, char sep)
{
	char *start = *s, *end = strchr(start, sep);

	if (!end)
		return NULL;
	*end = 0;
	*s = end + 1;
	return start;
}

static size_t count_lines(const char *s, size_t n)
{
	size_t lines = 0;

	for (const char *p = s; (p = memchr(p, '\n', n - (size_t)(p - s))); p++)
		lines++;
	return lines;
}

/* "FIRST SP OID SP REF LF": FIRST is an oid (events) or a number (observations). */
static int decode_line(struct change *c, char **s, struct err *e)
{
	struct ref_update *u = &c->updates[c->nupdates];
	char *first = word(s, ' '), *oid = first ? word(s, ' ') : NULL,
		*ref = oid ? word(s, '\n') : NULL, *end;

	if (!ref)
		return bad(e, "a line of refs is not `OLD NEW REF`");
	if (!change_oid_ok(oid) || !change_ref_ok(ref))
		return bad(e, "a line of refs has no valid object id or ref name");
	*u = (struct ref_update){ .ref = ref, .old = "", .new = oid, .base = -1 };
	if (c->observed) {
		u->base = strtoll(first, &end, 10);
		if (*end || end == first || u->base < 0)
			return bad(e, "a line of seen has no sequence number");
	} else {
		u->old = first;
		if (!change_oid_ok(first) || strlen(first) != strlen(oid))
			return bad(e, "a line of refs has no valid object ids");
	}
	c->nupdates++;
	return 0;
}

static int decode_updates(struct arena *a, struct change *c, const struct record_field *f,
	struct err *e)
{
	char *s = f->value, *end = f->value + f->len;

	if (strlen(s) != f->len)
		return bad(e, "a NUL byte among the refs");
	c->updates = arena_alloc(a, (count_lines(s, f->len) + 1) * sizeof(*c->updates));
	while (s < end)
		if (decode_line(c, &s, e))
			return -1;
	return 0;
}

static const char *dup_text(struct arena *a, const struct record_field *f)
{
	return arena_memdup(a, f->value, strlen(f->value));
}

/* ci.skip, and ci.variable="NAME=value" (GitLab's words; git passes the quotes a
   shell left in). */
static void decode_option(struct arena *a, struct change *c, const char *option)
{
	static const char variable[] = "ci.variable=";
	char *text, *eq;
	size_t n;

	c->options[c->noptions++] = option;
	if (!strcmp(option, "ci.skip"))
		c->skip = true;
	if (strncmp(option, variable, sizeof(variable) - 1))
		return;
	text = arena_strdup(a, option + sizeof(variable) - 1);
	n = strlen(text);
	if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
		text[n - 1] = 0;
		text++;
	}
	eq = strchr(text, '=');
	if (eq && eq != text) {
		*eq = 0;
		c->vars[c->nvars++] = (struct name_value){ text, eq + 1 };
	}
}

static void decode_var(struct arena *a, struct change *c, const char *value)
{
	char *text = arena_strdup(a, value), *eq = strchr(text, '=');

	if (eq && eq != text) {
		*eq = 0;
		c->vars[c->nvars++] = (struct name_value){ text, eq + 1 };
	}
}

/* Fields that may repeat. */
static void decode_repeated(struct arena *a, struct change *c, const struct record_in *r)
{
	c->claims = arena_alloc(a, (r->n + 1) * sizeof(*c->claims));
	c->options = arena_alloc(a, (r->n + 1) * sizeof(*c->options));
	c->shortened = arena_alloc(a, (r->n + 1) * sizeof(*c->shortened));
	c->vars = arena_alloc(a, (r->n + 1) * sizeof(*c->vars));
	c->spaces = arena_alloc(a, (r->n + 1) * sizeof(*c->spaces));
	c->deliveries = arena_alloc(a, (r->n + 1) * sizeof(*c->deliveries));
	for (size_t i = 0; i < r->n; i++) {
		const struct record_field *f = &r->fields[i];

		if (!strncmp(f->name, "claim.", 6))
			c->claims[c->nclaims++] =
				(struct name_value){ arena_strdup(a, f->name + 6), dup_text(a, f) };
		else if (!strcmp(f->name, "option") && c->noptions < LIMIT_OPTIONS)
			decode_option(a, c, dup_text(a, f));
		else if (!strcmp(f->name, "shortened"))
			c->shortened[c->nshortened++] = dup_text(a, f);
		else if (!strcmp(f->name, "var"))
			decode_var(a, c, dup_text(a, f));
		else if (!strcmp(f->name, "space"))
			c->spaces[c->nspaces++] = dup_text(a, f);
		else if (!strcmp(f->name, "delivery"))
			c->deliveries[c->ndeliveries++] = dup_text(a, f);
	}
}

static const char *claim(const struct change *c, const char *name)
{
	for (size_t i = 0; i < c->nclaims; i++)
		if (!strcmp(c->claims[i].name, name))
			return c->claims[i].value;
	return "";
}

static void name_actor(struct arena *a, struct change *c)
{
	const struct passwd *pw = getpwuid(c->uid);
	const char *ssh = claim(c, "SSH_CONNECTION");

	c->user = pw ? arena_strdup(a, pw->pw_name) : arena_fmt(a, "%lu", (unsigned long)c->uid);
	c->actor = c->user;
	for (size_t i = 0; i < sizeof(actor_claims) / sizeof(*actor_claims); i++) {
		if (*claim(c, actor_claims[i])) {
			c->actor = claim(c, actor_claims[i]);
			break;
		}
	}
	c->address = claim(c, "REMOTE_ADDR");
	if (!*c->address && *ssh)
		c->address = arena_memdup(a, ssh, strcspn(ssh, " "));
}

static int decode_fire(struct arena *a, struct change *c, const struct record_in *r, struct err *e)
{
	const char *ref = record_get(r, "ref"), *commit = record_get(r, "commit");
	struct ref_update *u = arena_alloc(a, sizeof(*u));

	c->pipeline = arena_strdup(a, record_get(r, "pipeline"));
	if (!*c->pipeline || !change_ref_ok(ref) || !change_oid_ok(commit))
		return bad(e, "a fire needs pipeline, ref and commit");
	*u = (struct ref_update){ arena_strdup(a, ref), "", arena_strdup(a, commit), -1 };
	u->old = arena_memdup(a, "0000000000000000000000000000000000000000000000000000000000000000",
		strlen(commit));
	c->updates = u;
	c->nupdates = 1;
	return 0;
}

static int decode_command(struct arena *a, struct change *c, const struct record_in *r,
	struct err *e)
{
	c->command = true;
	c->verb = arena_strdup(a, record_get(r, "verb"));
	c->reason = arena_strdup(a, record_get(r, "reason"));
	if (!*c->verb || !c->ndeliveries)
		return bad(e, "a command needs verb and delivery");
	for (size_t i = 0; i < c->ndeliveries; i++)
		if (!uuid_valid(c->deliveries[i]))
			return bad(e, "a command's delivery is not a full id");
	return 0;
}

static int decode_change(struct arena *a, struct change *c, const struct record_in *r,
	struct err *e)
{
	const struct record_field *refs = record_find(r, "refs"), *seen = record_find(r, "seen");
	int s = source_parse(record_get(r, "source"));

	if (s < 0)
		return bad(e, "its source is not known");
	c->source = (enum source)s;
	c->path = arena_strdup(a, record_get(r, "path"));
	c->repository = arena_strdup(a, record_get(r, "repository"));
	c->head = arena_strdup(a, record_get(r, "head"));
	if (c->source == SOURCE_FIRE)
		return decode_fire(a, c, r, e);
	c->observed = c->source != SOURCE_POST_RECEIVE;
	if (c->observed ? !*c->repository : *c->path != '/')
		return bad(e, "it names no repository");
	if (!(c->observed ? seen : refs))
		return bad(e, "it has no refs");
	return decode_updates(a, c, c->observed ? seen : refs, e);
}

static int decode_record(struct arena *a, const struct record_in *r, uid_t uid,
	struct change *c, struct err *e)
{
	const char *kind = record_get(r, "kind"), *id = record_get(r, "id");
	int wrong = 0;

	*c = (struct change){ .uid = uid, .path = "", .repository = "", .head = "",
		.pipeline = "", .verb = "", .reason = "" };
	if (!uuid_valid(id))
		return bad(e, "its id is not a UUID");
	memcpy(c->id, id, UUID_SIZE);
	c->time_us = record_get_number(r, "time", &wrong);
	c->total = record_get_number(r, "total", &wrong);
	if (wrong || c->time_us <= 0)
		return bad(e, "its time is not a number");
	decode_repeated(a, c, r);
	name_actor(a, c);
	if (!strcmp(kind, "command"))
		return decode_command(a, c, r, e);
	if (strcmp(kind, "change"))
		return bad(e, "its kind is neither change nor command");
	return decode_change(a, c, r, e);
}

int change_decode(struct arena *a, char *text, size_t len, uid_t uid, struct change *out,
	struct err *e)
{
	struct record_in r;
	int failed;

	if (record_parse(text, len, &r, e) != RECORD_OK)
		return -1;
	failed = decode_record(a, &r, uid, out, e);
	record_release(&r);
	return failed;
}

/* ---- encoding ---- */

static void add_seen(struct buf *b, const struct change *c)
{
	for (size_t i = 0; i < c->nupdates; i++)
		buf_fmt(b, "%" PRId64 " %s %s\n", c->updates[i].base, c->updates[i].new,
			c->updates[i].ref);
}

static size_t room_for(const struct change *c, size_t seen)
{
	size_t n = 4096 + seen + strlen(c->repository) + strlen(c->reason ? c->reason : "");

	for (size_t i = 0; i < c->nspaces; i++)
		n += strlen(c->spaces[i]) + 96;
	for (size_t i = 0; i < c->nvars; i++)
		n += strlen(c->vars[i].name) + strlen(c->vars[i].value) + 96;
	for (size_t i = 0; i < c->ndeliveries; i++)
		n += strlen(c->deliveries[i]) + 96;
	return n + (c->nupdates ? strlen(c->updates[0].ref) : 0);
}

static void encode_command(struct record_out *r, const struct change *c)
{
	record_text(r, "verb", c->verb);
	record_text(r, "reason", c->reason ? c->reason : "");
	for (size_t i = 0; i < c->ndeliveries; i++)
		record_text(r, "delivery", c->deliveries[i]);
}

static void encode_change(struct record_out *r, const struct change *c, const struct buf *seen)
{
	record_text(r, "source", source_word(c->source));
	record_text(r, "repository", c->repository);
	if (c->source == SOURCE_FIRE) {
		record_text(r, "pipeline", c->pipeline);
		record_text(r, "ref", c->updates[0].ref);
		record_text(r, "commit", c->updates[0].new);
		return;
	}
	for (size_t i = 0; i < c->nspaces; i++)
		record_text(r, "space", c->spaces[i]);
	record_number(r, "total", c->total);
	record_text(r, "head", c->head ? c->head : "");
	record_field(r, "seen", seen->s, seen->len);
}

static void encode_vars(struct record_out *r, const struct change *c, struct arena *a)
{
	for (size_t i = 0; i < c->nvars; i++)
		record_text(r, "var", arena_fmt(a, "%s=%s", c->vars[i].name, c->vars[i].value));
}

int change_encode(const struct change *c, char **out, size_t *len, struct err *e)
{
	struct record_out r;
	struct arena a;
	struct buf seen;
	size_t room;
	char *mem;

	arena_init(&a);
	buf_init(&seen, LIMIT_SPOOL_FIELD);
	if (!c->command && c->source != SOURCE_FIRE)
		add_seen(&seen, c);
	room = room_for(c, seen.len);
	mem = mem_alloc(room);
	record_begin(&r, mem, room);
	record_text(&r, "kind", c->command ? "command" : "change");
	record_text(&r, "id", c->id);
	record_number(&r, "time", c->time_us);
	if (c->command)
		encode_command(&r, c);
	else
		encode_change(&r, c, &seen);
	encode_vars(&r, c, &a);
	record_end(&r);
	buf_release(&seen);
	arena_release(&a);
	if (r.over || seen.over) {
		free(mem);
		return err_set(e, ERR_DATA, "the change is larger than a spool file may be");
	}
	*out = mem;
	*len = r.len;
	return 0;
}
