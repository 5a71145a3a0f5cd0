/* roster.c - entries in order of name. */
#include "roster.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "below.h"
#include "note.h"
#include "remote.h"
#include "scope.h"

/* ---- one entry ---- */

static void set_text(char **to, const char *s)
{
	char *copy = mem_strdup(s);

	free(*to);
	*to = copy;
}

static struct watched *watched_new(const char *name)
{
	struct watched *w = mem_alloc(sizeof(*w));

	set_text(&w->name, name);
	set_text(&w->dir, "");
	set_text(&w->what, "");
	set_text(&w->error, "");
	set_text(&w->mark, "");
	set_text(&w->head, "");
	set_text(&w->head_stored, "");
	w->twin = w;
	return w;
}

static void watched_free(struct watched *w)
{
	free(w->name);
	free(w->dir);
	free(w->what);
	free(w->error);
	free(w->mark);
	free(w->head);
	free(w->head_stored);
	free(w);
}

static bool is_watched(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->npipelines; i++)
		if (c->pipelines[i].enabled && pipeline_watches(&c->pipelines[i], name))
			return true;
	return false;
}

static enum watched_by way(const char *dir, const char *url)
{
	if (*dir)
		return BY_PATH;
	return strncasecmp(url, "http://", 7) && strncasecmp(url, "https://", 8) ? BY_STREAM :
		BY_HTTP;
}

/* Of a URL that cannot be used: a host of its own, where nothing will be asked. */
static struct host *host_of(struct roster *list, struct arena *a, const struct watched *w,
	const char *url)
{
	struct remote remote;
	struct err e;

	if (w->by == BY_PATH)
		return hosts_get(&list->hosts, "", BY_PATH);
	if (remote_parse(a, url, &remote, &e))
		return hosts_get(&list->hosts, arena_fmt(a, "? %s", w->what), w->by);
	return hosts_get(&list->hosts, remote_host(a, &remote), w->by);
}

/* Another place is another repository: what is under way there counts no more. */
static void place(struct roster *list, struct watched *w, const struct config *c,
	const struct repository *r, const char *dir)
{
	struct arena a;
	const char *what;

	arena_init(&a);
	what = *dir ? dir : remote_shown(&a, r->url);
	if (strcmp(w->what, what))
		w->look = NULL;
	set_text(&w->dir, dir);
	set_text(&w->what, what);
	w->conf = r;
	w->by = way(dir, r->url);
	w->interval_us = *dir ? c->watch_interval_us : r->poll_interval_us;
	w->idle = !*dir && !is_watched(c, w->name);
	w->seen = true;
	w->host = host_of(list, &a, w, r->url);
	arena_release(&a);
}

/* ---- finding ---- */

/* Where name is, or belongs. */
static size_t position(const struct roster *r, const char *name, bool *found)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(r->v[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = low < r->n && !strcmp(r->v[low]->name, name);
	return low;
}

struct watched *roster_find(const struct roster *r, const char *name)
{
	bool found;
	size_t at = position(r, name, &found);

	return found ? r->v[at] : NULL;
}

static struct watched *get(struct roster *r, const char *name)
{
	bool found;
	size_t at = position(r, name, &found);

	if (found)
		return r->v[at];
	r->v = mem_grow(r->v, &r->cap, r->n + 1, sizeof(struct watched *));
	memmove(r->v + at + 1, r->v + at, (r->n - at) * sizeof(struct watched *));
	r->n++;
	return r->v[at] = watched_new(name);
}

struct watched *roster_meet(struct roster *r, const struct config *c, const char *name)
{
	const struct repository *conf = config_repository(c, name);
	struct watched *w = roster_find(r, name);
	char dir[LIMIT_PATH];

	if (w || !conf || !*conf->root)
		return w;
	if (config_git_dir(c, name, dir) || !repo_is(dir))
		return NULL;
	w = get(r, name);
	place(r, w, c, conf, dir);
	return w;
}

/* ---- syncing ---- */

struct syncing {
	struct roster *roster;
	const struct config *config;
	const struct repository *root;
	void (*complain)(const struct err *e, void *arg);
	void *arg;
};

/* Two directories may give one name (x.git and x/): the first stays. */
static int meet_below(const char *name, const char *git_dir, void *arg)
{
	struct syncing *s = arg;
	struct watched *w;
	struct err e;

	if (!name) {
		err_set(&e, ERR_PERM, "cannot look for repositories in %s", git_dir);
		s->complain(&e, s->arg);
		return 0;
	}
	w = get(s->roster, name);
	if (!w->seen)
		place(s->roster, w, s->config, s->root, git_dir);
	return 0;
}

/* What cannot be read now is not gone. */
static void keep_all(struct syncing *s)
{
	for (size_t i = 0; i < s->roster->n; i++) {
		struct watched *w = s->roster->v[i];

		if (!w->seen && config_repository(s->config, w->name) == s->root) {
			w->conf = s->root;
			w->seen = true;
		}
	}
}

static void sync_one(struct syncing *s, const struct repository *r)
{
	struct err e;

	s->root = r;
	if (!*r->root) {
		place(s->roster, get(s->roster, r->name), s->config, r, r->path);
	} else if (below_walk(s->config, r, meet_below, s, &e) < 0) {
		s->complain(&e, s->arg);
		keep_all(s);
	}
}

static void forget_gone(struct roster *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i]->seen)
			r->v[n++] = r->v[i];
		else
			watched_free(r->v[i]);
	}
	r->n = n;
}

/* The queue's state goes to who has none of his own. */
static int take_row(const struct poll_row *row, void *arg)
{
	struct watched *w = roster_find(arg, row->repository);

	if (!w || w->when.last_us || strcmp(w->what, row->what))
		return 0;
	w->when = (struct schedule_state){ row->last_us, row->next_us, row->failures };
	w->ok_us = row->ok_us;
	w->changed_us = row->changed_us;
	w->refs = row->refs;
	set_text(&w->error, row->error);
	set_text(&w->mark, row->mark);
	set_text(&w->head, row->head);
	set_text(&w->head_stored, row->head);
	w->speaks = row->speaks;
	w->greet_us = row->greet_us;
	w->failures_stored = row->failures;
	w->stored_sum = note_sum(w);
	return 0;
}

/* ---- twins ---- */

#define FIELDS 9

/* All that decides what a server answers. */
static void remote_fields(const struct repository *r, const char *v[FIELDS])
{
	const char *const all[FIELDS] = { r->url, r->username, r->token_file, r->ssh_key,
		r->known_hosts, r->ca_file, r->tls_cert, r->tls_key, r->mirror ? r->name : "" };

	memcpy(v, all, sizeof(all));
}

/* Of thousands few are twins: a sum tells the others apart. */
static uint64_t remote_sum(const struct repository *r)
{
	const char *v[FIELDS];
	uint64_t sum = (uint64_t)r->credentials;

	remote_fields(r, v);
	for (size_t i = 0; i < FIELDS; i++)
		sum = still_add(sum, v[i]);
	return sum;
}

static int compare_remotes(const struct watched *a, const struct watched *b)
{
	const char *x[FIELDS], *y[FIELDS];
	int c;

	if (a->remote_sum != b->remote_sum)
		return a->remote_sum < b->remote_sum ? -1 : 1;
	remote_fields(a->conf, x);
	remote_fields(b->conf, y);
	c = a->conf->credentials - b->conf->credentials;
	for (size_t i = 0; !c && i < FIELDS; i++)
		c = strcmp(x[i], y[i]);
	return c;
}

static int by_remote(const void *a, const void *b)
{
	const struct watched *const *x = a, *const *y = b;
	int c = compare_remotes(*x, *y);

	return c ? c : strcmp((*x)->name, (*y)->name);
}

/* v: in the order of by_remote. */
static void link_twins(struct watched **v, size_t n)
{
	for (size_t first = 0, i = 0; i < n; i++) {
		bool last = i + 1 == n || compare_remotes(v[i], v[i + 1]);

		v[i]->twin = last ? v[first] : v[i + 1];
		first = last ? i + 1 : first;
	}
}

static void find_twins(struct roster *r)
{
	struct watched **v = mem_alloc((r->n + 1) * sizeof(struct watched *));
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		r->v[i]->twin = r->v[i];
		if (r->v[i]->by == BY_PATH)
			continue;
		r->v[i]->remote_sum = remote_sum(r->v[i]->conf);
		v[n++] = r->v[i];
	}
	qsort(v, n, sizeof(struct watched *), by_remote);
	link_twins(v, n);
	free(v);
}

static int take_host(const char *name, int64_t speaks, void *arg)
{
	struct host *h = hosts_get(arg, name, BY_HTTP);

	h->speaks = speaks;
	return 0;
}

/* ---- all of it ---- */

int roster_sync(struct roster *r, const struct config *c, struct queue *q,
	void (*complain)(const struct err *e, void *arg), void *arg, struct err *e)
{
	struct syncing s = { .roster = r, .config = c, .complain = complain, .arg = arg };

	for (size_t i = 0; i < r->n; i++)
		r->v[i]->seen = false;
	for (size_t i = 0; i < c->nrepositories; i++)
		sync_one(&s, &c->repositories[i]);
	forget_gone(r);
	find_twins(r);
	if (!q)
		return 0;
	return queue_polls(q, take_row, r, e) < 0 || queue_hosts(q, take_host, &r->hosts, e) < 0 ?
		-1 : 0;
}

void roster_forget_marks(struct roster *r)
{
	for (size_t i = 0; i < r->n; i++) {
		set_text(&r->v[i]->mark, "");
		r->v[i]->stamp = 0;
		r->v[i]->stored_sum = 0;
	}
}

void roster_release(struct roster *r)
{
	for (size_t i = 0; i < r->n; i++)
		watched_free(r->v[i]);
	free(r->v);
	hosts_release(&r->hosts);
	*r = (struct roster){ 0 };
}
