/* story_absent.c - a commit that no change names: it came with a later one, it was
   there before refire, or nobody told. The repositories themselves are asked. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "gitcmd.h"
#include "match.h"
#include "queue_prune.h"
#include "words.h"

#define REFS_ASKED 20			/* refs that contain the commit */
#define UPDATES_ASKED 50		/* of each */
#define GIT_SAYS (64 * KIB)

struct absent {
	struct story *s;
	const char *oid;		/* as typed, then whole */
	char whole[LIMIT_OID + 1];
	const char *name;		/* the repository at hand */
	char git_dir[LIMIT_PATH];
	int64_t found;			/* repositories that have it */
	struct story_update with;	/* the update it came with */
	bool told;
	struct err *e;
};

/* git ARGS in the repository at hand: 1 it said yes (0), 0 it did not. */
static int git(const struct absent *a, const char *const *args, struct buf *out)
{
	struct err e;
	int status;

	return gitcmd_run(a->git_dir, args, out, &status, NULL, &e) == 0 && status == 0;
}

static bool contains(const struct absent *a, const char *tip)
{
	const char *const args[] = { "merge-base", "--is-ancestor", a->whole, tip, NULL };
	struct buf out;
	bool yes;

	if (oid_is_zero(tip))
		return false;
	buf_init(&out, GIT_SAYS);
	yes = git(a, args, &out);
	buf_release(&out);
	return yes;
}

/* Newest first: the update whose new value has the commit and whose old one has not. */
static int came_with(const struct story_update *u, void *arg)
{
	struct absent *a = arg;
	struct arena *m = &a->s->arena;

	if (u->state == UPDATE_VOID || contains(a, u->old) || !contains(a, u->new))
		return 0;
	a->with = *u;
	a->with.repository = arena_strdup(m, u->repository);
	a->with.ref = arena_strdup(m, u->ref);
	a->with.new = arena_strdup(m, u->new);
	return 1;
}

/* ---- what the repository says ---- */

static bool whole_oid(struct absent *a)
{
	char commit[LIMIT_OID + 16];
	const char *const args[] = { "rev-parse", "--verify", "--quiet", commit, NULL };
	struct buf out;
	bool there;

	if (strlen(a->oid) > LIMIT_OID)
		return false;
	snprintf(commit, sizeof(commit), "%s^{commit}", a->oid);
	buf_init(&out, GIT_SAYS);
	there = git(a, args, &out) && out.len > 1 && out.len <= LIMIT_OID + 1;
	if (there)
		snprintf(a->whole, sizeof(a->whole), "%.*s", (int)strcspn(out.s, "\n"), out.s);
	buf_release(&out);
	return there;
}

static void hint_add(const struct absent *a, struct buf *b)
{
	char path[LIMIT_PATH + 16];

	snprintf(path, sizeof(path), "%s/refire/hook", a->git_dir);
	if (access(path, F_OK) != 0)
		buf_fmt(b, "no hook of refire is installed there: `refire hooks install %s`. ", a->git_dir);
	else
		buf_fmt(b, "the hook is installed, but reported nothing (the push may have died before it ran, or "
			"the ref was moved without a push: see `refire hooks status %s`). ", a->git_dir);
	buf_fmt(b, "`refire poll %s` finds it now and fires what matches", a->name);
}

/* Made before what the queue still has. */
static bool old_enough(struct absent *a)
{
	const char *const args[] = { "show", "--no-patch", "--format=%ct", a->whole, NULL };
	int64_t ran, before;
	struct buf out;
	bool old;

	buf_init(&out, GIT_SAYS);
	old = !prune_last(a->s->q, &ran, &before, a->e) && before && git(a, args, &out) &&
		strtoll(out.s, NULL, 10) < before / US_PER_S;
	buf_release(&out);
	return old;
}

/* A ref that contains the commit: did anything report it? */
static int ref_ask(struct absent *a, const char *ref, const char *tip)
{
	struct buf b;
	int rc = story_ref(a->s->q, a->name, ref, UPDATES_ASKED, came_with, a, a->e);

	if (rc)
		return rc;
	buf_init(&b, 16 * KIB);
	buf_fmt(&b, "%s has it on ", a->name);
	words_ref(&b, ref);
	buf_str(&b, strcmp(tip, a->whole) ? ", below its newest commit; " : "; ");
	if (old_enough(a)) {
		buf_fmt(&b, "what was told so long ago is pruned from the queue: `refire trail lookup "
			"--repository %s`", a->name);
	} else {
		buf_str(&b, "nobody told refire of it: ");
		hint_add(a, &b);
	}
	story_line(a->s, STYLE_WARN, "  nothing started", STYLE_NONE, b.s);
	buf_release(&b);
	a->told = true;
	return 0;
}

static int refs_ask(struct absent *a)
{
	const char *const args[] = { "for-each-ref", "--contains", a->whole,
		"--format=%(refname) %(objectname)", "refs/heads", "refs/tags", NULL };
	struct buf out;
	char *p, *save = NULL;
	int rc = 0, n = 0;

	buf_init(&out, LIMIT_ADVERTISEMENT);
	if (git(a, args, &out))
		for (p = strtok_r(out.s, "\n", &save); p && !rc && n < REFS_ASKED && !a->told;
		     p = strtok_r(NULL, "\n", &save), n++) {
			char *space = strchr(p, ' ');

			if (!space)
				continue;
			*space = '\0';
			rc = ref_ask(a, p, space + 1);
		}
	if (!rc && !a->told) {
		story_line(a->s, STYLE_WARN, "  nothing started", STYLE_NONE, arena_fmt(&a->s->arena,
			"%s has the commit, but no branch or tag leads to it any more: it was replaced "
			"(a forced push, a deleted branch) before anything was reported", a->name));
		a->told = true;
	}
	buf_release(&out);
	return rc;
}

static int repository_ask(struct absent *a, const char *name)
{
	a->name = name;
	if (config_git_dir(a->s->session->config, name, a->git_dir) || !whole_oid(a))
		return 0;
	a->found++;
	return refs_ask(a);
}

static int poll_ask(const struct poll_row *row, void *arg)
{
	struct absent *a = arg;
	const struct repository *r = config_repository(a->s->session->config, row->repository);

	return r && *r->root ? repository_ask(a, arena_strdup(&a->s->arena, row->repository)) : 0;
}

static int repositories_ask(struct absent *a)
{
	const struct config *c = a->s->session->config;
	int rc = 0;

	for (size_t i = 0; i < c->nrepositories && !rc; i++)
		if (*c->repositories[i].path)
			rc = repository_ask(a, c->repositories[i].name);
	return rc ? rc : queue_polls(a->s->q, poll_ask, a, a->e);
}

/* ---- telling ---- */

static int with_tell(struct absent *a)
{
	struct story_focus f = { .update = a->with.seq };
	struct change_row c;
	struct story *s = a->s;

	if (queue_change(s->q, &s->arena, a->with.change, &c, a->e))
		return -1;
	screen_styled(&s->screen, &s->out, STYLE_BOLD, arena_fmt(&s->arena,
		"%.*s came with %.*s, to which ", WORDS_OID, a->whole, WORDS_OID, a->with.new));
	words_ref(&s->out, a->with.ref);
	buf_str(&s->out, " moved: a move starts a pipeline once, for its newest commit.\n\n");
	return story_tell(s, &c, &f, a->e);
}

int story_absent(struct story *s, const char *oid, struct err *e)
{
	struct absent a = { .s = s, .oid = oid, .e = e };
	size_t before;
	int rc;

	screen_styled(&s->screen, &s->out, STYLE_BOLD, arena_fmt(&s->arena,
		"No change brought %.12s", oid));
	buf_chr(&s->out, '\n');
	before = s->out.len;
	rc = repositories_ask(&a);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		buf_clear(&s->out);
		return with_tell(&a);
	}
	if (s->out.len > before)
		return 0;
	return err_set(e, ERR_NOENT, "no delivery, change or commit of the queue begins with %.64s, and "
		"none of the configured repositories on this machine has such a commit: it was not pushed "
		"to them (older ones may be in `refire trail lookup --text %.12s`)", oid, oid);
}
