/* test-queue.c - the durable queue on a file of its own: intake, baselines, lanes,
   modes, leases, commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue_db.h"
#include "tap.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define Z "0000000000000000000000000000000000000000"
#define S INT64_C(1000000)

static char dir[] = "/tmp/refire-queue-XXXXXX";
static struct queue *q;
static struct err e;
static struct arena arena;

static void open_new(void)
{
	char path[64];

	if (q)
		queue_close(q);
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	remove(path);
	snprintf(path, sizeof(path), "%s/queue.db-wal", dir);
	remove(path);
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if (queue_open(path, QUEUE_WRITE, &q, &e))
		printf("Bail out! %s\n", e.text);
}

static struct change change_of(enum source s, struct ref_update *u, size_t n)
{
	struct change c = { .source = s, .time_us = 5 * S, .path = "", .repository = "web",
		.user = "git", .actor = "alice", .address = "", .head = "", .pipeline = "",
		.verb = "", .reason = "", .updates = u, .nupdates = n,
		.observed = s == SOURCE_POLL || s == SOURCE_RECONCILE };

	uuid_v7(5 * S, c.id);
	return c;
}

static enum intake_outcome accept(const struct change *c)
{
	struct queue_intake v = { .change = c, .repository = "web" };

	ok(!queue_accept(q, 6 * S, &v, 1, &e), "taken in");
	return v.outcome;
}

/* Deliveries without a join: one update row, then rows of the lane. */
static char *deliver(const char *pipeline, const char *before, const char *after, int mode)
{
	struct ref_update u = { "refs/heads/main", before, after, -1 };
	struct change c = change_of(SOURCE_POST_RECEIVE, &u, 1);
	struct pending *p;
	size_t n;
	int64_t next;
	char *id = arena_alloc(&arena, UUID_SIZE);

	accept(&c);
	queue_pending(q, &arena, 6 * S, 10, &p, &n, &next, &e);
	struct new_delivery d = { .update = p[n - 1].seq, .change = p[n - 1].change,
		.change_id = c.id, .pipeline = pipeline, .repository = "web",
		.ref = "refs/heads/main", .before = before, .after = after,
		.parallel = mode == 2, .hurry_us = 5 * S, .supersede = mode == 1 };

	queue_begin(q, &e);
	queue_update_settle(q, p[n - 1].seq, UPDATE_ACCEPTED, 0, 0, false, 0, &e);
	if (queue_delivery_add(q, &d, 10 * S, id, &e))
		printf("# %s\n", e.text);
	queue_commit(q, &e);
	return id;
}

static enum delivery_state state_of(const char *id)
{
	struct delivery d = { .state = DELIVERY_COUNT };

	queue_find(q, &arena, id, &d, &e);
	return d.state;
}

static size_t claim(int64_t now, struct claim **v)
{
	size_t n = 0;

	queue_claim(q, &arena, "me", now, NULL, 100, v, &n, &e);
	return n;
}

static bool settle(int64_t seq, enum delivery_state s, int64_t due)
{
	struct settlement x = { .delivery = seq, .state = s, .due_us = due, .code = "", .error = "" };

	queue_begin(q, &e);
	queue_settle(q, "me", &x, 20 * S, &e);
	queue_commit(q, &e);
	return x.applied;
}

static void intake(void)
{
	struct ref_update u[] = { { "refs/heads/main", A, B, -1 }, { "refs/heads/b", Z, A, -1 } };
	struct change c = change_of(SOURCE_POST_RECEIVE, u, 2);
	struct pending *p;
	int64_t next;
	size_t n;

	open_new();
	is_int(accept(&c), INTAKE_NEW, "a change is new");
	is_int(accept(&c), INTAKE_KNOWN, "and known the second time");
	queue_pending(q, &arena, 6 * S, 10, &p, &n, &next, &e);
	is_int((long)n, 2, "each ref update once");
	is_str(p[0].ref, "refs/heads/b", "in order of ref");
	queue_begin(q, &e);
	queue_update_defer(q, p[0].seq, -1, 9 * S, &e);
	queue_commit(q, &e);
	queue_pending(q, &arena, 8 * S, 10, &p, &n, &next, &e);
	is_int((long)n, 1, "a deferred ref is left out");
	is_int((long)(next / S), 9, "until then");
	queue_pending(q, &arena, 9 * S, 1, &p, &n, &next, &e);
	is_int((long)n, 1, "whole refs, at most max of them");
}

static int count_refs(const struct queue_ref *r, void *arg)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

static void baseline(void)
{
	struct ref_update u[] = { { "refs/heads/main", "", A, 0 }, { "refs/tags/v1", "", B, 0 } };
	struct change c = change_of(SOURCE_RECONCILE, u, 2);
	const char *space = "refs/";
	struct accepted_ref r;
	struct pending *p;
	int64_t next;
	size_t n;
	int rows = 0;

	open_new();
	c.spaces = &space;
	c.nspaces = 1;
	accept(&c);
	queue_pending(q, &arena, 60 * S, 10, &p, &n, &next, &e);
	is_int((long)n, 0, "a first look fires nothing");
	queue_refs(q, "web", count_refs, &rows, &e);
	is_int(rows, 2, "its refs are accepted");
	queue_ref(q, "web", "refs/heads/main", &r, &e);
	ok(r.known && r.quiet && r.baselined, "quietly: a push's own report still fires");
	struct ref_update one = { "refs/heads/new", "", A, 0 };
	struct change later = change_of(SOURCE_RECONCILE, &one, 1);
	accept(&later);
	queue_pending(q, &arena, 60 * S, 10, &p, &n, &next, &e);
	is_int((long)n, 1, "what is new after the baseline waits for its join");
	ok(!p[0].hold, "and is not held");
	struct ref_update gone[] = { { "refs/heads/main", "", Z, 1 }, { "refs/tags/v1", "", Z, 1 } };
	struct change mass = change_of(SOURCE_RECONCILE, gone, 2);
	accept(&mass);
	queue_pending(q, &arena, 60 * S, 10, &p, &n, &next, &e);
	ok(n == 3 && p[0].hold && !p[1].hold && p[2].hold,
		"over half of the refs gone at once are held");
}

static void lanes(void)
{
	struct claim *v;
	char *one, *two, *three;

	open_new();
	one = deliver("p", A, B, 0);
	two = deliver("p", B, C, 0);
	deliver("other", A, B, 0);
	is_int((long)claim(11 * S, &v), 2, "the heads of two lanes go");
	is_int((long)claim(11 * S, &v), 0, "the second of a lane waits behind the first");
	claim(11 * S, &v);
	struct delivery d;
	queue_find(q, &arena, one, &d, &e);
	ok(settle(d.seq, DELIVERY_WAITING, 100 * S), "the first must be tried again");
	is_int((long)claim(50 * S, &v), 0, "its lane waits with it");
	three = deliver("p", C, A, 0);
	is_int((long)claim(17 * S, &v), 1, "what arrives behind it makes it due at once");
	is_str(v[0].d.id, one, "the head itself, not the newcomer");
	is_int((long)v[0].d.attempts, 2, "as its second attempt");
	ok(settle(v[0].d.seq, DELIVERY_FAILED, 0), "it fails");
	is_int((long)claim(21 * S, &v), 1, "which releases the lane");
	is_str(v[0].d.id, two, "to the next in order");
	ok(settle(v[0].d.seq, DELIVERY_HELD, 0), "that one is held");
	is_int((long)claim(30 * S, &v), 0, "which blocks the lane");
	is_int(state_of(three), DELIVERY_READY, "for the third");
}

static void commands(void)
{
	struct claim *v;
	char *one, *two;
	struct queue_command c[2];

	open_new();
	one = deliver("p", A, B, 0);
	two = deliver("p", B, C, 0);
	claim(11 * S, &v);
	c[0] = (struct queue_command){ .delivery = one };
	c[1] = (struct queue_command){ .delivery = "00000000-0000-8000-8000-000000000000" };
	queue_command(q, "drop", "alice", 1000, "", 12 * S, c, 2, &e);
	is_int(c[0].outcome, COMMAND_STATE, "what is in flight is not dropped");
	is_int(c[1].outcome, COMMAND_UNKNOWN, "what is not there is unknown");
	settle(v[0].d.seq, DELIVERY_FAILED, 0);
	queue_command(q, "retry", "alice", 1000, "try", 13 * S, c, 1, &e);
	is_int(c[0].outcome, COMMAND_DONE, "a failed one is retried");
	is_int((long)claim(21 * S, &v), 1, "one of the lane goes");
	is_str(v[0].d.id, two, "the one that was waiting; the retried one went to the end");
	settle(v[0].d.seq, DELIVERY_DELIVERED, 0);
	is_int((long)claim(21 * S, &v), 1, "then the other");
	is_str(v[0].d.id, one, "in its turn");
	is_int((long)v[0].d.attempts, 1, "counted afresh");
	settle(v[0].d.seq, DELIVERY_DELIVERED, 0);
	char *three = deliver("p", C, A, 0);
	queue_command(q, "replay", "alice", 1000, "", 14 * S, c, 1, &e);
	is_int(c[0].outcome, COMMAND_DONE, "a delivered one is replayed");
	ok(strcmp(c[0].made, one) != 0, "under a new id");
	is_int((long)claim(21 * S, &v), 1, "behind what is open in its lane");
	is_str(v[0].d.id, three, "which goes first");
	settle(v[0].d.seq, DELIVERY_DELIVERED, 0);
	claim(21 * S, &v);
	is_str(v[0].d.id, c[0].made, "then it goes");
	is_int((long)v[0].d.attempts, 1, "as if for the first time");
	is_int(queue_command(q, "explode", "alice", 1000, "", 13 * S, c, 1, &e), -1,
		"an unknown command is refused");
}

static void modes(void)
{
	struct claim *v;
	char *one, *two, *three;
	struct delivery d;

	open_new();
	one = deliver("p", A, B, 1);
	claim(11 * S, &v);
	two = deliver("p", B, C, 1);
	three = deliver("p", C, A, 1);
	is_int(state_of(one), DELIVERY_INFLIGHT, "superseded: what is in flight stays");
	is_int(state_of(two), DELIVERY_SUPERSEDED, "what waited is overtaken");
	queue_find(q, &arena, three, &d, &e);
	is_str(d.before, B, "and the newest reaches back to where it began");
	settle(v[0].d.seq, DELIVERY_DELIVERED, 0);
	is_int((long)claim(21 * S, &v), 1, "then the newest goes");
	open_new();
	deliver("p", A, B, 2);
	deliver("p", B, C, 2);
	is_int((long)claim(11 * S, &v), 2, "parallel: both at once");
}

static void leases(void)
{
	struct claim *v;
	int64_t recovered;
	char *one;

	open_new();
	one = deliver("p", A, B, 0);
	claim(11 * S, &v);
	queue_owner_begin(q, "you", 12 * S, &recovered, &e);
	is_int((long)recovered, 1, "the lease of an owner that is gone is taken back");
	is_int(state_of(one), DELIVERY_READY, "the delivery is due");
	ok(!settle(v[0].d.seq, DELIVERY_DELIVERED, 0), "a late result is not applied");
	is_int(state_of(one), DELIVERY_READY, "and changes nothing");
	is_int((long)claim(21 * S, &v), 1, "it is sent again");
	is_int((long)v[0].unknown, 1, "after one attempt whose outcome is not known");
	queue_begin(q, &e);
	queue_checkpoint(q, "me", v[0].d.seq, "", 0, false, &e);
	queue_settle(q, "me", &(struct settlement){ .delivery = v[0].d.seq, .code = "", .error = "",
		.state = DELIVERY_WAITING, .due_us = 22 * S, .unknown = true }, 21 * S, &e);
	queue_commit(q, &e);
	claim(23 * S, &v);
	is_int((long)v[0].unknown, 2, "a time-out counts too");
	queue_begin(q, &e);
	queue_checkpoint(q, "me", v[0].d.seq, "next", 4, true, &e);
	queue_commit(q, &e);
	settle(v[0].d.seq, DELIVERY_WAITING, 24 * S);
	claim(25 * S, &v);
	is_int((long)v[0].unknown, 0, "but not for the message after it");
}

static void twice(void)
{
	char *one, *again;

	open_new();
	one = deliver("p", A, B, 0);
	struct delivery d;
	queue_find(q, &arena, one, &d, &e);
	struct new_delivery n = { .update = d.update, .change = d.change_seq, .change_id = d.change,
		.pipeline = "p", .repository = "web", .ref = "refs/heads/main", .before = A,
		.after = B };
	again = arena_alloc(&arena, UUID_SIZE);
	queue_begin(q, &e);
	ok(!queue_delivery_add(q, &n, 12 * S, again, &e), "making a delivery twice");
	queue_commit(q, &e);
	is_str(again, one, "makes one");
	struct queue_counts c;
	queue_counts(q, NULL, &c, &e);
	is_int((long)c.by_state[DELIVERY_READY], 1, "row");
	is_int(queue_find(q, &arena, "zz", &d, &e), -1, "a short id is refused");
	is_int(e.code, ERR_USAGE, "as usage");
}

/* ---- fairness ---- */

/* n due deliveries of a pipeline, each in a lane of its own. */
static void fill(const char *pipeline, int n, int64_t due)
{
	static int64_t lane = 1000;

	deliver(pipeline, A, B, 2);
	for (int i = 1; i < n; i++, lane++)
		db_exec(q->db, &e, "INSERT INTO deliveries(id, change, upd, pipeline, repository, ref,"
			" before, after, lane, pos, head, state, due, made) SELECT id || ?2, change, upd,"
			" pipeline, repository, ref, before, after, ?2, pos, 1, state, ?3, made"
			" FROM deliveries WHERE pipeline = ?1 LIMIT 1", "sii", pipeline, lane, due);
}

static int of_pipeline(const struct claim *v, size_t n, const char *pipeline)
{
	int found = 0;

	for (size_t i = 0; i < n; i++)
		found += strcmp(v[i].d.pipeline, pipeline) == 0;
	return found;
}

static struct queue_room narrow(const struct gate *g, int64_t now_us, void *arg)
{
	(void)now_us;
	if (!strcmp(g->pipeline, "dead"))
		return *(struct queue_room *)arg;
	return (struct queue_room){ .most = 100 };
}

static size_t claim_by(const struct queue_door *door, int64_t now, size_t max, struct claim **v)
{
	size_t n = 0;

	if (queue_claim(q, &arena, "me", now, door, max, v, &n, &e))
		printf("# %s\n", e.text);
	return n;
}

static void fairness(void)
{
	struct queue_room dead = { .most = 3 };
	struct queue_door door = { narrow, &dead };
	struct claim *v;
	struct queue_due due;
	size_t n;

	open_new();
	fill("dead", 500, 10 * S);
	fill("b", 5, 12 * S);
	fill("c", 5, 12 * S);
	n = claim_by(&door, 20 * S, 12, &v);
	is_int((long)n, 12, "all slots are used");
	is_int(of_pipeline(v, n, "dead"), 3, "the dead one has its own number of them");
	ok(of_pipeline(v, n, "b") >= 4 && of_pipeline(v, n, "c") >= 4, "the others share the rest");
	dead.most = 0;
	n = claim_by(&door, 20 * S, 12, &v);
	is_int((long)n, 1, "with no room left it takes none, however many wait");
	queue_next_due(q, &door, 20 * S, &due, &e);
	is_int((long)due.us, 0, "and is not waited for");
	dead.until_us = 70 * S;
	queue_next_due(q, &door, 20 * S, &due, &e);
	is_int((long)(due.us / S), 70, "but until its door opens");
	queue_next_due(q, NULL, 20 * S, &due, &e);
	is_int((long)(due.us / S), 10, "without a door it is due");
}

/* With fewer slots than pipelines each has its turn. */
static void turns(void)
{
	int served[4] = { 0 };
	char name[16];
	struct claim *v;

	open_new();
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		fill(name, 20, 10 * S);
	}
	for (int i = 0; i < 8; i++)
		if (claim_by(NULL, 20 * S, 1, &v) == 1)
			served[v[0].d.pipeline[1] - '0']++;
	for (int i = 0; i < 4; i++)
		is_int(served[i], 2, "pipeline %d of 4 goes twice in 8 claims of one", i);
}

/* ---- rates ---- */

static void pacing(void)
{
	const int64_t second = INT64_C(1000000);
	int64_t next = 0, until, began = 100 * S;
	long gone = 0;

	for (int64_t now = began; now < began + 10 * second; now += 7000) {
		size_t n = queue_paced(next, second / 50, now, &until);

		if (n > 5)
			ok(false, "more than a burst at once");
		next = (next < now ? now : next) + (int64_t)n * (second / 50);
		gone += (long)n;
		if (!n && (until <= now || until > now + second / 50))
			ok(false, "until %ld", (long)(until - now));
	}
	ok(gone >= 499 && gone <= 505, "50/s for 10 s: %ld", gone);
	is_int((long)queue_paced(began + second, second, began, &until), 0, "1/s: none within it");
	is_int((long)(until - began), (long)second, "but after it");
	is_int((long)queue_paced(began + 3600 * second, second, began, &until), 1,
		"a place that no rate gave: the clock went back");
}

static struct queue_room slowly(const struct gate *g, int64_t now_us, void *arg)
{
	(void)g;
	(void)now_us;
	return (struct queue_room){ .most = 100, .spacing_us = *(const int64_t *)arg };
}

static void rates(void)
{
	int64_t spacing = 10 * S;
	struct queue_door door = { slowly, &spacing };
	struct queue_due due;
	struct claim *v;

	open_new();
	fill("p", 5, 10 * S);
	is_int((long)claim_by(&door, 20 * S, 9, &v), 1, "one, at six a minute");
	is_int((long)claim_by(&door, 25 * S, 9, &v), 0, "then none");
	queue_next_due(q, &door, 25 * S, &due, &e);
	ok(due.us == 30 * S && due.paced, "until its place");
	queue_next_due(q, NULL, 25 * S, &due, &e);
	is_int((long)(due.us / S), 30, "which another process sees");
	is_int((long)claim_by(&door, 30 * S, 9, &v), 1, "then one");
	is_int((long)claim_by(&door, 100 * S, 9, &v), 1, "and no more after a pause");
}

/* ---- holding a pipeline ---- */

static bool gate(bool resume, const char *pipeline, int64_t now, int64_t *released)
{
	const struct gate_order o = { .pipeline = pipeline, .code = "", .reason = "because",
		.who = "alice", .uid = 1000, .now_us = now };
	bool did = false;

	queue_begin(q, &e);
	if (resume ? queue_gate_resume(q, &o, &did, released, &e) : queue_gate_hold(q, &o, &did, &e))
		printf("# %s\n", e.text);
	queue_commit(q, &e);
	return did;
}

static int names(const struct journal_row *r, void *arg)
{
	int *n = arg;

	n[r->event]++;
	return 0;
}

static void holding(void)
{
	int events[JOURNAL_COUNT] = { 0 };
	int64_t released = 0;
	struct queue_due due;
	struct settlement gone = { .state = DELIVERY_HELD, .code = "ReceiverGone", .error = "" };
	struct claim *v;
	struct gate g;
	char *one;

	open_new();
	one = deliver("p", A, B, 2);
	deliver("other", A, B, 2);
	is_int((long)claim(11 * S, &v), 2, "before");
	is_int((long)v[0].paused_us, 0, "a first attempt's clock has not stood still");
	settle(v[0].d.seq, DELIVERY_WAITING, 12 * S);
	settle(v[1].d.seq, DELIVERY_WAITING, 12 * S);
	ok(gate(false, "p", 20 * S, NULL), "p is held");
	ok(!gate(false, "p", 30 * S, NULL), "which it is only once");
	queue_gate(q, &arena, "p", &g, &e);
	is_int((long)(g.held_us / S), 20, "since the first time");
	is_str(g.who, "alice", "by whom");
	is_str(g.reason, "because", "and why");
	is_int((long)(queue_gate_stopped(&g, 25 * S) / S), 5, "its clock stands still");
	is_int((long)queue_gate_stopped(&g, 10 * S), 0, "and never runs backwards");
	is_int((long)claim(40 * S, &v), 1, "of p nothing is claimed");
	is_str(v[0].d.pipeline, "other", "of others it is");
	settle(v[0].d.seq, DELIVERY_DELIVERED, 0);
	queue_next_due(q, NULL, 40 * S, &due, &e);
	is_int((long)due.us, 0, "and nothing is due");
	ok(gate(true, "p", 120 * S, &released), "p goes on");
	is_int((long)released, 0, "with nothing that was held itself");
	ok(!gate(true, "p", 130 * S, &released), "which it does only once");
	is_int((long)claim(140 * S, &v), 1, "then it is claimed");
	is_str(v[0].d.id, one, "again");
	is_int((long)(v[0].paused_us / S), 100, "its clock stood still for 100 s");
	gone.delivery = v[0].d.seq;
	queue_begin(q, &e);
	queue_settle(q, "me", &gone, 150 * S, &e);
	queue_commit(q, &e);
	gate(false, "p", 150 * S, NULL);
	ok(gate(true, "p", 160 * S, &released) && released == 1, "what was HELD with it is released");
	is_int(state_of(one), DELIVERY_READY, "to be sent again");
	is_int((long)claim(170 * S, &v), 1, "as it is");
	is_int((long)v[0].paused_us, 0, "and its clock begins anew");
	queue_journal(q, 0, 0, 0, names, events, &e);
	is_int(events[JOURNAL_HOLD] * 10 + events[JOURNAL_RESUME], 22, "each is journalled once");
}

static void set_breaker(const char *pipeline, const struct breaker *b, int64_t now)
{
	struct gate g;

	queue_gate(q, &arena, pipeline, &g, &e);
	queue_begin(q, &e);
	if (queue_gate_breaker(q, &g, b, now, &e))
		printf("# %s\n", e.text);
	queue_commit(q, &e);
}

/* As a sender that has begun anew finds it. */
static void breakers(void)
{
	const struct breaker open = { .failures = 3, .suspect = 1, .several = true,
		.opened_us = 20 * S, .probe_us = 50 * S };
	int events[JOURNAL_COUNT] = { 0 };
	int64_t released;
	struct queue_due due;
	struct claim *v;
	struct gate g;

	open_new();
	fill("p", 3, 10 * S);
	is_int((long)claim(15 * S, &v), 3, "three go");
	for (int i = 0; i < 3; i++)
		settle(v[i].d.seq, DELIVERY_WAITING, (1000 + i) * S);
	set_breaker("p", &open, 20 * S);
	queue_gate(q, &arena, "p", &g, &e);
	ok(g.breaker.several && g.breaker.opened_us == 20 * S && g.breaker.probe_us == 50 * S &&
		g.since_us == 20 * S, "an open breaker is kept");
	queue_next_due(q, NULL, 30 * S, &due, &e);
	is_int((long)(due.us / S), 50, "its probe is due next");
	is_int((long)claim(49 * S, &v), 0, "not before");
	is_int((long)claim(50 * S, &v), 1, "one goes, due or not");
	is_int((long)(v[0].paused_us / S), 30, "its give-up clock stands still");
	gate(false, "p", 60 * S, NULL);
	settle(v[0].d.seq, DELIVERY_DELIVERED, 0);
	set_breaker("p", &(struct breaker){ .ramp = 2 }, 70 * S);
	gate(true, "p", 80 * S, &released);
	queue_gate(q, &arena, "p", &g, &e);
	is_int((long)(g.stopped_us / S), 60, "held and open are not counted twice");
	is_int((long)g.since_us, 0, "and now it goes on");
	is_int((long)claim(80 * S, &v), 2, "what waited for its back-off is due");
	queue_journal(q, 0, 0, 0, names, events, &e);
	is_int(events[JOURNAL_OPEN] * 10 + events[JOURNAL_CLOSE], 11, "both are journalled");
}

/* No claim looks at more rows than it takes. */
static void plans(void)
{
	const char *const sql[] = { queue_first_sql, queue_take_sql };

	for (size_t i = 0; i < 2; i++) {
		char *explain = arena_fmt(&arena, "EXPLAIN QUERY PLAN %s", sql[i]);
		bool first = true, good = true;
		struct db_row r;

		db_query(q->db, &r, &e, explain, "");
		for (; db_next(&r, &e) > 0; first = false) {
			const char *text = db_text(&r, 3);

			printf("# %s\n", text);
			good = good && !strstr(text, "SCAN") && !strstr(text, "TEMP B-TREE") &&
				(!first || strstr(text, "INDEX deliveries_due"));
		}
		ok(good && !first, "statement %zu seeks in deliveries_due", i);
	}
}

/* A queue of version 1 with a row in it, brought up to date. */
static void upgrade(void)
{
	char path[64];
	struct delivery d;
	struct db_row r;
	struct db *old;

	open_new();
	queue_close(q);
	q = NULL;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	remove(path);
	ok(!db_open(path, DB_WRITE, &old, &e) && !db_script(old, queue_schema_1, &e) &&
		!db_script(old, "INSERT INTO changes VALUES(1, 'c', 0, 'web', '/w', 1, 1, 0, 'u', 'u', '',"
		" 0, 1, ''); INSERT INTO deliveries(seq, id, change, upd, pipeline, repository, ref,"
		" before, after, lane, pos, head, state, due, made) VALUES(1, '018bcfe5-6800-8000-8000-00000000000d', 1, 1, 'p', 'web',"
		" 'refs/heads/main', 'a', 'b', 7, 1, 1, 0, 1, 1); PRAGMA user_version = 1", &e),
		"a queue of version 1: %s", e.text);
	db_close(old);
	ok(queue_open(path, QUEUE_READ, &q, &e) && e.code == ERR_TEMP, "a reader asks for the sender");
	ok(!queue_open(path, QUEUE_WRITE, &q, &e), "the sender brings it up to date");
	ok(!queue_find(q, &arena, "018bcfe5-6800-8000-8000-00000000000d", &d, &e) && d.state == DELIVERY_READY && !d.approved,
		"its rows are kept");
	db_query(q->db, &r, &e, "SELECT count(*) FROM sqlite_master WHERE name = 'journal_change'", "");
	db_next(&r, &e);
	is_int(db_int(&r, 0), 1, "every step was taken");
	db_done(&r);
}

/* Nobody comes before the time that the receiver gave, overtaking or behind. */
static void earliest(void)
{
	struct settlement x = { .state = DELIVERY_WAITING, .due_us = 900 * S, .earliest_us = 900 * S,
		.code = "ReceiverThrottled", .error = "" };
	struct queue_due due;
	struct claim *v;

	for (int mode = 0; mode < 2; mode++) {
		open_new();
		deliver("p", A, B, mode);
		is_int((long)claim(20 * S, &v), 1, "tried");
		x.delivery = v[0].d.seq;
		queue_begin(q, &e);
		queue_settle(q, "me", &x, 20 * S, &e);
		queue_commit(q, &e);
		deliver("p", B, C, mode);
		queue_next_due(q, NULL, 30 * S, &due, &e);
		is_int((long)(due.us / S), 900, mode ? "what overtakes it waits as long" :
			"what comes behind it does not hurry it");
	}
}

int main(void)
{
	plan_none();
	if (!mkdtemp(dir))
		return 1;
	arena_init(&arena);
	intake();
	baseline();
	lanes();
	commands();
	modes();
	leases();
	twice();
	fairness();
	turns();
	pacing();
	rates();
	holding();
	breakers();
	plans();
	upgrade();
	earliest();
	queue_close(q);
	arena_release(&arena);
	char cmd[64];
	for (const char *const *n = (const char *const[]){ "queue.db", "queue.db-wal", "queue.db-shm",
			NULL }; *n; n++) {
		snprintf(cmd, sizeof(cmd), "%s/%s", dir, *n);
		remove(cmd);
	}
	rmdir(dir);
	return tap_done();
}
