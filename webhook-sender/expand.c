/* expand.c - see expand.h. */
#include <stddef.h>
#include <string.h>

#include "detail.h"
#include "expand.h"
#include "match.h"

static const char *value_repository(const struct render_input *in) { return in->name; }
static const char *value_ref(const struct render_input *in) { return in->ref; }
static const char *value_branch(const struct render_input *in) { return ref_branch(in->ref); }
static const char *value_tag(const struct render_input *in) { return ref_tag(in->ref); }
static const char *value_before(const struct render_input *in) { return in->before; }
static const char *value_actor(const struct render_input *in) { return in->change->actor; }
static const char *value_change(const struct render_input *in) { return in->change->id; }
static const char *value_delivery(const struct render_input *in) { return in->delivery; }
static const char *value_pipeline(const struct render_input *in) { return in->pipeline->name; }

/* The commit now at the ref (of an annotated tag: what it names); "" when it is gone. */
static const char *value_commit(const struct render_input *in)
{
	if (*in->enrichment->peeled)
		return in->enrichment->peeled;
	return oid_is_zero(in->after) ? "" : in->after;
}

static const struct word {
	const char *name;
	const char *(*value)(const struct render_input *in);
} words[] = {
	{ "repository", value_repository }, { "ref", value_ref }, { "branch", value_branch },
	{ "tag", value_tag }, { "commit", value_commit }, { "before", value_before },
	{ "actor", value_actor }, { "change", value_change }, { "delivery", value_delivery },
	{ "pipeline", value_pipeline },
};

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define NAME LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

/* The next {word} or {word:NAME} at or after s: its parts, or false. */
struct place {
	const char *begin, *word, *name, *end;	/* name NULL: no ":" */
	size_t word_len, name_len;
};

static bool place_next(const char *s, struct place *p)
{
	for (; (s = strchr(s, '{')); s++) {
		*p = (struct place){ .begin = s, .word = s + 1, .word_len = strspn(s + 1, LOWER) };
		p->end = p->word + p->word_len;
		if (*p->end == ':') {
			p->name = p->end + 1;
			p->name_len = strspn(p->name, NAME);
			p->end = p->name + p->name_len;
		}
		if (p->word_len && *p->end == '}' && (!p->name || p->name_len)) {
			p->end++;
			return true;
		}
	}
	return false;
}

static bool place_is(const struct place *p, const char *word)
{
	return strlen(word) == p->word_len && memcmp(p->word, word, p->word_len) == 0;
}

static const struct word *place_word(const struct place *p)
{
	for (size_t i = 0; !p->name && i < sizeof words / sizeof *words; i++)
		if (place_is(p, words[i].name))
			return &words[i];
	return NULL;
}

void expand_with(struct buf *out, const char *text, const struct expand_words *w)
{
	struct place p;

	for (; place_next(text, &p); text = p.end) {
		const char *s = w->value(p.word, p.word_len, p.name, p.name_len, w->arg);

		buf_add(out, text, (size_t)((s ? p.begin : p.end) - text));
		if (s)
			buf_str(out, s);
	}
	buf_str(out, text);
}

const char *expand_word(const struct render_input *in, const char *word, size_t len)
{
	const struct place p = { .word = word, .word_len = len };
	const struct word *w = place_word(&p);

	return w ? w->value(in) : NULL;
}

int expand_check(const char *text, struct err *e)
{
	struct place p;

	for (; place_next(text, &p); text = p.end)
		if (!place_word(&p) && !(p.name && place_is(&p, "var")))
			return err_set(e, ERR_CONFIG, "unknown placeholder `%.*s`: known are {repository} "
				"{ref} {branch} {tag} {commit} {before} {actor} {change} {delivery} "
				"{pipeline} {var:NAME}", (int)(p.end - p.begin), p.begin);
	return 0;
}

bool expand_in_authority(const char *url)
{
	const char *host = strstr(url, "://");
	struct place p;

	host = host ? host + 3 : url;
	return place_next(url, &p) && p.begin < host + strcspn(host, "/?#");
}

/* Dots alone would climb: "..", which servers take out of a path, is encoded too. */
static void add_encoded(struct buf *out, const char *s)
{
	static const char unreserved[] = "-_~0123456789" LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	bool dots = s[strspn(s, ".")] == '\0';

	for (; *s; s++)
		if (strchr(unreserved, *s) || (*s == '.' && !dots))
			buf_chr(out, *s);
		else
			buf_fmt(out, "%%%02X", (unsigned char)*s);
}

int expand(struct buf *out, const char *text, const struct render_input *in, bool url,
	struct arena *a, struct err *e)
{
	struct detail d = { 0 };
	bool decoded = false;
	struct place p;

	for (; place_next(text, &p); text = p.end) {
		const struct word *w = place_word(&p);
		const char *value;

		if (!w && (expand_check(p.begin, e) ||
			(!decoded && detail_decode(a, in->change->detail, &d, e))))
			return -1;
		decoded = decoded || !w;
		value = w ? w->value(in) : detail_var(&d, arena_memdup(a, p.name, p.name_len));
		buf_add(out, text, (size_t)(p.begin - text));
		if (value && url)
			add_encoded(out, value);
		else if (value)
			buf_str(out, value);
	}
	buf_str(out, text);
	return 0;
}
