/*
 * github.c - push, create and delete as GitHub sends them, valid against the strict
 * schemas of @octokit/webhooks-schemas 7.6.1: every required key, and no other.
 *
 * A new branch or tag is `create`, then `push`; a deleted one `push`, then `delete`.
 * What refire cannot know has a neutral value: counters 0, private true, unknown
 * dates 0 or the change's time; addresses of an API that is not there are
 * "refire:..." URIs and lead nowhere. docs/format-github.md lists them.
 */
#include <string.h>

#include "clock.h"
#include "identity.h"
#include "match.h"

/* ---- users ---- */

static void write_user(struct json *j, const char *key, const char *login)
{
	static const struct {
		const char *key, *text;
	} below[] = {
		{ "url", "" }, { "html_url", "" }, { "followers_url", "/followers" },
		{ "following_url", "/following{/other_user}" }, { "gists_url", "/gists{/gist_id}" },
		{ "starred_url", "/starred{/owner}{/repo}" }, { "subscriptions_url", "/subscriptions" },
		{ "organizations_url", "/orgs" }, { "repos_url", "/repos" },
		{ "events_url", "/events{/privacy}" }, { "received_events_url", "/received_events" },
	};
	struct buf base;

	buf_init(&base, 4 * LIMIT_CLAIM);
	buf_str(&base, "refire:users/");
	payload_encode(&base, login, "");
	json_key(j, key);
	json_object(j);
	json_kv(j, "login", login);
	json_kv_int(j, "id", payload_id("user", login));
	json_kv(j, "node_id", "");
	payload_link(j, "avatar_url", base.s, "/avatar");
	json_kv(j, "gravatar_id", "");
	for (size_t i = 0; i < sizeof below / sizeof *below; i++)
		payload_link(j, below[i].key, base.s, below[i].text);
	json_kv(j, "type", "User");
	json_kv_bool(j, "site_admin", false);
	json_end(j);
	buf_release(&base);
}

/* ---- the repository ---- */

enum kind { LINK, NUMBER, FALSE, TEXT };

/* In GitHub's order after its first keys; LINK: below "refire:NAME". */
static const struct entry {
	const char *key;
	enum kind kind;
	const char *text;		/* NULL: null */
} links[] = {
	{ "forks_url", LINK, "/forks" }, { "keys_url", LINK, "/keys{/key_id}" },
	{ "collaborators_url", LINK, "/collaborators{/collaborator}" },
	{ "teams_url", LINK, "/teams" }, { "hooks_url", LINK, "/hooks" },
	{ "issue_events_url", LINK, "/issues/events{/number}" }, { "events_url", LINK, "/events" },
	{ "assignees_url", LINK, "/assignees{/user}" }, { "branches_url", LINK, "/branches{/branch}" },
	{ "tags_url", LINK, "/tags" }, { "blobs_url", LINK, "/git/blobs{/sha}" },
	{ "git_tags_url", LINK, "/git/tags{/sha}" }, { "git_refs_url", LINK, "/git/refs{/sha}" },
	{ "trees_url", LINK, "/git/trees{/sha}" }, { "statuses_url", LINK, "/statuses/{sha}" },
	{ "languages_url", LINK, "/languages" }, { "stargazers_url", LINK, "/stargazers" },
	{ "contributors_url", LINK, "/contributors" }, { "subscribers_url", LINK, "/subscribers" },
	{ "subscription_url", LINK, "/subscription" }, { "commits_url", LINK, "/commits{/sha}" },
	{ "git_commits_url", LINK, "/git/commits{/sha}" }, { "comments_url", LINK, "/comments{/number}" },
	{ "issue_comment_url", LINK, "/issues/comments{/number}" },
	{ "contents_url", LINK, "/contents/{+path}" },
	{ "compare_url", LINK, "/compare/{base}...{head}" }, { "merges_url", LINK, "/merges" },
	{ "archive_url", LINK, "/{archive_format}{/ref}" }, { "downloads_url", LINK, "/downloads" },
	{ "issues_url", LINK, "/issues{/number}" }, { "pulls_url", LINK, "/pulls{/number}" },
	{ "milestones_url", LINK, "/milestones{/number}" },
	{ "notifications_url", LINK, "/notifications{?since,all,participating}" },
	{ "labels_url", LINK, "/labels{/name}" }, { "releases_url", LINK, "/releases{/id}" },
	{ "deployments_url", LINK, "/deployments" },
}, unknowns[] = {
	{ "homepage", TEXT, NULL }, { "size", NUMBER, NULL }, { "stargazers_count", NUMBER, NULL },
	{ "watchers_count", NUMBER, NULL }, { "language", TEXT, NULL }, { "has_issues", FALSE, NULL },
	{ "has_projects", FALSE, NULL }, { "has_downloads", FALSE, NULL }, { "has_wiki", FALSE, NULL },
	{ "has_pages", FALSE, NULL }, { "has_discussions", FALSE, NULL }, { "forks_count", NUMBER, NULL },
	{ "mirror_url", TEXT, NULL }, { "archived", FALSE, NULL }, { "disabled", FALSE, NULL },
	{ "open_issues_count", NUMBER, NULL }, { "license", TEXT, NULL }, { "allow_forking", FALSE, NULL },
	{ "is_template", FALSE, NULL }, { "web_commit_signoff_required", FALSE, NULL },
	{ "visibility", TEXT, "private" }, { "forks", NUMBER, NULL }, { "open_issues", NUMBER, NULL },
	{ "watchers", NUMBER, NULL },
};

static void write_entries(struct json *j, const struct entry *v, size_t n, const char *below)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == LINK) {
			payload_link(j, v[i].key, below, v[i].text);
			continue;
		}
		json_key(j, v[i].key);
		if (v[i].kind == NUMBER)
			json_int(j, 0);
		else if (v[i].kind == FALSE)
			json_bool(j, false);
		else
			json_str(j, v[i].text);
	}
}

static void write_identity(struct json *j, const struct payload *p)
{
	const char *owner = identity_owner(p);

	json_kv_int(j, "id", payload_id("repository", p->in->name));
	json_kv(j, "node_id", "");
	json_kv(j, "name", identity_name(p));
	json_kv(j, "full_name", arena_fmt(p->a, "%s/%s", owner, identity_name(p)));
	json_kv_bool(j, "private", true);
	write_user(j, "owner", owner);
	json_kv(j, "html_url", p->base);
	json_kv(j, "description", NULL);
	json_kv_bool(j, "fork", false);
	json_kv(j, "url", p->base);
}

static void write_dates(struct json *j, const struct payload *p)
{
	char now[CLOCK_ISO_SIZE];

	json_kv_int(j, "created_at", 0);
	json_kv(j, "updated_at", clock_iso(p->in->change->time_us, now));
	json_kv_int(j, "pushed_at", p->in->change->time_us / US_PER_S);
}

static void write_repository(struct json *j, const struct payload *p)
{
	struct buf below;

	buf_init(&below, 4 * LIMIT_PATH);
	buf_str(&below, "refire:");
	payload_encode(&below, p->in->name, "/");
	json_key(j, "repository");
	json_object(j);
	write_identity(j, p);
	write_entries(j, links, sizeof links / sizeof *links, below.s);
	write_dates(j, p);
	json_kv(j, "git_url", identity_clone_url(p));
	json_kv(j, "ssh_url", identity_ssh_url(p));
	json_kv(j, "clone_url", identity_clone_url(p));
	json_kv(j, "svn_url", p->base);
	write_entries(j, unknowns, sizeof unknowns / sizeof *unknowns, below.s);
	json_key(j, "topics");
	json_array(j);
	json_end(j);
	json_key(j, "custom_properties");
	json_object(j);
	json_end(j);
	json_kv(j, "default_branch", identity_default_branch(p));
	json_end(j);
	buf_release(&below);
}

/* ---- commits ---- */

static void write_person(struct json *j, const char *key, const struct person *who,
	const char *time)
{
	json_key(j, key);
	json_object(j);
	json_kv(j, "name", who->name);
	json_kv(j, "email", who->email);
	json_kv(j, "date", time);
	json_end(j);
}

static void write_commit(struct json *j, const struct payload *p, const struct commit *c)
{
	bool known = c->paths_known && p->fit->paths;
	char authored[CLOCK_ISO_SIZE], committed[CLOCK_ISO_SIZE];

	payload_time(&c->author, authored);
	payload_time(&c->committer, committed);
	json_object(j);
	json_kv(j, "id", c->oid);
	json_kv(j, "tree_id", c->tree);
	json_kv_bool(j, "distinct", true);
	json_key(j, "message");
	json_strn(j, c->message, payload_message(c->message, p->fit->message));
	json_kv(j, "timestamp", committed);
	payload_commit_link(j, "url", p, c->oid);
	write_person(j, "author", &c->author, authored);
	write_person(j, "committer", &c->committer, committed);
	payload_list(j, "added", true, c->added, known ? c->nadded : 0);
	payload_list(j, "removed", true, c->removed, known ? c->nremoved : 0);
	payload_list(j, "modified", true, c->modified, known ? c->nmodified : 0);
	json_end(j);
}

/* ---- the events ---- */

static const char *compare_url(const struct payload *p)
{
	const struct render_input *in = p->in;

	if (p->created)
		return arena_fmt(p->a, "%s/commit/%s", p->base,
			*in->enrichment->peeled ? in->enrichment->peeled : in->after);
	return arena_fmt(p->a, "%s/compare/%.12s...%.12s", p->base, in->before, in->after);
}

static void write_pusher(struct json *j, const struct payload *p)
{
	json_key(j, "pusher");
	json_object(j);
	json_kv(j, "name", p->in->change->actor);
	json_kv(j, "email", NULL);
	json_end(j);
	write_user(j, "sender", p->in->change->actor);
}

static void write_commits(struct json *j, const struct payload *p)
{
	const struct enrichment *n = p->in->enrichment;

	json_key(j, "commits");
	json_array(j);
	for (size_t i = p->first; i < n->ncommits; i++)
		write_commit(j, p, &n->commits[i]);
	json_end(j);
	json_key(j, "head_commit");
	if (*n->head.oid)
		write_commit(j, p, &n->head);
	else
		json_null(j);
}

static void write_push(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;
	const struct enrichment *n = in->enrichment;

	json_object(j);
	json_kv(j, "ref", in->ref);
	json_kv(j, "before", in->before);
	json_kv(j, "after", in->after);
	payload_part(j, p, write_repository);
	payload_part(j, p, write_pusher);
	json_kv_bool(j, "created", p->created);
	json_kv_bool(j, "deleted", p->deleted);
	json_kv_bool(j, "forced", n->forced == TRI_YES);
	json_kv(j, "base_ref", NULL);
	json_kv(j, "compare", compare_url(p));
	payload_part(j, p, write_commits);
	json_end(j);
}

static void write_ref(struct json *j, const struct payload *p)
{
	const char *tag = ref_tag(p->in->ref);

	json_object(j);
	json_kv(j, "ref", *tag ? tag : ref_branch(p->in->ref));
	json_kv(j, "ref_type", *tag ? "tag" : "branch");
	if (p->created) {
		json_kv(j, "master_branch", identity_default_branch(p));
		json_kv(j, "description", NULL);
	}
	json_kv(j, "pusher_type", "user");
	payload_part(j, p, write_repository);
	write_user(j, "sender", p->in->change->actor);
	json_end(j);
}

/* ---- messages ---- */

static int add_message(const struct render_input *in, struct arena *a, const char *event,
	struct message *m, struct err *e)
{
	bool push = strcmp(event, "push") == 0;
	char id[UUID_SIZE];

	if (payload_render(in, NULL, a, event, push ? write_push : write_ref, m, e))
		return -1;
	payload_message_id(in, push ? "" : event, id);
	if (headers_add(&m->headers, "X-GitHub-Event", event) ||
		headers_add(&m->headers, "X-GitHub-Delivery", id) ||
		headers_add(&m->headers, "X-GitHub-Hook-ID", arena_fmt(a, "%lld",
			(long long)payload_id("pipeline", in->pipeline->name))) ||
		headers_add(&m->headers, "X-GitHub-Hook-Installation-Target-Type", "repository") ||
		headers_add(&m->headers, "X-GitHub-Hook-Installation-Target-ID", arena_fmt(a, "%lld",
			(long long)payload_id("repository", in->name))))
		return err_set(e, ERR_BUG, "a header could not be made");
	return 0;
}

/* GitHub knows branches and tags alone: only those are created and deleted. */
static size_t count(const struct render_input *in)
{
	bool known = *ref_branch(in->ref) || *ref_tag(in->ref);

	return known && oid_is_zero(in->before) != oid_is_zero(in->after) ? 2 : 1;
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct message *m = arena_alloc(a, 2 * sizeof *m);
	bool second = oid_is_zero(in->before);	/* push comes second */

	*out = m;
	*n = count(in);
	if (*n == 2 && add_message(in, a, second ? "create" : "delete", &m[!second], e))
		return -1;
	return add_message(in, a, "push", &m[*n == 2 && second], e);
}

/* Both, because receivers insist on either; the newest secret alone, because each
   header has room for one. */
static int sign(const struct message *m, const struct secrets *s, int64_t now_us,
	struct headers *out, struct err *e)
{
	(void)now_us;
	if (s->n && (payload_sign(out, "X-Hub-Signature", &s->v[0], &m->body, true) ||
		payload_sign(out, "X-Hub-Signature-256", &s->v[0], &m->body, false)))
		return err_set(e, ERR_BUG, "a signature could not be made");
	return 0;
}

const struct format format_github = {
	.name = "github",
	.help = "push, create and delete events as GitHub sends them",
	.count = count,
	.render = render,
	.sign = sign,
};
