/* say.c - lines for people and programs. */
#include "say.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "match.h"

#define NAMED 3			/* refs named in a line */
#define PATIENT_US US_PER_S	/* a pass shorter than this shows no progress */
#define REDRAW_US (US_PER_S / 5)

void say_init(struct say *s, bool json, bool quiet)
{
	const int64_t now = clock_mono_us();

	*s = (struct say){ .json = json, .quiet = quiet, .began_us = now };
	s->terminal = isatty(STDERR_FILENO) && !quiet;
}

void say_clear(struct say *s)
{
	if (s->shown)
		fputs("\r\033[K", stderr);
	s->shown = false;
}

void say_progress(struct say *s, size_t done, size_t total, size_t changed, size_t failed)
{
	int64_t now = clock_mono_us();

	if (!s->terminal || now - s->began_us < PATIENT_US || now - s->last_us < REDRAW_US)
		return;
	s->last_us = now;
	s->shown = true;
	fprintf(stderr, "\r\033[K%zu of %zu repositories looked at, %zu changed, %zu failed", done,
		total, changed, failed);
}

static void json_look(const struct watched *w, const struct look *l, const struct report *r)
{
	const struct observe_out *o = &r->seen;
	struct buf b;
	struct json j;

	buf_init(&b, LIMIT_RECORD);
	json_init(&j, &b);
	json_object(&j);
	json_key_bytes(&j, "repository", w->name, strlen(w->name));
	json_key_bytes(&j, "location", w->what, strlen(w->what));
	if (l->failed) {
		json_key_bytes(&j, "error", l->err.text, strlen(l->err.text));
	} else {
		json_key(&j, "refs");
		json_int(&j, w->refs);
		json_key(&j, "new");
		json_int(&j, (int64_t)o->made);
		json_key(&j, "moved");
		json_int(&j, (int64_t)o->moved);
		json_key(&j, "gone");
		json_int(&j, (int64_t)o->gone);
		json_key(&j, "baseline");
		json_bool(&j, o->first);
		json_key(&j, "recorded");
		json_bool(&j, r->put);
	}
	json_end(&j);
	puts(b.s);
	fflush(stdout);
	buf_release(&b);
}

/* "refs/heads/a, refs/heads/b and 3 more" */
static void name_refs(struct buf *b, const struct observe_out *o)
{
	for (size_t i = 0; i < o->n && i < NAMED; i++)
		buf_fmt(b, "%s%s", i ? ", " : "", o->seen[i].ref);
	if (o->n > NAMED)
		buf_fmt(b, " and %zu more", o->n - NAMED);
}

static void say_found(struct say *s, const struct watched *w, const struct look *l,
	const struct report *r)
{
	const struct observe_out *o = &r->seen;
	struct buf b;

	if (!r->put || s->quiet)
		return;
	say_clear(s);
	if (o->first) {
		log_info("%s: seen for the first time: %zu ref%s", w->name, l->refs.n,
			l->refs.n == 1 ? "" : "s");
		return;
	}
	buf_init(&b, NAMED * LIMIT_REF + 64);
	name_refs(&b, o);
	log_info("%s: %zu new, %zu moved, %zu gone: %s", w->name, o->made, o->moved, o->gone, b.s);
	buf_release(&b);
}

void say_look(struct say *s, const struct watched *w, const struct look *l,
	const struct report *r, bool repeated)
{
	if (s->json)
		json_look(w, l, r);
	if (!l->failed) {
		if (!s->json)
			say_found(s, w, l, r);
	} else if (!repeated) {
		say_clear(s);
		log_warn("%s: %s", w->name, l->err.text);
	}
}

void say_head(struct say *s, const struct watched *w, const char *was)
{
	if (s->quiet || s->json)
		return;
	say_clear(s);
	log_info("%s: the default branch is %s, not %s", w->name, ref_branch(w->head),
		ref_branch(was));
}

void say_mirror(struct say *s, const struct watched *w, const struct look *l)
{
	if (!l->mirror_failed && (!l->mirror_said || s->quiet))
		return;
	say_clear(s);
	if (l->mirror_failed)
		log_warn("%s: %s; commits and paths are not known", w->name, l->mirror_failed);
	else
		log_info("%s: %s", w->name, l->mirror_said);
}

void say_recovered(struct say *s, const struct watched *w)
{
	if (s->quiet || s->json)
		return;
	say_clear(s);
	log_info("%s: answers again", w->name);
}

void say_error(struct say *s, const struct err *e)
{
	say_clear(s);
	log_err(e);
}
