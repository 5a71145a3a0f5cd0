/* pass.c - one loop over everything that is watched. */
#include "pass.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advert.h"
#include "clock.h"
#include "credential.h"
#include "fetch.h"
#include "glob.h"
#include "hints.h"
#include "note.h"
#include "report.h"
#include "roster.h"
#include "say.h"
#include "schedule.h"
#include "signals.h"
#include "smart.h"
#include "workers.h"

#define FLUSH_US US_PER_S		/* results are stored this often */
#define FLUSH_ROWS 256			/* or this many at once */
#define HINT_GAP_US (US_PER_S / 4)	/* a storm of hints is one look a quarter second */
#define NAP_MS 1000
#define PATH_THREADS 4			/* local looks at once */
#define FETCH_THREADS 2
#define STREAM_THREADS 8		/* ssh and git:// ones */
#define GREET_US (24 * 3600 * US_PER_S)	/* a server that answers no question unasked */

struct pass {
	struct config **config;
	struct pass_options o;
	struct spool_paths paths;
	struct queue *queue;
	ino_t queue_ino;
	struct roster roster;
	struct hints hints;
	struct smart *smart;
	struct workers *local, *streams;
	struct workers *askers, *fetchers;	/* of credential helpers, of mirrors */
	struct credentials *credentials;
	struct say say;
	struct pass_tally tally;
	atomic_bool stop;
	bool reload;
	int signals, inotify;		/* inotify -1: only rescans */
	size_t total;			/* of this pass, for the progress */
	size_t ndirty, nwanted;
	bool unstored;			/* storing failed last time */
	bool wake;			/* something was put, or waits: there must be a sender */
	int64_t hooked;			/* the newest change that hooked() knows of; -1 none */
	/* monotonic */
	int64_t flushed_us, hinted_us, synced_us, hooked_us;
	int64_t scan_us;		/* the next of all falls due; 0 now */
	int64_t stamp;			/* queue_stamp */
};

/* ---- opening ---- */

static int open_queue(struct pass *p, struct err *e)
{
	struct stat st;

	queue_close(p->queue);
	p->queue = NULL;
	if (queue_open(p->paths.queue, QUEUE_WRITE, &p->queue, e))
		return -1;
	p->queue_ino = stat(p->paths.queue, &st) ? 0 : st.st_ino;
	return 0;
}

/* `refire queue rebuild` puts another file in its place. */
static int check_queue(struct pass *p, struct err *e)
{
	struct stat st;

	if (!stat(p->paths.queue, &st) && st.st_ino == p->queue_ino)
		return 0;
	roster_forget_marks(&p->roster);
	p->hooked = -1;
	return open_queue(p, e);
}

int pass_open(struct pass **out, struct config **config, const struct pass_options *o,
	const struct spool_paths *paths, int signals, struct err *e)
{
	struct pass *p = mem_alloc(sizeof(*p));

	p->config = config;
	p->o = *o;
	p->paths = *paths;
	p->signals = signals;
	p->hooked = -1;
	p->credentials = credentials_open();
	p->inotify = o->watch ? hints_watch(paths) : -1;
	say_init(&p->say, o->json, o->quiet);
	if (open_queue(p, e) || smart_open(&p->smart, e) ||
	    workers_open(&p->local, PATH_THREADS, e) ||
	    workers_open(&p->streams, STREAM_THREADS, e) ||
	    workers_open(&p->askers, WORKERS_MAX, e) ||
	    workers_open(&p->fetchers, FETCH_THREADS, e)) {
		pass_close(p);
		return -1;
	}
	*out = p;
	return 0;
}

/* A look that hangs on a dead mount still points at p->stop: then p stays. */
void pass_close(struct pass *p)
{
	bool ended;

	if (!p)
		return;
	atomic_store(&p->stop, true);
	say_clear(&p->say);
	ended = workers_close(p->local);
	ended &= workers_close(p->streams);
	ended &= workers_close(p->askers);
	ended &= workers_close(p->fetchers);
	smart_close(p->smart);
	queue_close(p->queue);
	roster_release(&p->roster);
	hints_release(&p->hints);
	if (p->inotify >= 0)
		close(p->inotify);
	if (!ended)
		return;
	credentials_close(p->credentials);
	free(p);
}

const struct pass_tally *pass_result(const struct pass *p)
{
	return &p->tally;
}

/* ---- storing ---- */

static struct poll_row row_of(const struct watched *w)
{
	return (struct poll_row){ w->name, w->what, w->when.last_us, w->ok_us, w->changed_us,
		w->when.next_us, w->when.failures, w->error, w->refs, w->mark, w->head, w->speaks,
		w->greet_us, w->failures_stored, w->head_stored };
}

static int store_rows(struct pass *p, struct err *e)
{
	struct poll_row *rows = mem_alloc((p->ndirty + 1) * sizeof(*rows));
	size_t n = 0;
	int failed;

	for (size_t i = 0; i < p->roster.n; i++)
		if (p->roster.v[i]->dirty)
			rows[n++] = row_of(p->roster.v[i]);
	failed = n ? queue_poll_done(p->queue, rows, n, e) : 0;
	for (size_t i = 0; !failed && i < p->roster.n; i++)
		if (p->roster.v[i]->dirty)
			note_stored(p->roster.v[i]);
	if (!failed)
		p->ndirty = 0;
	free(rows);
	return failed;
}

static void wake_sender(struct pass *p)
{
	struct err e;

	if (p->wake && p->o.sender &&
	    spool_wake(&p->paths, p->o.sender, (*p->config)->path, &e) < 0)
		say_error(&p->say, &e);
	p->wake = false;
}

static int flush(struct pass *p, struct err *e)
{
	p->flushed_us = clock_mono_us();
	wake_sender(p);
	return p->ndirty ? store_rows(p, e) : 0;
}

/* A resident goes on when its own state cannot be stored for now (a full disk): it
   is told once, and tried again. */
static int flush_or_wait(struct pass *p, struct err *e)
{
	if (!flush(p, e)) {
		p->unstored = false;
		return 0;
	}
	if (!p->o.watch)
		return -1;
	if (!p->unstored)
		say_error(&p->say, e);
	p->unstored = true;
	return 0;
}

/* ---- who is due ---- */

static void enqueue(struct pass *p, struct watched *w)
{
	if (w->queued || w->look)
		return;
	hosts_wait(&p->roster.hosts, w);
	p->total++;
}

static bool is_named(const struct pass *p, const struct watched *w)
{
	for (size_t i = 0; i < p->o.nnames; i++)
		if (!strcmp(p->o.names[i], w->name) || glob_match(p->o.names[i], w->name))
			return true;
	return false;
}

/* What is taken at the start; a resident, too, looks at all that is local. */
static bool due_in_pass(const struct pass *p, const struct watched *w, int64_t now)
{
	if (p->o.names)
		return is_named(p, w);
	if (p->o.hints_only || w->idle)
		return false;
	return *w->dir || schedule_due_pass(&w->when, w->interval_us, now);
}

static void enqueue_pass(struct pass *p)
{
	int64_t now = clock_wall_us();

	for (size_t i = 0; i < p->roster.n; i++)
		if (due_in_pass(p, p->roster.v[i], now))
			enqueue(p, p->roster.v[i]);
}

/* A wanted one is due a moment after its last look; a clock set back delays none. */
static bool wanted_now(const struct watched *w, int64_t now)
{
	return w->wanted && (now - w->when.last_us >= HINT_GAP_US || now < w->when.last_us);
}

/* Resident, and the hinted ones of a pass. Returns microseconds to the next one. */
static int64_t scan_due(struct pass *p)
{
	int64_t now = clock_wall_us(), next = RESCAN_US;

	for (size_t i = 0; i < p->roster.n; i++) {
		struct watched *w = p->roster.v[i];

		if (w->queued || w->look)
			continue;
		if (wanted_now(w, now) || (p->o.watch && !w->idle &&
		    schedule_due(&w->when, w->interval_us, now)))
			enqueue(p, w);
		else if (w->wanted)
			next = next < HINT_GAP_US ? next : HINT_GAP_US;
		else if (p->o.watch && !w->idle && w->when.next_us - now < next)
			next = w->when.next_us - now;
	}
	return next > 0 ? next : 0;
}

/* All are gone through only when one falls due, not in each round. */
static int64_t enqueue_due(struct pass *p)
{
	int64_t now = clock_mono_us();

	if (now >= p->scan_us)
		p->scan_us = now + (p->o.watch || p->nwanted ? scan_due(p) : RESCAN_US);
	return p->scan_us > now ? p->scan_us - now : 0;
}

/* w falls due by another time than the last scan saw. */
static void due_changed(struct pass *p, const struct watched *w)
{
	int64_t then = clock_mono_us() + w->when.next_us - clock_wall_us();

	if (then < p->scan_us)
		p->scan_us = then;
}

static void want(struct pass *p, struct watched *w)
{
	p->nwanted += !w->wanted;
	w->wanted = true;
	p->scan_us = 0;
}

static void want_no_more(struct pass *p, struct watched *w)
{
	p->nwanted -= w->wanted;
	w->wanted = false;
}

/* ---- hints ---- */

/* One of an earlier process whose look failed asks no more than the schedule does. */
static bool asks(const struct hint *h, const struct watched *w)
{
	return h->state == HINT_NEW &&
		(!w->when.failures || h->entry.mtime_us > w->when.last_us);
}

static void take_hints(struct pass *p)
{
	struct err e;

	p->hinted_us = clock_mono_us();
	if (hints_scan(&p->hints, &p->paths, *p->config, &e)) {
		say_error(&p->say, &e);
		return;
	}
	for (size_t i = 0; i < p->hints.n; i++) {
		struct hint *h = &p->hints.v[i];
		struct watched *w = h->state == HINT_NEW ?
			roster_meet(&p->roster, *p->config, h->repository) : NULL;

		if (w && asks(h, w))
			want(p, w);
		else if (h->state == HINT_NEW)
			h->state = HINT_TRIED;
	}
}

/* ---- what hooks reported ---- */

static int hooked(const char *repository, void *arg)
{
	struct pass *p = arg;
	struct watched *w = roster_find(&p->roster, repository);

	if (w) {
		w->when.next_us = schedule_after_change(&w->when, w->interval_us, clock_wall_us());
		due_changed(p, w);
	}
	return 0;
}

/* A resident looks when the sender has judged a hook's report: not before, as it
   would see the same, and not much later, as the hook may not have seen all. A queue
   that cannot be read now is told of by the next look. */
static void take_hooked(struct pass *p)
{
	struct err e;

	p->hooked_us = clock_mono_us();
	queue_hooked(p->queue, &p->hooked, hooked, p, &e);
}

/* ---- looks ---- */

static void settle(struct pass *p, struct watched *w, struct look *l)
{
	char *before = mem_strdup(w->error);
	bool failing = w->when.failures > 0, repeated;
	struct report r = { .mark = "" };
	struct err e;

	w->look = NULL;
	if (!l->failed && !l->same && report_make(l, &p->paths, p->queue, w->mark, &r,
	    &l->err))
		l->failed = true;
	note_look(w, l, &r, clock_wall_us());
	due_changed(p, w);
	if (*w->head_stored && strcmp(w->head, w->head_stored))
		say_head(&p->say, w, w->head_stored);
	repeated = p->o.watch && l->failed && failing && !strcmp(w->error, before);
	free(before);
	p->ndirty += !w->dirty;
	w->dirty = true;
	p->wake |= r.put || r.waits;
	p->tally.looked++;
	p->tally.changed += r.put;
	p->tally.failed += l->failed;
	if (failing && !l->failed)
		say_recovered(&p->say, w);
	say_look(&p->say, w, l, &r, repeated);
	if (hints_end(&p->hints, &p->paths, w->name, !l->failed, &e))
		say_error(&p->say, &e);
}

/* How the accepted refs of all stand, in one question: for many looks at once. */
static int take_version(const char *repository, const struct queue_version *v, void *arg)
{
	struct pass *p = arg;
	struct watched *w = roster_find(&p->roster, repository);

	if (w)
		w->version = *v;
	return 0;
}

static int load_versions(struct pass *p, struct err *e)
{
	for (size_t i = 0; i < p->roster.n; i++) {
		p->roster.v[i]->version = (struct queue_version){ 0 };
		p->roster.v[i]->stamp = p->stamp;
	}
	return queue_versions(p->queue, take_version, p, e) < 0 ? -1 : 0;
}

/* As they stand, when nobody has written since they were asked for; else NULL. */
static const struct queue_version *known_version(const struct pass *p, const struct watched *w)
{
	return w->stamp && w->stamp == p->stamp ? &w->version : NULL;
}

/* What a look has found out stays known. */
static void keep_version(const struct pass *p, struct watched *w, const struct look *l)
{
	w->version = l->version;
	w->stamp = p->stamp;
}

static int prepare(struct pass *p, struct watched *w, struct look **out, struct err *e)
{
	if (look_new(*p->config, w->conf, w->name, w->dir, out, e))
		return -1;
	if (!look_load(*out, p->queue, p->o.names ? "" : w->mark, known_version(p, w), e)) {
		keep_version(p, w, *out);
		return 0;
	}
	look_free(*out);
	return -1;
}

/* 0 and w->look; -1: it has ended already. */
static int begin(struct pass *p, struct watched *w, struct look **out)
{
	struct err e;

	want_no_more(p, w);
	w->queued = false;
	hints_begin(&p->hints, w->name);
	if (!prepare(p, w, out, &e)) {
		(*out)->stop = &p->stop;
		(*out)->credentials = p->credentials;
		w->look = *out;
		return 0;
	}
	*out = look_failed(w->name, &e);
	w->look = *out;
	settle(p, w, *out);
	look_free(*out);
	return -1;
}

/* Those of the same remote have the same answer now. */
static void take_along(struct pass *p, struct watched *w, struct look *l)
{
	for (struct watched *t = w->twin; t != w; t = t->twin) {
		bool waited = t->queued;
		struct look *theirs;

		if (t->look || (t->idle && !t->wanted && !waited))
			continue;
		p->total += !waited;
		if (!begin(p, t, &theirs))
			look_join(l, theirs);
	}
}

static int64_t spoken(const struct watched *w)
{
	if (w->by != BY_HTTP || clock_wall_us() < w->greet_us)
		return 0;
	return w->speaks ? w->speaks : w->host->speaks;
}

static void ask_server(struct pass *p, struct look *l)
{
	l->unauthorized = l->failed = false;
	l->wait_us = 0;
	if (!l->user)
		credential_recall(l);
	smart_start(p->smart, l);
}

static void start(struct pass *p, struct watched *w)
{
	struct look *l;

	if (begin(p, w, &l)) {
		hosts_leave(&p->roster.hosts, w->host);
		return;
	}
	l->host = w->host;
	l->speaks = spoken(w);
	take_along(p, w, l);
	if (l->local)
		workers_give(p->local, l);
	else if (l->remote.kind == REMOTE_HTTP)
		ask_server(p, l);
	else
		workers_give(p->streams, l);
}

/* Each kind has its own slots: nobody waits behind another kind's dead servers. */
static bool has_slot(struct pass *p, enum watched_by by)
{
	switch (by) {
	case BY_PATH:
		return workers_busy(p->local) < 2 * PATH_THREADS;
	case BY_HTTP:
		return smart_running(p->smart) < SMART_MAX;
	default:
		return workers_busy(p->streams) < STREAM_THREADS;
	}
}

/* What was found out about how they stand holds while nobody writes the queue. */
static int take_stamp(struct pass *p, struct err *e)
{
	return queue_stamp(p->queue, &p->stamp, e);
}

static int start_due(struct pass *p, struct err *e)
{
	bool stamped = false;
	struct watched *w;

	for (int by = 0; by < BY_COUNT; by++) {
		while (has_slot(p, (enum watched_by)by) &&
		       (w = hosts_next(&p->roster.hosts, (enum watched_by)by))) {
			if (!stamped && take_stamp(p, e))
				return -1;
			stamped = true;
			start(p, w);
		}
	}
	return 0;
}

/* What stats showed to have moved is read, beside what is accepted now. */
static bool begin_again(struct pass *p, struct look *l)
{
	l->failed = look_load(l, p->queue, "", NULL, &l->err) != 0;
	if (!l->failed)
		workers_give(p->local, l);
	return !l->failed;
}

/* An entry that went, or is another now, has disowned its look. */
static void end_one(struct pass *p, struct look *l)
{
	struct watched *w = roster_find(&p->roster, l->name);

	if (!w || w->look != l)
		return;
	if (!l->failed && l->unloaded)
		l->failed = look_catch_up(l, p->queue, &l->err) != 0;
	settle(p, w, l);
}

static void end_local(struct pass *p, struct look *l)
{
	const struct watched *w = roster_find(&p->roster, l->name);

	if (w && w->look == l && l->unloaded && begin_again(p, l))
		return;
	hosts_leave(&p->roster.hosts, l->host);
	end_one(p, l);
	look_free(l);
}

/* What a server speaks is learnt from its greeting: for the repository, and for the
   others of its host that were not polled yet. */
static void learn(struct pass *p, struct watched *w, const struct look *l)
{
	struct host *host = w->host;
	int64_t now = clock_wall_us();
	struct err e;

	if (w->by != BY_HTTP || l->failed)
		return;
	w->speaks = l->speaks;
	if (!l->greeted)
		return;
	if (l->deaf || !l->speaks)
		w->greet_us = now + GREET_US;
	if (!l->speaks == !host->speaks || (l->deaf && l->speaks))
		return;
	host->speaks = advert_speaks_any(l->speaks);
	if (queue_host_learn(p->queue, host->name, host->speaks, now, &e))
		say_error(&p->say, &e);
}

/* What is seen is reported when the mirror has it, or could not be given it. */
static void end_fetched(struct pass *p, struct look *l)
{
	const struct watched *w = roster_find(&p->roster, l->name);

	if (w && w->look == l)
		say_mirror(&p->say, w, l);
	end_one(p, l);
	look_free(l);
}

static bool fetch_first(struct pass *p, struct look *l)
{
	const struct watched *w = roster_find(&p->roster, l->name);

	if (!w || w->look != l || !fetch_wanted(l))
		return false;
	if (l->unloaded && look_catch_up(l, p->queue, &l->err)) {
		l->failed = true;
		return false;
	}
	l->unloaded = false;
	l->task = LOOK_FETCH;
	workers_give(p->fetchers, l);
	return true;
}

/* A credential helper is asked, or told, between an answer and the look's end. */
static bool turn_to_helper(struct pass *p, struct look *l)
{
	enum look_task next = credential_next(l);

	if (next == LOOK_LIST)
		return false;
	l->task = next;
	workers_give(p->askers, l);
	return true;
}

static void end_remote(struct pass *p, struct look *l)
{
	if (turn_to_helper(p, l))
		return;
	hosts_leave(&p->roster.hosts, l->host);
	look_share(l);
	for (struct look *t = l; t; t = t->twins) {
		struct watched *w = roster_find(&p->roster, t->name);

		if (w && w->look == t)
			learn(p, w, t);
		if (t == l && fetch_first(p, t))
			return;
		end_one(p, t);
	}
	look_free(l);
}

static void end_asked(struct pass *p, struct look *l)
{
	if (credential_again(l))
		ask_server(p, l);
	else
		end_remote(p, l);
}

static void collect(struct pass *p)
{
	struct look *l;

	while ((l = smart_take(p->smart)))
		end_remote(p, l);
	while ((l = workers_take(p->streams)))
		end_remote(p, l);
	while ((l = workers_take(p->askers)))
		end_asked(p, l);
	while ((l = workers_take(p->fetchers)))
		end_fetched(p, l);
	while ((l = workers_take(p->local)))
		end_local(p, l);
	say_progress(&p->say, p->tally.looked, p->total, p->tally.changed, p->tally.failed);
}

static bool busy(const struct pass *p)
{
	return hosts_any_wait(&p->roster.hosts) || smart_running(p->smart) ||
		workers_busy(p->local) || workers_busy(p->streams) || workers_busy(p->askers) ||
		workers_busy(p->fetchers);
}

/* ---- the configuration ---- */

static void complain(const struct err *e, void *arg)
{
	struct pass *p = arg;

	p->tally.failed++;
	say_error(&p->say, e);
}

/* A sync may have freed some. */
static void count_wanted(struct pass *p)
{
	p->nwanted = 0;
	for (size_t i = 0; i < p->roster.n; i++)
		p->nwanted += p->roster.v[i]->wanted;
}

/* The lines of the due hold entries that a sync may free. */
static int sync_roster(struct pass *p, struct err *e)
{
	hosts_disperse(&p->roster.hosts);
	p->roster.hosts.most = (size_t)(*p->config)->polls_per_host;
	p->scan_us = 0;
	p->synced_us = clock_mono_us();
	if (p->ndirty && flush_or_wait(p, e))
		return -1;
	if (check_queue(p, e))
		return -1;
	if (roster_sync(&p->roster, *p->config, p->queue, complain, p, e))
		return -1;
	count_wanted(p);
	return take_stamp(p, e) || load_versions(p, e) ? -1 : 0;
}

/* A file with an error leaves the old configuration in force. */
static int reload(struct pass *p, struct err *e)
{
	struct config *old = *p->config, *fresh;
	struct err bad;
	int failed;

	p->reload = false;
	if (config_load(p->o.config_path, &fresh, &bad)) {
		err_wrap(&bad, "the old configuration stays in force");
		say_error(&p->say, &bad);
		return 0;
	}
	if (strcmp(fresh->state_dir, old->state_dir)) {
		err_set(&bad, ERR_CONFIG, "state-dir is %s now: that takes a restart; the old "
			"configuration stays in force", fresh->state_dir);
		say_error(&p->say, &bad);
		config_free(fresh);
		return 0;
	}
	*p->config = fresh;
	failed = sync_roster(p, e);
	config_free(old);
	return failed;
}

static void take_signals(struct pass *p)
{
	enum signal_said s;

	while ((s = signals_next(p->signals)) != SIGNAL_NONE) {
		if (s == SIGNAL_STOP) {
			p->tally.stopped = true;
			atomic_store(&p->stop, true);
		} else if (p->o.watch) {
			p->reload = true;
		}
	}
}

/* ---- the loop ---- */

static int wait(struct pass *p, int64_t next_us, struct err *e)
{
	const int fds[] = { p->signals, workers_fd(p->local), workers_fd(p->streams),
		workers_fd(p->askers), workers_fd(p->fetchers), p->inotify };
	int64_t ms = (next_us + 999) / 1000;

	if (busy(p) && ms > NAP_MS)
		ms = NAP_MS;
	else if (!busy(p) && !p->o.watch && !p->nwanted)
		ms = 0;			/* all have ended as they began */
	return smart_wait(p->smart, (int)ms, fds, p->inotify < 0 ? 5 : 6, e);
}

/* What happens once a round, whatever came. */
static int tend(struct pass *p, struct err *e)
{
	int64_t now = clock_mono_us();

	take_signals(p);
	if (p->reload && reload(p, e))
		return -1;
	if (p->o.watch && now - p->synced_us >= (*p->config)->watch_interval_us &&
	    sync_roster(p, e))
		return -1;
	if (hints_moved(p->inotify) || now - p->hinted_us >= RESCAN_US)
		take_hints(p);
	if (p->o.watch && now - p->hooked_us >= RESCAN_US)
		take_hooked(p);
	if ((p->ndirty || p->wake) &&
	    ((!busy(p) && !p->unstored) || p->ndirty >= FLUSH_ROWS ||
	     now - p->flushed_us >= FLUSH_US))
		return flush_or_wait(p, e);
	return 0;
}

/* Nothing left for a pass: a last look at the hints decides. */
static bool is_over(struct pass *p)
{
	if (atomic_load(&p->stop))
		return true;
	if (p->o.watch || busy(p) || p->nwanted)
		return false;
	take_hints(p);
	return !p->nwanted;
}

int pass_run(struct pass *p, struct err *e)
{
	int64_t next;

	if (sync_roster(p, e))
		return -1;
	enqueue_pass(p);
	take_hints(p);
	while (!is_over(p)) {
		next = enqueue_due(p);
		if (start_due(p, e) || wait(p, next, e))
			return -1;
		collect(p);
		if (tend(p, e))
			return -1;
	}
	say_clear(&p->say);
	return flush(p, e);
}

bool pass_waits(struct pass *p)
{
	struct err e;

	if (p->tally.stopped || p->o.watch || hints_scan(&p->hints, &p->paths, *p->config, &e))
		return false;
	p->o.names = NULL;
	p->o.hints_only = true;
	return hints_new(&p->hints);
}
