/*
 * gitlab.c - Push Hook and Tag Push Hook as GitLab sends them: the newest 20 commits,
 * total_commits_count with all. docs/format-gitlab.md says what refire cannot know.
 *
 * A line of secret-file that begins with whsec_ is a signing token (webhook-signature,
 * as Standard Webhooks has it); the first other line is the plain X-Gitlab-Token.
 */
#include <string.h>

#include "clock.h"
#include "generic.h"
#include "identity.h"
#include "match.h"
#include "whsig.h"

#define COMMITS 20			/* GitLab's own limit for the payload */

/* ---- project and repository ---- */

static void write_project(struct json *j, const struct payload *p)
{
	const char *http = identity_clone_url(p), *ssh = identity_ssh_url(p);

	json_key(j, "project");
	json_object(j);
	json_kv_int(j, "id", payload_id("repository", p->in->name));
	json_kv(j, "name", identity_name(p));
	json_kv(j, "description", "");
	json_kv(j, "web_url", p->base);
	json_kv(j, "avatar_url", NULL);
	json_kv(j, "git_ssh_url", ssh);
	json_kv(j, "git_http_url", http);
	json_kv(j, "namespace", identity_owner(p));
	json_kv_int(j, "visibility_level", 0);
	json_kv(j, "path_with_namespace", arena_fmt(p->a, "%s/%s", identity_owner(p),
		identity_name(p)));
	json_kv(j, "default_branch", identity_default_branch(p));
	json_kv(j, "ci_config_path", NULL);
	json_kv(j, "homepage", p->base);
	json_kv(j, "url", *ssh ? ssh : http);
	json_kv(j, "ssh_url", ssh);
	json_kv(j, "http_url", http);
	json_end(j);
}

static void write_repository(struct json *j, const struct payload *p)
{
	const char *http = identity_clone_url(p), *ssh = identity_ssh_url(p);

	json_key(j, "repository");
	json_object(j);
	json_kv(j, "name", identity_name(p));
	json_kv(j, "url", *ssh ? ssh : http);
	json_kv(j, "description", "");
	json_kv(j, "homepage", p->base);
	json_kv(j, "git_http_url", http);
	json_kv(j, "git_ssh_url", ssh);
	json_kv_int(j, "visibility_level", 0);
	json_end(j);
}

/* ---- commits ---- */

static void write_commit(struct json *j, const struct payload *p, const struct commit *c)
{
	bool known = c->paths_known && p->fit->paths;
	size_t len = payload_message(c->message, p->fit->message);
	char time[CLOCK_ISO_SIZE];

	json_object(j);
	json_kv(j, "id", c->oid);
	json_key(j, "message");
	json_strn(j, c->message, len);
	json_key(j, "title");
	json_strn(j, c->message, strcspn(c->message, "\n") < len ? strcspn(c->message, "\n") : len);
	json_kv(j, "timestamp", payload_time(&c->committer, time));
	payload_commit_link(j, "url", p, c->oid);
	json_key(j, "author");
	json_object(j);
	json_kv(j, "name", c->author.name);
	json_kv(j, "email", c->author.email);
	json_end(j);
	payload_list(j, "added", true, c->added, known ? c->nadded : 0);
	payload_list(j, "modified", true, c->modified, known ? c->nmodified : 0);
	payload_list(j, "removed", true, c->removed, known ? c->nremoved : 0);
	json_end(j);
}

static void write_commits(struct json *j, const struct payload *p)
{
	const struct enrichment *n = p->in->enrichment;
	size_t first = n->ncommits > COMMITS ? n->ncommits - COMMITS : 0;

	json_key(j, "commits");
	json_array(j);
	for (size_t i = first > p->first ? first : p->first; i < n->ncommits; i++)
		write_commit(j, p, &n->commits[i]);
	json_end(j);
	json_kv_int(j, "total_commits_count",
		n->total_commits < 0 ? (int64_t)n->ncommits : n->total_commits);
}

/* ---- push options, of GitLab's own words those about pipelines ---- */

static void write_variables(struct json *j, const struct detail *d)
{
	static const char word[] = "ci.variable=";

	json_key(j, "variable");
	json_object(j);
	for (size_t i = 0; i < d->noptions; i++)
		if (strncmp(d->options[i], word, sizeof word - 1) == 0 &&
			!payload_seen(d->options, i))
			json_kv_int(j, d->options[i] + sizeof word - 1, 1);
	json_end(j);
}

static void write_options(struct json *j, const struct detail *d)
{
	bool skip = false, variables = false;

	for (size_t i = 0; i < d->noptions; i++) {
		skip = skip || strcmp(d->options[i], "ci.skip") == 0;
		variables = variables || strncmp(d->options[i], "ci.variable=", 12) == 0;
	}
	json_key(j, "push_options");
	json_object(j);
	if (skip || variables) {
		json_key(j, "ci");
		json_object(j);
		if (skip)
			json_kv_bool(j, "skip", true);
		if (variables)
			write_variables(j, d);
		json_end(j);
	}
	json_end(j);
}

/* ---- the event ---- */

static const char *kind_of(const struct render_input *in)
{
	return *ref_tag(in->ref) ? "tag_push" : "push";
}

static void write_user(struct json *j, const struct change_row *c)
{
	json_kv_int(j, "user_id", payload_id("user", c->actor));
	json_kv(j, "user_name", c->actor);
	json_kv(j, "user_username", c->actor);
	json_kv(j, "user_email", "");
	json_kv(j, "user_avatar", NULL);
}

static void write_push(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;
	const struct enrichment *n = in->enrichment;

	json_object(j);
	json_kv(j, "object_kind", kind_of(in));
	json_kv(j, "event_name", kind_of(in));
	json_kv(j, "before", in->before);
	json_kv(j, "after", in->after);
	json_kv(j, "ref", in->ref);
	json_kv_bool(j, "ref_protected", false);
	json_kv(j, "checkout_sha", p->deleted ? NULL : *n->peeled ? n->peeled : in->after);
	if (n->annotated) {
		json_key(j, "message");
		json_strn(j, n->tag_message, payload_message(n->tag_message, SIZE_MAX));
	} else {
		json_kv(j, "message", NULL);
	}
	write_user(j, in->change);
	json_kv_int(j, "project_id", payload_id("repository", in->name));
	write_project(j, p);
	write_commits(j, p);
	write_options(j, p->detail);
	write_repository(j, p);
	json_end(j);
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct message *m = arena_alloc(a, sizeof *m);
	char webhook[UUID_SIZE], event[UUID_SIZE];
	struct detail d;

	if (detail_decode(a, in->change->detail, &d, e) ||
		payload_render(in, &d, a, kind_of(in), write_push, m, e))
		return -1;
	payload_uuid("webhook", in->pipeline->name, webhook);
	payload_uuid("event", in->delivery, event);
	if (headers_add(&m->headers, "X-Gitlab-Event",
			*ref_tag(in->ref) ? "Tag Push Hook" : "Push Hook") ||
		headers_add(&m->headers, "X-Gitlab-Webhook-UUID", webhook) ||
		headers_add(&m->headers, "X-Gitlab-Event-UUID", event) ||
		headers_add(&m->headers, "Idempotency-Key", in->delivery))
		return err_set(e, ERR_BUG, "a header could not be made");
	*out = m;
	*n = 1;
	return 0;
}

static bool is_token(const struct secret *s)
{
	return strncmp(s->s, WHSIG_SYMMETRIC, sizeof WHSIG_SYMMETRIC - 1) == 0;
}

static int sign(const struct message *m, const struct secrets *s, int64_t now_us,
	struct headers *out, struct err *e)
{
	struct secrets tokens = { arena_alloc(out->a, (s->n + 1) * sizeof *tokens.v), 0 };
	bool plain = false;

	for (size_t i = 0; i < s->n; i++) {
		if (is_token(&s->v[i]))
			tokens.v[tokens.n++] = s->v[i];
		else if (!plain && headers_add(out, "X-Gitlab-Token", s->v[i].s))
			return err_set(e, ERR_CONFIG, "the secret cannot stand in a header: it holds a "
				"control byte");
		else
			plain = true;
	}
	return tokens.n ? whsig_add(out, headers_get(&m->headers, "Idempotency-Key"), &tokens,
		&m->body, now_us, e) : 0;
}

const struct format format_gitlab = {
	.name = "gitlab",
	.help = "Push Hook and Tag Push Hook as GitLab sends them",
	.render = render,
	.sign = sign,
};
