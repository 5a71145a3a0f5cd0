/* test-prune.c - what is pruned and what stays; nothing that stays misses what it needs;
   killed at any moment, the rest is whole and the next walk ends the same. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "queue_db.h"
#include "queue_prune.h"
#include "tap.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define S INT64_C(1000000)
#define DAY (24 * 3600 * S)
#define NOW (INT64_C(20000) * DAY)
#define OLD (NOW - 40 * DAY)
#define BEFORE (NOW - 30 * DAY)

static char dir[] = "/tmp/refire-prune-XXXXXX";
static char path[64];
static struct queue *q;
static struct err e;
static struct arena arena;

static void open_new(void)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char part[80];

	queue_close(q);
	for (size_t i = 0; i < 3; i++) {
		snprintf(part, sizeof(part), "%s%s", path, parts[i]);
		remove(part);
	}
	if (queue_open(path, QUEUE_WRITE, &q, &e))
		printf("Bail out! %s\n", e.text);
}

static int64_t number(const char *sql)
{
	int64_t n = -1;
	struct db_row r;

	if (!db_query(q->db, &r, &e, sql, "") && db_next(&r, &e) > 0) {
		n = db_int(&r, 0);
		db_done(&r);
	} else {
		printf("# %s: %s\n", sql, e.text);
	}
	return n;
}

static char *ref_of(int n)
{
	return arena_fmt(&arena, "refs/heads/b%d", n);
}

/* A change of one update, its delivery and their rows in the journal. */
struct made {
	char change[UUID_SIZE], delivery[UUID_SIZE];
	int64_t seq, update, enrichment;
};

static struct made make(const char *ref, int64_t when, enum delivery_state state, bool moves)
{
	struct ref_update u = { ref, A, B, -1 };
	struct change c = { .source = SOURCE_POST_RECEIVE, .time_us = when, .path = "", .repository = "web",
		.user = "git", .actor = "alice", .address = "", .head = "", .pipeline = "", .verb = "",
		.reason = "", .updates = &u, .nupdates = 1 };
	struct queue_intake in = { .change = &c, .repository = "web" };
	struct journal_row row = { .time_us = when, .event = JOURNAL_DELIVER, .request = "",
		.response = "", .code = "", .message = "", .extra = "" };
	struct pending *p;
	struct made m;
	int64_t next;
	size_t n;

	uuid_v7(when, c.id);
	memcpy(m.change, c.id, UUID_SIZE);
	queue_accept(q, when, &in, 1, &e);
	queue_pending(q, &arena, when, 1, &p, &n, &next, &e);
	queue_begin(q, &e);
	queue_enrichment_put(q, "{}", &m.enrichment, &e);
	m.update = p[0].seq;
	queue_update_settle(q, m.update, UPDATE_ACCEPTED, 0, 0, false, m.enrichment, &e);
	if (moves)
		queue_ref_set(q, &(struct ref_move){ .repository = "web", .ref = ref, .oid = B,
			.update = m.update }, when, &e);
	queue_delivery_add(q, &(struct new_delivery){ .update = m.update, .change = p[0].change,
		.change_id = c.id, .pipeline = "ci", .repository = "web", .ref = ref, .before = A,
		.after = B, .enrichment = m.enrichment, .parallel = true }, when, m.delivery, &e);
	row.change = p[0].change;
	row.delivery = m.seq = number("SELECT max(seq) FROM deliveries");
	queue_journal_add(q, &row, &e);
	if (delivery_settled(state))
		db_exec(q->db, &e, "UPDATE deliveries SET state = ?2, settled = ?3, head = 0 WHERE seq = ?1",
			"iii", m.seq, (int64_t)state, when);
	else
		db_exec(q->db, &e, "UPDATE deliveries SET state = ?2 WHERE seq = ?1", "ii", m.seq,
			(int64_t)state);
	queue_commit(q, &e);
	return m;
}

static void told(void)
{
	queue_begin(q, &e);
	queue_cursor_set(q, number("SELECT max(seq) FROM journal"), &e);
	queue_commit(q, &e);
}

static struct prune prune(void)
{
	struct prune p = { .before_us = BEFORE };
	int more;

	while ((more = prune_step(q, &p, NOW, &e)) > 0)
		;
	if (more)
		printf("# %s\n", e.text);
	return p;
}

static bool there(const char *delivery)
{
	struct delivery d;

	return !queue_find(q, &arena, delivery, &d, &e);
}

/* Nothing that is there lacks what it needs, and nothing is left over. */
static const struct { const char *what, *sql; } whole[] = {
	{ "a delivery's change and update", "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM"
	  " changes c WHERE c.seq = d.change) OR NOT EXISTS (SELECT 1 FROM updates u WHERE u.seq = d.upd)" },
	{ "its enrichment", "SELECT count(*) FROM deliveries d WHERE enrichment > 0 AND NOT EXISTS (SELECT 1"
	  " FROM enrichments n WHERE n.seq = d.enrichment)" },
	{ "an update's change", "SELECT count(*) FROM updates u WHERE NOT EXISTS (SELECT 1 FROM changes c"
	  " WHERE c.seq = u.change)" },
	{ "the last move of each ref", "SELECT count(*) FROM refs r WHERE upd > 0 AND NOT EXISTS (SELECT 1"
	  " FROM updates u WHERE u.seq = r.upd)" },
	{ "what the trail has not got", "SELECT count(*) FROM journal j WHERE seq > (SELECT value FROM meta"
	  " WHERE key = 'cursor') AND delivery > 0 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE"
	  " d.seq = j.delivery)" },
	{ "how many updates a change has", "SELECT count(*) FROM changes c WHERE reported <> (SELECT count(*)"
	  " FROM updates u WHERE u.change = c.seq AND u.kind <> 3)" },
};
#define ORPHANS "SELECT count(*) FROM enrichments n WHERE NOT EXISTS (SELECT 1 FROM updates u WHERE" \
	" u.enrichment = n.seq) AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.enrichment = n.seq)"

static bool is_whole(void)
{
	bool good = !queue_check(q, &e);

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (number(whole[i].sql)) {
			printf("# missing: %s\n", whole[i].what);
			good = false;
		}
	return good;
}

static void what_stays(void)
{
	struct made gone, held, moved, young, last;
	struct queue_command again = { .delivery = NULL };
	int64_t ran, before;
	struct prune p;

	open_new();
	gone = make("refs/heads/a", OLD, DELIVERY_DELIVERED, true);
	held = make("refs/heads/b", OLD, DELIVERY_HELD, true);
	moved = make("refs/heads/a", OLD + S, DELIVERY_FAILED, true);
	young = make("refs/heads/c", NOW - DAY, DELIVERY_DELIVERED, true);
	last = make("refs/heads/d", NOW, DELIVERY_READY, true);
	p = (struct prune){ .before_us = BEFORE };
	ok(!prune_count(q, &p, &e) && !p.rows[PRUNE_DELIVERIES], "nothing that the trail has not got");
	prune();
	ok(there(gone.delivery), "all stays until it is told");
	told();
	p = (struct prune){ .before_us = BEFORE };
	prune_count(q, &p, &e);
	is_int(p.rows[PRUNE_DELIVERIES] * 10 + p.rows[PRUNE_CHANGES], 21, "it says what it would do");
	p = prune();
	is_int(p.rows[PRUNE_DELIVERIES] * 10 + p.rows[PRUNE_CHANGES], 21, "and does it");
	ok(!there(gone.delivery) && !there(moved.delivery), "what was settled long ago is gone");
	ok(there(held.delivery) && there(young.delivery) && there(last.delivery), "what is open or young is not");
	is_int(prune_gone(q, gone.change, &e), 1, "the change that is gone is known by its id");
	is_int(prune_gone(q, moved.change, &e), 0, "the last move of a ref, and its change, are kept");
	is_int(number(arena_fmt(&arena, "SELECT count(*) FROM updates WHERE seq = %lld", (long long)moved.update)), 1, "as is the row");
	ok(!prune_last(q, &ran, &before, &e) && ran == NOW && before == BEFORE, "that it ran is noted");
	ok(is_whole() && number(ORPHANS) == 0, "the rest is whole, and nothing is left over");
	is_int(number("SELECT count(*) FROM journal j WHERE change > 0 AND NOT EXISTS (SELECT 1 FROM changes c"
		" WHERE c.seq = j.change)"), 0, "the journal of what is gone too");
	again.delivery = held.delivery;
	queue_command(q, "drop", "op", 0, "", NOW, &again, 1, &e);
	is_int(prune().rows[PRUNE_DELIVERIES], 0, "what was settled just now is young");
}

/* A spool file that turns up after its change is gone; and numbers are not given twice. */
static void late(void)
{
	struct ref_update u = { "refs/heads/a", A, B, -1 };
	struct change c = { .source = SOURCE_POST_RECEIVE, .time_us = OLD, .path = "", .repository = "web",
		.user = "git", .actor = "alice", .address = "", .head = "", .pipeline = "", .verb = "",
		.reason = "", .updates = &u, .nupdates = 1 };
	struct queue_intake in = { .change = &c, .repository = "web" };
	struct made first, second, third;

	open_new();
	first = make("refs/heads/a", OLD, DELIVERY_DELIVERED, false);
	second = make("refs/heads/a", OLD, DELIVERY_DELIVERED, false);
	told();
	is_int(prune().rows[PRUNE_CHANGES], 1, "all but the newest of each table");
	ok(!there(first.delivery) && there(second.delivery), "which is kept, however old");
	memcpy(c.id, first.change, UUID_SIZE);
	queue_accept(q, NOW, &in, 1, &e);
	is_int(in.outcome, INTAKE_KNOWN, "a late file of a pruned change is known");
	third = make("refs/heads/a", NOW, DELIVERY_READY, false);
	ok(third.seq > second.seq && third.update > second.update && third.enrichment > second.enrichment,
		"no number is given away again");
	is_int(prune().rows[PRUNE_DELIVERIES], 1, "the newest of then goes when there are newer ones");
	db_exec(q->db, &e, "INSERT INTO tombstones VALUES('00000000-0000-7000-8000-000000000000'),"
		"('00000000-0000-8000-8000-000000000000')", "");
	is_int(prune().rows[PRUNE_IDS], 1, "ids of long ago are forgotten, a rebuilt queue's are not");
}

/* Two updates that share an enrichment; a delivery that has its own; a replay. */
static void shared(void)
{
	struct queue_command again = { .delivery = NULL };
	struct made one, two, own;

	open_new();
	one = make("refs/heads/a", OLD, DELIVERY_DELIVERED, false);
	two = make("refs/heads/a", OLD, DELIVERY_HELD, false);
	own = make("refs/heads/b", OLD, DELIVERY_DELIVERED, false);
	make("refs/heads/c", NOW, DELIVERY_READY, false);
	db_exec(q->db, &e, "UPDATE updates SET enrichment = ?1 WHERE seq = ?2", "ii", one.enrichment, two.update);
	db_exec(q->db, &e, "UPDATE deliveries SET enrichment = ?1 WHERE upd = ?2", "ii", one.enrichment, two.update);
	db_exec(q->db, &e, "UPDATE deliveries SET enrichment = ?1 WHERE seq = ?2", "ii", two.enrichment, own.seq);
	told();
	is_int(prune().rows[PRUNE_DELIVERIES], 2, "two go");
	ok(is_whole(), "the shared one stays for the other");
	is_int(number(ORPHANS), 0, "one of a delivery's own goes with it");
	open_new();
	one = make("refs/heads/a", OLD, DELIVERY_DELIVERED, false);
	again.delivery = one.delivery;
	queue_command(q, "replay", "op", 0, "", NOW, &again, 1, &e);
	make("refs/heads/c", NOW, DELIVERY_READY, false);
	told();
	is_int(prune().rows[PRUNE_DELIVERIES], 1, "the one that was replayed goes");
	ok(there(again.made) && is_whole(), "its replay has all it needs");
}

/* ---- killed ---- */

static void fill(int n, unsigned seed)
{
	static const enum delivery_state states[] = { DELIVERY_DELIVERED, DELIVERY_DELIVERED,
		DELIVERY_FAILED, DELIVERY_SUPERSEDED, DELIVERY_DROPPED, DELIVERY_HELD, DELIVERY_WAITING };

	srand(seed);
	open_new();
	db_exec(q->db, &e, "PRAGMA synchronous=OFF", "");
	for (int i = 0; i < n; i++)
		make(ref_of(rand() % 50), OLD + i, states[rand() % 7], rand() % 2);
	for (int i = 0; i < 20; i++)
		make(ref_of(i), NOW - DAY, DELIVERY_DELIVERED, true);
	told();
	db_exec(q->db, &e, "PRAGMA synchronous=FULL", "");
}

#define SUM "SELECT coalesce(sum(seq * 31 + %s), 0) FROM %s"
static int64_t state_sum(void)
{
	static const struct { const char *table, *column; } of[] = { { "deliveries", "state" },
		{ "updates", "state" }, { "changes", "reported" }, { "enrichments", "0" }, { "journal", "event" } };
	int64_t sum = number("SELECT count(*) FROM tombstones");

	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
		sum = (sum * 1000003 + number(arena_fmt(&arena, SUM, of[i].column, of[i].table))) & INT64_MAX >> 20;
	return sum;
}

static int64_t removed(const struct prune *p)
{
	int64_t n = 0;

	for (int i = 0; i < PRUNE_TABLES; i++)
		n += p->rows[i];
	return n;
}

/* A byte to the parent after each step that removed anything. */
static void child_prune(int to)
{
	struct prune p = { .before_us = BEFORE };
	int64_t before = 0;

	if (queue_open(path, QUEUE_WRITE, &q, &e))
		_exit(2);
	while (prune_step(q, &p, NOW, &e) > 0) {
		if (removed(&p) > before && write(to, ".", 1) != 1)
			_exit(2);
		before = removed(&p);
	}
	_exit(0);
}

/* The child prunes until it is killed, in its next step or beside it. 1: it had ended. */
static int killed_after(int steps, int us)
{
	int pair[2], status, n = 0;
	pid_t child;
	char c;

	queue_close(q);
	q = NULL;
	if (pipe(pair) || (child = fork()) < 0)
		return 1;
	if (!child)
		child_prune(pair[1]);
	close(pair[1]);
	while (n < steps && read(pair[0], &c, 1) == 1)
		n++;
	usleep((useconds_t)us);
	kill(child, SIGKILL);
	close(pair[0]);
	waitpid(child, &status, 0);
	if (queue_open(path, QUEUE_WRITE, &q, &e))
		printf("Bail out! %s\n", e.text);
	return WIFEXITED(status);
}

static void killing(unsigned seed, int rows)
{
	int64_t want, open_rows;
	int kills = 0, bad = 0;

	note("seed %u", seed);
	fill(rows, seed);
	open_rows = number("SELECT count(*) FROM deliveries WHERE state < 4");
	prune();
	want = state_sum();
	fill(rows, seed);		/* the same again, but for the ids */
	while (!killed_after(1 + rand() % 3, rand() % 8000)) {
		kills++;
		bad += !is_whole() || number("SELECT count(*) FROM deliveries WHERE state < 4") != open_rows;
	}
	ok(kills > 3, "killed %d times", kills);
	is_int(bad, 0, "each time nothing that is open was touched, and all is whole");
	is_int(state_sum(), want, "in the end it is as if it had never been killed");
	ok(is_whole() && number(ORPHANS) == 0, "whole, and nothing left over");
}

int main(void)
{
	const char *seed = getenv("SEED"), *torture = getenv("TORTURE");

	plan_none();
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	arena_init(&arena);
	what_stays();
	late();
	shared();
	killing(seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)clock_wall_us(),
		torture && *torture ? 20000 : 900);
	open_new();
	queue_close(q);
	arena_release(&arena);
	return tap_done();
}
