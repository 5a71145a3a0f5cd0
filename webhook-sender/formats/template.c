/*
 * template.c - the user's own JSON: a file whose strings hold placeholders. It is read as
 * JSON, filled in, and written as JSON, so that no value can break out of its string.
 *
 *	"text": "{actor} pushed {branch}"
 *	"count": {"$number": "{commits}"}
 *	"fresh": {"$boolean": "{created}"}
 *	"list": [{"$each": "commits", "id": "{commit:id}", "title": "{commit:title}"}]
 *	"paths": [{"$each": "paths", "$value": "{path}"}]
 *
 * docs/formats.md lists the placeholders.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "expand.h"
#include "fs.h"
#include "generic.h"
#include "match.h"

#define FILE_MAX (256 * KIB)
#define DEPTH_MAX (JSON_DEPTH - 4)

/* ---- values ---- */

struct scope {				/* where a string stands */
	const struct payload *p;
	const struct commit *commit;	/* of a repeat over commits; NULL */
	const char *path;		/* of a repeat over paths; NULL */
	const char *unknown;		/* a placeholder that there is not */
	size_t unknown_len;
};

static const char *number(struct arena *a, int64_t v)
{
	return arena_fmt(a, "%lld", (long long)v);
}

static const char *truth(bool v)
{
	return v ? "true" : "false";
}

static const char *title(struct arena *a, const struct payload *p, const char *message)
{
	size_t len = payload_message(message, p->fit->message), line = strcspn(message, "\n");

	return arena_memdup(a, message, line < len ? line : len);
}

static const char *time_of(struct arena *a, const struct person *who)
{
	char time[CLOCK_ISO_SIZE];

	return arena_strdup(a, payload_time(who, time));
}

static const char *commit_value(const struct scope *s, const char *name, size_t n)
{
	const struct commit *c = s->commit;
	struct arena *a = s->p->a;
	const struct {
		const char *name, *value;
	} words[] = {
		{ "id", c->oid }, { "title", title(a, s->p, c->message) },
		{ "message", arena_memdup(a, c->message, payload_message(c->message,
			s->p->fit->message)) },
		{ "author", c->author.name }, { "email", c->author.email },
		{ "time", time_of(a, &c->committer) },
		{ "url", arena_fmt(a, "%s/commit/%s", s->p->base, c->oid) },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i].name) == n && memcmp(words[i].name, name, n) == 0)
			return words[i].value;
	return NULL;
}

/* Beside those of expand.h. */
static const char *more_value(const struct payload *p, const char *word, size_t n)
{
	const struct enrichment *e = p->in->enrichment;
	char time[CLOCK_ISO_SIZE];
	const struct {
		const char *name, *value;
	} words[] = {
		{ "event", payload_event(p->in, "created", "updated", "deleted") },
		{ "created", truth(p->created) }, { "deleted", truth(p->deleted) },
		{ "forced", truth(e->forced == TRI_YES) },
		{ "commits", number(p->a, e->total_commits < 0 ? 0 : e->total_commits) },
		{ "title", title(p->a, p, e->annotated ? e->tag_message :
			*e->head.oid ? e->head.message : "") },
		{ "author", *e->head.oid ? e->head.author.name : "" },
		{ "web", p->base },
		{ "time", arena_strdup(p->a, clock_iso(p->in->change->time_us, time)) },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i].name) == n && memcmp(words[i].name, word, n) == 0)
			return words[i].value;
	return NULL;
}

static bool is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(word, name, n) == 0;
}

static const char *look_up(const struct scope *s, const char *word, size_t n, const char *name,
	size_t name_len)
{
	const char *value;

	if (name && is(word, n, "var")) {
		value = detail_var(s->p->detail, arena_memdup(s->p->a, name, name_len));
		return value ? value : "";
	}
	if (name)
		return s->commit && is(word, n, "commit") ? commit_value(s, name, name_len) : NULL;
	if (s->path && is(word, n, "path"))
		return s->path;
	value = expand_word(s->p->in, word, n);
	return value ? value : more_value(s->p, word, n);
}

static const char *value_of(const char *word, size_t n, const char *name, size_t name_len,
	void *arg)
{
	struct scope *s = arg;
	const char *value = look_up(s, word, n, name, name_len);

	if (!value && !s->unknown) {
		s->unknown = word;
		s->unknown_len = name ? (size_t)(name + name_len - word) : n;
	}
	return value;
}

static const char *fill(struct scope *s, const char *text)
{
	const char *filled;
	struct buf b;

	buf_init(&b, LIMIT_BODY);
	expand_with(&b, text, &(struct expand_words){ value_of, s });
	filled = arena_memdup(s->p->a, b.s, b.len);
	buf_release(&b);
	return filled;
}

/* ---- writing ---- */

static void write_value(struct json *j, struct scope *s, json_t *v);

/* A value that is no number or truth, such as a variable that was not pushed, is null. */
static void write_as(struct json *j, struct scope *s, const char *text, bool number_wanted)
{
	const char *filled = fill(s, text);
	json_t *v = json_loads(filled, JSON_DECODE_ANY, NULL);

	json_raw(j, v && (number_wanted ? json_is_number(v) : json_is_boolean(v)) ? filled : "null");
	json_decref(v);
}

static void write_members(struct json *j, struct scope *s, json_t *v)
{
	const char *key;
	json_t *member;

	json_object_foreach(v, key, member) {
		if (strcmp(key, "$each") == 0)
			continue;
		json_key(j, key);
		write_value(j, s, member);
	}
}

static void write_object(struct json *j, struct scope *s, json_t *v)
{
	const char *as_number = json_string_value(json_object_get(v, "$number"));
	const char *as_boolean = json_string_value(json_object_get(v, "$boolean"));
	json_t *value = json_object_get(v, "$value");

	if (as_number || as_boolean) {
		write_as(j, s, as_number ? as_number : as_boolean, as_number != NULL);
	} else if (value) {
		write_value(j, s, value);
	} else {
		json_object(j);
		write_members(j, s, v);
		json_end(j);
	}
}

static void write_each(struct json *j, struct scope *s, json_t *v, const char *over)
{
	const struct payload *p = s->p;
	const struct enrichment *n = p->in->enrichment;
	bool commits = strcmp(over, "commits") == 0;
	size_t count = commits ? n->ncommits : p->fit->paths ? n->npaths : 0;

	for (size_t i = commits ? p->first : 0; i < count; i++) {
		struct scope inner = *s;

		if (commits)
			inner.commit = &n->commits[i];
		else
			inner.path = n->paths[i];
		write_object(j, &inner, v);
		s->unknown = inner.unknown;
		s->unknown_len = inner.unknown_len;
	}
}

static void write_array(struct json *j, struct scope *s, json_t *v)
{
	size_t i;
	json_t *item;

	json_array(j);
	json_array_foreach(v, i, item) {
		const char *over = json_string_value(json_object_get(item, "$each"));

		if (over)
			write_each(j, s, item, over);
		else
			write_value(j, s, item);
	}
	json_end(j);
}

static void write_value(struct json *j, struct scope *s, json_t *v)
{
	char *text;

	if (json_is_object(v)) {
		write_object(j, s, v);
	} else if (json_is_array(v)) {
		write_array(j, s, v);
	} else if (json_is_string(v)) {
		json_str(j, fill(s, json_string_value(v)));
	} else {
		text = json_dumps(v, JSON_ENCODE_ANY);
		json_raw(j, text ? text : "null");
		free(text);
	}
}

static void write_all(struct json *j, const struct payload *p)
{
	struct scope s = { .p = p };
	json_t *v;

	memcpy(&v, &p->own, sizeof v);
	write_value(j, &s, v);
}

/* ---- the file ---- */

static json_t *load(const char *path, struct err *e)
{
	json_error_t bad;
	json_t *v;
	char *text;
	size_t len;

	if (fs_read_path(path, FILE_MAX, &text, &len, NULL, e)) {
		err_wrap(e, "template-file");
		return NULL;
	}
	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &bad);
	free(text);
	if (!v)
		err_set(e, ERR_CONFIG, "template-file: %s is not JSON: line %d, column %d: %s", path,
			bad.line, bad.column, bad.text);
	return v;
}

static int render_template(const struct render_input *in, json_t *v, struct arena *a,
	struct message **out, size_t *n, struct err *e)
{
	struct message *m = arena_alloc(a, sizeof *m);
	struct detail d;

	if (detail_decode(a, in->change->detail, &d, e) ||
		payload_render_own(in, &d, v, a, payload_event(in, "created", "updated", "deleted"),
			write_all, m, e))
		return -1;
	*out = m;
	*n = 1;
	return 0;
}

static int render(const struct render_input *in, struct arena *a, struct message **out, size_t *n,
	struct err *e)
{
	json_t *v = load(in->pipeline->template_file, e);
	int failed;

	if (!v) {
		e->code = ERR_TEMP;	/* mending the file is enough: the next try reads it */
		return -1;
	}
	failed = render_template(in, v, a, out, n, e);
	json_decref(v);
	return failed;
}

/* ---- the check ---- */

static int check_each(json_t *v, struct err *e)
{
	const char *over = json_string_value(json_object_get(v, "$each"));

	if (json_object_get(v, "$each") && (!over || (strcmp(over, "commits") && strcmp(over, "paths"))))
		return err_set(e, ERR_CONFIG, "\"$each\" is \"commits\" or \"paths\"");
	return 0;
}

/* "$each" only where it repeats: in a list. */
static int check_shape(json_t *v, bool in_list, int depth, struct err *e)
{
	const char *key;
	json_t *item;
	size_t i;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_CONFIG, "it is nested more than %d deep", DEPTH_MAX);
	if (json_object_get(v, "$each") && !in_list)
		return err_set(e, ERR_CONFIG, "\"$each\" stands in an object that is no item of a list");
	if (check_each(v, e))
		return -1;
	json_object_foreach(v, key, item)
		if (check_shape(item, false, depth + 1, e))
			return -1;
	json_array_foreach(v, i, item)
		if (check_shape(item, true, depth + 1, e))
			return -1;
	return 0;
}

/* Fill it in with a change that has one of everything. */
static int check_words(const struct pipeline *p, json_t *v, struct err *e)
{
	static const char *const paths[] = { "path" };
	struct commit c = { .oid = "1", .tree = "2", .message = "m", .author = { "a", "a@b", 0, 0 } };
	const struct enrichment n = { .computed = true, .why_not = "", .commits = &c, .ncommits = 1,
		.total_commits = 1, .paths_known = true, .npaths = 1, .base = "", .peeled = "1",
		.tag_message = "", .head_ref = "refs/heads/main", .head = c };
	const struct change_row change = { .actor = "a", .detail = "" };
	struct render_input in = { .pipeline = p, .change = &change, .delivery = "d", .name = "n",
		.ref = "refs/heads/main", .before = "1", .after = "2" };
	static const struct payload_fit all = { SIZE_MAX, SIZE_MAX, true };
	struct enrichment with = n;
	struct detail d = { 0 };
	struct arena a;
	struct payload payload = { .in = &in, .fit = &all, .a = &a, .detail = &d, .base = "w" };
	struct scope s = { .p = &payload };
	struct json j;
	struct buf b;

	arena_init(&a);
	with.paths = arena_alloc(&a, sizeof *with.paths);
	with.paths[0] = paths[0];
	in.enrichment = &with;
	buf_init(&b, LIMIT_BODY);
	json_init(&j, &b);
	write_value(&j, &s, v);
	if (s.unknown)
		err_set(e, ERR_CONFIG, "{%.*s} is no placeholder here (docs/formats.md lists them)",
			(int)s.unknown_len, s.unknown);
	buf_release(&b);
	arena_release(&a);
	return s.unknown ? -1 : 0;
}

static int check(const struct pipeline *p, struct err *e)
{
	json_t *v;
	int failed;

	if (!*p->template_file)
		return err_set(e, ERR_CONFIG, "format = template needs a template-file");
	v = load(p->template_file, e);
	if (!v)
		return -1;
	failed = check_shape(v, false, 0, e) || check_words(p, v, e);
	json_decref(v);
	return failed ? err_wrap(e, "template-file: %s", p->template_file) : 0;
}

const struct format format_template = {
	.name = "template",
	.help = "JSON of your own, from template-file",
	.check = check,
	.render = render,
	.sign = generic_sign,
};
