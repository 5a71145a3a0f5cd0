/*
 * cdevents.c - CDEvents 0.5.1 by its CloudEvents binding, binary mode: the event is the
 * body, and its context stands in the ce-headers too.
 *
 *	a branch is made, deleted	branch.created, branch.deleted 0.3.0
 *	it moves forward		change.merged 0.3.0, of the new commit
 *	it is forced, or unknown	dev.cdeventsx.refire-branch.updated 0.1.0
 *	a tag, any other ref		dev.cdeventsx.refire-tag, refire-ref .created ...
 *
 * refire's own fields are customData: docs/format-generic.md.
 */
#include <string.h>

#include "clock.h"
#include "cloudevents.h"
#include "generic.h"
#include "match.h"

#define CUSTOM(noun, verb) "dev.cdeventsx.refire-" noun "." verb ".0.1.0"
#define BRANCH(verb) "dev.cdevents.branch." verb ".0.3.0"
#define MERGED "dev.cdevents.change.merged.0.3.0"

static const char *branch_type(const struct render_input *in)
{
	return payload_event(in, BRANCH("created"),
		in->enrichment->forced == TRI_NO ? MERGED : CUSTOM("branch", "updated"),
		BRANCH("deleted"));
}

static const char *type_of(const struct render_input *in)
{
	if (*ref_branch(in->ref))
		return branch_type(in);
	if (*ref_tag(in->ref))
		return payload_event(in, CUSTOM("tag", "created"), CUSTOM("tag", "updated"),
			CUSTOM("tag", "deleted"));
	return payload_event(in, CUSTOM("ref", "created"), CUSTOM("ref", "updated"),
		CUSTOM("ref", "deleted"));
}

static bool is_custom(const char *type)
{
	return strncmp(type, "dev.cdeventsx.", 14) == 0;
}

static const char *subject_of(const struct payload *p)
{
	const char *branch = ref_branch(p->in->ref), *tag = ref_tag(p->in->ref);

	if (strcmp(type_of(p->in), MERGED) == 0)
		return p->in->after;
	return cloudevents_text(p->a, *branch ? branch : *tag ? tag : p->in->ref);
}

static void write_context(struct json *j, const struct payload *p)
{
	char time[CLOCK_ISO_SIZE];

	json_key(j, "context");
	json_object(j);
	json_kv(j, "specversion", "0.5.1");
	json_kv(j, "id", p->in->delivery);
	json_kv(j, "source", identity_uri(p));
	json_kv(j, "type", type_of(p->in));
	json_kv(j, "timestamp", clock_iso_us(p->in->change->time_us, time));
	json_kv(j, "chainId", p->in->change->id);
	json_end(j);
}

static void write_content(struct json *j, const struct payload *p)
{
	json_key(j, "content");
	json_object(j);
	json_key(j, "repository");
	json_object(j);
	json_kv(j, "id", p->in->name);
	json_kv(j, "source", identity_uri(p));
	json_end(j);
	if (is_custom(type_of(p->in))) {
		json_kv(j, "ref", p->in->ref);
		json_kv(j, "before", p->in->before);
		json_kv(j, "after", p->in->after);
	}
	json_end(j);
}

static void write_all(struct json *j, const struct payload *p)
{
	json_object(j);
	write_context(j, p);
	json_key(j, "subject");
	json_object(j);
	json_kv(j, "id", subject_of(p));
	json_kv(j, "source", identity_uri(p));
	write_content(j, p);
	json_end(j);
	json_kv(j, "customDataContentType", "application/json");
	json_key(j, "customData");
	json_object(j);
	generic_fields(j, p);
	json_end(j);
	json_end(j);
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct payload p = { .in = in, .a = a, .base = payload_base(in, a) };
	struct cloudevent c = { in->delivery, identity_uri(&p), type_of(in), subject_of(&p),
		in->change->time_us };
	struct message *m = arena_alloc(a, sizeof *m);
	struct detail d;

	if (detail_decode(a, in->change->detail, &d, e) ||
		payload_render(in, &d, a, c.type, write_all, m, e) ||
		cloudevents_headers(&m->headers, &c, e))
		return -1;
	*out = m;
	*n = 1;
	return 0;
}

const struct format format_cdevents = {
	.name = "cdevents",
	.help = "CDEvents 0.5.1 by its CloudEvents binding",
	.render = render,
	.sign = generic_sign,
};
