/* decision.c - see decision.h. */
#include "decision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "store.h"
#include "words.h"

#define IDS_MAX 4000		/* fewer than LIMIT_SPOOL_FIELDS */

enum { OPT_SUMMARY, OPT_CONFIG, OPT_JSON, OPT_HELP };
static const struct args_option options[] = {
	[OPT_SUMMARY] = { "summary", 0, "TEXT", "why, for the trail and `refire queue show`; at most "
		"512 bytes" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG,
	[OPT_JSON] = { "json", 0, NULL, "print JSON, one object a delivery" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "ID... [--summary TEXT]", NULL };
#define NOTES \
	"An ID is a delivery's id or its beginning; `refire approvals` lists what waits. Only\n" \
	"users that `approvers` names may: whoever does not own state-dir gives whole ids, and\n" \
	"the sender judges who they are."
static const struct args_usage usages[] = {
	{ .program = "refire reject", .synopsis = synopsis, .options = options, .notes = NOTES,
	  .summary = "Never send deliveries that wait for approval." },
	{ .program = "refire approve", .synopsis = synopsis, .options = options, .notes = NOTES,
	  .summary = "Let deliveries go that wait for approval (approval = required)." },
};

struct decision {
	bool approve, json, help;
	const char *summary, *config;
	char **ids;
	int nids;
	struct session session;
	int64_t now_us;
};

static int read_words(struct decision *d, int argc, char **argv, struct err *e)
{
	const struct args_usage *u = &usages[d->approve];
	struct args a;
	int k;

	args_init(&a, u, argc, argv);
	while ((k = args_next(&a, e)) >= 0)
		switch (k) {
		case OPT_SUMMARY: d->summary = a.value; break;
		case OPT_CONFIG: d->config = a.value; break;
		case OPT_JSON: d->json = true; break;
		case OPT_HELP: d->help = true; break;
		}
	if (k == ARGS_BAD)
		return -1;
	d->ids = a.rest;
	d->nids = a.nrest;
	if (strlen(d->summary) > LIMIT_SUMMARY)
		return args_refuse(u, e, "--summary: at most %d bytes", LIMIT_SUMMARY);
	if (!d->help && !d->nids)
		return args_refuse(u, e, "say which delivery");
	return d->nids > IDS_MAX ? args_refuse(u, e, "more than %d ids at once", IDS_MAX) : 0;
}

/* ---- at once ---- */

static bool may(const struct delivery *delivery, const char *by, void *arg)
{
	const struct config *c = arg;
	const struct pipeline *p = config_pipeline(c, delivery->pipeline);

	return p && config_approves(c, p, by);
}

static void tell_json(const struct decision *d, const struct queue_command *c)
{
	static const char *const words[] = {
		[COMMAND_DONE] = "done", [COMMAND_UNKNOWN] = "unknown",
		[COMMAND_STATE] = "not-waiting", [COMMAND_DENIED] = "denied",
	};
	struct buf b;
	struct json j;

	buf_init(&b, 4 * KIB);
	json_init(&j, &b);
	json_object(&j);
	json_kv(&j, "delivery", c->delivery);
	json_kv(&j, "decision", d->approve ? "approved" : "rejected");
	json_kv(&j, "outcome", words[c->outcome]);
	json_kv(&j, "by", d->session.user);
	json_end(&j);
	puts(b.s);
	buf_release(&b);
}

static void tell(const struct decision *d, const struct queue_command *c)
{
	if (d->json)
		tell_json(d, c);
	switch (c->outcome) {
	case COMMAND_DONE:
		if (!d->json)
			printf("%s %s\n", d->approve ? "approved" : "rejected", c->delivery);
		break;
	case COMMAND_UNKNOWN:
		log_warn("no delivery has the id %s", c->delivery);
		break;
	case COMMAND_DENIED:
		log_warn("%s: %s is not among `approvers` of its pipeline", c->delivery,
			d->session.user);
		break;
	case COMMAND_STATE:
		log_warn("%s is %s and does not wait for approval", c->delivery,
			delivery_word(c->was));
		break;
	}
}

/* Beginnings of ids become ids; what names nothing is told and passed over. */
static int find_ids(const struct decision *d, struct queue *q, struct arena *a,
	struct queue_command *v, size_t *n, int *failed, struct err *e)
{
	for (int i = 0; i < d->nids; i++) {
		struct delivery found;

		if (!queue_find(q, a, d->ids[i], &found, e)) {
			v[(*n)++].delivery = arena_strdup(a, found.id);
			continue;
		}
		if (e->code != ERR_NOENT && e->code != ERR_USAGE)
			return -1;
		log_err(e);
		*failed = ERR_FAILED;
	}
	return 0;
}

static int decide(const struct decision *d, struct queue *q, struct arena *a, struct err *e)
{
	const struct queue_decision o = { .approve = d->approve, .by = d->session.user,
		.uid = geteuid(), .summary = d->summary, .now_us = d->now_us, .may = may,
		.arg = d->session.config };
	struct queue_command *v = arena_alloc(a, (size_t)d->nids * sizeof(*v));
	struct err wake;
	size_t n = 0;
	int rc = 0;

	if (find_ids(d, q, a, v, &n, &rc, e) || queue_decide(q, &o, v, n, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		tell(d, &v[i]);
		if (v[i].outcome == COMMAND_DENIED)
			rc = ERR_PERM;
		else if (v[i].outcome != COMMAND_DONE && !rc)
			rc = ERR_FAILED;
	}
	if (session_wake(&d->session, &wake) < 0)
		log_warn("no sender could be started (%s); the next `refire send` goes on", wake.text);
	return rc;
}

static int decide_here(const struct decision *d, struct err *e)
{
	struct arena a;
	struct queue *q;
	int rc;

	if (store_open(&d->session, QUEUE_WRITE, &q, e))
		return -1;
	if (!q)
		return err_set(e, ERR_NOENT, "no delivery has the id %s: nothing was taken in so far",
			d->ids[0]);
	arena_init(&a);
	rc = decide(d, q, &a, e);
	arena_release(&a);
	queue_close(q);
	return rc;
}

/* ---- anybody else's ---- */

static int hand_over(const struct decision *d, struct err *e)
{
	char owner[64], id[UUID_SIZE];

	if (session_command(&d->session, d->approve ? "approve" : "reject", d->summary, d->ids, d->nids,
			d->now_us, id, e))
		return -1;
	session_user(d->session.owner, owner, sizeof(owner));
	if (d->json)
		printf("{\"command\":\"%s\",\"outcome\":\"spooled\"}\n", id);
	else
		printf("handed to the sender of %s, which goes by `approvers` in its configuration\n",
			owner);
	return 0;
}

int decision_main(bool approve, int argc, char **argv)
{
	struct decision d = { .approve = approve, .summary = "", .now_us = clock_wall_us() };
	struct err e;
	int rc;

	log_init(usages[approve].program, false);
	if (read_words(&d, argc, argv, &e))
		return log_exit(&e);
	if (d.help)
		return words_help(&usages[approve]);
	if (session_open(&d.session, d.config, &e))
		return log_exit(&e);
	rc = d.session.who == SESSION_OTHER ? hand_over(&d, &e) : decide_here(&d, &e);
	session_close(&d.session);
	return words_end(rc < 0 ? log_exit(&e) : rc);
}
