/* test-advert.c - what servers say, good and bad; nothing bad may read as "no refs". */
#include "advert.h"
#include "talk.h"

#include "tap.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define Z "0000000000000000000000000000000000000000"
#define L "1111111111111111111111111111111111111111111111111111111111111111"

/* Text to bytes: each line is a pkt-line, "--" a flush, "-d" a delimiter, "-e" a
   response end, "-h" cuts the stream in the line that follows; \1 stands for NUL. */
static void frame(struct buf *b, const char *text)
{
	buf_clear(b);
	for (const char *s = text, *end; *s; s = *end ? end + 1 : end) {
		size_t start = b->len;

		end = s + strcspn(s, "\n");
		if (!strncmp(s, "--", 2) && end - s == 2) {
			pkt_flush(b);
		} else if (!strncmp(s, "-d", 2) && end - s == 2) {
			pkt_delim(b);
		} else if (!strncmp(s, "-e", 2) && end - s == 2) {
			buf_str(b, "0002");
		} else if (!strncmp(s, "-h", 2)) {
			pkt_line(b, "%.*s", (int)(end - s - 2), s + 2);
			b->len -= 3;
			b->s[b->len] = 0;
		} else {
			pkt_line(b, "%.*s", (int)(end - s), s);
		}
		for (size_t i = start; i < b->len; i++)
			if (b->s[i] == 1)
				b->s[i] = 0;
	}
}

static const char *heads_and_tags[] = { "refs/heads/", "refs/tags/v" };
static const struct queue_texts scope = { heads_and_tags, 2 };

/* "OID1 REF^PEELED ...|HEAD|version" in short, or "!sentence". */
static void read_answer(struct buf *out, enum advert_form form, const char *s, size_t n, size_t step)
{
	struct advert x;
	struct arena a;
	struct repo_refs refs;
	struct err e = { 0 };
	int failed = 0;

	buf_clear(out);
	arena_init(&a);
	advert_init(&x, form, &a, &scope);
	for (size_t i = 0; i < n && !failed; i += step)
		failed = advert_feed(&x, s + i, n - i < step ? n - i : step, &e);
	if (!failed)
		failed = advert_refs(&x, &refs, &e);
	if (failed) {
		buf_fmt(out, "!%s", e.text);
	} else {
		for (size_t i = 0; i < refs.n; i++)
			buf_fmt(out, "%c%zu %s%s%.1s ", refs.v[i].oid[0], strlen(refs.v[i].oid),
				refs.v[i].ref, *refs.v[i].peeled ? "^" : "", refs.v[i].peeled);
		buf_fmt(out, "|%s|%d", refs.head, x.version);
	}
	advert_release(&x);
	arena_release(&a);
}

static const struct {
	const char *name;
	enum advert_form form;
	const char *text, *want;
} answers[] = {
	{ "ls-refs", ADVERT_LS_REFS,
		A " HEAD symref-target:refs/heads/main\n" A " refs/heads/main\n" B " refs/tags/v1 peeled:" A "\n--",
		"140 refs/heads/main 240 refs/tags/v1^1 |refs/heads/main|0" },
	{ "ls-refs of an empty repository", ADVERT_LS_REFS,
		"unborn HEAD symref-target:refs/heads/trunk\n--", "|refs/heads/trunk|0" },
	{ "ls-refs without any ref", ADVERT_LS_REFS, "--", "||0" },
	{ "attributes in any order, unknown ones", ADVERT_LS_REFS,
		B " refs/tags/v1 x:y peeled:" A " z\n--", "240 refs/tags/v1^1 ||0" },
	{ "a symbolic ref beside HEAD", ADVERT_LS_REFS,
		A " refs/heads/alias symref-target:refs/heads/main\n--", "140 refs/heads/alias ||0" },
	{ "out of scope", ADVERT_LS_REFS,
		A " refs/heads/main\n" A " refs/pull/1/head\n" A " refs/tags/x\n--",
		"140 refs/heads/main ||0" },
	{ "out of order", ADVERT_LS_REFS, A " refs/heads/b\n" B " refs/heads/a\n--",
		"240 refs/heads/a 140 refs/heads/b ||0" },
	{ "SHA-256", ADVERT_LS_REFS, L " refs/heads/main\n--", "164 refs/heads/main ||0" },
	{ "cut before the flush", ADVERT_LS_REFS, A " refs/heads/main\n", "!the answer was cut short" },
	{ "cut inside a line", ADVERT_LS_REFS, A " refs/heads/main\n-h" A " refs/heads/next",
		"!the answer was cut short" },
	{ "no bytes at all", ADVERT_LS_REFS, "", "!an empty answer" },
	{ "more after the end", ADVERT_LS_REFS, "--\n" A " refs/heads/main\n--",
		"!not an answer of git's protocol: more after the end" },
	{ "a flush after the end", ADVERT_LS_REFS, "--\n--",
		"!not an answer of git's protocol: more after the end" },
	{ "a delimiter", ADVERT_LS_REFS, "-d\n--", "!not an answer" },
	{ "a response end", ADVERT_LS_REFS, "-e\n--", "!not an answer" },
	{ "the server's own error", ADVERT_LS_REFS, "ERR access denied", "!the server says: access denied" },
	{ "one ref twice", ADVERT_LS_REFS, A " refs/heads/a\n" B " refs/heads/a\n--",
		"!the answer names one ref twice" },
	{ "one ref twice, apart", ADVERT_LS_REFS,
		A " refs/heads/b\n" A " refs/heads/a\n" B " refs/heads/b\n--",
		"!the answer names one ref twice" },
	{ "a short id", ADVERT_LS_REFS, "12ab refs/heads/a\n--", "!not an answer" },
	{ "an id in upper case", ADVERT_LS_REFS, "ABCDEF1111111111111111111111111111111111 refs/heads/a\n--",
		"!not an answer" },
	{ "ids of two lengths", ADVERT_LS_REFS, A " refs/heads/a\n" L " refs/heads/b\n--",
		"!not an answer of git's protocol: object ids of two lengths" },
	{ "zeros", ADVERT_LS_REFS, Z " refs/heads/a\n--",
		"!not an answer of git's protocol: a ref without an object" },
	{ "no ref", ADVERT_LS_REFS, A "\n--", "!not an answer" },
	{ "no name of a ref", ADVERT_LS_REFS, A " main\n--", "!not an answer" },
	{ "dots in a name", ADVERT_LS_REFS, A " refs/heads/../x\n--", "!not an answer" },
	{ "an escape in a name", ADVERT_LS_REFS, A " refs/heads/\033[31m\n--", "!not an answer" },
	{ "a NUL in a name", ADVERT_LS_REFS, A " refs/heads/a\1b\n--", "!not an answer" },
	{ "a hostile but valid name", ADVERT_LS_REFS, A " refs/heads/$(id)';\"|&`\xff\xfe\n--",
		"140 refs/heads/$(id)';\"|&`\xff\xfe ||0" },

	{ "protocol 0 over HTTP", ADVERT_GREETING,
		"# service=git-upload-pack\n--\n" A " HEAD\1multi_ack symref=HEAD:refs/heads/main agent=git/2\n"
		A " refs/heads/main\n" B " refs/tags/v1\n" A " refs/tags/v1^{}\n--",
		"140 refs/heads/main 240 refs/tags/v1^1 |refs/heads/main|0" },
	{ "protocol 0 over ssh", ADVERT_GREETING,
		A " HEAD\1multi_ack symref=HEAD:refs/heads/main\n" A " refs/heads/main\n--",
		"140 refs/heads/main |refs/heads/main|0" },
	{ "protocol 0, shallow", ADVERT_GREETING,
		A " refs/heads/main\1x\nshallow " B "\n--", "140 refs/heads/main ||0" },
	{ "protocol 0, no refs", ADVERT_GREETING,
		"# service=git-upload-pack\n--\n" Z " capabilities^{}\1multi_ack\n--", "||0" },
	{ "protocol 0, no refs, long ago", ADVERT_GREETING, "# service=git-upload-pack\n--\n--", "||0" },
	{ "protocol 1", ADVERT_GREETING,
		"version 1\n" A " HEAD\1symref=HEAD:refs/heads/x\n" A " refs/heads/x\n--",
		"140 refs/heads/x |refs/heads/x|1" },
	{ "protocol 2, capabilities", ADVERT_GREETING,
		"version 2\nagent=git/2\nls-refs=unborn\nfetch=shallow\nobject-format=sha1\n--", "||2" },
	{ "protocol 2 behind a service line", ADVERT_GREETING,
		"# service=git-upload-pack\n--\nversion 2\nls-refs\n--", "||2" },
	{ "protocol 2 without ls-refs", ADVERT_GREETING, "version 2\nfetch\n--",
		"!the server does not offer ls-refs" },
	{ "another service", ADVERT_GREETING, "# service=git-receive-pack\n--\n--", "!not an answer" },
	{ "protocol 3", ADVERT_GREETING, "version 3\n--", "!not an answer" },
	{ "twice a version", ADVERT_GREETING, "version 1\nversion 2\n--", "!not an answer" },
	{ "a bare flush", ADVERT_GREETING, "--", "!not an answer" },
	{ "only the service line", ADVERT_GREETING, "# service=git-upload-pack\n--",
		"!the answer was cut short" },
	{ "a service line without its flush", ADVERT_GREETING,
		"# service=git-upload-pack\n" A " refs/heads/a\1\n--", "!not an answer" },
	{ "a NUL in a later line", ADVERT_GREETING,
		A " HEAD\1caps\n" A " refs/heads/main\1caps\n--", "!not an answer" },
	{ "a name of another symref is not HEAD's", ADVERT_GREETING,
		A " HEAD\1xsymref=HEAD:refs/heads/a symref=HEAD:refs/heads/b\n--", "|refs/heads/b|0" },
	{ "an error in place of a greeting", ADVERT_GREETING, "ERR no such repository\n",
		"!the server says: no such repository" },
};

static void test_answers(void)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64, 100000 };
	struct buf bytes, got;

	buf_init(&bytes, MIB);
	buf_init(&got, MIB);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		size_t held = 0;

		frame(&bytes, answers[i].text);
		for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++) {
			read_answer(&got, answers[i].form, bytes.s, bytes.len, steps[k]);
			held += *answers[i].want == '!' ?
				!strncmp(got.s, answers[i].want, strlen(answers[i].want)) :
				!strcmp(got.s, answers[i].want);
		}
		if (!ok(held == sizeof(steps) / sizeof(*steps), "%s", answers[i].name))
			note("got %s", got.s);
	}
	buf_release(&bytes);
	buf_release(&got);
}

/* Whatever is cut off a good answer, it is no answer any more. */
static void test_every_cut(void)
{
	struct buf bytes, got;
	size_t wrong = 0;

	buf_init(&bytes, MIB);
	buf_init(&got, MIB);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		if (*answers[i].want == '!')
			continue;
		frame(&bytes, answers[i].text);
		for (size_t n = 0; n < bytes.len; n++) {
			read_answer(&got, answers[i].form, bytes.s, n, 100000);
			wrong += *got.s != '!';
		}
	}
	is_int(wrong, 0, "no answer that is cut short counts");
	buf_release(&bytes);
	buf_release(&got);
}

static void test_html(void)
{
	static const char page[] = "<!DOCTYPE html><html><body>Please log in</body></html>";
	struct buf got;

	buf_init(&got, MIB);
	read_answer(&got, ADVERT_GREETING, page, strlen(page), 10);
	ok(!strncmp(got.s, "!not git's protocol", 19), "a login page: %s", got.s);
	buf_release(&got);
}

static void test_long_name(void)
{
	static char line[LIMIT_REF + 200];
	struct buf bytes, got;
	size_t n = (size_t)sprintf(line, A " refs/heads/");

	memset(line + n, 'x', LIMIT_REF + 2 - (n - 41));
	buf_init(&bytes, MIB);
	buf_init(&got, MIB);
	pkt_line(&bytes, "%s", line);
	pkt_flush(&bytes);
	read_answer(&got, ADVERT_LS_REFS, bytes.s, bytes.len, 1000);
	ok(!strncmp(got.s, "!a ref's name is longer than 4096", 33), "a long name: %.50s", got.s);
	buf_release(&bytes);
	buf_release(&got);
}

static void test_request(void)
{
	static const struct {
		struct advert_caps caps;
		const char *want;
	} t[] = {
		{ { .ls_refs = true, .unborn = true, .agent = true },
			"0014command=ls-refs\n0017agent=refire/" REFIRE_VERSION "\n0001000csymrefs\n"
			"000bunborn\n0014ref-prefix HEAD\n001bref-prefix refs/heads/\n"
			"001bref-prefix refs/tags/v\n0000" },
		{ { .ls_refs = true, .sha256 = true },
			"0014command=ls-refs\n0019object-format=sha256\n0001000csymrefs\n0014ref-prefix HEAD\n"
			"001bref-prefix refs/heads/\n001bref-prefix refs/tags/v\n0000" },
	};
	struct buf b;

	buf_init(&b, MIB);
	for (size_t i = 0; i < 2; i++) {
		buf_clear(&b);
		advert_request(&b, &t[i].caps, &scope);
		is_str(b.s, t[i].want, "a request");
	}
	buf_release(&b);
}

/* The conversation of a stream: what is said when. */
static void converse(const char *name, const char *first, const char *second, const char *want)
{
	struct buf bytes, say, got;
	struct arena a;
	struct talk t;
	struct repo_refs refs;
	struct err e = { 0 };
	int r;

	buf_init(&bytes, MIB);
	buf_init(&say, MIB);
	buf_init(&got, MIB);
	arena_init(&a);
	talk_init(&t, &a, &scope);
	frame(&bytes, first);
	r = talk_hear(&t, bytes.s, bytes.len, &say, &e);
	buf_fmt(&got, "%d %.9s", r, say.len > 4 ? say.s + 4 : say.s);
	if (second) {
		buf_clear(&say);
		frame(&bytes, second);
		r = talk_hear(&t, bytes.s, bytes.len, &say, &e);
		buf_fmt(&got, "; %d %s", r, say.s);
	}
	buf_fmt(&got, "; %d", talk_refs(&t, &refs, &e) ? -1 : (int)refs.n);
	is_str(got.s, want, "%s", name);
	talk_release(&t);
	arena_release(&a);
	buf_release(&bytes);
	buf_release(&say);
	buf_release(&got);
}

static void test_talk(void)
{
	converse("protocol 0: all is said in the greeting", A " refs/heads/a\1\n--", NULL, "1 0000; 1");
	converse("protocol 2: a question, an answer", "version 2\nls-refs\n--",
		A " refs/heads/a\n" A " refs/heads/b\n--", "0 command=l; 1 0000; 2");
	converse("protocol 2, and then nothing", "version 2\nls-refs\n--", NULL, "0 command=l; -1");
	converse("an answer without its end", "version 2\nls-refs\n--", A " refs/heads/a\n",
		"0 command=l; 0 ; -1");
	converse("not git", "SSH-2.0-x", NULL, "-1 ; -1");
}

int main(void)
{
	plan_none();
	test_answers();
	test_every_cut();
	test_html();
	test_long_name();
	test_request();
	test_talk();
	return tap_done();
}
