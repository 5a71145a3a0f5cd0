/* test-describe.c - an exchange as the journal keeps it: nothing secret gets in. */
#include <jansson.h>
#include <string.h>

#include "describe.h"
#include "tap.h"

static void urls(void)
{
	static const struct {
		const char *url;
		bool hidden;
		const char *want;
	} rows[] = {
		{ "https://ci.example.org/hooks/web", false, "https://ci.example.org/hooks/web" },
		{ "https://u:canary@ci.example.org/h?token=canary#x", false, "https://ci.example.org/h" },
		{ "https://ci.example.org?token=canary", false, "https://ci.example.org" },
		{ "https://ci.example.org/secret/canary", true, "https://ci.example.org/..." },
		{ "http://a@b@ci.example.org:8080/x", false, "http://ci.example.org:8080/x" },
		{ "https://u:can/ary@x/", false, "https://u:can/ary@x/" },
		{ "nonsense", false, "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b;

		buf_init(&b, LIMIT_URL);
		describe_url(&b, rows[i].url, rows[i].hidden);
		is_str(b.s, rows[i].want, "%s", rows[i].url);
		buf_release(&b);
	}
}

static void request(void)
{
	struct arena a;
	struct pipeline p = { .url_file = "" };
	struct request r = { .method = "POST", .url = "https://x:canary@h/p?canary",
		.body = { .s = "{}", .fd = -1, .len = 2, .sha256 = "44" } };
	struct buf b;
	json_t *j;

	arena_init(&a);
	r.headers.a = &a;
	headers_add(&r.headers, "Authorization", "Bearer canary");
	headers_add_hidden(&r.headers, "x-mine", "canary");
	headers_add(&r.headers, "X-Gitlab-Token", "canary");
	headers_add(&r.headers, "Cookie", "canary");
	headers_add(&r.headers, "X-Hub-Signature-256", "sha256=00");
	buf_init(&b, LIMIT_RECORD_BIG);
	describe_request(&b, &p, &r);
	ok(!strstr(b.s, "canary"), "no secret of a request is kept");
	j = json_loads(b.s, 0, NULL);
	is_str(json_string_value(json_object_get(json_object_get(j, "headers"),
		"X-Hub-Signature-256")), "sha256=00", "what is none is");
	json_decref(j);
	buf_release(&b);
	arena_release(&a);
}

static void answer(void)
{
	static char body[LIMIT_ANSWER_KEPT];
	struct arena a;
	struct answer x = { .kind = ANSWER_GOT, .status = 500, .body = body,
		.body_len = sizeof(body), .body_total = 10 * MIB, .body_cut = true };
	struct buf b;
	json_t *j;

	arena_init(&a);
	x.headers.a = &a;
	memset(body, 1, sizeof(body));
	headers_add(&x.headers, "Set-Cookie", "canary");
	buf_init(&b, 8 * LIMIT_RECORD_BIG);
	describe_answer(&b, &x);
	j = json_loads(b.s, 0, NULL);
	ok(j != NULL, "a hostile body stays valid JSON");
	ok(b.len <= LIMIT_RECORD_BIG, "within the record's limit (%zu)", b.len);
	ok(!strstr(b.s, "canary"), "no cookie of an answer is kept");
	ok(json_is_true(json_object_get(j, "bodyTruncated")), "what is cut says so");
	json_decref(j);
	buf_clear(&b);
	x.status = 0;
	describe_answer(&b, &x);
	is_str(b.s, "", "no answer, no answer's record");
	buf_release(&b);
	arena_release(&a);
}

int main(void)
{
	plan_none();
	urls();
	request();
	answer();
	return tap_done();
}
