/* test-rebuild.c - a queue damaged at every page in turn: rebuilt, nothing lost that
   stood in the spool, nothing settled made again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "queue_rebuild.h"
#include "tap.h"
#include "trail.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CHANGES 40
#define PAGE 4096

static char dir[] = "/tmp/refire-rebuild-XXXXXX";
static struct spool_paths paths;
static struct arena arena;
static struct err e;
static char ids[CHANGES][UUID_SIZE], deliveries[CHANGES][UUID_SIZE];

static char good[64];			/* a copy of the state, whole */

static void copy(const char *from, const char *to)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "rm -rf %s && cp -a %s %s", to, from, to);
	if (system(cmd))
		printf("# failed: %s\n", cmd);
}

/* As the join records what it made. */
static void record_match(struct queue *q, const struct change *c, int64_t change, int i)
{
	char request[512], response[512];
	struct journal_row row = { .time_us = c->time_us, .event = JOURNAL_MATCH, .change = change,
		.request = request, .response = response, .code = "", .message = "", .extra = "" };

	snprintf(request, sizeof(request), "{\"repositoryName\":\"web\",\"references\":[{\"commit\":"
		"\"" B "\",\"ref\":\"%s\",\"before\":\"" A "\"}]}", c->updates[0].ref);
	snprintf(response, sizeof(response), "{\"decisions\":[{\"ref\":\"%s\",\"pipelines\":[{\"pipeline\":"
		"\"p\",\"result\":\"Matched\",\"delivery\":\"%s\"%s}]}]}", c->updates[0].ref,
		deliveries[i], i % 2 ? ",\"held\":\"MassDisappearance\"" : "");
	queue_begin(q, &e);
	queue_journal_add(q, &row, &e);
	queue_commit(q, &e);
}

/* One change, its delivery, and its file in done/. Every second one is settled, the
   others are held. */
static void make_one(struct queue *q, int i)
{
	char ref[64], path[2 * LIMIT_PATH];
	struct ref_update u = { ref, A, B, -1 };
	struct change c = { .source = SOURCE_POST_RECEIVE, .time_us = clock_wall_us(),
		.path = "/srv/web.git", .repository = "web", .user = "git", .actor = "alice",
		.address = "", .head = "", .pipeline = "", .verb = "", .reason = "",
		.updates = &u, .nupdates = 1 };
	struct queue_intake v = { .change = &c, .repository = "web" };
	struct settlement s = { .state = DELIVERY_DELIVERED, .code = "", .error = "" };
	struct journal_row row = { .time_us = c.time_us, .event = JOURNAL_DELIVER, .request = "",
		.response = "", .code = "", .message = "", .extra = "{\"nextState\":\"DELIVERED\"}" };
	struct pending *p;
	struct claim *claims;
	int64_t next;
	size_t n;

	snprintf(ref, sizeof(ref), "refs/heads/b%02d", i);
	uuid_v7(c.time_us, c.id);
	memcpy(ids[i], c.id, UUID_SIZE);
	queue_accept(q, c.time_us, &v, 1, &e);
	queue_pending(q, &arena, c.time_us + 1, 10, &p, &n, &next, &e);
	queue_begin(q, &e);
	queue_update_settle(q, p[0].seq, UPDATE_ACCEPTED, 0, 0, false, 0, &e);
	queue_delivery_add(q, &(struct new_delivery){ .update = p[0].seq, .change = p[0].change,
		.change_id = c.id, .pipeline = "p", .repository = "web", .ref = ref, .before = A,
		.after = B, .held = i % 2 != 0 }, c.time_us, deliveries[i], &e);
	queue_commit(q, &e);
	record_match(q, &c, p[0].change, i);
	if (i % 2 == 0) {
		queue_claim(q, &arena, "me", c.time_us + 1, NULL, 1, &claims, &n, &e);
		s.delivery = row.delivery = claims[0].d.seq;
		row.change = claims[0].d.change_seq;
		queue_begin(q, &e);
		queue_settle(q, "me", &s, c.time_us, &e);
		queue_journal_add(q, &row, &e);
		queue_commit(q, &e);
	}
	snprintf(path, sizeof(path), "%s/%s", paths.done, c.id);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void remove_all(void)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "rm -rf %s %s", dir, good);
	if (system(cmd))
		printf("# failed: %s\n", cmd);
}

static void make_state(void)
{
	const struct trail_context ctx = { "000000000000", "eu-west-1", "refire/test" };
	struct trail *w;
	struct queue *q;

	spool_paths(&paths, dir, &e);
	spool_init(&paths, "", &e);
	queue_open(paths.queue, QUEUE_WRITE, &q, &e);
	for (int i = 0; i < CHANGES; i++)
		make_one(q, i);
	w = trail_open(q, paths.trail, &ctx);
	trail_export(w, &e);
	trail_sync(w, &e);
	trail_close(w);
	queue_close(q);
	snprintf(good, sizeof(good), "%s-good", dir);
	copy(dir, good);
}

static bool in_spool(const char *id)
{
	char path[2 * LIMIT_PATH], *to;
	struct stat st;

	snprintf(path, sizeof(path), "%s/e.", paths.new_);
	to = path + strlen(path);
	for (; *id; id++)
		if (*id != '-')
			*to++ = *id;
	*to = 0;
	return !stat(path, &st);
}

static bool tombstone(struct queue *q, int i)
{
	char id[UUID_SIZE], ref[64];
	struct delivery d;
	struct err why;

	/* Making it again must not make it. */
	snprintf(ref, sizeof(ref), "refs/heads/b%02d", i);
	queue_begin(q, &e);
	queue_delivery_add(q, &(struct new_delivery){ .update = 1, .change = 1,
		.change_id = ids[i], .pipeline = "p", .repository = "web", .ref = ref, .before = A,
		.after = B }, 1, id, &e);
	bool none = queue_find(q, &arena, deliveries[i], &d, &why) != 0;
	queue_rollback(q);
	return none;
}

/* Settled ones stay settled, open (here: held) ones are open or come back through the spool. */
static int lost_after(int page)
{
	struct queue_rebuilt r;
	struct queue *q;
	struct delivery d;
	int lost = 0;

	if (queue_rebuild(&paths, &r, &e)) {
		printf("# page %d: %s\n", page, e.text);
		return 1000;
	}
	if (queue_open(paths.queue, QUEUE_WRITE, &q, &e))
		return 1000;
	for (int i = 0; i < CHANGES; i++) {
		struct err why;
		bool there = !queue_find(q, &arena, deliveries[i], &d, &why);

		if (i % 2 == 0)
			lost += !(there ? d.state == DELIVERY_DELIVERED : tombstone(q, i));
		else
			lost += !((there && d.state == DELIVERY_HELD) || in_spool(ids[i]));
	}
	queue_close(q);
	return lost;
}

static void damage(int page, int how)
{
	char junk[PAGE];
	int fd = open(paths.queue, O_RDWR);

	memset(junk, how ? 0xa5 : 0, sizeof(junk));
	if (pwrite(fd, junk, sizeof(junk), (off_t)page * PAGE) != sizeof(junk))
		printf("# cannot damage page %d\n", page);
	close(fd);
}

int main(void)
{
	struct stat st;
	int pages, bad = 0, runs = 0;

	plan_none();
	if (!mkdtemp(dir))
		return 1;
	arena_init(&arena);
	make_state();
	stat(paths.queue, &st);
	pages = (int)(st.st_size / PAGE);
	ok(pages > 10, "the queue has %d pages", pages);
	is_int(lost_after(-1), 0, "a whole queue is rebuilt whole");
	for (int page = 0; page < pages; page++) {
		for (int how = 0; how < 2; how++, runs++) {
			copy(good, dir);
			damage(page, how);
			int lost = lost_after(page);
			if (lost)
				printf("# page %d (%s): %d lost\n", page, how ? "junk" : "zeros", lost);
			bad += lost != 0;
		}
	}
	ok(bad == 0, "every page damaged in turn, %d runs: nothing lost, nothing made again", runs);
	remove_all();
	arena_release(&arena);
	return tap_done();
}
