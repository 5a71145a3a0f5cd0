/* pass_roster.c - the roster of a pass, fitted to the configuration and the directories of
   the moment. */
#include "pass_parts.h"

#include <string.h>

#include "clock.h"

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
int pass_sync(struct pass *p, struct err *e)
{
	hosts_disperse(&p->roster.hosts);
	p->roster.hosts.most = (size_t)(*p->config)->polls_per_host;
	p->scan_us = 0;
	p->synced_us = clock_mono_us();
	if (p->ndirty && pass_flush_or_wait(p, e))
		return -1;
	if (pass_queue_check(p, e))
		return -1;
	if (roster_sync(&p->roster, *p->config, p->queue, complain, p, e))
		return -1;
	count_wanted(p);
	return pass_take_stamp(p, e) || load_versions(p, e) ? -1 : 0;
}

/* A file with an error leaves the old configuration in force. */
int pass_reload(struct pass *p, struct err *e)
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
	failed = pass_sync(p, e);
	config_free(old);
	return failed;
}
