/*
 * generic.c - refire's own JSON: all of a change. docs/format-generic.md describes
 * every field; a change of meaning raises "refire".
 */
#include <string.h>

#include "clock.h"
#include "generic.h"
#include "match.h"

#define VERSION 1

static void write_text(struct json *j, const char *key, const char *s)
{
	json_key_bytes(j, key, s, strlen(s));
}

/* null where there is none */
static void write_maybe(struct json *j, const char *key, const char *s)
{
	if (s && *s)
		write_text(j, key, s);
	else
		json_kv(j, key, NULL);
}

static void write_pairs(struct json *j, const char *key, const struct name_value *v, size_t n)
{
	json_key(j, key);
	json_object(j);
	for (size_t i = 0; i < n; i++)
		json_kv(j, v[i].name, v[i].value);
	json_end(j);
}

static void write_person(struct json *j, const char *key, const struct person *p)
{
	char time[CLOCK_ISO_SIZE];

	json_key(j, key);
	json_object(j);
	write_text(j, "name", p->name);
	write_text(j, "email", p->email);
	json_kv(j, "time", payload_time(p, time));
	json_end(j);
}

static void write_commit(struct json *j, const struct payload *p, const struct commit *c)
{
	size_t len = payload_message(c->message, p->fit->message);
	bool known = c->paths_known && p->fit->paths;

	json_object(j);
	json_kv(j, "id", c->oid);
	json_kv(j, "tree", c->tree);
	payload_commit_link(j, "url", p, c->oid);
	json_key_bytes(j, "message", c->message, len);
	json_kv_bool(j, "message_shortened", c->message_cut ||
		len < payload_message(c->message, SIZE_MAX));
	write_person(j, "author", &c->author);
	write_person(j, "committer", &c->committer);
	payload_list(j, "added", known, c->added, c->nadded);
	payload_list(j, "removed", known, c->removed, c->nremoved);
	payload_list(j, "modified", known, c->modified, c->nmodified);
	json_end(j);
}

static void write_repository(struct json *j, const struct payload *p)
{
	json_key(j, "repository");
	json_object(j);
	json_kv(j, "name", p->in->name);
	write_maybe(j, "web_url", strncmp(p->base, "refire:", 7) ? p->base : "");
	write_maybe(j, "default_branch", ref_branch(p->in->enrichment->head_ref));
	json_end(j);
}

static void write_ref(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;
	const char *branch = ref_branch(in->ref), *tag = ref_tag(in->ref);

	write_text(j, "ref", in->ref);
	json_kv(j, "kind", *branch ? "branch" : *tag ? "tag" : "other");
	write_maybe(j, "branch", branch);
	write_maybe(j, "tag", tag);
	json_kv(j, "before", in->before);
	json_kv(j, "after", in->after);
	json_kv_bool(j, "created", p->created);
	json_kv_bool(j, "deleted", p->deleted);
	if (in->enrichment->forced == TRI_UNKNOWN)
		json_kv(j, "forced", NULL);
	else
		json_kv_bool(j, "forced", in->enrichment->forced == TRI_YES);
	json_kv_bool(j, "coalesced", in->coalesced);
}

static void write_actor(struct json *j, const struct change_row *c, const struct detail *d)
{
	json_key(j, "actor");
	json_object(j);
	write_text(j, "name", c->actor);
	json_kv(j, "user", c->user);
	json_kv_int(j, "uid", c->uid);
	write_maybe(j, "address", c->address);
	write_pairs(j, "claims", d->claims, d->nclaims);
	json_end(j);
}

static void write_change(struct json *j, const struct payload *p)
{
	const struct change_row *c = p->in->change;
	const struct detail *d = p->detail;
	char time[CLOCK_ISO_SIZE];

	json_kv(j, "source", source_word(c->source));
	json_kv(j, "time", clock_iso_us(c->time_us, time));
	write_actor(j, c, d);
	payload_list(j, "push_options", true, d->options, d->noptions);
	write_pairs(j, "variables", d->vars, d->nvars);
	payload_list(j, "shortened", true, d->shortened, d->nshortened);
}

static void write_tag_object(struct json *j, const struct enrichment *n)
{
	json_key(j, "tag_object");
	if (!n->annotated) {
		json_null(j);
		return;
	}
	json_object(j);
	json_key_bytes(j, "message", n->tag_message, payload_message(n->tag_message, SIZE_MAX));
	write_person(j, "tagger", &n->tagger);
	json_end(j);
}

static void write_commits(struct json *j, const struct payload *p)
{
	const struct enrichment *n = p->in->enrichment;

	json_key(j, "commits");
	json_array(j);
	for (size_t i = p->first; i < n->ncommits; i++)
		write_commit(j, p, &n->commits[i]);
	json_end(j);
	json_key(j, "total_commits");
	if (n->total_commits < 0)
		json_null(j);
	else
		json_int(j, n->total_commits);
	json_kv_bool(j, "commits_shortened", p->fit->message != SIZE_MAX || !p->fit->paths ||
		n->total_commits != (int64_t)(n->ncommits - p->first));
	payload_list(j, "paths", n->paths_known && p->fit->paths, n->paths, n->npaths);
	write_maybe(j, "paths_base", n->base);
	write_maybe(j, "commit", n->peeled);
	json_key(j, "head_commit");
	if (*n->head.oid)
		write_commit(j, p, &n->head);
	else
		json_null(j);
}

/* The words of `on` in the configuration. */
static const char *event_of(const struct render_input *in)
{
	return oid_is_zero(in->after) ? "delete" : *ref_tag(in->ref) ? "tag" : "push";
}

void generic_fields(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;

	json_kv_int(j, "refire", VERSION);
	json_kv(j, "event", event_of(in));
	json_kv(j, "delivery", in->delivery);
	json_kv(j, "change", in->change->id);
	json_kv(j, "pipeline", in->pipeline->name);
	write_repository(j, p);
	write_ref(j, p);
	payload_part(j, p, write_change);
	payload_part(j, p, write_commits);
	write_tag_object(j, in->enrichment);
	json_kv_bool(j, "computed", in->enrichment->computed);
	write_maybe(j, "not_computed", in->enrichment->why_not);
}

static void write_all(struct json *j, const struct payload *p)
{
	json_object(j);
	generic_fields(j, p);
	json_end(j);
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct message *m = arena_alloc(a, sizeof *m);
	const struct detail *known = in->detail;
	struct detail d;

	if ((!known && detail_decode(a, in->change->detail, &d, e)) ||
		payload_render(in, known ? known : &d, a, event_of(in), write_all, m, e))
		return -1;
	if (headers_add(&m->headers, "X-Refire-Event", m->event))
		return err_set(e, ERR_BUG, "a header could not be made");
	*out = m;
	*n = 1;
	return 0;
}

/* Every secret signs, newest first, so that a receiver can change over at any time
   of a rotation; the header others verify has room for one. */
int generic_sign(const struct message *m, const struct secrets *s, int64_t now_us,
	struct headers *out, struct err *e)
{
	struct headers each = { .a = out->a };
	const char *all;

	(void)now_us;
	if (s->n == 0)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		if (payload_sign(&each, "X-Hub-Signature-256", &s->v[i], &m->body, false))
			return err_set(e, ERR_BUG, "a signature could not be made");
	all = each.v[0].value;
	for (size_t i = 1; i < s->n; i++)
		all = arena_fmt(out->a, "%s, %s", all, each.v[i].value);
	if (headers_add(out, "X-Refire-Signature-256", all) ||
		headers_add(out, "X-Hub-Signature-256", each.v[0].value))
		return err_set(e, ERR_CONFIG, "there are too many secrets for one header");
	return 0;
}

const struct format format_generic = {
	.name = "generic",
	.help = "refire's own JSON: all of a change, documented in format-generic.md",
	.render = render,
	.sign = generic_sign,
};
