/*
 * queue.c - `refire queue`: the command line of the deliveries' commands.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "args.h"
#include "ask.h"
#include "clock.h"
#include "conf.h"
#include "log.h"
#include "words.h"

enum {
	OPT_STATE, OPT_PIPELINE, OPT_REPOSITORY, OPT_REF, OPT_CHANGE, OPT_SINCE, OPT_UNTIL,
	OPT_CODE, OPT_LIMIT,
	OPT_FAILED, OPT_OLDER, OPT_DRY_RUN, OPT_YES, OPT_REASON, OPT_CONFIG, OPT_JSON, OPT_HELP
};
static const struct args_option options[] = {
	[OPT_STATE] = { "state", 0, "STATE", "deliveries in this state; several are separated by "
		"commas; `all` (list: the default with --json and --change), `open` (the default), "
		"`settled`" },
	[OPT_PIPELINE] = { "pipeline", 0, "NAME", "of this pipeline" },
	[OPT_REPOSITORY] = { "repository", 0, "NAME", "for this repository" },
	[OPT_REF] = { "ref", 0, "REF", "for this ref: a branch's name, or refs/..." },
	[OPT_CHANGE] = { "change", 0, "ID", "what one change made, in any state" },
	[OPT_SINCE] = { "since", 0, "TIME", "made (retry, drop, replay: settled, if it is) since "
		"2026-11-23, 2026-11-23T01:02Z, or an age: 90s, 2h, 3d" },
	[OPT_UNTIL] = { "until", 0, "TIME", "before then, as --since" },
	[OPT_CODE] = { "code", 0, "WORD", "with this code, such as ReceiverFailed" },
	[OPT_LIMIT] = { "limit", 'n', "N", "the newest N" },
	[OPT_FAILED] = { "failed", 0, NULL, "retry: as --state failed" },
	[OPT_OLDER] = { "older-than", 0, "AGE", "prune: what was settled longer ago, such as 60d; at "
		"least 8d. Default: `queue-keep` of the configuration" },
	[OPT_DRY_RUN] = { "dry-run", 0, NULL, "prune: only say how much" },
	[OPT_YES] = { "yes", 'y', NULL, "do not ask: retry, drop and replay by filter, prune" },
	[OPT_REASON] = { "reason", 0, "TEXT", "why, for the trail (retry, drop, replay, hold)" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = { "json", 0, NULL, "print JSON, one object a line; list: settled ones too" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = {
	"[list] [OPTION...]", "show ID", "retry ID... [--reason TEXT]",
	"drop ID... [--reason TEXT]", "replay ID... [--reason TEXT]",
	"retry|drop|replay FILTER... [--yes] [--reason TEXT]",
	"hold PIPELINE... [--reason TEXT]", "resume PIPELINE...",
	"prune [--older-than AGE] [--dry-run] [--yes]", "rebuild", NULL
};
static const struct args_usage usage = {
	.program = "refire queue", .synopsis = synopsis, .options = options,
	.summary =
		"A delivery is one ref update on its way to one pipeline.\n\n"
		"  list     what is not settled yet; oldest first\n"
		"  show     everything about one: why it is where it is, every attempt and answer\n"
		"  retry    send it (again): what failed, is held, was dropped, or waits for its time\n"
		"  replay   send a delivered one again, under a new id\n"
		"  drop     never send it\n"
		"  hold     send nothing of a pipeline; what fires meanwhile waits\n"
		"  resume   go on with it\n"
		"  prune    forget what was settled long ago; the sender does so by `queue-keep`\n"
		"  rebuild  make a new queue when the file is damaged, from what can be read of it,\n"
		"           the trail and the spool; the damaged file is kept",
	.notes =
		"Filters choose for list, and for retry (what FAILED, unless --state says otherwise),\n"
		"drop (what is READY, WAITING or HELD) and replay (what was DELIVERED). How many there\n"
		"are is asked about first on a terminal; elsewhere --yes is needed.\n\n"
		"States: READY INFLIGHT WAITING HELD (open); DELIVERED FAILED SUPERSEDED DROPPED\n"
		"(settled). An ID is a delivery's id or its beginning. Whoever does not own state-dir\n"
		"may retry and drop by full ids; the sender judges that by `operators`.",
};

#define BIT(s) (1u << DELIVERY_##s)
#define OPEN (BIT(READY) | BIT(INFLIGHT) | BIT(WAITING) | BIT(HELD))
#define ALL ((1u << DELIVERY_COUNT) - 1)

/* One word of --state. */
static int state_bits(const char *word, unsigned *bits, struct err *e)
{
	const char *names[DELIVERY_COUNT + 4], *near;
	int state = delivery_parse(word), n = 0;

	if (state >= 0 || strcasecmp(word, "all") == 0) {
		*bits |= state >= 0 ? 1u << state : ALL;
		return 0;
	}
	if (strcasecmp(word, "open") == 0 || strcasecmp(word, "settled") == 0) {
		*bits |= strcasecmp(word, "open") == 0 ? OPEN : ALL & ~OPEN;
		return 0;
	}
	for (; n < DELIVERY_COUNT; n++)
		names[n] = delivery_word((enum delivery_state)n);
	names[n++] = "all";
	names[n++] = "open";
	names[n++] = "settled";
	names[n] = NULL;
	near = conf_nearest(word, names);
	if (near)
		return args_refuse(&usage, e, "there is no state `%s`; did you mean %s?", word, near);
	return args_refuse(&usage, e, "there is no state `%s`", word);
}

static int states_option(const char *value, unsigned *bits, struct err *e)
{
	while (*value) {
		size_t n = strcspn(value, ", ");
		char word[32];

		snprintf(word, sizeof(word), "%.*s", (int)n, value);
		if (n > 0 && state_bits(word, bits, e))
			return -1;
		value += n;
		value += strspn(value, ", ");
	}
	if (!*bits)
		return args_refuse(&usage, e, "--state names no state");
	return 0;
}

struct request {
	struct ask ask;
	const char *config;
	bool help;
};

static int change_option(struct request *r, const char *value, struct err *e)
{
	if (!uuid_valid(value))
		return args_refuse(&usage, e, "--change %s: expected a whole id, 36 characters", value);
	r->ask.change = value;
	return 0;
}

static int time_option(const struct request *r, const char *name, const char *value,
	int64_t *out, struct err *e)
{
	if (clock_parse(value, r->ask.now_us, out) == 0)
		return 0;
	return args_refuse(&usage, e, "--%s %s: expected a time such as 2026-11-23, "
		"2026-11-23T01:02:03Z or an age such as 90s, 15m, 2h, 3d", name, value);
}

static int age_option(const struct request *r, const char *value, int64_t *out, struct err *e)
{
	int64_t at;

	if (clock_parse(value, r->ask.now_us, &at) || at > r->ask.now_us || strchr(value, '-'))
		return args_refuse(&usage, e, "--older-than %s: expected an age such as 60d", value);
	*out = r->ask.now_us - at;
	return 0;
}

static int option_set(struct request *r, const struct args *a, int k, struct err *e)
{
	switch (k) {
	case OPT_STATE: return states_option(a->value, &r->ask.states, e);
	case OPT_PIPELINE: r->ask.pipeline = a->value; break;
	case OPT_REPOSITORY: r->ask.repository = a->value; break;
	case OPT_REF: r->ask.ref = a->value; break;
	case OPT_CHANGE: return change_option(r, a->value, e);
	case OPT_LIMIT: return args_number(a, "limit", 1, &r->ask.limit, e);
	case OPT_FAILED: r->ask.failed = true; break;
	case OPT_OLDER: return age_option(r, a->value, &r->ask.older_us, e);
	case OPT_DRY_RUN: r->ask.dry_run = true; break;
	case OPT_YES: r->ask.yes = true; break;
	case OPT_REASON: r->ask.reason = a->value; break;
	case OPT_CONFIG: r->config = a->value; break;
	case OPT_JSON: r->ask.json = true; break;
	case OPT_HELP: r->help = true; break;
	case OPT_CODE: r->ask.code = a->value; break;
	case OPT_SINCE: return time_option(r, "since", a->value, &r->ask.since_us, e);
	case OPT_UNTIL: return time_option(r, "until", a->value, &r->ask.until_us, e);
	}
	return 0;
}

static const struct verb {
	const char *name;
	int least, most;		/* operands; most < 0: any number */
	const char *what;
} verbs[] = {
	{ "list", 0, 0, "" }, { "show", 1, 1, "the id of a delivery" },
	{ "retry", 1, -1, "the id of a delivery" }, { "drop", 1, -1, "the id of a delivery" },
	{ "replay", 1, -1, "the id of a delivery" },
	{ "hold", 1, -1, "the name of a pipeline" }, { "resume", 1, -1, "the name of a pipeline" },
	{ "prune", 0, 0, "" }, { "rebuild", 0, 0, "" },
};
#define VERBS (sizeof(verbs) / sizeof(*verbs))

static int verb_find(const char *word, const struct verb **out, struct err *e)
{
	const char *names[VERBS + 1], *near;

	for (size_t i = 0; i < VERBS; i++) {
		names[i] = verbs[i].name;
		if (strcmp(verbs[i].name, word) == 0) {
			*out = &verbs[i];
			return 0;
		}
	}
	names[VERBS] = NULL;
	near = conf_nearest(word, names);
	if (near)
		return args_refuse(&usage, e, "there is no `%s`; did you mean `%s`?", word, near);
	return args_refuse(&usage, e, "there is no `%s`", word);
}

static bool filtered(const struct ask *a)
{
	return a->failed || a->states || a->pipeline || a->repository || a->ref || a->change ||
		a->code || a->since_us || a->until_us || a->limit;
}

static bool takes_filters(const struct verb *v)
{
	return !strcmp(v->name, "retry") || !strcmp(v->name, "drop") || !strcmp(v->name, "replay");
}

static int verb_options(const struct verb *v, const struct ask *a, struct err *e)
{
	bool prune = !strcmp(v->name, "prune");

	if (a->failed && strcmp(v->name, "retry") != 0)
		return args_refuse(&usage, e, "--failed goes with retry");
	if (a->failed && a->states)
		return args_refuse(&usage, e, "--failed and --state name the states both");
	if (filtered(a) && !takes_filters(v) && strcmp(v->name, "list") != 0)
		return args_refuse(&usage, e, "`%s` takes no filter", v->name);
	if ((a->older_us || a->dry_run) && !prune)
		return args_refuse(&usage, e, "--older-than and --dry-run go with prune");
	if (a->yes && !prune && !takes_filters(v))
		return args_refuse(&usage, e, "`%s` asks nothing: --yes does not go with it", v->name);
	return 0;
}

static int verb_operands(const struct verb *v, const struct ask *a, struct err *e)
{
	int n = a->nids;
	bool many = filtered(a) && takes_filters(v);

	if (verb_options(v, a, e))
		return -1;
	if (many && n)
		return args_refuse(&usage, e, "`%s` takes ids or a filter, not both", v->name);
	if (n < v->least && !many)
		return args_refuse(&usage, e, "`%s` needs %s%s", v->name, v->what,
			takes_filters(v) ? ", or a filter" : "");
	if (v->most >= 0 && n > v->most)
		return args_refuse(&usage, e, "`%s` takes %s", v->name,
			v->most ? "one id" : "no operands");
	return 0;
}

static int verb_run(const struct verb *v, const struct ask *a, struct err *e)
{
	if (strcmp(v->name, "show") == 0)
		return show_run(a, e);
	if (strcmp(v->name, "rebuild") == 0)
		return rebuild_run(a, e);
	if (strcmp(v->name, "list") == 0)
		return list_run(a, e);
	if (strcmp(v->name, "prune") == 0)
		return prune_run(a, e);
	if (takes_filters(v) && filtered(a))
		return many_run(a, v->name, e);
	if (strcmp(v->name, "hold") == 0 || strcmp(v->name, "resume") == 0)
		return hold_run(a, v->name, e);
	return command_run(a, v->name, e);
}

int main(int argc, char **argv)
{
	struct request r = { .ask = { .reason = "", .now_us = clock_wall_us() } };
	const struct verb *verb = &verbs[0];
	struct args a;
	struct err e;
	int k;

	log_init("refire queue", false);
	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, &e)) >= 0)
		if (option_set(&r, &a, k, &e))
			return log_exit(&e);
	if (k == ARGS_BAD)
		return log_exit(&e);
	if (r.help)
		return words_help(&usage);
	if (a.nrest && verb_find(a.rest[0], &verb, &e))
		return log_exit(&e);
	r.ask.ids = a.rest + 1;
	r.ask.nids = a.nrest ? a.nrest - 1 : 0;
	screen_init(&r.ask.screen, stdout);
	if (verb_operands(verb, &r.ask, &e) || session_open(&r.ask.session, r.config, &e))
		return log_exit(&e);
	k = verb_run(verb, &r.ask, &e);
	session_close(&r.ask.session);
	return words_end(k < 0 ? log_exit(&e) : k);
}
