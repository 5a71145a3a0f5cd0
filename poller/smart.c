/* smart.c - GET info/refs, POST git-upload-pack. */
#include "smart.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "advert.h"
#include "clock.h"
#include "token.h"

#define KEPT_CONNECTIONS (2L * SMART_MAX)
#define CONNECT_MS 20000L
#define MAX_WAIT_S (30 * 86400)
#define REFUSED_READ (64 * KIB)		/* of the body of an answer that is not 200 */
#define GREETING_TYPE "application/x-git-upload-pack-advertisement"
#define RESULT_TYPE "application/x-git-upload-pack-result"

enum step { STEP_GREETING, STEP_REFS };

struct transfer {
	struct transfer *next;		/* in running, done, or spare */
	struct transfer **link;		/* in running: what points at it */
	struct look *look;
	CURL *easy;
	bool set;			/* its fixed options are; no secret is among them */
	struct advert advert;
	struct buf request;
	enum step step;
	int64_t deadline_us;		/* monotonic, over both steps */
	size_t head_read, body_read;
	bool refused;			/* look->err says why */
	bool unasked;			/* the question came first: no greeting was heard */
	char detail[CURL_ERROR_SIZE];
};

struct smart {
	CURLM *multi;
	struct transfer *running, *done, *spare;
	size_t nrunning, nspare;
	struct curl_slist *greeting, *question;		/* headers */
};

static void add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
}

int smart_open(struct smart **out, struct err *e)
{
	struct smart *s;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_set(e, ERR_OS, "cannot set up libcurl");
	s = mem_alloc(sizeof(*s));
	s->multi = curl_multi_init();
	if (!s->multi) {
		free(s);
		return err_set(e, ERR_OS, "cannot set up libcurl");
	}
	add_header(&s->greeting, "Git-Protocol: version=2");
	add_header(&s->question, "Git-Protocol: version=2");
	add_header(&s->question, "Content-Type: application/x-git-upload-pack-request");
	add_header(&s->question, "Accept: " RESULT_TYPE);
	add_header(&s->question, "Expect:");
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	*out = s;
	return 0;
}

/* ---- what comes ---- */

static int64_t status_of(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The media type, without parameters, is the one of this step. */
static bool type_ok(const struct transfer *t)
{
	const char *want = t->step == STEP_GREETING ? GREETING_TYPE : RESULT_TYPE;
	char *type = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	return type && strlen(want) == strcspn(type, "; \t") &&
		!strncasecmp(type, want, strlen(want));
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)line;
	t->head_read += size * n;
	if (t->head_read <= LIMIT_ANSWER_HEADERS)
		return size * n;
	t->refused = true;
	err_set(&t->look->err, ERR_DATA, "the answer's head is longer than %d bytes",
		LIMIT_ANSWER_HEADERS);
	return 0;
}

static size_t on_body(char *s, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	t->body_read += n;
	if (status_of(t->easy) != 200 || !type_ok(t))
		return t->body_read > REFUSED_READ ? 0 : n;	/* judged at its end */
	if (advert_feed(&t->advert, s, n, &t->look->err)) {
		t->refused = true;
		return 0;
	}
	return n;
}

/* ---- the request ---- */

#define SET(easy, option, value) \
	do { \
		CURLcode set_ = curl_easy_setopt(easy, option, value); \
		if (set_ != CURLE_OK) \
			return set_; \
	} while (0)

static CURLcode set_fixed(struct transfer *t)
{
	CURL *c = t->easy;

	SET(c, CURLOPT_PRIVATE, t);
	SET(c, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(c, CURLOPT_FOLLOWLOCATION, 0L);
	SET(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(c, CURLOPT_PROXY, "");
	SET(c, CURLOPT_NOSIGNAL, 1L);
	SET(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(c, CURLOPT_ERRORBUFFER, t->detail);
	SET(c, CURLOPT_HEADERFUNCTION, on_header);
	SET(c, CURLOPT_HEADERDATA, t);
	SET(c, CURLOPT_WRITEFUNCTION, on_body);
	SET(c, CURLOPT_WRITEDATA, t);
	t->set = true;
	return CURLE_OK;
}

/* What a look has of its own: a handle that had it is not kept. */
static CURLcode set_own(struct transfer *t)
{
	CURL *c = t->easy;

	SET(c, CURLOPT_USERAGENT, t->look->user_agent);
	if (*t->look->ca_file) {
		t->set = false;
		SET(c, CURLOPT_CAINFO, t->look->ca_file);
	}
	if (*t->look->tls_cert) {
		t->set = false;
		SET(c, CURLOPT_SSLCERT, t->look->tls_cert);
		SET(c, CURLOPT_SSLKEY, *t->look->tls_key ? t->look->tls_key : t->look->tls_cert);
	}
	return CURLE_OK;
}

static CURLcode set_user(CURL *c, const char *user, const char *password)
{
	SET(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	SET(c, CURLOPT_USERNAME, user);
	SET(c, CURLOPT_PASSWORD, password);
	return CURLE_OK;
}

static CURLcode set_bearer(CURL *c, const char *token)
{
	SET(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
	SET(c, CURLOPT_XOAUTH2_BEARER, token);
	return CURLE_OK;
}

static int set_credentials(struct transfer *t, struct err *e)
{
	const struct look *l = t->look;
	CURLcode failed = CURLE_OK;
	char *token;

	t->set = t->set && !*l->token_file && !*l->remote.user && !l->user;
	if (*l->token_file) {
		if (token_read(l->token_file, &token, e))
			return -1;
		failed = *l->username ? set_user(t->easy, l->username, token) :
			set_bearer(t->easy, token);
		explicit_bzero(token, strlen(token));
		free(token);
	} else if (l->user) {
		failed = set_user(t->easy, l->user, l->password);
	} else if (*l->remote.user) {
		failed = set_user(t->easy, l->remote.user, l->remote.password);
	}
	return failed ? err_set(e, ERR_CONFIG, "libcurl does not take the credentials") : 0;
}

static CURLcode set_greeting(struct transfer *t, const struct smart *s, const char *url)
{
	SET(t->easy, CURLOPT_URL, url);
	SET(t->easy, CURLOPT_HTTPGET, 1L);
	SET(t->easy, CURLOPT_HTTPHEADER, s->greeting);
	return CURLE_OK;
}

static CURLcode set_question(struct transfer *t, const struct smart *s, const char *url)
{
	struct advert_caps caps = advert_spoken(t->look->speaks);

	buf_clear(&t->request);
	advert_request(&t->request, &caps, &t->look->asked);
	SET(t->easy, CURLOPT_URL, url);
	SET(t->easy, CURLOPT_POST, 1L);
	SET(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request.len);
	SET(t->easy, CURLOPT_POSTFIELDS, t->request.s);
	SET(t->easy, CURLOPT_HTTPHEADER, s->question);
	return CURLE_OK;
}

static CURLcode set_step(struct transfer *t, const struct smart *s)
{
	const char *base = t->look->remote.base;
	struct arena *a = &t->look->arena;
	int64_t left_ms = (t->deadline_us - clock_mono_us()) / 1000;
	enum advert_form form = t->step == STEP_GREETING ? ADVERT_GREETING : ADVERT_LS_REFS;

	t->head_read = t->body_read = 0;
	t->detail[0] = 0;
	advert_init(&t->advert, form, a, &t->look->asked);
	SET(t->easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 0 ? left_ms : 1));
	return t->step == STEP_GREETING ?
		set_greeting(t, s, arena_fmt(a, "%s/info/refs?service=git-upload-pack", base)) :
		set_question(t, s, arena_fmt(a, "%s/git-upload-pack", base));
}

/* ---- its life ---- */

static void transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	advert_release(&t->advert);
	buf_release(&t->request);
	free(t);
}

/* One from before, with its handle; or a new one. */
static struct transfer *transfer_get(struct smart *s, struct look *l)
{
	struct transfer *t = s->spare;

	if (t) {
		s->spare = t->next;
		s->nspare--;
	} else {
		t = mem_alloc(sizeof(*t));
		t->easy = curl_easy_init();
		buf_init(&t->request, MIB);
	}
	t->look = l;
	t->refused = false;
	t->unasked = l->speaks != 0;
	t->step = t->unasked ? STEP_REFS : STEP_GREETING;
	t->deadline_us = clock_mono_us() + l->timeout_us;
	return t;
}

static void transfer_put(struct smart *s, struct transfer *t)
{
	if (!t->set || s->nspare == SMART_MAX) {
		transfer_free(t);
		return;
	}
	advert_release(&t->advert);
	t->next = s->spare;
	s->spare = t;
	s->nspare++;
}

static void finish(struct smart *s, struct transfer *t, bool failed)
{
	t->look->failed = failed;
	if (failed)
		err_wrap(&t->look->err, "%s", t->look->remote.shown);
	t->next = s->done;
	s->done = t;
}

static bool set_up(struct transfer *t, const struct smart *s)
{
	struct err *e = &t->look->err;

	if (!t->easy || (!t->set && set_fixed(t)) || set_own(t) || set_step(t, s)) {
		err_set(e, ERR_CONFIG, "libcurl does not take the request%s%s",
			t->detail[0] ? ": " : "", t->detail);
		return false;
	}
	return !set_credentials(t, e);
}

void smart_start(struct smart *s, struct look *l)
{
	struct transfer *t = transfer_get(s, l);

	if (!set_up(t, s)) {
		finish(s, t, true);
		return;
	}
	curl_multi_add_handle(s->multi, t->easy);
	t->next = s->running;
	t->link = &s->running;
	if (t->next)
		t->next->link = &t->next;
	s->running = t;
	s->nrunning++;
}

/* The same transfer goes on with another request. */
static void go_on(struct smart *s, struct transfer *t, enum step step)
{
	curl_multi_remove_handle(s->multi, t->easy);
	advert_release(&t->advert);
	t->step = step;
	t->refused = false;
	t->look->wait_us = 0;
	if (set_step(t, s)) {
		err_set(&t->look->err, ERR_BUG, "libcurl does not take the next request");
		t->refused = true;
	}
	curl_multi_add_handle(s->multi, t->easy);
}

static void unlink_running(struct smart *s, struct transfer *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	s->nrunning--;
}

/* ---- the verdict ---- */

static int explain_curl(const struct transfer *t, CURLcode code, struct err *e)
{
	const char *detail = t->detail[0] ? t->detail : curl_easy_strerror(code);

	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, ERR_TEMP, "no complete answer within %lld s (%s)",
			(long long)(t->look->timeout_us / US_PER_S), detail);
	return err_set(e, ERR_TEMP, "%s", detail);
}

static int explain_redirect(const struct transfer *t, int64_t status, struct err *e)
{
	char *to = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
	return err_set(e, ERR_DATA, "HTTP %d redirects to %.300s: give `url` the address it has now",
		(int)status, to ? remote_shown(&t->look->arena, to) : "an address it does not name");
}

/* Retry-After (RFC 9110, 10.2.3): seconds, or a date. */
static void note_wait(const struct transfer *t)
{
	curl_off_t s = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &s);
	t->look->wait_us = s < 0 ? 0 : (s < MAX_WAIT_S ? (int64_t)s : MAX_WAIT_S) * US_PER_S;
}

static int explain_status(const struct transfer *t, int64_t status, struct err *e)
{
	bool given = *t->look->token_file || *t->look->remote.user || t->look->user;

	note_wait(t);
	t->look->unauthorized = status == 401;
	if (status >= 300 && status < 400)
		return explain_redirect(t, status, e);
	if (status == 401 || status == 403)
		return err_set(e, ERR_PERM, given ? "HTTP %d: the credentials are refused" :
			"HTTP %d: credentials are needed: set username and token-file",
			(int)status);
	if (status == 404)
		return err_set(e, ERR_NOENT, "HTTP 404: there is no repository, or it is not shown to "
			"this user");
	return err_set(e, ERR_TEMP, "HTTP %d", (int)status);
}

static int explain_type(const struct transfer *t, struct err *e)
{
	char *type = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	return err_set(e, ERR_DATA, "the answer is %.100s, not git's smart protocol (a login page, "
		"a proxy, or a server that only gives files)", type ? type : "of no type");
}

static int judge(const struct transfer *t, CURLcode code, struct err *e)
{
	int64_t status = status_of(t->easy);

	if (t->refused)
		return -1;
	if (code != CURLE_OK && code != CURLE_WRITE_ERROR)
		return explain_curl(t, code, e);
	if (status != 200)
		return explain_status(t, status, e);
	if (!type_ok(t))
		return explain_type(t, e);
	return code == CURLE_OK ? 0 : explain_curl(t, code, e);
}

/* The question came first and was answered badly: what does the server say for itself?
   One that cannot be reached, or asks to be left alone, is not asked twice. */
static bool greet_after_all(const struct transfer *t, CURLcode code)
{
	int64_t status = status_of(t->easy);

	return t->unasked && (status || code == CURLE_GOT_NOTHING) &&
		code != CURLE_OPERATION_TIMEDOUT && status != 401 && status != 429 && status != 503;
}

/* The greeting was heard whole; true: and the question follows. */
static bool heard_greeting(struct transfer *t)
{
	if (t->step != STEP_GREETING || !advert_done(&t->advert))
		return false;
	t->look->greeted = true;
	t->look->speaks = t->advert.version == 2 ? advert_speaks(&t->advert.caps) : 0;
	return t->advert.version == 2;
}

static void settle(struct smart *s, struct transfer *t, CURLcode code)
{
	struct look *l = t->look;
	bool failed = judge(t, code, &l->err) != 0;

	if (!failed && heard_greeting(t)) {
		go_on(s, t, STEP_REFS);
		return;
	}
	if (!failed)
		failed = advert_refs(&t->advert, &l->refs, &l->err) != 0;
	if (failed && greet_after_all(t, code)) {
		t->unasked = false;
		l->deaf = true;
		go_on(s, t, STEP_GREETING);
		return;
	}
	l->sum = t->advert.sum;
	curl_multi_remove_handle(s->multi, t->easy);
	unlink_running(s, t);
	finish(s, t, failed);
}

static void collect(struct smart *s)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left))) {
		CURLcode code = m->data.result;
		char *t = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		settle(s, (struct transfer *)(void *)t, code);
	}
}

size_t smart_running(const struct smart *s)
{
	return s->nrunning;
}

int smart_wait(struct smart *s, int timeout_ms, const int *fds, size_t nfds, struct err *e)
{
	struct curl_waitfd extra[8];
	int still;
	CURLMcode failed = curl_multi_perform(s->multi, &still);

	if (nfds > 8)
		return err_set(e, ERR_BUG, "too many descriptors to wait for");
	for (size_t i = 0; i < nfds; i++)
		extra[i] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
	collect(s);
	if (!failed && !s->done) {
		failed = curl_multi_poll(s->multi, extra, (unsigned)nfds, timeout_ms, NULL);
		if (!failed)
			failed = curl_multi_perform(s->multi, &still);
		collect(s);
	}
	return failed ? err_set(e, ERR_OS, "libcurl: %s", curl_multi_strerror(failed)) : 0;
}

struct look *smart_take(struct smart *s)
{
	struct transfer *t = s->done;
	struct look *l;

	if (!t)
		return NULL;
	s->done = t->next;
	l = t->look;
	transfer_put(s, t);
	return l;
}

void smart_close(struct smart *s)
{
	struct transfer *t;

	if (!s)
		return;
	while ((t = s->running)) {
		curl_multi_remove_handle(s->multi, t->easy);
		s->running = t->next;
		look_free(t->look);
		transfer_free(t);
	}
	while ((t = s->done)) {
		s->done = t->next;
		look_free(t->look);
		transfer_free(t);
	}
	while ((t = s->spare)) {
		s->spare = t->next;
		transfer_free(t);
	}
	curl_slist_free_all(s->greeting);
	curl_slist_free_all(s->question);
	curl_multi_cleanup(s->multi);
	curl_global_cleanup();
	free(s);
}
