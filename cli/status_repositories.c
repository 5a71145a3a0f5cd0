/* status_repositories.c - see status_repositories.h. */
#include "status_repositories.h"

#include <string.h>

#include "clock.h"
#include "words.h"

#define LABEL 10

/* ---- the table ---- */

static const char *relative(const struct state *st, int64_t us, const char *none,
	char out[CLOCK_ISO_SIZE])
{
	return us ? clock_relative(us, st->now_us, out) : none;
}

static void seen_cell(struct table *t, const struct state *st, const struct state_repository *r)
{
	char when[CLOCK_ISO_SIZE];

	if (r->seen_us)
		table_cell_fmt(t, STYLE_NONE, "%s, %s", relative(st, r->seen_us, "", when), r->by);
	else
		table_cell(t, STYLE_DIM, "not yet");
}

/* The next look; who fails backs off. */
static void next_cell(struct table *t, const struct state *st, const struct state_repository *r)
{
	char when[CLOCK_ISO_SIZE];
	bool waits = r->poll.next_us > st->now_us;

	if (!r->seen)
		table_cell(t, STYLE_DIM, "-");
	else
		table_cell(t, STYLE_NONE, waits ? relative(st, r->poll.next_us, "", when) : "due");
}

static void trouble_cell(struct table *t, const struct state *st, const struct state_repository *r)
{
	char when[CLOCK_ISO_SIZE];

	switch (r->trouble) {
	case TROUBLE_FAILING:
		table_cell_fmt(t, STYLE_BAD, "%lld %s: %s", (long long)r->poll.failures,
			r->poll.failures == 1 ? "failure" : "failures", r->poll.error);
		break;
	case TROUBLE_NEVER_FIRED:
		table_cell_fmt(t, STYLE_WARN, "moved and fired nothing, since %s",
			relative(st, r->heard.idle_us, "", when));
		break;
	case TROUBLE_SILENT:
		table_cell_fmt(t, STYLE_WARN, "silent for %lld days", (long long)r->silent);
		break;
	default:
		table_cell(t, STYLE_DIM, "-");
	}
}

static void row(struct table *t, const struct state *st, const struct state_repository *r)
{
	char when[CLOCK_ISO_SIZE];
	struct buf refs;

	buf_init(&refs, 64);
	words_count(&refs, r->poll.refs);
	table_cell(t, r->trouble == TROUBLE_FAILING ? STYLE_BAD : STYLE_NONE, r->name);
	seen_cell(t, st, r);
	table_cell(t, STYLE_NONE, relative(st, r->heard.time_us, "-", when));
	next_cell(t, st, r);
	table_cell(t, r->poll.refs ? STYLE_NONE : STYLE_DIM, refs.s);
	trouble_cell(t, st, r);
	table_cell(t, STYLE_DIM, r->what);
	buf_release(&refs);
}

void status_repositories(const struct state *st, const struct screen *screen, size_t most)
{
	static const struct column columns[] = {
		{ "REPOSITORY", 8, false }, { "SEEN", 0, false }, { "CHANGED", 0, false },
		{ "NEXT LOOK", 0, false }, { "REFS", 0, true }, { "TROUBLE", 8, false },
		{ "WHERE", 8, false },
	};
	size_t n = most && st->nrepositories > most ? most : st->nrepositories;
	struct table t;

	table_begin(&t, screen, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < n; i++)
		row(&t, st, &st->repositories[i]);
	table_end(&t);
	if (st->nrepositories > n)
		fprintf(screen->f, "and %zu more (refire status '**' shows all)\n",
			st->nrepositories - n);
}

/* ---- all of one ---- */

struct card {
	const struct state *st;
	const struct screen *screen;
	struct buf line;
};

static void end(struct card *c, const char *label, enum style style)
{
	screen_wrap(c->screen, LABEL, STYLE_DIM, label, style, c->line.s);
	buf_clear(&c->line);
}

static void when(struct card *c, int64_t us, const char *none)
{
	if (us)
		words_when(&c->line, us, c->st->now_us);
	else
		buf_str(&c->line, none);
}

static void seen_lines(struct card *c, const struct state_repository *r)
{
	when(c, r->seen_us, "not yet");
	if (r->seen_us)
		buf_fmt(&c->line, ", by %s", r->by);
	if (r->heard.hooked_us) {
		buf_str(&c->line, "; a hook's last report ");
		when(c, r->heard.hooked_us, "");
	}
	end(c, "seen", STYLE_NONE);
	when(c, r->heard.time_us, "nothing was heard");
	if (r->heard.time_us)
		buf_fmt(&c->line, ", by %s; on %d of %d days", r->heard.source == SOURCE_POST_RECEIVE ?
			"hook" : source_word(r->heard.source), r->rhythm.active, HEARD_DAYS);
	if (r->rhythm.pause)
		buf_fmt(&c->line, ", the longest pause %d", r->rhythm.pause);
	end(c, "changed", STYLE_NONE);
}

static void fired_line(struct card *c, const struct state_repository *r)
{
	const struct heard *h = &r->heard;

	when(c, h->fired_us, "never");
	if (h->idle) {
		buf_str(&c->line, "; ");
		words_count(&c->line, h->idle);
		buf_fmt(&c->line, " %s since then fired nothing, the first ",
			h->idle == 1 ? "move" : "moves");
		when(c, h->idle_us, "");
	}
	end(c, "fired", r->trouble == TROUBLE_NEVER_FIRED ? STYLE_WARN : STYLE_NONE);
}

static void looks_lines(struct card *c, const struct state_repository *r)
{
	if (!r->seen) {
		buf_str(&c->line, "not yet");
		end(c, "looked at", STYLE_NONE);
		return;
	}
	when(c, r->poll.last_us, "not yet");
	buf_str(&c->line, ", the next ");
	when(c, r->poll.next_us > c->st->now_us ? r->poll.next_us : 0, "is due");
	buf_str(&c->line, "; ");
	words_count(&c->line, r->poll.refs);
	buf_str(&c->line, r->poll.refs == 1 ? " ref" : " refs");
	end(c, "looked at", STYLE_NONE);
	if (!r->poll.failures)
		return;
	words_count(&c->line, r->poll.failures);
	buf_fmt(&c->line, " in a row: %s", r->poll.error);
	end(c, "failures", STYLE_BAD);
}

void status_repository(const struct state *st, const struct screen *screen,
	const struct state_repository *r)
{
	struct card c = { st, screen, { 0 } };

	buf_init(&c.line, 64 * KIB);
	buf_fmt(&c.line, "%s (%s)", r->what, r->remote ? "polled" : "on this machine");
	end(&c, r->name, STYLE_NONE);
	seen_lines(&c, r);
	fired_line(&c, r);
	looks_lines(&c, r);
	buf_release(&c.line);
}
