/*
 * attempts.c - the sending engine without its queue: COUNT deliveries from a list in
 * memory, CONCURRENCY under way. Each is rendered, signed, sent, judged and described as
 * refire send does it; no lease, no transaction, no record is written. Prints the seconds
 * it took. For tests/bench/delivery.py, beside a bare curl_multi loop.
 *
 *	bench-attempts CONFIG QUEUE COUNT CONCURRENCY
 *
 * QUEUE has one delivery that was made by a push; all are made like it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "flight.h"
#include "redact.h"

struct bench {
	struct sender sender;
	struct shares *shares;
	struct knowns *knowns;
	struct claim like;
	struct arena arena;
	size_t count, begun, ended, delivered;
};

static void die(const struct err *e)
{
	fprintf(stderr, "bench-attempts: %s\n", e->text);
	exit(1);
}

static void begin(struct bench *b)
{
	struct flight *f;
	struct err e;

	b->like.d.seq = (int64_t)++b->begun;
	b->like.began_us = clock_wall_us();
	f = flight_new(&b->sender, shares_begin(b->shares, b->like.d.pipeline), &b->like);
	if (flight_know(f, &b->sender, b->knowns, &e))
		die(&e);
	flight_prepare(f, &b->sender, b->knowns);
	if (f->settled || f->step.kind != STEP_REQUEST)
		die(&(struct err){ .text = "the first step is no request" });
	f->exchanges++;
	courier_send(b->sender.courier, &f->step.request, &f->arena, f);
}

/* As attempt.c does it, for a target of one request. */
static void end(struct bench *b, struct flight *f, const struct answer *answer)
{
	f->answer = *answer;
	f->answered = true;
	redact_answer(f->pipeline, &f->step.request, &f->answer, &f->arena);
	flight_advance(f);
	b->ended++;
	b->delivered += f->settled && f->s.state == DELIVERY_DELIVERED;
	flight_free(f);
}

static void run(struct bench *b, size_t concurrency)
{
	struct pollfd p = { .fd = courier_fd(b->sender.courier), .events = POLLIN };
	const struct err *refused;
	struct answer answer;
	void *tag;

	while (b->ended < b->count) {
		while (b->begun < b->count && b->begun - b->ended < concurrency)
			begin(b);
		courier_go(b->sender.courier);
		poll(&p, 1, 1000);
		for (int n = 0; n < 64 && courier_next(b->sender.courier, &tag, &answer, &refused); n++) {
			if (refused)
				die(refused);
			end(b, tag, &answer);
		}
	}
}

static void set_up(struct bench *b, char **argv)
{
	struct err e;

	arena_init(&b->arena);
	if (config_load(argv[1], &b->sender.config, &e) ||
	    queue_open(argv[2], QUEUE_READ, &b->sender.queue, &e) ||
	    queue_delivery(b->sender.queue, &b->arena, 1, &b->like.d, &e) ||
	    courier_open(&b->sender.courier, (size_t)atol(argv[4]), &e))
		die(&e);
	b->like.d.attempts = 1;
	b->like.d.first_us = clock_wall_us();
	b->like.progress = arena_strdup(&b->arena, "");
	b->like.enrichment = 1;
	b->shares = shares_open(&b->sender);
	b->knowns = knowns_open();
	b->count = (size_t)atol(argv[3]);
}

int main(int argc, char **argv)
{
	struct bench b = { .count = 0 };
	int64_t from;

	if (argc != 5)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	set_up(&b, argv);
	from = clock_mono_us();
	run(&b, (size_t)atol(argv[4]));
	printf("%.6f\n", (double)(clock_mono_us() - from) / US_PER_S);
	courier_close(b.sender.courier);
	knowns_close(b.knowns);
	shares_close(b.shares);
	queue_close(b.sender.queue);
	config_free(b.sender.config);
	arena_release(&b.arena);
	return b.delivered == b.count ? 0 : 1;
}
