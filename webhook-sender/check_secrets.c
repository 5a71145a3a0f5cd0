/* check_secrets.c - the files of secrets that a pipeline names: private, readable, in
   form, and valid for how long. Which secret is on which line is told by its id, as
   the trail tells it. See check.h. */
#include "check.h"

#include <string.h>

#include "clock.h"
#include "secrets.h"

#define SOON_US (INT64_C(14) * 24 * 3600 * US_PER_S)

static void line_text(struct buf *b, const struct secret_line *l, int64_t now)
{
	char when[CLOCK_ISO_SIZE];

	buf_fmt(b, "%sline %d is %s", b->len ? ", " : "", l->line, l->id);
	if (l->from_us)
		buf_fmt(b, " from %s", clock_iso(l->from_us, when));
	if (l->until_us)
		buf_fmt(b, " until %s", clock_iso(l->until_us, when));
	if (!secret_line_valid(l, now))
		buf_str(b, " (not now)");
}

static void lines_check(struct check *c, const char *pipeline, const char *key,
	struct secrets_text *t)
{
	int64_t now = clock_wall_us();
	int64_t end = secret_lines_end(&(struct secret_lines){ t->v, t->n }, now);
	char when[CLOCK_ISO_SIZE];
	struct buf b;

	buf_init(&b, 4 * KIB);
	for (size_t i = 0; i < t->n; i++)
		line_text(&b, &t->v[i], now);
	if (end == now)
		check_add(c, CHECK_FAIL, "pipeline", pipeline, "%s: none is valid now: %s", key, b.s);
	else if (end && end <= now + SOON_US)
		check_add(c, CHECK_WARN, "pipeline", pipeline, "%s: none is valid after %s: %s", key,
			clock_iso(end, when), b.s);
	else
		check_add(c, CHECK_OK, "pipeline", pipeline, "%s: %s", key, b.s);
	buf_release(&b);
}

void check_secrets(struct check *c, const char *pipeline, const char *key, const char *path)
{
	struct secrets_text t;
	struct err e;

	if (!*path)
		return;
	if (strncmp(path, "%d/", 3) == 0) {
		check_add(c, CHECK_WARN, "pipeline", pipeline, "%s: %s is a credential of systemd: only the "
			"service can look at it", key, path);
		return;
	}
	if (secrets_read(path, NULL, &t, &e)) {
		check_add(c, CHECK_FAIL, "pipeline", pipeline, "%s: %s", key, e.text);
		return;
	}
	lines_check(c, pipeline, key, &t);
	secrets_release(&t);
}
