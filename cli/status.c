/*
 * status.c - `refire status`: what is waiting, failing or stale, and whether
 * anything will retry. What needs a person comes first.
 */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "clock.h"
#include "log.h"
#include "state.h"
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
static const char *const synopsis[] = { "[OPTION...]", NULL };
static const struct args_usage usage = {
	.program = "refire status", .synopsis = synopsis, .options = options,
	.summary = "Shows how refire stands: what needs a person first, then the sender, the spool,\n"
		"the queue by pipeline, the repositories and the trail.",
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
	static const struct column columns[] = {
		{ "REPOSITORY", 8, false }, { "SEEN", 0, false }, { "CHANGED", 0, false },
		{ "NEXT LOOK", 0, false }, { "REFS", 0, true }, { "WHERE", 10, false },
	};
	const struct state *st = p->st;
	struct table t;
	size_t n = st->nrepositories < REPOSITORIES_SHOWN ? st->nrepositories : REPOSITORIES_SHOWN;

	table_begin(&t, p->screen, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < n; i++) {
		const struct state_repository *r = &st->repositories[i];

		table_cell(&t, r->poll.failures ? STYLE_BAD : STYLE_NONE, r->name);
		when_cell(&t, r->poll.ok_us, st->now_us, "not yet");
		when_cell(&t, r->poll.changed_us, st->now_us, "-");
		when_cell(&t, r->poll.next_us > st->now_us ? r->poll.next_us : 0, st->now_us,
			r->seen ? "due" : "-");
		count_cell(&t, r->poll.refs, STYLE_NONE);
		table_cell(&t, STYLE_DIM, r->what);
	}
	if (n)
		putchar('\n');
	table_end(&t);
	if (st->nrepositories > n)
		printf("and %zu more (--json lists all)\n", st->nrepositories - n);
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

static int status_run(const char *config, bool json, struct err *e)
{
	struct session s;
	struct screen screen;
	struct state st;
	int rc;

	if (session_open(&s, config, e))
		return -1;
	screen_init(&screen, stdout);
	rc = state_gather(&st, &s, clock_wall_us(), e);
	if (rc == 0) {
		state_judge(&st);
		if (json)
			object_print(&st);
		else
			page_print(&st, &screen);
		for (size_t i = 0; i < st.nfindings; i++)
			rc |= st.findings[i].grave;
	}
	state_release(&st);
	session_close(&s);
	return rc;
}

int main(int argc, char **argv)
{
	const char *config = NULL;
	bool json = false;
	struct args a;
	struct err e;
	int k;

	log_init("refire status", false);
	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, &e)) >= 0) {
		if (k == OPT_HELP)
			return words_help(&usage);
		if (k == OPT_CONFIG)
			config = a.value;
		json |= k == OPT_JSON;
	}
	if (k != ARGS_BAD && a.nrest)
		args_refuse(&usage, &e, "`%s`: no operand is expected", a.rest[0]);
	if (k == ARGS_BAD || a.nrest)
		return log_exit(&e);
	k = status_run(config, json, &e);
	return words_end(k < 0 ? log_exit(&e) : k);
}
