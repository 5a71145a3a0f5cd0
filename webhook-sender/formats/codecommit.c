/*
 * codecommit.c - the event that CodeCommit puts on EventBridge when a ref moves
 * ("CodeCommit Repository State Change", AWS CodeCommit user guide, Monitoring events),
 * for programs that read its detail. `source` is refire, not aws.codecommit: that it
 * never is.
 */
#include "clock.h"
#include "codecommit.h"
#include "generic.h"
#include "match.h"

void codecommit_detail(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;
	const char *branch = ref_branch(in->ref), *tag = ref_tag(in->ref);

	json_object(j);
	json_kv(j, "event", payload_event(in, "referenceCreated", "referenceUpdated",
		"referenceDeleted"));
	json_kv(j, "repositoryName", in->name);
	json_kv(j, "repositoryId", in->name);
	json_kv(j, "referenceType", *tag ? "tag" : *branch ? "branch" : "other");
	json_kv(j, "referenceName", *tag ? tag : *branch ? branch : in->ref);
	json_kv(j, "referenceFullName", in->ref);
	if (!p->deleted)
		json_kv(j, "commitId", *in->enrichment->peeled ? in->enrichment->peeled : in->after);
	if (!p->created)
		json_kv(j, "oldCommitId", in->before);
	json_end(j);
}

static void write_all(struct json *j, const struct payload *p)
{
	const struct render_input *in = p->in;
	char time[CLOCK_ISO_SIZE];

	json_object(j);
	json_kv(j, "version", "0");
	json_kv(j, "id", in->delivery);
	json_kv(j, "detail-type", CODECOMMIT_DETAIL_TYPE);
	json_kv(j, "source", CODECOMMIT_SOURCE);
	json_kv(j, "account", in->config->account_id);
	json_kv(j, "time", clock_iso(in->change->time_us, time));
	json_kv(j, "region", in->config->region);
	json_key(j, "resources");
	json_array(j);
	json_str(j, arena_fmt(p->a, "arn:refire:git:%s:%s:%s", in->config->region,
		in->config->account_id, in->name));
	json_end(j);
	json_key(j, "detail");
	codecommit_detail(j, p);
	json_end(j);
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	struct message *m = arena_alloc(a, sizeof *m);

	if (payload_render(in, NULL, a, payload_event(in, "referenceCreated", "referenceUpdated",
			"referenceDeleted"), write_all, m, e))
		return -1;
	*out = m;
	*n = 1;
	return 0;
}

const struct format format_codecommit = {
	.name = "codecommit",
	.help = "the \"CodeCommit Repository State Change\" event",
	.render = render,
	.sign = generic_sign,
};
