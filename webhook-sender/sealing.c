/* sealing.c - see sealing.h. */
#include "sealing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "trail_seal.h"

#define HOUR_US (3600 * US_PER_S)
#define AGAIN_US (300 * US_PER_S)	/* after a failure */

struct sealing {
	pthread_t thread;
	bool running;
	atomic_bool finished, stop;
	int64_t hour;			/* that was sealed last, by the wall's clock */
	int64_t not_before;		/* monotonic */
	bool asked;			/* by seal-now */
	char request[LIMIT_PATH + 32];
	/* the thread's */
	struct config *config;		/* held */
	struct trail_seal seal;
	struct trail_sealed done;
	struct err e;
	int failed;
};

struct sealing *sealing_open(void)
{
	return mem_alloc(sizeof(struct sealing));
}

static void *work(void *arg)
{
	struct sealing *g = arg;

	g->failed = trail_seal(&g->seal, &g->done, &g->e);
	atomic_store(&g->finished, true);
	return NULL;
}

static void collect(struct sealing *g)
{
	pthread_join(g->thread, NULL);
	g->running = false;
	config_free(g->config);
	if (g->failed) {
		log_warn("the trail could not be sealed, it is tried again: %s", g->e.text);
		g->not_before = clock_mono_us() + AGAIN_US;
		g->hour = 0;
	}
	if (g->asked && unlink(g->request) && errno != ENOENT)
		log_warn("cannot remove %s", g->request);
}

static int start(struct sealing *g, struct sender *s, int64_t now_us, struct err *e)
{
	struct config *c = s->config;

	if (trail_turn(s->trail, now_us, g->asked, e))
		return -1;
	g->config = config_hold(c);
	g->seal = (struct trail_seal){ .dir = s->paths.trail, .account = c->account_id,
		.region = c->region, .bucket = c->trail_bucket, .witness = c->trail_witness,
		.now_us = now_us, .all = g->asked, .until = trail_written(s->trail), .stop = &g->stop };
	g->hour = now_us / HOUR_US;
	atomic_store(&g->finished, false);
	if (pthread_create(&g->thread, NULL, work, g)) {
		config_free(g->config);
		return err_set(e, ERR_TEMP, "cannot start a thread to seal the trail");
	}
	g->running = true;
	return 0;
}

int sealing_step(struct sealing *g, struct sender *s, struct err *e)
{
	int64_t now_us = clock_wall_us();

	if (g->running && !atomic_load(&g->finished))
		return 0;
	if (g->running)
		collect(g);
	snprintf(g->request, sizeof(g->request), "%s/seal-now", s->paths.trail);
	g->asked = access(g->request, F_OK) == 0;
	if (!g->asked && (!s->config->trail_seal || now_us / HOUR_US == g->hour ||
	    clock_mono_us() < g->not_before))
		return 0;
	return start(g, s, now_us, e);
}

void sealing_close(struct sealing *g)
{
	atomic_store(&g->stop, !g->asked);	/* a year's empty digests can wait */
	if (g->running)
		collect(g);
	free(g);
}
