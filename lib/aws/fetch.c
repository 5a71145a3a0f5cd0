/* fetch.c - one request and its answer, by libcurl. See client.h. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/client.h"
#include "clock.h"

#define ANSWER_MAX (8 * MIB)

struct fetch {
	CURL *easy;
	struct buf body;
	const char *request_id, *error_type;
	int64_t date_us;
	struct arena *a;
};

int fetch_open(struct fetch **out, const char *agent, struct err *e)
{
	struct fetch *f = mem_alloc(sizeof *f);

	f->easy = curl_easy_init();
	if (!f->easy) {
		free(f);
		return err_set(e, ERR_TEMP, "libcurl cannot be begun");
	}
	curl_easy_setopt(f->easy, CURLOPT_USERAGENT, agent);
	buf_init(&f->body, ANSWER_MAX);
	*out = f;
	return 0;
}

void fetch_close(struct fetch *f)
{
	if (!f)
		return;
	curl_easy_cleanup(f->easy);
	buf_wipe(&f->body);
	free(f);
}

static size_t take_body(char *s, size_t each, size_t n, void *arg)
{
	struct fetch *f = arg;

	buf_add(&f->body, s, each * n);
	return f->body.over ? 0 : each * n;
}

/* The value, when the line is that header's. */
static const char *header_is(struct arena *a, const char *s, size_t n, const char *name)
{
	size_t k = strlen(name);

	if (n <= k || strncasecmp(s, name, k) != 0 || s[k] != ':')
		return NULL;
	s += k + 1, n -= k + 1;
	while (n && (*s == ' ' || *s == '\t'))
		s++, n--;
	while (n && strchr("\r\n \t", s[n - 1]))
		n--;
	return arena_memdup(a, s, n);
}

static size_t take_header(char *s, size_t each, size_t n, void *arg)
{
	struct fetch *f = arg;
	const char *v;

	n *= each;
	if ((v = header_is(f->a, s, n, "x-amzn-requestid")) || (v = header_is(f->a, s, n, "x-amz-request-id")))
		f->request_id = v;
	else if ((v = header_is(f->a, s, n, "x-amzn-errortype")))
		f->error_type = v;
	else if ((v = header_is(f->a, s, n, "date")))
		f->date_us = (int64_t)curl_getdate(v, NULL) * US_PER_S;
	return n;
}

static struct curl_slist *lines(const struct aws_request *r, struct arena *a)
{
	struct curl_slist *l = NULL;

	for (size_t i = 0; i < r->nheaders; i++)
		l = curl_slist_append(l, arena_fmt(a, "%s: %s", r->headers[i].name, r->headers[i].value));
	return curl_slist_append(l, "Expect:");
}

static void set(struct fetch *f, const struct aws_request *r, int64_t timeout_us, struct curl_slist *l)
{
	CURL *c = f->easy;

	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(timeout_us / 1000));
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, strcmp(r->method, "GET") == 0 ? NULL : r->body ? r->body : "");
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->len);
	if (strcmp(r->method, "GET") == 0)
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, l);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
}

void fetch_run(struct fetch *f, const struct aws_request *r, int64_t timeout_us, struct arena *a,
	struct client_answer *out)
{
	struct curl_slist *l = lines(r, a);
	CURLcode got;
	long status = 0;

	*out = (struct client_answer){ .request_id = "", .why = "", .fault = { "", "" } };
	f->a = a;
	f->request_id = "";
	f->error_type = NULL;
	f->date_us = 0;
	buf_clear(&f->body);
	set(f, r, timeout_us, l);
	got = curl_easy_perform(f->easy);
	curl_slist_free_all(l);
	if (got != CURLE_OK) {
		out->why = arena_strdup(a, curl_easy_strerror(got));
		return;
	}
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	*out = (struct client_answer){ .status = (int)status, .len = f->body.len,
		.body = arena_memdup(a, f->body.s, f->body.len), .request_id = f->request_id,
		.error_type = f->error_type, .date_us = f->date_us, .why = "", .fault = { "", "" } };
}
