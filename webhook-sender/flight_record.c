/* flight_record.c - the rows that tell of a flight. See flight.h. */
#include "flight.h"

#include "clock.h"
#include "describe.h"

static struct journal_row *add_row(struct flight *f, enum journal_event event)
{
	struct journal_row *r;

	f->rows = mem_grow(f->rows, &f->rows_cap, f->nrows + 1, sizeof(*f->rows));
	r = &f->rows[f->nrows++];
	*r = (struct journal_row){ .time_us = clock_wall_us(), .event = event,
		.change = f->claim.d.change_seq, .delivery = f->claim.d.seq, .request = "",
		.response = "", .code = "", .message = "", .extra = "" };
	return r;
}

void flight_record_settling(struct flight *f)
{
	struct journal_row *r;
	struct buf b;

	if (f->exchanges && f->s.state != DELIVERY_FAILED && f->s.state != DELIVERY_HELD)
		return;
	buf_init(&b, LIMIT_RECORD_BIG);
	buf_fmt(&b, "{\"state\":\"%s\",\"attempts\":%lld}", delivery_word(f->s.state),
		(long long)f->claim.d.attempts);
	r = add_row(f, JOURNAL_SETTLE);
	r->response = arena_strdup(&f->arena, b.s);
	r->code = f->s.code;
	r->message = f->s.error;
	buf_release(&b);
}

/* What went out, what came back. An answer that is credentials is not told. */
static void describe(struct flight *f, struct journal_row *r, struct buf *b)
{
	bool request = f->step.kind == STEP_REQUEST;

	if (request)
		describe_request(b, f->pipeline, &f->step.request);
	else
		describe_program(b, &f->step.program);
	r->request = arena_strdup(&f->arena, b->s);
	buf_clear(b);
	if (!request)
		describe_end(b, &f->ended);
	else if (f->step.private && f->answer.status / 100 == 2)
		buf_fmt(b, "{\"status\":%d}", f->answer.status);
	else
		describe_answer(b, &f->answer);
	r->response = arena_strdup(&f->arena, b->s);
	buf_clear(b);
}

void flight_record_exchange(struct flight *f)
{
	bool request = f->step.kind == STEP_REQUEST;
	struct journal_row *r = add_row(f, request ? JOURNAL_DELIVER : JOURNAL_RUN);
	struct buf b;

	buf_init(&b, 8 * LIMIT_RECORD_BIG);
	describe(f, r, &b);
	describe_extra(&b, &(struct describe_extra){ .attempt = f->claim.d.attempts,
		.exchange = f->exchanges, .duplicate = f->claim.unknown > 0,
		.answer = request ? &f->answer : NULL, .took_us = f->ended.took_us,
		.verdict = f->settled ? &f->verdict : NULL, .next = f->s.state,
		.due_us = f->s.due_us });
	r->extra = arena_strdup(&f->arena, b.s);
	r->call = f->step.call;
	if (f->settled) {
		r->code = f->verdict.code;
		r->message = f->verdict.text;
	}
	buf_release(&b);
}
