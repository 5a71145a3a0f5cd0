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
	const char *events;	/* "AB BC": moves in the order of their times; - is none; those
				   after a | came when the row was there already; small letters:
				   its patience has run out */
	const char *want;	/* the moves fired, in order */
};

static const struct row rows[] = {
	{ "one push", "A", "B", "AB", "AB" },
	{ "a create", "-", "A", "-A", "-A" },
	{ "a create nothing was known of", NULL, "A", "-A", "-A" },
	{ "a delete", "A", "-", "A-", "A-" },
	{ "a chain out of order fires in order", "A", "D", "CD AB BC", "AB BC CD" },
	{ "there and back fires each time", "A", "B", "AB BA AB", "AB BA AB" },
	{ "in order as far as to the shown value, not the longest way to it", "A", "A",
	  "AB BA AC CB BC", "AB BA" },
	{ "the later report is still on its way", "A", "C", "AB", "" },
	{ "and never comes: what is known fires", "A", "C", "ab", "AB" },
	{ "the earlier report is still on its way", "A", "C", "BC", "" },
	{ "and never comes: the end of the chain fires", "A", "C", "bc", "BC" },
	{ "a middle report is lost", "A", "D", "ab cd", "AB CD" },
	{ "a middle report may be on its way yet: the piece after it waits", "A", "D", "ab CD", "AB" },
	{ "the piece before it goes where the one after it does", "A", "D", "AB cd", "AB CD" },
	{ "both are young", "A", "D", "AB CD", "" },
	{ "an old straggler makes nobody hurry", "B", "D", "xy CD", "" },
	{ "late report of what was covered", "B", "B", "ab", "" },
	{ "first push onto an existing branch", NULL, "B", "AB", "AB" },
	{ "unreadable repository: all connect", "A", NULL, "AB BC", "AB BC" },
	{ "unreadable repository: a gap waits", "A", NULL, "BC", "" },
	{ "unreadable repository: then goes", "A", NULL, "bc", "BC" },
	{ "half a circle is left for later", "A", "B", "AB BA", "AB" },
	{ "half a circle, and the rest never comes", "A", "A", "ab", "AB" },
	{ "no events", "A", "A", "", "" },
	{ "the same push reported twice", "A", "B", "AB AB", "AB" },
	{ "unknown start, moved back unseen", NULL, "B", "ba", "BA" },
	{ "unknown start is where the earliest began", NULL, "D", "ab cd", "AB CD" },
	{ "a straggler is no new beginning", "C", "B", "ab |", "" },
	{ "nor goes on from the stored value", "A", "D", "ab |", "" },
	{ "but closes a circle with others", "A", "A", "ab ba |", "AB BA" },
	{ "a piece later than the row is one", "C", "B", "| ab", "AB" },
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

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The moves, their letters into names (2 each); since: the time of the bar. */
static size_t parse(const char *text, struct accept_event *v, char *names, int64_t *since)
{
	int64_t time = 1;
	size_t n = 0;

	*since = 0;
	for (; *text; text += strcspn(text, " ") + (text[strcspn(text, " ")] == ' '), time++) {
		bool old = upper(text[0]) != text[0] || upper(text[1]) != text[1];

		if (*text == '|') {
			*since = time;
			continue;
		}
		names[2 * n] = upper(text[0]);
		names[2 * n + 1] = upper(text[1]);
		v[n] = (struct accept_event){ oid(names[2 * n]), oid(names[2 * n + 1]), time, !old };
		n++;
	}
	return n;
}

static void run(const struct row *t)
{
	struct accept_event v[16];
	char names[32];
	int64_t since;
	size_t walk[16], n = parse(t->events, v, names, &since);
	struct accept_input in = { t->stored ? oid(*t->stored) : NULL, since,
		t->shown ? oid(*t->shown) : NULL, v, n };
	struct accept_result r = { .walk = walk };
	char got[64] = "";

	accept_walk(&in, &r);
	for (size_t i = 0; i < r.nwalk; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.2s", i ? " " : "",
			names + 2 * walk[i]);
	is_str(got, t->want, "%s", t->name);
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
			v[i] = (struct accept_event){ oid(at), oid(to), (int64_t)i + 1, true };
			at = to;
		}
		memcpy(shuffled, v, sizeof(v));
		for (size_t i = n; i > 1; i--) {
			size_t k = (size_t)rand() % i;
			struct accept_event t = shuffled[i - 1];

			shuffled[i - 1] = shuffled[k];
			shuffled[k] = t;
		}
		struct accept_input in = { oid(first), 0, oid(at), shuffled, n };
		struct accept_result r = { .walk = walk };

		accept_walk(&in, &r);
		node = oid(first);
		for (size_t i = 0; i < r.nwalk; i++) {
			bad += !accept_same(shuffled[walk[i]].old, node);
			node = shuffled[walk[i]].new;
		}
		bad += r.nwalk != n || !accept_same(node, oid(at));
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
		v[N - 1 - i] = (struct accept_event){ ids[i], ids[i + 1], i + 1, true };
	struct accept_input in = { ids[0], 0, ids[N], v, N };
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
