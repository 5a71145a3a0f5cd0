/* state.c - gather, see state.h. */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ballast.h"
#include "clock.h"
#include "fs.h"
#include "lookup.h"
#include "records.h"
#include "sibling.h"
#include "store.h"

#define REASON_MAX 4096

/* ---- sender and poller ---- */

static void runners_look(struct state *st)
{
	const struct spool_paths *p = &st->session->paths;
	char path[LIMIT_PATH];

	st->sender_held = fs_lock_held(p->sender_lock, NULL) > 0;
	st->poller_held = fs_lock_held(p->poller_lock, NULL) > 0;
	st->ran_us = spool_ran(p);
	st->refire = sibling_find("refire", path, NULL) ? "refire" : arena_strdup(&st->arena, path);
}

/* ---- spool ---- */

static int64_t mtime_of(int dir, const char *name)
{
	struct stat s;

	if (fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return (int64_t)s.st_mtim.tv_sec * US_PER_S + s.st_mtim.tv_nsec / 1000;
}

static void spool_count(struct state *st, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		int64_t at;

		if (entry->d_name[0] == '\0' || entry->d_name[1] != '.')
			continue;
		at = mtime_of(dirfd(d), entry->d_name);
		if (entry->d_name[0] == 'e' && at) {
			st->waiting++;
			if (!st->oldest_us || at < st->oldest_us)
				st->oldest_us = at;
		}
		if (entry->d_name[0] == 't' && at && st->now_us - at > ADOPT_AFTER_S * US_PER_S)
			st->unfinished++;
	}
	if (d)
		closedir(d);
}

static const char *reason_of(struct state *st, int dir, const char *name)
{
	char file[300], *text;
	const char *reason;
	size_t n;

	snprintf(file, sizeof(file), "%s.reason", name);
	if (fs_read(dir, file, REASON_MAX, &text, &n, NULL, NULL))
		return "";
	while (n > 0 && text[n - 1] == '\n')
		n--;
	reason = arena_memdup(&st->arena, text, n);
	free(text);
	return reason;
}

static void aside_look(struct state *st)
{
	DIR *d = opendir(st->session->paths.quarantine);
	struct dirent *entry;

	st->aside = arena_alloc(&st->arena, STATE_SET_ASIDE * sizeof(*st->aside));
	while (d && (entry = readdir(d))) {
		size_t n = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || (n > 7 && strcmp(entry->d_name + n - 7, ".reason") == 0))
			continue;
		st->total_aside++;
		if (st->naside == STATE_SET_ASIDE)
			continue;
		st->aside[st->naside++] = (struct state_file){
			arena_strdup(&st->arena, entry->d_name),
			reason_of(st, dirfd(d), entry->d_name) };
	}
	if (d)
		closedir(d);
}

/* ---- pipelines ---- */

static struct state_pipeline *pipeline_add(struct state *st, const char *name)
{
	struct state_pipeline *p;

	st->pipelines = mem_grow(st->pipelines, &st->cap_pipelines, st->npipelines + 1,
		sizeof(*st->pipelines));
	p = &st->pipelines[st->npipelines++];
	*p = (struct state_pipeline){ .q.pipeline = name, .code = "", .error = "", .delivery = "",
		.gate = { .pipeline = name, .code = "", .reason = "", .who = "" } };
	return p;
}

/* The configuration's pipelines stand first, in its order. */
static struct state_pipeline *pipeline_find(struct state *st, const char *name)
{
	for (size_t i = 0; i < st->npipelines; i++)
		if (strcmp(st->pipelines[i].q.pipeline, name) == 0)
			return &st->pipelines[i];
	return pipeline_add(st, arena_strdup(&st->arena, name));
}

static int pipeline_count(const struct queue_pipeline *q, void *arg)
{
	struct state_pipeline *p = pipeline_find(arg, q->pipeline);
	const char *name = p->q.pipeline;

	p->q = *q;
	p->q.pipeline = name;
	return 0;
}

static int gate_take(const struct gate *g, void *arg)
{
	struct state *st = arg;
	struct state_pipeline *p;

	if (!g->held_us && !g->breaker.opened_us)
		return 0;
	p = pipeline_find(st, g->pipeline);
	p->gate = *g;
	p->gate.pipeline = p->q.pipeline;
	p->gate.code = arena_strdup(&st->arena, g->code);
	p->gate.reason = arena_strdup(&st->arena, g->reason);
	p->gate.who = arena_strdup(&st->arena, g->who);
	return 0;
}

static void pipelines_configured(struct state *st)
{
	const struct config *c = st->session->config;

	for (size_t i = 0; i < c->npipelines; i++) {
		struct state_pipeline *p = pipeline_add(st, c->pipelines[i].name);

		p->configured = true;
		p->enabled = c->pipelines[i].enabled;
	}
}

struct trouble {
	struct state *st;
	struct state_pipeline *pipeline;
};

static int trouble_take(const struct delivery *d, void *arg)
{
	struct trouble *t = arg;

	t->pipeline->code = arena_strdup(&t->st->arena, d->code);
	t->pipeline->error = arena_strdup(&t->st->arena, d->error);
	t->pipeline->delivery = arena_strdup(&t->st->arena, d->id);
	return 0;
}

static int troubles_look(struct state *st, struct queue *q, struct err *e)
{
	for (size_t i = 0; i < st->npipelines; i++) {
		struct state_pipeline *p = &st->pipelines[i];
		struct trouble t = { st, p };
		struct queue_filter f = { .pipeline = p->q.pipeline, .limit = 1,
			.states = 1u << DELIVERY_WAITING | 1u << DELIVERY_HELD };

		if (p->q.by_state[DELIVERY_WAITING] + p->q.by_state[DELIVERY_HELD] == 0) {
			if (p->q.by_state[DELIVERY_FAILED] == 0)
				continue;
			f.states = 1u << DELIVERY_FAILED;
		}
		if (queue_list(q, &f, trouble_take, &t, e))
			return -1;
	}
	return 0;
}

/* ---- queue ---- */

static void queue_look(struct state *st)
{
	struct queue *q;
	struct err e;

	st->queue_error = "";
	if (store_open(st->session, QUEUE_READ, &q, &e)) {
		st->queue_error = arena_strdup(&st->arena, e.text);
		return;
	}
	if (!q)
		return;
	st->queue_there = true;
	st->no_ballast = !ballast_there(st->session->paths.ballast);
	st->ballast_size = ballast_size(st->session->paths.ballast);
	if (queue_counts(q, NULL, &st->counts, &e) ||
	    queue_pipelines(q, pipeline_count, st, &e) || queue_gates(q, gate_take, st, &e) ||
	    troubles_look(st, q, &e) ||
	    state_repositories_look(st, q, &e))
		st->queue_error = arena_strdup(&st->arena, e.text);
	queue_close(q);
}

/* ---- trail ---- */

static int newest_take(const char *line, size_t n, struct json_t *record, void *arg)
{
	(void)line;
	(void)n;
	clock_parse(lookup_text(record, "eventTime"), 0, arg);
	return 1;
}

static void trail_look(struct state *st)
{
	struct lookup_query any = { .read_only = -1 };
	struct records w = { .each = newest_take, .arg = &st->trail_newest_us };
	struct lookup *l = lookup_new(&any);
	struct trail_files files;
	struct err e;

	st->trail_error = "";
	w.lookup = l;
	if (trail_files_list(st->session->paths.trail, &files, &e) ||
	    records_dir(&w, st->session->paths.trail, &e) < 0)
		st->trail_error = arena_strdup(&st->arena, e.text);
	for (size_t i = 0; i < files.n; i++) {
		char path[LIMIT_PATH + TRAIL_OBJECT];
		struct stat s;

		snprintf(path, sizeof(path), "%s/%s", st->session->paths.trail, files.v[i].name);
		if (stat(path, &s) == 0)
			st->trail_bytes += s.st_size;
	}
	st->trail_files = (int64_t)files.n;
	free(files.v);
	lookup_free(l);
}

int state_gather(struct state *st, const struct session *s, const char *const *names,
	size_t nnames, int64_t now_us, struct err *e)
{
	memset(st, 0, sizeof(*st));
	arena_init(&st->arena);
	st->session = s;
	st->names = names;
	st->nnames = nnames;
	st->now_us = now_us;
	st->queue_error = st->trail_error = "";
	if (s->who == SESSION_OTHER)
		return session_refuse(s, "queue", e);
	st->new = s->who == SESSION_NEW;
	runners_look(st);
	pipelines_configured(st);
	state_repositories_configured(st);
	if (st->new)
		return 0;
	spool_count(st, s->paths.new_);
	spool_count(st, s->paths.drop);
	aside_look(st);
	queue_look(st);
	trail_look(st);
	state_secrets_look(st);
	state_repositories_sort(st);
	return 0;
}

void state_release(struct state *st)
{
	free(st->pipelines);
	free(st->repositories);
	free(st->findings);
	free(st->secrets);
	arena_release(&st->arena);
}
