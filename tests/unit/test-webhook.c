/* targets/webhook.c step by step, expand.h and secrets.h: no network. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "expand.h"
#include "secrets.h"
#include "tap.h"
#include "target.h"

#define Z "0000000000000000000000000000000000000000"
#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"

static struct arena arena;
static char *top;

static const struct config config = { .user_agent = "refire/test" };
static struct change_row change = { .id = "018bcfe5-6800-7000-8000-00000000000c",
	.source = SOURCE_POST_RECEIVE, .time_us = 1, .user = "git", .actor = "ali ce/..",
	.address = "", .path = "", .repository = "web",
	.detail = "{\"options\":[],\"claims\":{},\"vars\":{\"GOOD\":\"a b&c=d\",\"BAD\":\"x\\r\\nX-Evil: 1\","
	"\"DOTS\":\"..\",\"BYTES\":\"\\ufffd\"},\"shortened\":[]}" };
static const struct enrichment enrichment = { .computed = true, .why_not = "", .base = "",
	.peeled = B, .tag_message = "", .tagger = { "", "", 0, 0 }, .head_ref = "refs/heads/main",
	.head.oid = "" };

static const char *path_of(const char *name)
{
	return arena_fmt(&arena, "%s/%s", top, name);
}

static const char *file(const char *name, const char *text, mode_t mode)
{
	const char *path = path_of(name);
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode) || close(fd))
		exit(99);
	return path;
}

static struct pipeline pipeline_to(const char *url, const char *format)
{
	return (struct pipeline){ .name = "deploy", .target = "webhook", .url = url, .url_file = "",
		.format = format, .secret_file = "", .header_file = "", .tls_cert = "",
		.tls_key = "", .proxy = "", .proxy_login_file = "", .http2 = true, .ca_file = "", .timeout_us = 1000000,
		.connect_timeout_us = 500000, .tls_verify = true };
}

static struct render_input input_of(const struct pipeline *p, const char *ref, const char *before)
{
	return (struct render_input){ .config = &config, .pipeline = p, .change = &change,
		.delivery = "018bcfe5-6800-8000-8000-00000000000d", .name = "web", .ref = ref,
		.before = before, .after = B, .enrichment = &enrichment };
}

static struct step out;
static struct err e;

static int64_t now_us = 1, attempt = 3;

/* One call; the step's progress is what the next call sees. */
static int next(const struct pipeline *p, const struct render_input *in, const char *progress,
	const struct answer *answer)
{
	struct attempt t = { .input = in, .config = &config, .pipeline = p, .arena = &arena,
		.attempt = attempt, .now_us = now_us, .progress = progress, .progress_len = strlen(progress),
		.answer = answer };

	memset(&out, 0, sizeof out);
	memset(&e, 0, sizeof e);
	return target_find("webhook")->next(&t, &out, &e);
}

static const char *progress(void)
{
	return arena_memdup(&arena, out.progress, out.progress_len);
}

static const char *event(void)
{
	return headers_get(&out.request.headers, "X-GitHub-Event");
}

/* ---- the steps ---- */

static void test_one(void)
{
	struct pipeline p = pipeline_to("https://ci.example.org/hook", "generic");
	struct render_input in = input_of(&p, "refs/heads/main", A);
	struct answer got = { .kind = ANSWER_GOT, .status = 200 };
	const struct headers *h = &out.request.headers;

	is_int(next(&p, &in, "", NULL), 0, "one message");
	is_int(out.kind, STEP_REQUEST, "is a request");
	is_str(out.request.method, "POST", "POST");
	is_str(out.request.url, "https://ci.example.org/hook", "to the url");
	is_int(out.request.timeout_us, 1000000, "with its time limit");
	is_str(headers_get(h, "Content-Type"), "application/json", "Content-Type");
	is_str(headers_get(h, "User-Agent"), "refire/test", "User-Agent");
	is_str(headers_get(h, "X-Refire-Attempt"), "3", "X-Refire-Attempt");
	is_str(headers_get(h, "X-Refire-Delivery"), in.delivery, "X-Refire-Delivery");
	is_str(headers_get(h, "X-Refire-Change"), change.id, "X-Refire-Change");
	ok(!headers_get(h, "X-Refire-Signature-256"), "not signed without a secret");
	is_int(out.progress_len, 0, "nothing to save");
	is_int(next(&p, &in, "", &got), 0, "an answer");
	is_int(out.kind, STEP_SETTLED, "settles it");
	is_int(out.verdict.outcome, OUTCOME_OK, "well");
	got.status = 503;
	is_int(next(&p, &in, "", &got), 0, "another answer");
	is_int(out.kind, STEP_SETTLED, "settles the attempt");
	is_int(out.verdict.outcome, OUTCOME_RETRY, "to be tried again");
	is_int(out.verdict.http_status, 503, "with the status");
}

static void test_two(void)
{
	struct pipeline p = pipeline_to("https://ci.example.org/hook", "github");
	struct render_input in = input_of(&p, "refs/heads/topic", Z);
	struct answer good = { .kind = ANSWER_GOT, .status = 204 };
	struct answer bad = { .kind = ANSWER_TIMEOUT, .sent = true, .detail = "" };
	const char *saved;

	next(&p, &in, "", NULL);
	is_str(event(), "create", "a new branch: create first");
	next(&p, &in, progress(), &bad);
	is_int(out.verdict.outcome, OUTCOME_RETRY, "no answer: again");
	ok(out.verdict.unknown, "it may have arrived");
	next(&p, &in, progress(), NULL);
	is_str(event(), "create", "the same message");
	next(&p, &in, progress(), &good);
	is_int(out.kind, STEP_REQUEST, "accepted: the next one");
	is_str(event(), "push", "is push");
	saved = progress();
	is_str(saved, "github 1/2", "and that is saved");
	next(&p, &in, saved, &bad);
	is_str(progress(), "github 1/2", "no answer: it stays there");
	next(&p, &in, saved, NULL);
	is_str(event(), "push", "a retry goes on with push");
	next(&p, &in, saved, &good);
	is_int(out.kind, STEP_SETTLED, "accepted: done");
	is_int(out.verdict.outcome, OUTCOME_OK, "well");
	next(&p, &in, "generic 1/2", NULL);
	is_str(event(), "create", "what another format saved does not count");
	next(&p, &in, "github 1/3", NULL);
	is_str(event(), "create", "nor another count");
	next(&p, &in, "github 9/2", NULL);
	is_str(event(), "create", "nor nonsense");
}

/* ---- values ---- */

static const char *url_with(const char *url)
{
	struct pipeline p = pipeline_to(url, "generic");
	struct render_input in = input_of(&p, "refs/heads/fix/\xc3\xa9 x", A);

	if (next(&p, &in, "", NULL))
		return "refused";
	return out.kind == STEP_SETTLED ? "failed" : out.request.url;
}

static void test_url(void)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{ "https://h/{branch}", "https://h/fix%2F%C3%A9%20x" },
		{ "https://h/{ref}?t={tag}", "https://h/refs%2Fheads%2Ffix%2F%C3%A9%20x?t=" },
		{ "https://h/{repository}/{commit}/{before}", "https://h/web/" B "/" A },
		{ "https://h/{change}/{delivery}/{pipeline}",
			"https://h/018bcfe5-6800-7000-8000-00000000000c/018bcfe5-6800-8000-8000-00000000000d/deploy" },
		{ "https://h/{actor}", "https://h/ali%20ce%2F.." },
		{ "https://h/?x={var:GOOD}&y=1", "https://h/?x=a%20b%26c%3Dd&y=1" },
		{ "https://h/?x={var:BAD}", "https://h/?x=x%0D%0AX-Evil%3A%201" },
		{ "https://h/{var:DOTS}/x", "https://h/%2E%2E/x" },
		{ "https://h/?x={var:NONE}", "https://h/?x=" },
		{ "https://h/{}/{A}/{x y}/{branch", "https://h/{}/{A}/{x y}/{branch" },
		{ "https://h/{brnach}", "refused" }, { "https://h/{var}", "refused" },
		{ "https://{branch}.example.org/", "refused" },
		{ "https://{var:GOOD}@example.org/", "refused" },
	};
	char *longest = malloc(LIMIT_URL + 1);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(url_with(cases[i].url), cases[i].want, "%s", cases[i].url);
	memset(longest, 'a', LIMIT_URL);
	memcpy(longest, "https://h/", 10);
	memcpy(longest + LIMIT_URL - 8, "{branch}", 9);
	is_str(url_with(longest), "failed", "a url that becomes too long fails this delivery");
	ok(strstr(out.verdict.text, "too long") != NULL, "and says so: %s", out.verdict.text);
	free(longest);
}

static void test_headers(void)
{
	struct pipeline p = pipeline_to("https://h/", "generic");
	struct render_input in = input_of(&p, "refs/heads/main", A);
	const char *good[] = { "X-Var: {var:GOOD} {actor}", "X-Plain:plain", "Authorization: Bearer {x}" };
	const char *bad[] = { "X-Var: {var:BAD}" };

	p.headers = (struct list){ good, 2 };
	is_int(next(&p, &in, "", NULL), 0, "configured headers");
	is_str(headers_get(&out.request.headers, "X-Var"), "a b&c=d ali ce/..", "hold values as they are");
	is_str(headers_get(&out.request.headers, "X-Plain"), "plain", "without a blank");
	p.headers.n = 3;
	is_int(next(&p, &in, "", NULL), -1, "an unknown placeholder: %s", e.text);
	is_int(e.code, ERR_CONFIG, "is a configuration error");
	p.headers = (struct list){ bad, 1 };
	is_int(next(&p, &in, "", NULL), 0, "a value that would begin a header");
	is_int(out.kind, STEP_SETTLED, "is not sent");
	is_int(out.verdict.outcome, OUTCOME_FAIL, "this delivery fails");
	is_str(out.verdict.code, "RequestRefused", "with its code");
	ok(strstr(out.verdict.text, "X-Var") != NULL, "and says where: %s", out.verdict.text);
}

/* ---- secrets ---- */

static const char *signature(const struct pipeline *p)
{
	struct render_input in = input_of(p, "refs/heads/main", A);
	const char *s;

	if (next(p, &in, "", NULL))
		return "none";
	s = headers_get(&out.request.headers, "X-Hub-Signature-256");
	return s ? s : "unsigned";
}

static const char *hmac(const char *secret)
{
	unsigned char mac[SHA256_SIZE];
	struct buf b;
	const char *s;

	buf_init(&b, 128);
	digest_hmac_sha256(secret, strlen(secret), out.request.body.s, out.request.body.len, mac);
	buf_str(&b, "sha256=");
	buf_hex(&b, mac, sizeof mac);
	s = arena_strdup(&arena, b.s);
	buf_release(&b);
	return s;
}

static void test_secrets(void)
{
	struct pipeline p = pipeline_to("https://h/", "github");
	const char *got;

	p.secret_file = file("secret", "first \n", 0600);
	got = signature(&p);
	is_str(got, hmac("first "), "signed; the newline is not part of it, a blank is");
	file("secret", "second\r\nfirst \n", 0600);
	got = signature(&p);
	is_str(got, hmac("second"), "a changed file is read again; the first line is the newest");
	p.secret_file = path_of("missing");
	is_str(signature(&p), "none", "a missing file: not sent");
	is_int(e.code, ERR_TEMP, "waits until it is mended");
	ok(strstr(e.text, "missing") && strstr(e.text, "No such file"), "says so: %s", e.text);
	p.secret_file = file("open", "x\n", 0644);
	is_str(signature(&p), "none", "a file everybody reads: %s", e.text);
	p.secret_file = file("empty", "\n\r\n\n", 0600);
	is_str(signature(&p), "none", "an empty one: %s", e.text);
	ok(strstr(e.text, "empty") != NULL, "says so");
	mkdir(path_of("dir"), 0700);
	p.secret_file = path_of("dir");
	is_str(signature(&p), "none", "a directory: %s", e.text);
	secrets_clear();
}

/* A receiver that has not changed over: the secret before is tried once. */
static void test_previous(void)
{
	struct pipeline p = pipeline_to("https://h/", "github");
	struct render_input in = input_of(&p, "refs/heads/topic", Z);
	struct answer good = { .kind = ANSWER_GOT, .status = 200 };
	struct answer denied = { .kind = ANSWER_GOT, .status = 401 };
	const char *saved, *first;

	p.secret_file = file("secret", "newest\nbefore\nolder\n", 0600);
	next(&p, &in, "", NULL);
	is_str(headers_get(&out.request.headers, "X-Hub-Signature-256"), hmac("newest"), "the newest signs");
	ok(!out.request.previous, "and the record says nothing else");
	first = out.request.secret;
	is_int((int64_t)strlen(first), 8, "which one is told by an id: %s", first);
	next(&p, &in, progress(), &denied);
	is_int(out.kind, STEP_REQUEST, "401: another request");
	is_str(event(), "create", "of the same message");
	is_str(headers_get(&out.request.headers, "X-Hub-Signature-256"), hmac("before"), "by the one before");
	ok(out.request.previous && strcmp(out.request.secret, first), "the record says which");
	ok(!out.past, "what was unknown of the message stays so");
	saved = progress();
	ok(strstr(saved, out.request.secret) != NULL, "it is saved before it leaves: %s", saved);
	next(&p, &in, saved, &denied);
	is_int(out.kind, STEP_SETTLED, "once only");
	is_int(out.verdict.outcome, OUTCOME_REJECTED, "then the attempt is over");
	next(&p, &in, saved, &good);
	is_str(event(), "push", "accepted: the next message");
	ok(out.past, "past the first");
	is_str(headers_get(&out.request.headers, "X-Hub-Signature-256"), hmac("before"),
		"by the secret that was accepted");
	attempt++;
	next(&p, &in, progress(), NULL);
	is_str(event(), "push", "a later attempt: the same message");
	is_str(headers_get(&out.request.headers, "X-Hub-Signature-256"), hmac("newest"),
		"by the newest again");
	denied.status = 403;
	next(&p, &in, progress(), &denied);
	is_int(out.kind, STEP_REQUEST, "403 as 401");
	denied.status = 404;
	next(&p, &in, "", &denied);
	is_int(out.kind, STEP_SETTLED, "404 is no matter of secrets");
	denied.status = 401;
	file("secret", "newest\n", 0600);
	next(&p, &in, "", &denied);
	is_int(out.kind, STEP_SETTLED, "there is no other secret");
	next(&p, &in, saved, NULL);
	is_str(headers_get(&out.request.headers, "X-Hub-Signature-256"), hmac("newest"),
		"the one that was saved is gone: the newest");
	secrets_clear();
}

static void test_times(void)
{
	struct pipeline p = pipeline_to("https://h/", "github");

	p.secret_file = file("secret", "next not-before=2026-12-01T00:00:00Z\n"
		"now not-after=2026-12-08T00:00:00Z\n", 0600);
	now_us = INT64_C(1796083199999999);	/* 2026-11-30T23:59:59.999999Z */
	signature(&p);
	is_str(signature(&p), hmac("now"), "before: the old one signs");
	now_us++;
	signature(&p);
	is_str(signature(&p), hmac("next"), "from then on the new one");
	now_us = INT64_C(1796688000000000);	/* 2026-12-08 */
	file("secret", "now not-after=2026-12-08T00:00:00Z\n", 0600);
	is_str(signature(&p), "none", "none is valid: not sent");
	is_int(e.code, ERR_TEMP, "waits");
	ok(strstr(e.text, "2026-12-08T00:00:00Z") != NULL, "says so: %s", e.text);
	now_us = 1;
	secrets_clear();
}

/* What was read before stays in force while the file is broken or gone. */
static void test_broken(void)
{
	struct pipeline p = pipeline_to("https://h/", "github");
	const char *want;

	p.secret_file = file("secret", "good\n", 0600);
	signature(&p);
	want = hmac("good");
	file("secret", "bad not-after=soon\n", 0600);
	is_str(signature(&p), want, "a slip in a time");
	file("secret", "", 0600);
	is_str(signature(&p), want, "an empty file");
	file("secret", "open\n", 0644);
	is_str(signature(&p), want, "one that all can read");
	unlink(p.secret_file);
	is_str(signature(&p), want, "one that is gone");
	file("secret", "mended\n", 0600);
	signature(&p);
	is_str(signature(&p), hmac("mended"), "until it is mended");
	secrets_clear();
}

static int told;

static void tell(const struct err *err)
{
	told++;
	ok(strstr(err->text, "secret") != NULL, "names the file: %s", err->text);
}

static void test_refresh(void)
{
	struct pipeline p = pipeline_to("https://h/", "github");
	const char *want;

	p.secret_file = file("secret", "good\n", 0600);
	signature(&p);
	want = hmac("good");
	file("secret", "", 0600);
	secrets_keep(p.secret_file);
	secrets_refresh(tell);
	is_int(told, 1, "a reload tells of the broken file");
	is_str(signature(&p), want, "what it held is in force");
	secrets_refresh(tell);
	is_str(signature(&p), "none", "a file that nothing names is forgotten");
	secrets_clear();
}

static void test_header_file(void)
{
	struct pipeline p = pipeline_to("https://h/", "generic");
	struct render_input in = input_of(&p, "refs/heads/main", A);
	const struct headers *h = &out.request.headers;

	p.header_file = file("headers", "Authorization: Bearer next not-before=2026-12-01\n"
		"Authorization: Bearer {branch} now\nAuthorization: Bearer before\nX-Key:k\n", 0600);
	is_int(next(&p, &in, "", NULL), 0, "header-file: %s", e.text);
	is_str(headers_get(h, "Authorization"), "Bearer {branch} now",
		"of one name the first that is valid, as it stands");
	is_str(headers_get(h, "X-Key"), "k", "another");
	ok(h->v[h->n - 1].hidden && h->v[h->n - 2].hidden, "they are not shown");
	is_str(h->v[h->n - 2].name, "Authorization", "each once");
	is_int(target_find("webhook")->check(&p, &e), 0, "the check agrees");
	for (size_t i = 0; i < 4; i++) {
		static const char *const bad[] = { "no header", "X-Hub-Signature: x", "X: a\x01b",
			"Host: elsewhere" };

		secrets_clear();
		p.header_file = file("headers", bad[i], 0600);
		is_int(next(&p, &in, "", NULL), -1, "`%s` is refused: %s", bad[i], e.text);
		is_int(e.code, ERR_TEMP, "it waits to be mended");
		is_int(target_find("webhook")->check(&p, &e), -1, "and the check says so");
	}
	secrets_clear();
}

static void test_mask(void)
{
	static const struct {
		const char *file, *text, *want;
	} cases[] = {
		{ "s3cret-key\n", "you sent s3cret-key!", "you sent **********!" },
		{ "s3cret-key\n", "s3cret-ke", "s3cret-ke" },
		{ "abc\n", "abc is too short", "abc is too short" },
		{ "Authorization: Bearer 0123456789\n", "token 0123456789, 0123456789",
			"token **********, **********" },
		{ "https://h/hooks/T0123456789/x\n", "no T0123456789 here", "no *********** here" },
		{ "first-one\nsecond-one\n", "second-one first-one", "********** *********" },
	};
	struct secret_lines lines;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *path = file("masked", cases[i].file, 0600);
		char *text = arena_strdup(&arena, cases[i].text);

		secrets_load(path, NULL, 1, &lines, &e);
		secrets_mask(path, text, strlen(text));
		is_str(text, cases[i].want, "masked");
		secrets_clear();
	}
}

static void test_many_files(void)
{
	struct secret_lines s;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 100; i++) {
			const char *name = arena_fmt(&arena, "many%d", i), *path = path_of(name);

			if (round == 0)
				file(name, name, 0600);
			if (secrets_load(path, NULL, 1, &s, &e) || s.n != 1 ||
				strcmp(s.v[0].key.s, name) != 0)
				ok(false, "%s", path);
		}
	secrets_clear();
	ok(true, "more files than the cache holds");
}

/* ---- the check ---- */

static void test_check(void)
{
	static const struct {
		const char *what, *url, *format, *header, *want;
	} cases[] = {
		{ "whole", "https://h:8443/{branch}?x={var:A}", "github", "X-A: {actor}", NULL },
		{ "no format", "https://h/", "nothing", NULL, "format" },
		{ "no address", "example.org/x", "generic", NULL, "http" },
		{ "another scheme", "ftp://example.org/x", "generic", NULL, "http" },
		{ "a wrong word", "https://h/{brnach}", "generic", NULL, "{brnach}" },
		{ "a host by the pusher", "https://h{branch}/", "generic", NULL, "host" },
		{ "a wrong word in a header", "https://h/", "generic", "X: {y}", "{y}" },
		{ "no header", "https://h/", "generic", "X y: z", "Name: value" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pipeline p = pipeline_to(cases[i].url, cases[i].format);
		const char *header = cases[i].header;

		p.headers = (struct list){ &header, header != NULL };
		is_int(target_find("webhook")->check(&p, &e), cases[i].want ? -1 : 0, "%s", cases[i].what);
		if (cases[i].want && !ok(strstr(e.text, cases[i].want) != NULL, "it says so"))
			note("%s", e.text);
	}
}

static void test_url_file(void)
{
	struct pipeline p = pipeline_to("", "generic");
	struct render_input in = input_of(&p, "refs/heads/main", A);

	p.url_file = file("url", "https://h/secret/{branch}\n", 0600);
	is_int(target_find("webhook")->check(&p, &e), 0, "url-file");
	is_int(next(&p, &in, "", NULL), 0, "its request");
	is_str(out.request.url, "https://h/secret/main", "goes there");
	p.url_file = file("nourl", "s3cret is no address\n", 0600);
	is_int(target_find("webhook")->check(&p, &e), -1, "one without an address");
	ok(!strstr(e.text, "s3cret"), "what is in it is not shown: %s", e.text);
	p.secret_file = path_of("missing");
	p.url_file = file("url", "https://h/\n", 0600);
	is_int(target_find("webhook")->check(&p, &e), -1, "a missing secret: %s", e.text);
	secrets_clear();
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	plan_none();
	arena_init(&arena);
	top = arena_fmt(&arena, "%s/refire-webhook-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return 99;
	ok(target_find("webhook") == targets[0] && !target_find("x"), "the table");
	test_one();
	test_two();
	test_url();
	test_headers();
	test_secrets();
	test_previous();
	test_times();
	test_broken();
	test_refresh();
	test_header_file();
	test_mask();
	test_many_files();
	test_check();
	test_url_file();
	if (system(arena_fmt(&arena, "rm -rf '%s'", top)))
		return 99;
	arena_release(&arena);
	return tap_done();
}
