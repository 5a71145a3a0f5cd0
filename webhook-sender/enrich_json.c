/*
 * enrich_json.c - an enrichment as JSON and back, lossless.
 *
 *	{"computed":true,"why_not":"","forced":false,"total_commits":1,"base":OID,
 *	 "peeled":OID,"annotated":false,"tag_message":"","tagger":PERSON,
 *	 "head_ref":"refs/heads/main","paths":[...] or null,
 *	 "commits":[COMMIT...],"head":COMMIT, "last" (the last of commits) or null}
 *	PERSON	{"name":"","email":"","time":0,"offset":0}
 *	COMMIT	{"oid":"","tree":"","author":PERSON,"committer":PERSON,"message":"",
 *		 "cut":false,"added":[...] or null,"removed":[...],"modified":[...]}
 *
 * Text that is not UTF-8 has its exact bytes beside it, as json_key_bytes does; a
 * path in a list is then {"base64":"..."}.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "digest.h"
#include "enrich_parts.h"
#include "json.h"

/* ---- writing ---- */

/* What may be left out, one after the other, until it fits. */
static const struct fit {
	size_t commits, message, paths, commit_paths;
	const char *what;		/* what is left out */
} fits[] = {
	{ SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, "" },
	{ SIZE_MAX, SIZE_MAX, SIZE_MAX, 0, "the paths of single commits were left out" },
	{ SIZE_MAX, 1024, SIZE_MAX, 0, "the paths of single commits were left out and messages "
		"shortened to 1024 bytes" },
	{ 20, 1024, 0, 0, "all but the newest 20 commits and all paths were left out" },
};

static void write_text(struct json *j, const char *key, const char *s)
{
	json_key_bytes(j, key, s, strlen(s));
}

static void write_person(struct json *j, const char *key, const struct person *p)
{
	json_key(j, key);
	json_object(j);
	write_text(j, "name", p->name);
	write_text(j, "email", p->email);
	json_key(j, "time");
	json_int(j, p->time_s);
	json_key(j, "offset");
	json_int(j, p->offset_min);
	json_end(j);
}

static void write_paths(struct json *j, const char *key, bool known, const char *const *v, size_t n)
{
	json_key(j, key);
	if (!known) {
		json_null(j);
		return;
	}
	json_array(j);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i]);

		if (json_utf8_valid(v[i], len)) {
			json_strn(j, v[i], len);
			continue;
		}
		json_object(j);
		json_key(j, "base64");
		json_raw(j, "\"");
		digest_base64(j->b, v[i], len);
		buf_chr(j->b, '"');
		json_end(j);
	}
	json_end(j);
}

static void write_commit(struct json *j, const struct commit *c, const struct fit *f)
{
	size_t len = strlen(c->message);
	bool cut = len > f->message;
	bool known = c->paths_known && c->nadded + c->nremoved + c->nmodified <= f->commit_paths;

	json_object(j);
	json_kv(j, "oid", c->oid);
	json_kv(j, "tree", c->tree);
	write_person(j, "author", &c->author);
	write_person(j, "committer", &c->committer);
	if (cut)
		for (len = f->message; len && ((unsigned char)c->message[len] & 0xc0) == 0x80;)
			len--;
	json_key_bytes(j, "message", c->message, len);
	json_key(j, "cut");
	json_bool(j, c->message_cut || cut);
	write_paths(j, "added", known, c->added, c->nadded);
	write_paths(j, "removed", known, c->removed, c->nremoved);
	write_paths(j, "modified", known, c->modified, c->nmodified);
	json_end(j);
}

static void write_tri(struct json *j, enum tri t)
{
	if (t == TRI_UNKNOWN)
		json_null(j);
	else
		json_bool(j, t == TRI_YES);
}

static void write_commits(struct json *j, const struct enrichment *n, const struct fit *f)
{
	size_t skip = n->ncommits > f->commits ? n->ncommits - f->commits : 0;

	json_key(j, "commits");
	json_array(j);
	for (size_t i = skip; i < n->ncommits; i++)
		write_commit(j, &n->commits[i], f);
	json_end(j);
	json_key(j, "head");
	if (!*n->head.oid)
		json_null(j);
	else if (n->ncommits && strcmp(n->commits[n->ncommits - 1].oid, n->head.oid) == 0)
		json_str(j, "last");
	else
		write_commit(j, &n->head, f);
}

static void write_all(struct json *j, const struct enrichment *n, const struct fit *f)
{
	char why[3 * LIMIT_ERR];

	snprintf(why, sizeof why, "%s%s%s", n->why_not, *n->why_not && *f->what ? "; " : "", f->what);
	json_object(j);
	json_key(j, "computed");
	json_bool(j, n->computed);
	write_text(j, "why_not", why);
	json_key(j, "forced");
	write_tri(j, n->forced);
	json_key(j, "total_commits");
	json_int(j, n->total_commits);
	json_kv(j, "base", n->base);
	json_kv(j, "peeled", n->peeled);
	json_key(j, "annotated");
	json_bool(j, n->annotated);
	write_text(j, "tag_message", n->tag_message);
	write_person(j, "tagger", &n->tagger);
	write_text(j, "head_ref", n->head_ref);
	write_paths(j, "paths", n->paths_known && n->npaths <= f->paths, n->paths, n->npaths);
	write_commits(j, n, f);
	json_end(j);
}

void enrich_encode(const struct enrichment *n, struct buf *out)
{
	size_t begin = out->len;

	for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
		struct json j;

		if (i) {
			out->s[out->len = begin] = '\0';
			out->over = false;
		}
		json_init(&j, out);
		write_all(&j, n, &fits[i]);
		if (!out->over && out->len - begin <= LIMIT_ENRICHMENT)
			return;
	}
}

/* ---- reading ---- */

struct reader {
	struct arena *a;
	bool bad;
	const char *key;		/* of the first thing that was wrong */
};

static void *wrong(struct reader *r, const char *key)
{
	if (!r->bad)
		r->key = key;
	r->bad = true;
	return NULL;
}

static int base64_value(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 :
		c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Whole groups of four, padded (RFC 4648, 4); no NUL may come out. */
static const char *read_base64(struct reader *r, const char *key, const char *s, size_t n)
{
	size_t pad, len;
	char *out;

	if (n % 4)
		return wrong(r, key);
	pad = n && s[n - 1] == '=' ? 1 + (s[n - 2] == '=') : 0;
	len = n / 4 * 3 - pad;
	out = arena_alloc(r->a, n / 4 * 3 + 1);
	for (size_t i = 0, o = 0; i < n; i += 4) {
		unsigned v = 0;

		for (size_t k = i; k < i + 4; k++) {
			int digit = k >= n - pad ? 0 : base64_value(s[k]);

			if (digit < 0)
				return wrong(r, key);
			v = v << 6 | (unsigned)digit;
		}
		out[o++] = (char)(v >> 16);
		out[o++] = (char)(v >> 8);
		out[o++] = (char)v;
	}
	out[len] = '\0';
	return strlen(out) == len ? out : wrong(r, key);
}

static const char *read_plain(struct reader *r, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v)) {
		wrong(r, key);
		return "";
	}
	return arena_memdup(r->a, json_string_value(v), json_string_length(v));
}

static const char *read_text(struct reader *r, const json_t *o, const char *key)
{
	char longer[32];
	const json_t *v;
	const char *s;

	snprintf(longer, sizeof longer, "%sBase64", key);
	v = json_object_get(o, longer);
	if (!v)
		return read_plain(r, o, key);
	s = json_is_string(v) ? read_base64(r, key, json_string_value(v), json_string_length(v)) :
		wrong(r, key);
	return s ? s : "";
}

/* An object id, or "" where there may be none. */
static const char *read_oid(struct reader *r, const json_t *o, const char *key, bool needed)
{
	const char *s = read_plain(r, o, key);

	if ((*s || needed) && !change_oid_ok(s)) {
		wrong(r, key);
		return "";
	}
	return s;
}

static int64_t read_int(struct reader *r, const json_t *o, const char *key, int64_t min, int64_t max)
{
	const json_t *v = json_object_get(o, key);
	int64_t n = json_is_integer(v) ? json_integer_value(v) : INT64_MIN;

	if (n < min || n > max) {
		wrong(r, key);
		return min;
	}
	return n;
}

static bool read_bool(struct reader *r, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_boolean(v))
		wrong(r, key);
	return json_is_true(v);
}

static struct person read_person(struct reader *r, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_object(v)) {
		wrong(r, key);
		return (struct person){ .name = "", .email = "" };
	}
	return (struct person){ .name = read_text(r, v, "name"), .email = read_text(r, v, "email"),
		.time_s = read_int(r, v, "time", 0, ENRICH_TIME_MAX),
		.offset_min = (int)read_int(r, v, "offset", -1440 * 100, 1440 * 100) };
}

static const char *read_path(struct reader *r, const char *key, const json_t *v)
{
	const json_t *b = json_object_get(v, "base64");

	if (json_is_string(v))
		return arena_memdup(r->a, json_string_value(v), json_string_length(v));
	if (json_is_string(b))
		return read_base64(r, key, json_string_value(b), json_string_length(b));
	return wrong(r, key);
}

/* Are they known? */
static bool read_paths(struct reader *r, const json_t *o, const char *key, const char ***out,
	size_t *n)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_null(v))
		return false;
	if (!json_is_array(v) || json_array_size(v) > LIMIT_PATHS) {
		wrong(r, key);
		return false;
	}
	*n = json_array_size(v);
	*out = arena_alloc(r->a, *n * sizeof **out);
	for (size_t i = 0; i < *n; i++)
		if (!((*out)[i] = read_path(r, key, json_array_get(v, i))))
			*n = 0;
	return true;
}

static void read_commit(struct reader *r, const json_t *o, struct commit *c)
{
	bool removed, modified;

	if (!json_is_object(o)) {
		wrong(r, "commit");
		return;
	}
	c->oid = read_oid(r, o, "oid", true);
	c->tree = read_oid(r, o, "tree", true);
	c->author = read_person(r, o, "author");
	c->committer = read_person(r, o, "committer");
	c->message = read_text(r, o, "message");
	c->message_cut = read_bool(r, o, "cut");
	c->paths_known = read_paths(r, o, "added", &c->added, &c->nadded);
	removed = read_paths(r, o, "removed", &c->removed, &c->nremoved);
	modified = read_paths(r, o, "modified", &c->modified, &c->nmodified);
	if (removed != c->paths_known || modified != c->paths_known)
		wrong(r, "added");
}

static void read_commits(struct reader *r, const json_t *o, struct enrichment *out)
{
	const json_t *v = json_object_get(o, "commits"), *head = json_object_get(o, "head");

	if (!json_is_array(v) || json_array_size(v) > LIMIT_COMMITS) {
		wrong(r, "commits");
		return;
	}
	out->ncommits = json_array_size(v);
	out->commits = arena_alloc(r->a, out->ncommits * sizeof *out->commits);
	for (size_t i = 0; i < out->ncommits; i++)
		read_commit(r, json_array_get(v, i), &out->commits[i]);
	out->head = (struct commit){ .oid = "" };
	if (json_is_object(head))
		read_commit(r, head, &out->head);
	else if (json_is_string(head) && strcmp(json_string_value(head), "last") == 0 && out->ncommits)
		out->head = out->commits[out->ncommits - 1];
	else if (!json_is_null(head))
		wrong(r, "head");
}

static enum tri read_tri(struct reader *r, const json_t *o, const char *key)
{
	if (json_is_null(json_object_get(o, key)))
		return TRI_UNKNOWN;
	return read_bool(r, o, key) ? TRI_YES : TRI_NO;
}

static void read_all(struct reader *r, const json_t *o, struct enrichment *out)
{
	*out = (struct enrichment){
		.computed = read_bool(r, o, "computed"),
		.why_not = read_text(r, o, "why_not"),
		.forced = read_tri(r, o, "forced"),
		.total_commits = read_int(r, o, "total_commits", -1, INT64_MAX),
		.base = read_oid(r, o, "base", false),
		.peeled = read_oid(r, o, "peeled", false),
		.annotated = read_bool(r, o, "annotated"),
		.tag_message = read_text(r, o, "tag_message"),
		.tagger = read_person(r, o, "tagger"),
		.head_ref = read_text(r, o, "head_ref"),
	};
	out->paths_known = read_paths(r, o, "paths", &out->paths, &out->npaths);
	read_commits(r, o, out);
}

int enrich_decode(struct arena *a, const char *json, struct enrichment *out, struct err *e)
{
	struct reader r = { .a = a };
	json_error_t why;
	json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &why);

	if (!root)
		return err_set(e, ERR_DATA, "the stored enrichment is not JSON: %s", why.text);
	if (json_is_object(root))
		read_all(&r, root, out);
	else
		wrong(&r, "the whole");
	json_decref(root);
	return r.bad ? err_set(e, ERR_DATA, "the stored enrichment is wrong at \"%s\"", r.key) : 0;
}
