/*
 * check_online.c - can each receiver be reached: resolve, connect, verify its
 * certificate, and one HEAD request without a payload. See check.h.
 *
 * Any HTTP status counts as reachable: many receivers refuse HEAD.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "describe.h"
#include "http.h"
#include "secrets.h"

#define AT_ONCE 32
#define WAIT_MS 1000

struct probe {
	const struct pipeline *pipeline;
	char *url;			/* NULL: not started */
};

/* The URL itself may be a secret in a file. */
static char *url_of(const struct pipeline *p, struct err *e)
{
	struct secret_lines lines;

	if (!*p->url_file)
		return mem_strdup(p->url);
	if (secrets_load(p->url_file, NULL, clock_wall_us(), &lines, e))
		return NULL;
	return mem_strdup(lines.v[0].key.s);
}

/* http_start copies it. */
static int login_of(const struct pipeline *p, struct request *r, struct err *e)
{
	struct secret_lines lines;

	if (!*p->proxy_login_file)
		return 0;
	if (secrets_load(p->proxy_login_file, NULL, clock_wall_us(), &lines, e))
		return -1;
	r->proxy_login = lines.v[0].key.s;
	return 0;
}

static void probe_start(struct check *c, struct http *h, struct probe *p)
{
	struct request r = { .method = "HEAD", .secret = "", .body.fd = -1, .body.s = "",
		.timeout_us = p->pipeline->timeout_us,
		.connect_timeout_us = p->pipeline->connect_timeout_us,
		.ca_file = p->pipeline->ca_file, .tls_verify = p->pipeline->tls_verify,
		.addresses = &p->pipeline->addresses, .tls_cert = p->pipeline->tls_cert,
		.tls_key = p->pipeline->tls_key, .tls_13 = p->pipeline->tls_min == TLS_MIN_13,
		.http_1 = !p->pipeline->http2, .proxy = p->pipeline->proxy, .look = true };
	struct err e;

	p->url = url_of(p->pipeline, &e);
	r.url = p->url;
	if (!p->url || login_of(p->pipeline, &r, &e) || http_start(h, &r, p, &e))
		check_add(c, CHECK_FAIL, "pipeline", p->pipeline->name, "not reachable: %s", e.text);
}

static void probe_end(struct check *c, const struct probe *p, const struct answer *a)
{
	const char *proxy = p->pipeline->proxy;
	struct buf url;

	buf_init(&url, 2 * LIMIT_URL);
	describe_url(&url, p->url, *p->pipeline->url_file != '\0');
	if (a->kind == ANSWER_GOT)
		check_add(c, CHECK_OK, "pipeline", p->pipeline->name, "%s is reachable %s %s%s%s (HEAD: %d)",
			url.s, *proxy ? "through" : "at", *proxy ? proxy : a->address,
			*proxy ? ", at " : "", *proxy ? a->address : "", a->status);
	else
		check_add(c, CHECK_FAIL, "pipeline", p->pipeline->name, "%s%s%s: %s%s%s", url.s,
			*proxy ? " through " : "", proxy, answer_text(a->kind), *a->detail ? ": " : "",
			a->detail);
	check_until(c, p->pipeline->name, "a certificate of the receiver", a->cert_until_us);
	buf_release(&url);
}

static int probes_run(struct check *c, struct http *h, struct probe *v, size_t n, struct err *e)
{
	size_t next = 0;

	while (next < n || http_running(h) > 0) {
		struct answer answer;
		struct arena a;
		void *tag;

		for (; next < n && http_running(h) < AT_ONCE; next++)
			probe_start(c, h, &v[next]);
		if (http_wait(h, WAIT_MS, NULL, 0, e))
			return -1;
		arena_init(&a);
		while (http_next(h, &a, &tag, &answer))
			probe_end(c, tag, &answer);
		arena_release(&a);
	}
	return 0;
}

void check_online(struct check *c)
{
	struct probe *v = mem_alloc((c->config->npipelines + 1) * sizeof(*v));
	struct http *h;
	struct err e;
	size_t n = 0;

	for (size_t i = 0; i < c->config->npipelines; i++)
		if (*c->config->pipelines[i].url || *c->config->pipelines[i].url_file)
			v[n++].pipeline = &c->config->pipelines[i];
	if (http_open(&h, AT_ONCE, &e)) {
		check_add(c, CHECK_FAIL, "online", "", "%s", e.text);
	} else {
		if (probes_run(c, h, v, n, &e))
			check_add(c, CHECK_FAIL, "online", "", "%s", e.text);
		http_close(h);
	}
	for (size_t i = 0; i < n; i++) {
		if (v[i].url)
			explicit_bzero(v[i].url, strlen(v[i].url));
		free(v[i].url);
	}
	free(v);
}
