/*
 * gitea.c - push, create and delete as Gitea (and Forgejo, Gogs) send them, indented by
 * two spaces as theirs.
 *
 *	a branch is made	create, push
 *	a tag is made, moves	create: receivers that build on a tag take this one
 *	a branch or tag goes	delete
 *	anything else		push
 *
 * docs/format-gitea.md says what refire cannot know.
 */
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "identity.h"
#include "match.h"

#define NEVER "0001-01-01T00:00:00Z"	/* Go's zero time, as Gitea writes it */

/* ---- users ---- */

static void write_user(struct json *j, const char *key, const char *login)
{
	json_key(j, key);
	json_object(j);
	json_kv_int(j, "id", payload_id("user", login));
	json_kv(j, "login", login);
	json_kv(j, "login_name", "");
	json_kv(j, "full_name", "");
	json_kv(j, "email", "");
	json_kv(j, "avatar_url", "");
	json_kv(j, "language", "");
	json_kv_bool(j, "is_admin", false);
	json_kv(j, "last_login", NEVER);
	json_kv(j, "created", NEVER);
	json_kv_bool(j, "restricted", false);
	json_kv_bool(j, "active", true);
	json_kv_bool(j, "prohibit_login", false);
	json_kv(j, "location", "");
	json_kv(j, "website", "");
	json_kv(j, "description", "");
	json_kv(j, "visibility", "private");
	json_kv(j, "username", login);
	json_end(j);
}

/* An author is known by name and address alone. */
static void write_person(struct json *j, const char *key, const struct person *who)
{
	json_key(j, key);
	json_object(j);
	json_kv(j, "name", who->name);
	json_kv(j, "email", who->email);
	json_kv(j, "username", "");
	json_end(j);
}

/* ---- the repository ---- */

static void write_addresses(struct json *j, const struct payload *p)
{
	json_kv(j, "html_url", p->base);
	json_kv(j, "url", p->base);
	json_kv(j, "link", "");
	json_kv(j, "ssh_url", identity_ssh_url(p));
	json_kv(j, "clone_url", identity_clone_url(p));
	json_kv(j, "original_url", "");
	json_kv(j, "website", "");
	json_kv(j, "avatar_url", "");
}

static void write_counters(struct json *j)
{
	static const char *const keys[] = { "size", "stars_count", "forks_count", "watchers_count",
		"open_issues_count", "open_pr_counter", "release_counter" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		json_kv_int(j, keys[i], 0);
}

static void write_flags(struct json *j)
{
	static const char *const keys[] = { "empty", "fork", "template", "mirror", "archived",
		"internal", "has_issues", "has_wiki", "has_pull_requests", "has_projects" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		json_kv_bool(j, keys[i], false);
	json_kv_bool(j, "private", true);
}

static void write_repository(struct json *j, const struct payload *p)
{
	char time[CLOCK_ISO_SIZE];

	json_key(j, "repository");
	json_object(j);
	json_kv_int(j, "id", payload_id("repository", p->in->name));
	write_user(j, "owner", identity_owner(p));
	json_kv(j, "name", identity_name(p));
	json_kv(j, "full_name", arena_fmt(p->a, "%s/%s", identity_owner(p), identity_name(p)));
	json_kv(j, "description", "");
	json_kv(j, "language", "");
	write_flags(j);
	write_counters(j);
	write_addresses(j, p);
	json_kv(j, "default_branch", identity_default_branch(p));
	json_kv(j, "object_format_name", strlen(p->in->after) == LIMIT_OID ? "sha256" : "sha1");
	json_kv(j, "created_at", NEVER);
	json_kv(j, "updated_at", clock_iso(p->in->change->time_us, time));
	json_key(j, "topics");
	json_array(j);
	json_end(j);
	json_end(j);
}

/* ---- commits ---- */

static void write_commit(struct json *j, const struct payload *p, const struct commit *c)
{
	bool known = c->paths_known && p->fit->paths;
	char time[CLOCK_ISO_SIZE];

	json_object(j);
	json_kv(j, "id", c->oid);
	json_key(j, "message");
	json_strn(j, c->message, payload_message(c->message, p->fit->message));
	payload_commit_link(j, "url", p, c->oid);
	write_person(j, "author", &c->author);
	write_person(j, "committer", &c->committer);
	json_kv(j, "verification", NULL);
	json_kv(j, "timestamp", payload_time(&c->committer, time));
	payload_list(j, "added", known, c->added, c->nadded);
	payload_list(j, "removed", known, c->removed, c->nremoved);
	payload_list(j, "modified", known, c->modified, c->nmodified);
	json_end(j);
}

/* Newest first, as Gitea has them. */
static void write_commits(struct json *j, const struct payload *p)
{
	const struct enrichment *n = p->in->enrichment;

	json_key(j, "commits");
	json_array(j);
	for (size_t i = n->ncommits; i > p->first; i--)
		write_commit(j, p, &n->commits[i - 1]);
	json_end(j);
	json_kv_int(j, "total_commits",
		n->total_commits < 0 ? (int64_t)n->ncommits : n->total_commits);
	json_key(j, "head_commit");
	if (*n->head.oid)
		write_commit(j, p, &n->head);
	else
		json_null(j);
}

/* ---- the events ---- */

static const char *compare_url(const struct payload *p)
{
	if (p->created || p->deleted)
		return "";
	return arena_fmt(p->a, "%s/compare/%s...%s", p->base, p->in->before, p->in->after);
}

static void write_push(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;

	j->indent = 2;
	json_object(j);
	json_kv(j, "ref", in->ref);
	json_kv(j, "before", in->before);
	json_kv(j, "after", in->after);
	json_kv(j, "compare_url", compare_url(p));
	write_commits(j, p);
	write_repository(j, p);
	write_user(j, "pusher", in->change->actor);
	write_user(j, "sender", in->change->actor);
	json_end(j);
}

static void write_ref(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;
	const char *tag = ref_tag(in->ref);

	j->indent = 2;
	json_object(j);
	if (!p->deleted)
		json_kv(j, "sha", *in->enrichment->peeled ? in->enrichment->peeled : in->after);
	json_kv(j, "ref", *tag ? tag : ref_branch(in->ref));
	json_kv(j, "ref_type", *tag ? "tag" : "branch");
	if (p->deleted)
		json_kv(j, "pusher_type", "user");
	write_repository(j, p);
	write_user(j, "sender", in->change->actor);
	json_end(j);
}

/* The events of a change, in order. */
static size_t events_of(const struct render_input *in, const char *events[2])
{
	bool branch = *ref_branch(in->ref), tag = *ref_tag(in->ref);

	events[0] = "push";
	if ((branch || tag) && oid_is_zero(in->after)) {
		events[0] = "delete";
	} else if (tag) {
		events[0] = "create";
	} else if (branch && oid_is_zero(in->before)) {
		events[0] = "create";
		events[1] = "push";
		return 2;
	}
	return 1;
}

static size_t count(const struct render_input *in)
{
	const char *events[2];

	return events_of(in, events);
}

static int add_headers(struct headers *h, const char *id, const char *event)
{
	static const char *const service[] = { "Gitea", "Gogs", "GitHub" };

	for (size_t i = 0; i < sizeof service / sizeof *service; i++)
		if (headers_add(h, arena_fmt(h->a, "X-%s-Delivery", service[i]), id) ||
			headers_add(h, arena_fmt(h->a, "X-%s-Event", service[i]), event) ||
			headers_add(h, arena_fmt(h->a, "X-%s-Event-Type", service[i]), event))
			return -1;
	return 0;
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct message *m = arena_alloc(a, 2 * sizeof *m);
	const char *events[2];
	char id[UUID_SIZE];

	*n = events_of(in, events);
	*out = m;
	for (size_t i = 0; i < *n; i++) {
		bool push = strcmp(events[i], "push") == 0;

		if (payload_render(in, NULL, a, events[i], push ? write_push : write_ref, &m[i], e))
			return -1;
		payload_message_id(in, i == *n - 1 ? "" : events[i], id);
		if (add_headers(&m[i].headers, id, events[i]))
			return err_set(e, ERR_BUG, "a header could not be made");
	}
	return 0;
}

static int sign(const struct message *m, const struct secrets *s, int64_t now_us,
	struct headers *out, struct err *e)
{
	unsigned char mac[SHA256_SIZE];
	struct buf hex;
	int failed;

	(void)now_us;
	if (!s->n)
		return 0;
	digest_hmac_sha256(s->v[0].s, s->v[0].len, m->body.s, m->body.len, mac);
	buf_init(&hex, 2 * SHA256_SIZE + 1);
	buf_hex(&hex, mac, sizeof mac);
	failed = headers_add(out, "X-Gitea-Signature", hex.s) ||
		headers_add(out, "X-Gogs-Signature", hex.s) ||
		payload_sign(out, "X-Hub-Signature", &s->v[0], &m->body, true) ||
		payload_sign(out, "X-Hub-Signature-256", &s->v[0], &m->body, false);
	buf_release(&hex);
	return failed ? err_set(e, ERR_BUG, "a signature could not be made") : 0;
}

const struct format format_gitea = {
	.name = "gitea",
	.help = "push, create and delete events as Gitea, Forgejo and Gogs send them",
	.count = count,
	.render = render,
	.sign = sign,
};
