/* dryrun.c - what a change would do. */
#include "dryrun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "describe.h"
#include "json.h"
#include "log.h"
#include "match.h"
#include "mirror.h"
#include "redact.h"
#include "secrets.h"
#include "target.h"

struct dry {
	struct config *config;
	struct buf *out;
	struct arena arena;
	struct change change;
	struct change_row row;
	char name[LIMIT_PATH];		/* the repository's configured name */
	struct repo *repo;
	bool as_json;
	struct json j;			/* the pipeline's object, while it is written */
};

static int read_stdin(struct buf *b, struct err *e)
{
	ssize_t n;
	char *room;

	while ((room = buf_room(b, 65536))) {
		n = read(0, room, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read standard input");
		if (n == 0)
			return 0;
		b->len += (size_t)n;
	}
	return err_set(e, ERR_DATA, "standard input is larger than a spool file may be");
}

static void line(struct dry *d, const char *label, const char *value)
{
	buf_fmt(d->out, "%-10s ", label);
	log_safe(d->out, value, strlen(value));
	buf_chr(d->out, '\n');
}

static void headers(struct dry *d, const struct headers *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const char *value = redact_hides(&h->v[i]) ? REDACTED : h->v[i].value;

		if (d->as_json) {
			json_kv(&d->j, h->v[i].name, value);
			continue;
		}
		buf_fmt(d->out, "%s: ", h->v[i].name);
		log_safe(d->out, value, strlen(value));
		buf_chr(d->out, '\n');
	}
}

static void body(struct dry *d, const struct body *b)
{
	if (d->as_json) {
		json_key(&d->j, "body");
		json_strn(&d->j, b->fd < 0 ? b->s : "", b->fd < 0 ? b->len : 0);
		return;
	}
	buf_chr(d->out, '\n');
	if (b->fd < 0)
		log_safe(d->out, b->s, b->len);
	else
		buf_fmt(d->out, "(a file of %zu bytes)", b->len);
	buf_str(d->out, "\n\n");
}

/* A body that holds a token of the configuration is shown without it. */
static void masked_body(struct dry *d, const struct pipeline *p, struct body b)
{
	char *copy = arena_memdup(&d->arena, b.fd < 0 ? b.s : "", b.fd < 0 ? b.len : 0);
	const char *path;

	for (size_t i = 0; b.fd < 0 && config_secret_file(p, i, &path); i++)
		secrets_mask(path, copy, b.len);
	b.s = copy;
	body(d, &b);
}

static void print_request(struct dry *d, const struct pipeline *p, const struct request *r)
{
	struct buf url;

	buf_init(&url, LIMIT_URL);
	describe_url(&url, r->url, *p->url_file != 0);
	if (d->as_json) {
		json_object(&d->j);
		json_kv(&d->j, "method", r->method);
		json_kv(&d->j, "url", url.s);
		json_key(&d->j, "headers");
		json_object(&d->j);
		headers(d, &r->headers);
		json_end(&d->j);
		masked_body(d, p, r->body);
		json_end(&d->j);
	} else {
		buf_fmt(d->out, "\n%s ", r->method);
		log_safe(d->out, url.s, url.len);
		buf_chr(d->out, '\n');
		headers(d, &r->headers);
		masked_body(d, p, r->body);
	}
	buf_release(&url);
}

/* One a line: an argument, or a variable. */
static void words(struct dry *d, const char *name, const char *const *v)
{
	if (d->as_json) {
		json_key(&d->j, name);
		json_array(&d->j);
	}
	for (size_t i = 0; v[i]; i++) {
		if (d->as_json) {
			json_str(&d->j, v[i]);
			continue;
		}
		buf_fmt(d->out, "%-11s ", i ? "" : name);
		log_safe(d->out, v[i], strlen(v[i]));
		buf_chr(d->out, '\n');
	}
	if (d->as_json)
		json_end(&d->j);
}

static void print_program(struct dry *d, const struct program *p)
{
	const struct body in = { .s = p->in, .fd = -1, .len = p->in_len };

	if (d->as_json)
		json_object(&d->j);
	else
		buf_chr(d->out, '\n');
	words(d, "command", p->argv);
	words(d, "environment", p->env);
	if (d->as_json)
		json_kv(&d->j, "directory", p->directory);
	else
		buf_fmt(d->out, "%-11s %s\n", "directory", p->directory);
	body(d, &in);
	if (d->as_json)
		json_end(&d->j);
}

/* The target goes on as if the step had gone well. */
static void pretend(const struct target *t, const struct step *s, struct attempt *a)
{
	struct answer *got = arena_alloc(a->arena, sizeof(*got));
	static const struct program_end ran = { .output = "" };

	*got = (struct answer){ .kind = ANSWER_GOT, .status = 200, .body = "", .detail = "",
		.headers.a = a->arena };
	if (t->pretend)
		t->pretend(s, got);
	a->answer = s->kind == STEP_REQUEST ? got : NULL;
	a->ended = s->kind == STEP_PROGRAM ? &ran : NULL;
	a->progress = arena_memdup(a->arena, s->progress, s->progress_len);
	a->progress_len = s->progress_len;
	a->stage = s->stage;
}

/* Every step of the delivery. What one could not be made with, its person is told. */
static int steps(struct dry *d, const struct pipeline *p, const struct render_input *in,
	struct err *e)
{
	const struct target *t = target_find(p->target);
	struct attempt a = { .input = in, .config = d->config, .pipeline = p, .arena = &d->arena,
		.attempt = 1, .now_us = clock_wall_us(), .progress = "" };

	for (int i = 0; i < 100; i++) {
		struct step *s = arena_alloc(&d->arena, sizeof(*s));

		if (t->next(&a, s, e))
			return -1;
		if (s->kind == STEP_SETTLED && s->verdict.outcome != OUTCOME_OK)
			return err_set(e, ERR_CONFIG, "%s", s->verdict.text);
		if (s->kind == STEP_SETTLED)
			return 0;
		if (s->kind == STEP_PROGRAM)
			print_program(d, &s->program);
		else
			print_request(d, p, &s->request);
		pretend(t, s, &a);
	}
	return 0;
}

/* What is said of a pipeline before its requests. */
static void begin_pipeline(struct dry *d, const struct pipeline *p, const struct ref_update *u,
	const struct match_input *m, enum match_reason why, const char *pattern, bool fires)
{
	if (!d->as_json) {
		line(d, "pipeline", p->name);
		line(d, "filters", match_text(why));
		if (pattern)
			line(d, "pattern", pattern);
		if (fires && !match_fires(why))
			line(d, "", "fired by hand, filters are bypassed");
		return;
	}
	json_init(&d->j, d->out);
	json_object(&d->j);
	json_kv(&d->j, "pipeline", p->name);
	json_kv(&d->j, "repository", d->name);
	json_key_bytes(&d->j, "ref", u->ref, strlen(u->ref));
	json_kv(&d->j, "before", m->before);
	json_kv(&d->j, "after", m->after);
	json_kv(&d->j, "result", match_word(why));
	json_kv(&d->j, "reason", match_text(why));
	json_kv(&d->j, "pattern", pattern);
	json_key(&d->j, "fires");
	json_bool(&d->j, fires);
	json_key(&d->j, "requests");
	json_array(&d->j);
}

static void end_pipeline(struct dry *d)
{
	if (d->as_json) {
		json_end(&d->j);
		json_end(&d->j);
	}
	buf_chr(d->out, '\n');
}

static int one_pipeline(struct dry *d, const struct pipeline *p, const struct ref_update *u,
	const struct match_input *m, const struct enrichment *rich, struct err *e)
{
	struct render_input in = { .config = d->config, .pipeline = p,
		.repository = config_repository(d->config, d->name), .change = &d->row,
		.delivery = d->change.id, .name = d->name, .ref = u->ref, .before = m->before,
		.after = m->after, .enrichment = rich };
	bool by_hand = d->change.source == SOURCE_FIRE;
	const char *pattern = NULL;
	enum match_reason why;
	int failed = 0;

	if (by_hand && strcmp(d->change.pipeline, p->name))
		return 0;
	why = match_pipeline(p, m, &pattern);
	if (why == MATCH_REPOSITORY && !by_hand)
		return 0;
	begin_pipeline(d, p, u, m, why, pattern, by_hand || match_fires(why));
	if (by_hand || match_fires(why))
		failed = steps(d, p, &in, e);
	end_pipeline(d);
	return failed;
}

static int one_update(struct dry *d, const struct ref_update *u, struct err *e)
{
	bool fire = d->change.source == SOURCE_FIRE;
	struct match_input m = { .repository = d->name, .ref = u->ref,
		.before = fire ? u->new : u->old, .after = u->new, .skip = d->change.skip };
	struct enrichment rich;

	if (!d->as_json) {
		line(d, "repository", d->name);
		line(d, "ref", u->ref);
		line(d, "before", m.before);
		line(d, "after", m.after);
	}
	enrich_compute(d->repo, &d->arena, u->ref, m.before, m.after,
		clock_mono_us() + LIMIT_ENRICH_S * US_PER_S, &rich);
	m.paths_known = rich.paths_known;
	m.paths = rich.paths;
	m.npaths = rich.npaths;
	for (size_t i = 0; i < d->config->npipelines; i++)
		if (one_pipeline(d, &d->config->pipelines[i], u, &m, &rich, e))
			return -1;
	return 0;
}

static int open_repository(struct dry *d, struct err *e)
{
	char git_dir[LIMIT_PATH];
	const struct change *c = &d->change;

	if (*c->repository) {
		if (strlen(c->repository) >= sizeof(d->name))
			return err_set(e, ERR_DATA, "the repository's name is too long");
		memcpy(d->name, c->repository, strlen(c->repository) + 1);
	} else if (!config_repository_at(d->config, c->path, d->name)) {
		return err_set(e, ERR_CONFIG, "no [repository] section has the path %.200s", c->path);
	}
	if (!config_git_dir(d->config, d->name, git_dir))
		return repo_open(git_dir, &d->repo, e);
	if (!mirror_dir(d->config, d->name, git_dir) && repo_open(git_dir, &d->repo, NULL))
		d->repo = NULL;		/* not fetched yet: the enrichment says so */
	return 0;
}

static int run(struct dry *d, struct buf *text, struct err *e)
{
	struct change *c = &d->change;

	if (change_decode(&d->arena, text->s, text->len, geteuid(), c, e) || open_repository(d, e))
		return -1;
	if (c->command || c->observed)
		return err_set(e, ERR_USAGE, "a dry run takes a push or a fire, not a command or an "
			"observation");
	d->row = (struct change_row){ .source = c->source, .repository = d->name, .path = c->path,
		.time_us = c->time_us, .taken_us = c->time_us, .uid = (int64_t)c->uid,
		.user = c->user, .actor = c->actor, .address = c->address, .skip = c->skip };
	memcpy(d->row.id, c->id, UUID_SIZE);
	d->row.detail = queue_change_detail(&d->arena, c);
	for (size_t i = 0; i < c->nupdates; i++)
		if (one_update(d, &c->updates[i], e))
			return -1;
	return 0;
}

int dryrun(struct config *config, bool as_json, struct buf *out, struct err *e)
{
	struct dry d = { .config = config, .out = out, .as_json = as_json };
	struct buf text;
	int failed;

	arena_init(&d.arena);
	buf_init(&text, LIMIT_SPOOL_FILE);
	failed = read_stdin(&text, e) || run(&d, &text, e);
	if (d.repo)
		repo_close(d.repo);
	buf_release(&text);
	arena_release(&d.arena);
	return failed ? -1 : 0;
}
