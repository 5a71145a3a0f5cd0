/*
 * status.c - `refire status`: what is waiting, failing or stale, and whether
 * anything will retry. What needs a person comes first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "clock.h"
#include "conf.h"
#include "glob.h"
#include "log.h"
#include "state.h"
#include "status_repositories.h"
#include "table.h"
#include "words.h"

#define LABEL 10
#define REPOSITORIES_SHOWN 12	/* on one screen; those in trouble are findings */
#define RECENT_US (15 * 60 * US_PER_S)	/* a resident notes its run every 10 minutes */

enum { OPT_CONFIG, OPT_JSON, OPT_HELP };
static const struct args_option options[] = {
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = { "json", 0, NULL, "print everything as one JSON object" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[OPTION...] [REPOSITORY...]", NULL };
static const struct args_usage usage = {
	.program = "refire status", .synopsis = synopsis, .options = options,
	.summary = "Shows how refire stands: what needs a person first, then the sender, the spool,\n"
		"the queue by pipeline, the repositories and the trail. REPOSITORY is a name or a\n"
		"pattern over names: of these, and of nothing else, all that is known.",
	.notes = "Exit status: 0 all is well; 1 something needs a person; 78 the configuration is\n"
		"refused.",
};

/* ---- for a person ---- */

struct page {
	const struct state *st;
	const struct screen *screen;
	const char *label;
	struct buf line;
};

static void line_begin(struct page *p, const char *label)
{
	p->label = label;
	buf_clear(&p->line);
}

static void line_end(struct page *p)
{
	screen_wrap(p->screen, LABEL, STYLE_DIM, p->label, STYLE_NONE, p->line.s);
}

static void heading_print(struct page *p)
{
	const struct config *c = p->st->session->config;

	buf_clear(&p->line);
	buf_fmt(&p->line, "%s: %zu %s, %zu %s", c->path, c->npipelines,
		c->npipelines == 1 ? "pipeline" : "pipelines", c->nrepositories,
		c->nrepositories == 1 ? "repository section" : "repository sections");
	screen_print(p->screen, STYLE_DIM, p->line.s);
	fputs("\n", stdout);
}

static void findings_print(struct page *p)
{
	bool grave = false;

	for (size_t i = 0; i < p->st->nfindings; i++) {
		const struct state_finding *f = &p->st->findings[i];

		grave |= f->grave;
		screen_wrap(p->screen, 2, f->grave ? STYLE_BAD : STYLE_WARN, f->grave ? "!" : "-",
			STYLE_NONE, f->text);
		if (!*f->help)
			continue;
		fputs("    ", stdout);		/* to be copied: never broken */
		screen_print(p->screen, STYLE_DIM, f->help);
		putchar('\n');
	}
	if (!grave) {
		screen_print(p->screen, STYLE_GOOD, "nothing needs attention");
		putchar('\n');
	}
	putchar('\n');
}

static bool ran_recently(const struct state *st)
{
	return st->ran_us && st->now_us - st->ran_us < RECENT_US;
}

static void sender_print(struct page *p)
{
	const struct state *st = p->st;

	line_begin(p, "sender");
	buf_str(&p->line, !st->sender_held ? "not running" :
		ran_recently(st) ? "running" : "running, started by a push");
	buf_str(&p->line, st->ran_us ? "; last run by a timer, by hand or as a service " :
		"; no timer or service has run it yet");
	if (st->ran_us)
		words_when(&p->line, st->ran_us, st->now_us);
	line_end(p);
	if (st->poller_held) {
		line_begin(p, "poller");
		buf_str(&p->line, "running");
		line_end(p);
	}
}

static void spool_print(struct page *p)
{
	const struct state *st = p->st;

	line_begin(p, "spool");
	if (!st->waiting) {
		buf_str(&p->line, "empty");
	} else {
		words_count(&p->line, st->waiting);
		buf_fmt(&p->line, " %s to be taken in, the oldest from ",
			st->waiting == 1 ? "file waits" : "files wait");
		words_when(&p->line, st->oldest_us, st->now_us);
	}
	if (st->total_aside) {
		buf_str(&p->line, "; set aside: ");
		words_count(&p->line, st->total_aside);
	}
	line_end(p);
}

static int64_t open_of(const int64_t by_state[DELIVERY_COUNT])
{
	int64_t n = 0;

	for (int i = 0; i < DELIVERY_COUNT; i++)
		n += delivery_settled((enum delivery_state)i) ? 0 : by_state[i];
	return n;
}

static void queue_print(struct page *p)
{
	const struct queue_counts *c = &p->st->counts;

	line_begin(p, "queue");
	words_count(&p->line, open_of(c->by_state));
	buf_str(&p->line, " open");
	if (c->oldest_open_us) {
		buf_str(&p->line, ", the oldest from ");
		words_when(&p->line, c->oldest_open_us, p->st->now_us);
	}
	if (c->next_due_us) {
		buf_str(&p->line, "; next try ");
		if (c->next_due_us <= p->st->now_us)
			buf_str(&p->line, "now");
		else
			words_when(&p->line, c->next_due_us, p->st->now_us);
	}
	if (c->pending_updates) {
		buf_str(&p->line, "; ");
		words_count(&p->line, c->pending_updates);
		buf_str(&p->line, " ref updates not matched yet");
	}
	line_end(p);
}

static void trail_print(struct page *p)
{
	const struct state *st = p->st;

	line_begin(p, "trail");
	if (!st->trail_files) {
		buf_str(&p->line, "no records yet");
	} else {
		buf_str(&p->line, "newest record ");
		words_when(&p->line, st->trail_newest_us, st->now_us);
		buf_fmt(&p->line, "; %lld %s, ", (long long)st->trail_files,
			st->trail_files == 1 ? "file" : "files");
		words_bytes(&p->line, st->trail_bytes);
	}
	line_end(p);
}

static void count_cell(struct table *t, int64_t n, enum style style)
{
	struct buf b;

	buf_init(&b, 64);
	words_count(&b, n);
	table_cell(t, n ? style : STYLE_DIM, b.s);
	buf_release(&b);
}

static void when_cell(struct table *t, int64_t us, int64_t now, const char *none)
{
	char text[CLOCK_ISO_SIZE];

	table_cell(t, STYLE_NONE, us ? clock_relative(us, now, text) : none);
}

static void pipelines_print(struct page *p)
{
	static const struct column columns[] = {
		{ "PIPELINE", 8, false }, { "READY", 0, true }, { "WAITING", 0, true },
		{ "HELD", 0, true }, { "FAILED", 0, true }, { "DELIVERED", 0, true },
		{ "LAST DELIVERED", 0, false },
	};
	struct table t;

	table_begin(&t, p->screen, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < p->st->npipelines; i++) {
		const struct state_pipeline *s = &p->st->pipelines[i];
		const int64_t *n = s->q.by_state;

		table_cell_fmt(&t, STYLE_NONE, "%s%s", s->q.pipeline,
			s->gate.held_us ? " (held)" : s->gate.breaker.opened_us ? " (down)" : !s->configured ? " (gone)" :
			s->enabled ? "" : " (disabled)");
		count_cell(&t, n[DELIVERY_READY] + n[DELIVERY_INFLIGHT], STYLE_BUSY);
		count_cell(&t, n[DELIVERY_WAITING], STYLE_WARN);
		count_cell(&t, n[DELIVERY_HELD], STYLE_HELD);
		count_cell(&t, n[DELIVERY_FAILED], STYLE_BAD);
		count_cell(&t, n[DELIVERY_DELIVERED], STYLE_GOOD);
		when_cell(&t, s->q.delivered_us, p->st->now_us, "never");
	}
	if (p->st->npipelines && !p->st->new)
		putchar('\n');
	table_end(&t);
}

static void repositories_print(struct page *p)
{
	const struct state *st = p->st;

	if (!st->nrepositories)
		return;
	putchar('\n');
	status_repositories(st, p->screen, REPOSITORIES_SHOWN);
}

/* Of the repositories that were named, and of nothing else. */
static void named_print(const struct state *st, const struct screen *screen)
{
	struct page p = { .st = st, .screen = screen };

	buf_init(&p.line, 64 * KIB);
	findings_print(&p);
	if (st->nrepositories == 1)
		status_repository(st, screen, &st->repositories[0]);
	else
		status_repositories(st, screen, 0);
	buf_release(&p.line);
}

static void page_print(const struct state *st, const struct screen *screen)
{
	struct page p = { .st = st, .screen = screen };

	buf_init(&p.line, 64 * KIB);
	heading_print(&p);
	findings_print(&p);
	if (!st->new) {
		sender_print(&p);
		spool_print(&p);
		if (st->queue_there)
			queue_print(&p);
		trail_print(&p);
	}
	pipelines_print(&p);
	repositories_print(&p);
	buf_release(&p.line);
}

static void object_print(const struct state *st)
{
	struct buf b;

	buf_init(&b, 256 * MIB);
	state_json(st, &b);
	fwrite(b.s, 1, b.len, stdout);
	buf_release(&b);
}

/* ---- the run ---- */

struct run {
	const char *config;
	bool json;
	const char *const *names;	/* of repositories */
	size_t nnames;
	struct session session;
	struct state st;
};

static int refuse_names(const struct run *r, struct err *e)
{
	const char **names = mem_alloc((r->session.config->nrepositories + 1) * sizeof(*names)), *near;

	for (size_t i = 0; i < r->session.config->nrepositories; i++)
		names[i] = r->session.config->repositories[i].name;
	near = conf_nearest(r->names[0], names);
	free(names);
	return err_set(e, ERR_USAGE, "no repository `%s`%s%s%s", r->names[0],
		near ? "; did you mean `" : " is configured, nor was one of that name seen", near ? near : "",
		near ? "`?" : "");
}

static void print(const struct run *r)
{
	struct screen screen;

	screen_init(&screen, stdout);
	if (r->json)
		object_print(&r->st);
	else if (r->nnames)
		named_print(&r->st, &screen);
	else
		page_print(&r->st, &screen);
}

static int look(struct run *r, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < r->nnames; i++)
		if (glob_check(r->names[i], e))
			return err_set(e, ERR_USAGE, "%s", e->text);
	if (state_gather(&r->st, &r->session, r->names, r->nnames, clock_wall_us(), e))
		return -1;
	if (r->nnames && !r->st.nrepositories)
		return refuse_names(r, e);
	state_judge(&r->st);
	print(r);
	for (size_t i = 0; i < r->st.nfindings; i++)
		rc |= r->st.findings[i].grave;
	return rc;
}

static int status_run(struct run *r, struct err *e)
{
	int rc;

	if (session_open(&r->session, r->config, e))
		return -1;
	rc = look(r, e);
	state_release(&r->st);
	session_close(&r->session);
	return rc;
}

int main(int argc, char **argv)
{
	struct run r = { .config = NULL };
	struct args a;
	struct err e;
	int k;

	log_init("refire status", false);
	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, &e)) >= 0) {
		if (k == OPT_HELP)
			return words_help(&usage);
		if (k == OPT_CONFIG)
			r.config = a.value;
		r.json |= k == OPT_JSON;
	}
	if (k == ARGS_BAD)
		return log_exit(&e);
	r.names = (const char *const *)a.rest;
	r.nnames = (size_t)a.nrest;
	k = status_run(&r, &e);
	return words_end(k < 0 ? log_exit(&e) : k);
}
