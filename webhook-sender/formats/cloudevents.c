/*
 * cloudevents.c - CloudEvents 1.0.2 by its HTTP binding, structured (the event is the
 * body) and binary (attributes are headers). The data are refire's own fields,
 * docs/format-generic.md; signatures are those of the generic format.
 */
#include "cloudevents.h"

#include "clock.h"
#include "generic.h"

/* ---- attributes ---- */

const char *cloudevents_text(struct arena *a, const char *s)
{
	const char *text;
	struct buf b;

	buf_init(&b, 3 * LIMIT_REF + 16);
	payload_encode(&b, s, "/:@!$&'()*+,;=");
	text = arena_memdup(a, b.s, b.len);
	buf_release(&b);
	return text;
}

static const char *type_of(const struct render_input *in)
{
	return payload_event(in, "refire.ref.created", "refire.ref.updated", "refire.ref.deleted");
}

static struct cloudevent event_of(const struct payload *p)
{
	return (struct cloudevent){ p->in->delivery, identity_uri(p), type_of(p->in),
		cloudevents_text(p->a, p->in->ref), p->in->change->time_us };
}

int cloudevents_headers(struct headers *out, const struct cloudevent *c, struct err *e)
{
	char time[CLOCK_ISO_SIZE];

	if (headers_add(out, "ce-specversion", "1.0") || headers_add(out, "ce-id", c->id) ||
		headers_add(out, "ce-source", c->source) || headers_add(out, "ce-type", c->type) ||
		headers_add(out, "ce-subject", c->subject) ||
		headers_add(out, "ce-time", clock_iso_us(c->time_us, time)))
		return err_set(e, ERR_BUG, "a header could not be made");
	return 0;
}

/* ---- bodies ---- */

static void write_data(struct json *j, const struct payload *p)
{
	json_object(j);
	generic_fields(j, p);
	json_end(j);
}

static void write_event(struct json *j, const struct payload *p)
{
	struct cloudevent c = event_of(p);
	char time[CLOCK_ISO_SIZE];

	json_object(j);
	json_kv(j, "specversion", "1.0");
	json_kv(j, "id", c.id);
	json_kv(j, "source", c.source);
	json_kv(j, "type", c.type);
	json_kv(j, "subject", c.subject);
	json_kv(j, "time", clock_iso_us(c.time_us, time));
	json_kv(j, "datacontenttype", "application/json");
	json_key(j, "data");
	write_data(j, p);
	json_end(j);
}

/* ---- the two modes ---- */

static int render_structured(const struct render_input *in, struct arena *a, struct message **out,
	size_t *n, struct err *e)
{
	struct message *m = arena_alloc(a, sizeof *m);
	struct detail d;

	if (detail_decode(a, in->change->detail, &d, e) ||
		payload_render(in, &d, a, type_of(in), write_event, m, e))
		return -1;
	m->content_type = "application/cloudevents+json; charset=utf-8";
	*out = m;
	*n = 1;
	return 0;
}

static int render_binary(const struct render_input *in, struct arena *a, struct message **out,
	size_t *n, struct err *e)
{
	struct payload p = { .in = in, .a = a, .base = payload_base(in, a) };
	struct cloudevent c = event_of(&p);
	struct message *m = arena_alloc(a, sizeof *m);
	struct detail d;

	if (detail_decode(a, in->change->detail, &d, e) ||
		payload_render(in, &d, a, c.type, write_data, m, e) ||
		cloudevents_headers(&m->headers, &c, e))
		return -1;
	*out = m;
	*n = 1;
	return 0;
}

const struct format format_cloudevents = {
	.name = "cloudevents",
	.help = "CloudEvents 1.0, structured: the event is the body",
	.render = render_structured,
	.sign = generic_sign,
};

const struct format format_cloudevents_binary = {
	.name = "cloudevents-binary",
	.help = "CloudEvents 1.0, binary: its attributes are headers",
	.render = render_binary,
	.sign = generic_sign,
};
