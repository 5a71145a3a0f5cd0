/* gone.c - see gone.h. */
#include <jansson.h>

#include "gone.h"

#include <string.h>

#include "clock.h"
#include "queue_prune.h"
#include "records.h"

static int first(const char *line, size_t n, struct json_t *record, void *arg)
{
	(void)line, (void)n, (void)record, (void)arg;
	return 1;
}

/* An id has dashes and an index; what may be a commit's is sought as text. */
static int sought(const char *trail, const char *what, int64_t until, bool change, struct err *e)
{
	bool id = strchr(what, '-') != NULL;
	struct lookup_query query = { .until_us = until, .read_only = -1,
		.change = id && change ? what : NULL, .delivery = id && !change ? what : NULL,
		.text = id ? NULL : what };
	struct records w = { .lookup = lookup_new(&query), .each = first };
	int found = records_dir(&w, trail, e);

	lookup_free((struct lookup *)(uintptr_t)w.lookup);
	return found;
}

static int tell(const char *kind, const char *what, const char *option, int64_t before, struct err *e)
{
	char iso[CLOCK_ISO_SIZE];

	err_set(e, ERR_NOENT, "%s %.40s was pruned: of what was settled before %.10s the queue keeps nothing "
		"(`queue-keep`); `refire trail lookup --%s %.40s` has its records", kind, what,
		clock_iso(before, iso), option, what);
	return 1;
}

int gone_find(const struct session *s, struct queue *q, const char *what, struct err *e)
{
	static const struct { const char *kind, *option; } kinds[] = {
		{ "delivery", "delivery" }, { "change", "change" },
	};
	int64_t ran, before;
	int found;

	if (prune_last(q, &ran, &before, e))
		return -1;
	if (!before || strlen(what) < 8)
		return 0;
	found = prune_gone(q, what, e);
	if (found)
		return found < 0 ? -1 : tell("change", what, "change", before, e);
	for (int i = 0; i < 2; i++) {
		found = sought(s->paths.trail, what, before, i == 1, e);
		if (found)
			return found < 0 ? -1 : strchr(what, '-') ?
				tell(kinds[i].kind, what, kinds[i].option, before, e) :
				tell("what the trail has of", what, "text", before, e);
		if (!strchr(what, '-'))
			break;
	}
	return 0;
}
