/* test-queue-poll.c - what the poller asks of the queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "db.h"
#include "queue_db.h"
#include "queue_heard.h"
#include "tap.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define S INT64_C(1000000)

static struct queue *q;
static struct err e;
static struct arena arena;

static struct change change_of(enum source s, struct ref_update *u)
{
	struct change c = { .source = s, .time_us = 5 * S, .path = "", .repository = "web",
		.user = "git", .actor = "alice", .address = "", .head = "", .pipeline = "",
		.verb = "", .reason = "", .updates = u, .nupdates = 1,
		.observed = s == SOURCE_POLL };

	uuid_v7(5 * S, c.id);
	return c;
}

static void accept(const struct change *c)
{
	struct queue_intake v = { .change = c, .repository = "web" };

	ok(!queue_accept(q, 6 * S, &v, 1, &e), "taken in");
}

static int note_hooked(const char *repository, void *arg)
{
	buf_fmt(arg, "%s ", repository);
	return 0;
}

/* What the poller asks: who was pushed to, what waits to be judged, how refs stand. */
static void test_asking(void)
{
	struct ref_update u = { "refs/heads/main", A, B, -1 }, seen = { "refs/heads/x", "", B, 0 };
	struct change first = change_of(SOURCE_POST_RECEIVE, &u), second, poll;
	struct queue_version v, w;
	struct pending *p;
	struct buf said;
	int64_t seq = -1, next;
	size_t n;

	buf_init(&said, 100);
	ok(!queue_hooked(q, &seq, note_hooked, &said, &e) && seq == 0, "nothing yet");
	accept(&first);
	seq = -1;
	ok(!queue_hooked(q, &seq, note_hooked, &said, &e) && seq == 1, "a beginning");
	is_str(said.s, "", "tells of nobody");
	second = change_of(SOURCE_POST_RECEIVE, &u);
	accept(&second);
	poll = change_of(SOURCE_POLL, &seen);
	accept(&poll);
	ok(!queue_hooked(q, &seq, note_hooked, &said, &e) && seq == 3, "then what came after");
	is_str(said.s, "web ", "from hooks");
	ok(!queue_hooked(q, &seq, note_hooked, &said, &e), "once");
	is_str(said.s, "web ", "once");
	buf_release(&said);

	is_int(queue_change_pends(q, first.id, &e), 1, "not judged yet");
	is_int(queue_change_pends(q, "0190a5d0-0000-7000-8000-000000000000", &e), 0, "no such change");
	queue_version(q, "web", &v, &e);
	queue_pending(q, &arena, 6 * S, 10, &p, &n, &next, &e);
	queue_begin(q, &e);
	queue_update_settle(q, p[0].seq, UPDATE_ACCEPTED, 0, 0, false, 0, &e);
	queue_ref_set(q, &(struct ref_move){ .repository = "web", .ref = p[0].ref, .oid = B,
		.update = p[0].seq }, 7 * S, &e);
	queue_commit(q, &e);
	is_int(queue_change_pends(q, first.id, &e), 0, "judged");
	queue_version(q, "web", &w, &e);
	ok(memcmp(&v, &w, sizeof(v)), "the accepted refs stand elsewhere");
	queue_version(q, "web", &v, &e);
	ok(!memcmp(&v, &w, sizeof(v)), "and there");
}

/* ---- what the poller keeps ---- */

static int find_row(const struct poll_row *r, void *arg)
{
	struct buf *b = arg;

	buf_fmt(b, "%s %s %s %d %d %d;", r->repository, r->head, r->head_stored, (int)r->speaks,
		(int)(r->greet_us / S), (int)r->failures_stored);
	return 0;
}

static int count_heads(const struct journal_row *r, void *arg)
{
	*(int *)arg += r->event == JOURNAL_HEAD;
	return 0;
}

static void store(const char *head, const char *was)
{
	struct poll_row r = { .repository = "web", .what = "https://x/web", .last_us = 9 * S,
		.error = "", .mark = "", .head = head, .head_stored = was, .speaks = 5,
		.greet_us = 7 * S };

	ok(!queue_poll_done(q, &r, 1, &e), "stored");
}

static void test_rows(void)
{
	struct buf b;
	int heads = 0;

	buf_init(&b, 1000);
	store("refs/heads/main", "");
	queue_polls(q, find_row, &b, &e);
	is_str(b.s, "web refs/heads/main refs/heads/main 5 7 0;", "as it was stored");
	store("refs/heads/main", "refs/heads/main");
	store("", "refs/heads/main");
	queue_journal(q, 0, 0, 0, count_heads, &heads, &e);
	is_int(heads, 0, "no other default branch");
	store("refs/heads/next", "refs/heads/main");
	queue_journal(q, 0, 0, 0, count_heads, &heads, &e);
	is_int(heads, 1, "another one");
	buf_release(&b);
}

static int find_times(const struct poll_row *r, void *arg)
{
	buf_fmt(arg, "%s %d %d %d %s;", r->repository, (int)(r->last_us / S), (int)(r->ok_us / S),
		(int)(r->next_us / S), r->mark);
	return 0;
}

static void test_times_only(void)
{
	struct poll_row r = { .repository = "web", .what = "https://x/web", .last_us = 20 * S,
		.ok_us = 21 * S, .next_us = 22 * S, .error = "", .mark = "m", .head = "",
		.head_stored = "", .times_only = true };
	struct buf b;

	buf_init(&b, 1000);
	ok(!queue_poll_done(q, &r, 1, &e), "times alone");
	queue_polls(q, find_times, &b, &e);
	is_str(b.s, "web 20 21 22 ;", "nothing else is written");
	r.repository = "zap";
	ok(!queue_poll_done(q, &r, 1, &e), "of a row that is not there");
	buf_clear(&b);
	queue_polls(q, find_times, &b, &e);
	is_str(b.s, "web 20 21 22 ;zap 20 21 22 m;", "the whole is written");
	buf_release(&b);
}

/* ---- what was heard ---- */

#define DAY (24 * 3600 * S)

static int find_heard(const struct heard *h, void *arg)
{
	buf_fmt(arg, "%s %s %d %d %d %llx %d %d %d %d %s;", h->repository, source_word(h->source),
		(int)(h->time_us / DAY), (int)(h->hooked_us / DAY), (int)h->day,
		(unsigned long long)h->days, (int)(h->moved_us / DAY), (int)(h->fired_us / DAY),
		(int)h->idle, (int)(h->idle_us / DAY), h->idle_oid);
	return 0;
}

static void is_heard(const char *want, const char *name)
{
	struct buf b;

	buf_init(&b, 1000);
	queue_heard(q, find_heard, &b, &e);
	is_str(b.s, want, "%s", name);
	buf_release(&b);
}

static void moved(bool fired, int64_t idle, const char *oid, int64_t day)
{
	ok(!queue_heard_moved(q, &(struct heard_moves){ "lib", oid, fired, idle }, day * DAY, &e),
		"moved");
}

static void test_heard(void)
{
	db_exec(q->db, &e, "DELETE FROM heard", "");
	queue_heard_note(q, "lib", SOURCE_POLL, 100 * DAY, &e);
	is_heard("lib poll 100 0 100 1 0 0 0 0 ;", "the first time");
	queue_heard_note(q, "lib", SOURCE_POST_RECEIVE, 103 * DAY, &e);
	queue_heard_note(q, "lib", SOURCE_RECONCILE, 103 * DAY, &e);
	is_heard("lib reconcile 103 103 103 9 0 0 0 0 ;", "three days later, twice");
	queue_heard_note(q, "lib", SOURCE_POLL, 102 * DAY, &e);
	is_heard("lib poll 102 103 103 b 0 0 0 0 ;", "by a clock that was set back");
	queue_heard_note(q, "lib", SOURCE_POLL, 163 * DAY, &e);
	is_heard("lib poll 163 103 163 3000000000000001 0 0 0 0 ;", "60 days later");
	queue_heard_note(q, "lib", SOURCE_POLL, 463 * DAY, &e);
	is_heard("lib poll 463 103 463 1 0 0 0 0 ;", "after long");
	moved(false, 2, A, 464);
	is_heard("lib poll 463 103 463 1 464 0 2 464 " A ";", "two moves fire nothing");
	moved(false, 1, B, 465);
	is_heard("lib poll 463 103 463 1 465 0 3 464 " B ";", "nor does a third");
	moved(true, 0, B, 466);
	is_heard("lib poll 463 103 463 1 466 466 0 0 ;", "one that does begins anew");
	moved(true, 1, A, 467);
	is_heard("lib poll 463 103 463 1 467 467 1 467 " A ";", "one that does, and one that does not");
	moved(false, 1, B, 468);
	is_heard("lib poll 463 103 463 1 468 467 2 467 " B ";", "counted from there");
}

static int find_host(const char *host, int64_t speaks, void *arg)
{
	buf_fmt(arg, "%s %d;", host, (int)speaks);
	return 0;
}

static int find_version(const char *repository, const struct queue_version *v, void *arg)
{
	struct queue_version one;

	queue_version(q, repository, &one, &e);
	ok(!memcmp(&one, v, sizeof(one)), "of %s as when asked alone", repository);
	++*(int *)arg;
	return 0;
}

static void test_keeping(void)
{
	int64_t stamp, later;
	struct buf b;
	int n = 0;

	buf_init(&b, 1000);
	ok(!queue_host_learn(q, "https://x", 3, S, &e) && !queue_host_learn(q, "https://x", 11, S, &e) &&
		!queue_hosts(q, find_host, &b, &e), "hosts");
	is_str(b.s, "https://x 11;", "as learnt last");
	ok(!queue_versions(q, find_version, &n, &e) && n == 1, "versions of all");
	queue_stamp(q, &stamp, &e);
	queue_host_learn(q, "https://y", 3, S, &e);
	queue_stamp(q, &later, &e);
	is_int(later, stamp, "what we write ourselves moves no stamp");
	buf_release(&b);
}

/* Another connection, as the sender has. */
static void test_stamp(const char *path)
{
	struct queue *other;
	int64_t stamp, later;

	queue_stamp(q, &stamp, &e);
	ok(!queue_open(path, QUEUE_WRITE, &other, &e), "a second one");
	queue_host_learn(other, "https://z", 3, S, &e);
	queue_stamp(q, &later, &e);
	ok(later != stamp, "what another one writes does");
	queue_close(other);
}

/* As refire 0.1's first queues were. */
static void test_upgrade(const char *path)
{
	struct buf b;
	struct db *d;

	buf_init(&b, 1000);
	queue_close(q);
	unlink(path);
	ok(!db_open(path, DB_WRITE, &d, &e) && !db_script(d, queue_schema_1, &e) &&
		!db_script(d, "INSERT INTO polls VALUES('web', 'w', 0, 0, 0, 0, 0, '', 0, '');"
		"INSERT INTO changes VALUES(1,'a',0,'web','',0,8640000000000,0,'','','',0,0,''),"
		"(2,'b',1,'web','',0,8640000000001,0,'','','',0,0,''),"
		"(3,'c',1,'web','',0,8899200000000,0,'','','',0,0,''),"
		"(4,'d',2,'','',0,8899200000000,0,'','','',0,0,'');"
		"PRAGMA user_version = 1", &e), "a queue of version 1: %s", e.text);
	db_close(d);
	ok(!queue_open(path, QUEUE_WRITE, &q, &e), "is brought up to date");
	queue_polls(q, find_row, &b, &e);
	is_str(b.s, "web   0 0 0;", "its rows are kept");
	is_int(queue_check(q, &e), 0, "and it is whole");
	is_heard("web reconcile 103 100 103 9 0 0 0 0 ;", "what was heard before is counted");
	buf_release(&b);
}

int main(void)
{
	static const char *const names[] = { "queue.db", "queue.db-wal", "queue.db-shm" };
	char dir[] = "/tmp/refire-poll-XXXXXX", path[64];

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	arena_init(&arena);
	if (queue_open(path, QUEUE_WRITE, &q, &e))
		return 1;
	test_asking();
	test_rows();
	test_times_only();
	test_keeping();
	test_stamp(path);
	test_heard();
	test_upgrade(path);
	queue_close(q);
	arena_release(&arena);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	rmdir(dir);
	return tap_done();
}
