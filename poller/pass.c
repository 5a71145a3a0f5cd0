/* pass.c - one loop over everything that is watched. */
#include "pass_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "credential.h"
#include "signals.h"

#define FLUSH_US US_PER_S		/* results are stored this often */
#define FLUSH_ROWS 16384		/* or this many: each time costs a sync of the queue */
#define NAP_MS 1000
#define FETCH_THREADS 2

/* ---- opening ---- */

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
	if (pass_queue_open(p, e) || smart_open(&p->smart, e) ||
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
	free(p->ended);
	free(p->spent);
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

/* ---- the loop ---- */

bool pass_busy(const struct pass *p)
{
	return hosts_any_wait(&p->roster.hosts) || smart_running(p->smart) ||
		workers_busy(p->local) || workers_busy(p->streams) || workers_busy(p->askers) ||
		workers_busy(p->fetchers);
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

static int wait(struct pass *p, int64_t next_us, struct err *e)
{
	const int fds[] = { p->signals, workers_fd(p->local), workers_fd(p->streams),
		workers_fd(p->askers), workers_fd(p->fetchers), p->inotify };
	int64_t ms = (next_us + 999) / 1000;

	if (pass_busy(p) && ms > NAP_MS)
		ms = NAP_MS;
	else if (!pass_busy(p) && !p->o.watch && !p->nwanted)
		ms = 0;			/* all have ended as they began */
	return smart_wait(p->smart, (int)ms, fds, p->inotify < 0 ? 5 : 6, e);
}

/* What happens once a round, whatever came. */
static int tend(struct pass *p, struct err *e)
{
	int64_t now = clock_mono_us();

	take_signals(p);
	if (p->reload && pass_reload(p, e))
		return -1;
	if (p->o.watch && now - p->synced_us >= (*p->config)->watch_interval_us &&
	    pass_sync(p, e))
		return -1;
	if (hints_moved(p->inotify) || now - p->hinted_us >= RESCAN_US)
		pass_take_hints(p);
	if (p->o.watch && now - p->hooked_us >= RESCAN_US)
		pass_take_hooked(p);
	if ((p->ndirty || p->wake) &&
	    ((!pass_busy(p) && !p->unstored) || p->ndirty >= FLUSH_ROWS ||
	     now - p->flushed_us >= FLUSH_US))
		return pass_flush_or_wait(p, e);
	return 0;
}

/* Nothing left for a pass: a last look at the hints decides. */
static bool is_over(struct pass *p)
{
	if (atomic_load(&p->stop))
		return true;
	if (p->o.watch || pass_busy(p) || p->nwanted)
		return false;
	pass_take_hints(p);
	return !p->nwanted;
}

int pass_run(struct pass *p, struct err *e)
{
	int64_t next;

	if (pass_sync(p, e))
		return -1;
	pass_enqueue_first(p);
	pass_take_hints(p);
	while (!is_over(p)) {
		next = pass_enqueue_due(p);
		if (pass_start_due(p, e) || wait(p, next, e))
			return -1;
		pass_collect(p);
		if (tend(p, e))
			return -1;
	}
	say_clear(&p->say);
	return pass_flush(p, e);
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
