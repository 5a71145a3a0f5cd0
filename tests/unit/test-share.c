/* share.h: what a pipeline may have under way. */
#include <stdlib.h>

#include "share.h"
#include "tap.h"

static void limits(void)
{
	static const struct {
		int64_t all, own;
		size_t want;
	} cases[] = {
		{ 32, 0, 24 }, { 32, 10, 10 }, { 32, 64, 32 }, { 1, 0, 1 }, { 2, 0, 2 }, { 4, 0, 3 },
		{ 4096, 0, 3072 }, { 1, 5, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config c = { .concurrency = cases[i].all };
		struct pipeline p = { .concurrency = cases[i].own };

		is_int((long)share_limit(&c, &p), (long)cases[i].want, "concurrency %d of %d",
			(int)cases[i].own, (int)cases[i].all);
	}
	is_int((long)share_limit(&(struct config){ .concurrency = 8 }, NULL), 6, "a pipeline that is gone");
}

static void rooms(void)
{
	static const struct {
		size_t limit, running, want;
	} cases[] = {
		{ 24, 0, 24 }, { 24, 23, 0 }, { 24, 19, 0 }, { 24, 18, 6 }, { 24, 24, 0 }, { 24, 30, 0 },
		{ 1, 0, 1 }, { 1, 1, 0 }, { 2, 1, 1 }, { 4, 3, 1 }, { 5, 4, 0 }, { 5, 3, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		is_int((long)share_room(cases[i].limit, cases[i].running), (long)cases[i].want,
			"%zu of %zu under way", cases[i].running, cases[i].limit);
}

static void counts(void)
{
	struct pipeline p = { .name = "ci", .concurrency = 2 };
	struct config c = { .concurrency = 8, .pipelines = &p, .npipelines = 1 };
	struct sender s = { .config = &c };
	struct shares *t = shares_open(&s);
	const struct queue_door *d = shares_door(t);
	struct share *one, *two;

	is_int((long)d->room(&(struct gate){ .pipeline = "ci" }, 0, d->arg).most, 2, "at first all of its slots");
	one = shares_begin(t, "ci");
	two = shares_begin(t, "ci");
	ok(one == two, "one share a pipeline");
	is_int((long)d->room(&(struct gate){ .pipeline = "ci" }, 0, d->arg).most, 0, "none when they are taken");
	is_int((long)d->room(&(struct gate){ .pipeline = "other" }, 0, d->arg).most, 6, "which is nothing to another");
	shares_end(one);
	is_int((long)d->room(&(struct gate){ .pipeline = "ci" }, 0, d->arg).most, 1, "one when one has ended");
	shares_end(two);
	shares_close(t);
}

int main(void)
{
	plan_none();
	limits();
	rooms();
	counts();
	return tap_done();
}
