/* state_json.c - the state as one JSON object, see state.h. */
#include "state.h"

#include "clock.h"
#include "json.h"

static void time_member(struct json *j, const char *key, int64_t us)
{
	char iso[CLOCK_ISO_SIZE];

	json_kv(j, key, us ? clock_iso(us, iso) : NULL);
}

static void int_member(struct json *j, const char *key, int64_t n)
{
	json_key(j, key);
	json_int(j, n);
}

static void bool_member(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}

static void states_member(struct json *j, const int64_t by_state[DELIVERY_COUNT])
{
	json_key(j, "states");
	json_object(j);
	for (int i = 0; i < DELIVERY_COUNT; i++)
		int_member(j, delivery_word((enum delivery_state)i), by_state[i]);
	json_end(j);
}

static void findings_json(struct json *j, const struct state *st)
{
	json_key(j, "findings");
	json_array(j);
	for (size_t i = 0; i < st->nfindings; i++) {
		json_object(j);
		bool_member(j, "grave", st->findings[i].grave);
		json_kv(j, "text", st->findings[i].text);
		json_kv(j, "help", *st->findings[i].help ? st->findings[i].help : NULL);
		json_end(j);
	}
	json_end(j);
}

static void spool_json(struct json *j, const struct state *st)
{
	json_key(j, "spool");
	json_object(j);
	int_member(j, "waiting", st->waiting);
	time_member(j, "oldest", st->oldest_us);
	int_member(j, "unfinished", st->unfinished);
	int_member(j, "quarantined", st->total_aside);
	json_key(j, "quarantine");
	json_array(j);
	for (size_t i = 0; i < st->naside; i++) {
		json_object(j);
		json_kv(j, "name", st->aside[i].name);
		json_kv(j, "reason", st->aside[i].reason);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void queue_json(struct json *j, const struct state *st)
{
	json_key(j, "queue");
	json_object(j);
	json_kv(j, "error", *st->queue_error ? st->queue_error : NULL);
	states_member(j, st->counts.by_state);
	int_member(j, "pending_updates", st->counts.pending_updates);
	time_member(j, "oldest_open", st->counts.oldest_open_us);
	time_member(j, "next_due", st->counts.next_due_us);
	json_end(j);
}

static void gate_json(struct json *j, const struct gate *g)
{
	time_member(j, "held", g->held_us);
	json_kv(j, "held_by", *g->who ? g->who : NULL);
	json_kv(j, "held_code", *g->code ? g->code : NULL);
	json_kv(j, "held_reason", *g->reason ? g->reason : NULL);
	time_member(j, "down", g->breaker.opened_us);
	time_member(j, "next_probe", g->breaker.opened_us ? g->breaker.probe_us : 0);
}

static void pipelines_json(struct json *j, const struct state *st)
{
	json_key(j, "pipelines");
	json_array(j);
	for (size_t i = 0; i < st->npipelines; i++) {
		const struct state_pipeline *p = &st->pipelines[i];

		json_object(j);
		json_kv(j, "pipeline", p->q.pipeline);
		bool_member(j, "configured", p->configured);
		bool_member(j, "enabled", p->enabled);
		states_member(j, p->q.by_state);
		time_member(j, "oldest_open", p->q.oldest_open_us);
		time_member(j, "last_delivered", p->q.delivered_us);
		time_member(j, "last_failed", p->q.failed_us);
		json_kv(j, "code", *p->code ? p->code : NULL);
		json_kv(j, "error", *p->error ? p->error : NULL);
		gate_json(j, &p->gate);
		json_end(j);
	}
	json_end(j);
}

static void heard_json(struct json *j, const struct state_repository *r)
{
	const struct heard *h = &r->heard;

	time_member(j, "heard", h->time_us);
	json_kv(j, "heard_by", h->time_us ? source_word(h->source) : NULL);
	time_member(j, "hook", h->hooked_us);
	int_member(j, "active_days", r->rhythm.active);
	int_member(j, "longest_pause_days", r->rhythm.pause);
	int_member(j, "silent_days", h->time_us ? r->silent : 0);
	time_member(j, "moved", h->moved_us);
	time_member(j, "fired", h->fired_us);
	int_member(j, "idle_moves", h->idle);
	time_member(j, "idle_since", h->idle ? h->idle_us : 0);
}

static const char *const troubles[] = {
	[TROUBLE_FAILING] = "failing", [TROUBLE_NEVER_FIRED] = "moved-and-nothing-fired",
	[TROUBLE_SILENT] = "silent", [TROUBLE_NONE] = NULL,
};

static void repository_json(struct json *j, const struct state_repository *r)
{
	json_object(j);
	json_kv(j, "repository", r->name);
	json_kv(j, "what", r->what);
	json_kv(j, "trouble", troubles[r->trouble]);
	time_member(j, "seen", r->seen_us);
	json_kv(j, "seen_by", *r->by ? r->by : NULL);
	time_member(j, "last", r->poll.last_us);
	time_member(j, "last_ok", r->poll.ok_us);
	time_member(j, "changed", r->poll.changed_us);
	time_member(j, "next", r->poll.next_us);
	int_member(j, "failures", r->poll.failures);
	json_kv(j, "error", r->seen && *r->poll.error ? r->poll.error : NULL);
	int_member(j, "refs", r->poll.refs);
	heard_json(j, r);
	json_end(j);
}

static void repositories_json(struct json *j, const struct state *st)
{
	json_key(j, "repositories");
	json_array(j);
	for (size_t i = 0; i < st->nrepositories; i++)
		repository_json(j, &st->repositories[i]);
	json_end(j);
}

static void runners_json(struct json *j, const struct state *st)
{
	json_key(j, "sender");
	json_object(j);
	bool_member(j, "running", st->sender_held);
	time_member(j, "last_run", st->ran_us);
	json_end(j);
	json_key(j, "poller");
	json_object(j);
	bool_member(j, "running", st->poller_held);
	json_end(j);
}

static void trail_json(struct json *j, const struct state *st)
{
	json_key(j, "trail");
	json_object(j);
	json_kv(j, "error", *st->trail_error ? st->trail_error : NULL);
	int_member(j, "files", st->trail_files);
	int_member(j, "bytes", st->trail_bytes);
	time_member(j, "newest", st->trail_newest_us);
	json_end(j);
}

void state_json(const struct state *st, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_object(&j);
	json_kv(&j, "version", REFIRE_VERSION);
	json_kv(&j, "config", st->session->config->path);
	findings_json(&j, st);
	runners_json(&j, st);
	spool_json(&j, st);
	if (st->queue_there)
		bool_member(&j, "ballast", !st->no_ballast);
	queue_json(&j, st);
	pipelines_json(&j, st);
	repositories_json(&j, st);
	trail_json(&j, st);
	json_end(&j);
	buf_chr(out, '\n');
}
