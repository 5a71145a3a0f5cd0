/* test-queue-poll.c - what the poller asks of the queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "queue.h"
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
	queue_close(q);
	arena_release(&arena);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	rmdir(dir);
	return tap_done();
}
