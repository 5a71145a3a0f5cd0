/*
 * courier.h against a server of its own on loopback: every request is answered once, to
 * its own tag, however many go at a time; what libcurl refuses comes back as well; an
 * end in the middle leaves nothing behind. Meant for the thread sanitizer, too.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "courier.h"
#include "tap.h"

static int server_fd, server_port;

/* ---- the server: the path in the body; /never is not answered ---- */

static bool read_head(int fd, char *head, size_t size)
{
	size_t got = 0;
	ssize_t n;

	do {
		n = read(fd, head + got, size - 1 - got);
		if (n <= 0)
			return false;
		got += (size_t)n;
		head[got] = '\0';
	} while (!strstr(head, "\r\n\r\n") && got < size - 1);
	return true;
}

static void *serve(void *arg)
{
	char head[4096], path[64], text[256];
	int fd = (int)(intptr_t)arg;

	while (read_head(fd, head, sizeof head)) {
		if (sscanf(head, "%*s %63s", path) != 1 || strcmp(path, "/never") == 0)
			continue;
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(path), path);
		if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void *serve_all(void *arg)
{
	pthread_t t;
	int fd;

	while ((fd = accept(server_fd, NULL, NULL)) >= 0)
		if (pthread_create(&t, NULL, serve, (void *)(intptr_t)fd) == 0)
			pthread_detach(t);
	return arg;
}

static void server_start(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	pthread_t t;

	server_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server_fd, (struct sockaddr *)&a, n) || listen(server_fd, 256) ||
	    getsockname(server_fd, (struct sockaddr *)&a, &n) || pthread_create(&t, NULL, serve_all, NULL))
		exit(1);
	pthread_detach(t);
	server_port = ntohs(a.sin_port);
}

/* ---- the caller ---- */

struct errand {
	struct arena arena;
	struct request request;
	char url[128], path[64];
	int answers;
};

static void errand_init(struct errand *x, const char *path)
{
	*x = (struct errand){ .answers = 0 };
	arena_init(&x->arena);
	snprintf(x->path, sizeof x->path, "%s", path);
	snprintf(x->url, sizeof x->url, "http://127.0.0.1:%d%s", server_port, path);
	x->request = (struct request){ .method = "POST", .url = x->url, .secret = "",
		.body = { .s = "", .fd = -1 }, .headers.a = &x->arena, .timeout_us = 20 * US_PER_S,
		.connect_timeout_us = 10 * US_PER_S, .http_1 = true };
}

static bool wait_for(struct courier *c)
{
	struct pollfd p = { .fd = courier_fd(c), .events = POLLIN };

	return poll(&p, 1, 20000) == 1;
}

/* Takes what is there; how many were right. */
static int take(struct courier *c)
{
	struct answer answer;
	const struct err *refused;
	int right = 0;
	void *tag;

	while (courier_next(c, &tag, &answer, &refused)) {
		struct errand *x = tag;

		x->answers++;
		right += !refused && answer.kind == ANSWER_GOT && answer.status == 200 &&
			answer.body_len == strlen(x->path) &&
			memcmp(answer.body, x->path, answer.body_len) == 0;
	}
	return right;
}

#define MANY 600

static void test_many(void)
{
	struct errand *v = calloc(MANY, sizeof *v);
	struct courier *c = NULL;
	int right = 0, once = 0;
	struct err e;

	ok(courier_open(&c, 32, &e) == 0, "it opens");
	for (int i = 0; i < MANY; i++) {
		char path[32];

		snprintf(path, sizeof path, "/%d", i);
		errand_init(&v[i], path);
		courier_send(c, &v[i].request, &v[i].arena, &v[i]);
		if (i % 7 == 0)
			courier_go(c);
		if (i % 50 == 0)
			right += take(c);
	}
	courier_go(c);
	while (right < MANY && wait_for(c))
		right += take(c);
	is_int(right, MANY, "each has its own answer");
	for (int i = 0; i < MANY; i++) {
		once += v[i].answers == 1;
		arena_release(&v[i].arena);
	}
	is_int(once, MANY, "and one only");
	ok(courier_check(c, &e) == 0, "nothing has failed");
	courier_close(c);
	free(v);
}

static void test_refused(void)
{
	struct courier *c = NULL;
	struct answer answer;
	struct errand x;
	const struct err *refused = NULL;
	void *tag = NULL;
	struct err e;

	ok(courier_open(&c, 4, &e) == 0, "it opens");
	errand_init(&x, "/");
	x.request.url = memset(arena_alloc(&x.arena, LIMIT_URL + 2), 'a', LIMIT_URL + 1);
	courier_send(c, &x.request, &x.arena, &x);
	courier_go(c);
	ok(wait_for(c) && courier_next(c, &tag, &answer, &refused), "what libcurl refuses comes back");
	ok(tag == &x && refused && *refused->text, "and says why: %s", refused ? refused->text : "");
	arena_release(&x.arena);
	courier_close(c);
}

static void test_end(void)
{
	struct errand v[20];
	struct courier *c = NULL;
	struct err e;
	int right;

	ok(courier_open(&c, 32, &e) == 0, "it opens");
	for (int i = 0; i < 20; i++) {
		errand_init(&v[i], i == 19 ? "/last" : "/never");
		courier_send(c, &v[i].request, &v[i].arena, &v[i]);
	}
	courier_go(c);
	for (right = 0; !right && wait_for(c);)
		right += take(c);
	is_int(right, 1, "one is answered");
	courier_close(c);
	for (int i = 0; i < 20; i++)
		arena_release(&v[i].arena);
	ok(true, "it ends with others under way");
	courier_close(NULL);
}

int main(void)
{
	plan_none();
	signal(SIGPIPE, SIG_IGN);
	server_start();
	test_many();
	test_refused();
	test_end();
	return tap_done();
}
