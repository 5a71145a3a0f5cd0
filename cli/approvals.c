/* approvals.c - `refire approvals`: what waits for a person's yes. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "ask.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "words.h"

enum { OPT_PIPELINE, OPT_MINE, OPT_CONFIG, OPT_JSON, OPT_HELP };
static const struct args_option options[] = {
	[OPT_PIPELINE] = { "pipeline", 0, "NAME", "of this pipeline" },
	[OPT_MINE] = { "mine", 0, NULL, "that the user who asks may approve" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = { "json", 0, NULL, "print JSON, one object a line" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[OPTION...]", NULL };
static const struct args_usage usage = {
	.program = "refire approvals", .synopsis = synopsis, .options = options,
	.summary = "List deliveries that wait for approval, oldest first.",
	.notes = "`refire approve ID` lets one go, `refire reject ID` gives it up; what nobody decides\n"
		"about fails when approval-timeout is over.",
};

static const struct column columns[] = {
	{ "DELIVERY", 0, false }, { "PIPELINE", 8, false }, { "REPOSITORY", 8, false },
	{ "REF", 6, false }, { "COMMIT", 8, false }, { "BY", 5, false }, { "ASKED", 0, false },
	{ "EXPIRES", 0, false }, { "APPROVERS", 8, false },
};

struct approvals {
	struct session session;
	struct screen screen;
	struct table table;
	struct buf line;
	const char *pipeline, *config;
	bool json, mine, help;
	int64_t now_us, n;
};

static const struct list *approvers_of(const struct approvals *a, const struct delivery *d)
{
	static const struct list none;
	const struct pipeline *p = config_pipeline(a->session.config, d->pipeline);

	return !p ? &none : p->approvers.n ? &p->approvers : &a->session.config->approvers;
}

static void row_json(struct approvals *a, const struct delivery *d)
{
	const struct list *l = approvers_of(a, d);
	struct json j;

	json_init(&j, &a->line);
	json_object(&j);
	list_members(&j, d);
	json_key(&j, "approvers");
	json_array(&j);
	for (size_t i = 0; i < l->n; i++)
		json_str(&j, l->v[i]);
	json_end(&j);
	json_end(&j);
	puts(a->line.s);
}

static void cell(struct approvals *a, enum style style)
{
	table_cell(&a->table, style, a->line.s);
	buf_clear(&a->line);
}

static void row_table(struct approvals *a, const struct delivery *d)
{
	const struct list *l = approvers_of(a, d);

	buf_fmt(&a->line, "%.*s", a->screen.terminal ? WORDS_ID : UUID_SIZE, d->id);
	cell(a, STYLE_BOLD);
	table_cell(&a->table, STYLE_NONE, d->pipeline);
	table_cell(&a->table, STYLE_NONE, d->repository);
	words_ref(&a->line, d->ref);
	cell(a, STYLE_NONE);
	words_move(&a->line, d->before, d->after);
	cell(a, STYLE_DIM);
	table_cell(&a->table, STYLE_NONE, d->actor);
	words_when(&a->line, d->made_us, a->now_us);
	cell(a, STYLE_NONE);
	words_when(&a->line, d->expires_us, a->now_us);
	cell(a, STYLE_WARN);
	for (size_t i = 0; i < l->n; i++)
		buf_fmt(&a->line, "%s%s", i ? ", " : "", l->v[i]);
	if (!l->n)
		buf_str(&a->line, "none: the pipeline is gone, or asks for none any more");
	cell(a, STYLE_NONE);
}

static int row(const struct delivery *d, void *arg)
{
	struct approvals *a = arg;
	const struct pipeline *p = config_pipeline(a->session.config, d->pipeline);

	if (a->mine && (!p || !config_approves(a->session.config, p, a->session.user)))
		return 0;
	a->n++;
	buf_clear(&a->line);
	if (a->json)
		row_json(a, d);
	else
		row_table(a, d);
	return 0;
}

static int list(struct approvals *a, struct err *e)
{
	const struct queue_filter f = { .states = 1u << DELIVERY_HELD, .pipeline = a->pipeline,
		.code = APPROVAL_CODE };
	struct queue *q;
	int rc = 0;

	if (store_open(&a->session, QUEUE_READ, &q, e))
		return -1;
	buf_init(&a->line, 1 * MIB);
	table_begin(&a->table, &a->screen, columns, sizeof(columns) / sizeof(*columns));
	if (q)
		rc = queue_list(q, &f, row, a, e);
	table_end(&a->table);
	if (!rc && !a->json && !a->n)
		puts("nothing waits for approval");
	buf_release(&a->line);
	queue_close(q);
	return rc;
}

static int read_words(struct approvals *a, int argc, char **argv, struct err *e)
{
	struct args words;
	int k;

	args_init(&words, &usage, argc, argv);
	while ((k = args_next(&words, e)) >= 0)
		switch (k) {
		case OPT_PIPELINE: a->pipeline = words.value; break;
		case OPT_MINE: a->mine = true; break;
		case OPT_CONFIG: a->config = words.value; break;
		case OPT_JSON: a->json = true; break;
		case OPT_HELP: a->help = true; break;
		}
	if (k == ARGS_BAD)
		return -1;
	return words.nrest ? args_refuse(&usage, e, "`refire approvals` takes no operands") : 0;
}

int main(int argc, char **argv)
{
	struct approvals a = { .now_us = clock_wall_us() };
	struct err e;
	int rc;

	log_init("refire approvals", false);
	screen_init(&a.screen, stdout);
	if (read_words(&a, argc, argv, &e))
		return log_exit(&e);
	if (a.help)
		return words_help(&usage);
	if (session_open(&a.session, a.config, &e))
		return log_exit(&e);
	rc = list(&a, &e);
	session_close(&a.session);
	return words_end(rc < 0 ? log_exit(&e) : rc);
}
