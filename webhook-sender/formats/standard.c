/*
 * standard.c - Standard Webhooks 1.0.0: {"type", "timestamp", "data"}, signed by
 * whsig.h. The data are refire's own fields, docs/format-generic.md.
 */
#include "clock.h"
#include "generic.h"
#include "whsig.h"

static const char *type_of(const struct render_input *in)
{
	return payload_event(in, "ref.created", "ref.updated", "ref.deleted");
}

static void write_all(struct json *j, const struct payload *p)
{
	char time[CLOCK_ISO_SIZE];

	json_object(j);
	json_kv(j, "type", type_of(p->in));
	json_kv(j, "timestamp", clock_iso_us(p->in->change->time_us, time));
	json_key(j, "data");
	json_object(j);
	generic_fields(j, p);
	json_end(j);
	json_end(j);
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct message *m = arena_alloc(a, sizeof *m);
	struct detail d;

	if (detail_decode(a, in->change->detail, &d, e) ||
		payload_render(in, &d, a, type_of(in), write_all, m, e))
		return -1;
	m->id = in->delivery;
	*out = m;
	*n = 1;
	return 0;
}

static int sign(const struct message *m, const struct secrets *s, int64_t now_us,
	struct headers *out, struct err *e)
{
	return s->n ? whsig_add(out, m->id, s, &m->body, now_us, e) : 0;
}

const struct format format_standard = {
	.name = "standard",
	.help = "Standard Webhooks 1.0.0, signed by HMAC-SHA256 (v1) or Ed25519 (v1a)",
	.all_sign = true,
	.render = render,
	.sign = sign,
};
