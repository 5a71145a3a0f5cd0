/* test-accept.c - the walk, by a table of named histories and a random model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accept.h"
#include "tap.h"

#define Z "0000000000000000000000000000000000000000"

struct row {
	const char *name, *stored, *shown;
	bool patient;
	const char *events;	/* "AB BC": moves in the order of their times; - is none */
	const char *want;	/* the moves fired, in order; "wait" */
};

static const struct row rows[] = {
	{ "one push", "A", "B", true, "AB", "AB" },
	{ "a create", "-", "A", true, "-A", "-A" },
	{ "a create nothing was known of", NULL, "A", true, "-A", "-A" },
	{ "a delete", "A", "-", true, "A-", "A-" },
	{ "a chain out of order fires in order", "A", "D", true, "CD AB BC", "AB BC CD" },
	{ "there and back fires each time", "A", "B", true, "AB BA AB", "AB BA AB" },
	{ "the later report is still on its way", "A", "C", true, "AB", "wait" },
	{ "and never comes: what is known fires", "A", "C", false, "AB", "AB" },
	{ "the earlier report is still on its way", "A", "C", true, "BC", "wait" },
	{ "and never comes: the end of the chain fires", "A", "C", false, "BC", "BC" },
	{ "a middle report is lost", "A", "D", false, "AB CD", "AB CD" },
	{ "late report of what was covered: wait", "B", "B", true, "AB", "wait" },
	{ "late report of what was covered: linked", "B", "B", false, "AB", "" },
	{ "first push onto an existing branch", NULL, "B", true, "AB", "AB" },
	{ "unreadable repository: all connect", "A", NULL, true, "AB BC", "AB BC" },
	{ "unreadable repository: a gap waits", "A", NULL, true, "BC", "wait" },
	{ "unreadable repository: then goes", "A", NULL, false, "BC", "BC" },
	{ "half a circle is left for later", "A", "B", true, "AB BA", "AB" },
	{ "no events", "A", "A", true, "", "" },
	{ "the same push reported twice", "A", "B", true, "AB AB", "AB" },
	{ "unknown start, moved back unseen", NULL, "B", false, "BA", "BA" },
};

static const char *oid(char c)
{
	static char v[26][41];

	if (c == '-')
		return Z;
	memset(v[c - 'A'], 'a' + (c - 'A') % 6, 40);
	v[c - 'A'][0] = (char)('1' + (c - 'A') / 6);
	return v[c - 'A'];
}

static size_t parse(const char *text, struct accept_event *v)
{
	size_t n = 0;

	for (; *text; text += text[2] ? 3 : 2, n++)
		v[n] = (struct accept_event){ oid(text[0]), oid(text[1]), (int64_t)n };
	return n;
}

static void run(const struct row *t)
{
	struct accept_event v[16];
	size_t walk[16], n = parse(t->events, v);
	struct accept_input in = { t->stored ? oid(*t->stored) : NULL,
		t->shown ? oid(*t->shown) : NULL, v, n, t->patient };
	struct accept_result r = { .walk = walk };
	char got[64] = "";

	accept_walk(&in, &r);
	for (size_t i = 0; i < r.nwalk; i++) {
		size_t at = walk[i] * 3;

		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.2s", i ? " " : "",
			t->events + at);
	}
	is_str(r.kind == ACCEPT_WAIT ? "wait" : got, t->want, "%s", t->name);
}

/* Any order of the reports of one history gives the history back, when the whole of
   it is reported: a walk from first to last value that uses every move. */
static void random_histories(unsigned seed)
{
	int bad = 0;

	srand(seed);
	for (int round = 0; round < 20000; round++) {
		struct accept_event v[8], shuffled[8];
		size_t walk[8], n = 1 + (size_t)rand() % 7;
		char at = (char)('A' + rand() % 4), first = at;
		const char *node;

		for (size_t i = 0; i < n; i++) {
			char to = (char)('A' + rand() % 4);

			if (to == at)
				to = to == 'D' ? 'A' : (char)(to + 1);
			v[i] = (struct accept_event){ oid(at), oid(to), (int64_t)i };
			at = to;
		}
		memcpy(shuffled, v, sizeof(v));
		for (size_t i = n; i > 1; i--) {
			size_t k = (size_t)rand() % i;
			struct accept_event t = shuffled[i - 1];

			shuffled[i - 1] = shuffled[k];
			shuffled[k] = t;
		}
		struct accept_input in = { oid(first), oid(at), shuffled, n, true };
		struct accept_result r = { .walk = walk };

		accept_walk(&in, &r);
		node = oid(first);
		for (size_t i = 0; i < r.nwalk; i++) {
			bad += !accept_same(shuffled[walk[i]].old, node);
			node = shuffled[walk[i]].new;
		}
		bad += r.kind != ACCEPT_WALK || r.nwalk != n || !accept_same(node, oid(at));
	}
	ok(bad == 0, "20000 shuffled histories come back whole (seed %u, %d bad)", seed, bad);
}

static void long_chain(void)
{
	enum { N = 3000 };
	static struct accept_event v[N];
	static char ids[N + 1][41];
	static size_t walk[N];
	struct accept_result r = { .walk = walk };

	for (int i = 0; i <= N; i++)
		snprintf(ids[i], 41, "%040x", i + 1);
	for (int i = 0; i < N; i++)
		v[N - 1 - i] = (struct accept_event){ ids[i], ids[i + 1], i };
	struct accept_input in = { ids[0], ids[N], v, N, true };
	accept_walk(&in, &r);
	is_int((long)r.nwalk, N, "a chain of 3000 pushes, reported backwards");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		run(&rows[i]);
	random_histories((unsigned)time(NULL));
	long_chain();
	return tap_done();
}
