/*
 * curl-multi.c - the ceiling: a bare curl_multi loop that POSTs one body many times
 * over kept connections, and does nothing else. No queue, no record, no payload made.
 *
 *	curl-multi URL COUNT CONCURRENCY BODY-FILE [poll [HEADER...]]
 *
 * curl_multi_socket_action over epoll, or with `poll` the loop of libcurl's own
 * examples, curl_multi_perform and curl_multi_poll. HEADERs, where given, are all that
 * it sets. Prints the seconds it took.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

static CURLM *multi;
static int epoll, started, finished, failed, count;
static long timer_ms = -1;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct epoll_event ev = { .data.fd = fd, .events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u) };

	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE)
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &ev);
	else
		epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
	curl_multi_assign(multi, fd, what == CURL_POLL_REMOVE ? NULL : &epoll);
	return 0;
}

static int on_timer(CURLM *m, long ms, void *arg)
{
	(void)m;
	(void)arg;
	timer_ms = ms;
	return 0;
}

static size_t swallow(char *s, size_t size, size_t n, void *arg)
{
	(void)s;
	(void)arg;
	return size * n;
}

static void again(CURL *easy)
{
	if (started < count) {
		started++;
		curl_multi_add_handle(multi, easy);
	}
}

static void collect(void)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(multi, &left))) {
		CURL *easy = m->easy_handle;
		long status = 0;

		failed += m->data.result != CURLE_OK ||
			curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
			status != 200;
		finished++;
		curl_multi_remove_handle(multi, easy);
		again(easy);
	}
}

static void run_epoll(void)
{
	struct epoll_event ev[256];
	int running;

	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	while (finished < count) {
		int n = epoll_wait(epoll, ev, 256, timer_ms < 0 ? 1000 : (int)timer_ms);

		for (int i = 0; i < n; i++)
			curl_multi_socket_action(multi, ev[i].data.fd,
				(ev[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
				(ev[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0), &running);
		if (timer_ms == 0 || n == 0)
			curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
		collect();
	}
}

static void run_poll(void)
{
	int running;

	while (finished < count) {
		curl_multi_perform(multi, &running);
		collect();
		if (finished < count)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
}

static char *read_body(const char *path, long *len)
{
	FILE *f = fopen(path, "rb");
	char *s;

	if (!f || fseek(f, 0, SEEK_END) || (*len = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) ||
	    !(s = malloc((size_t)*len + 1)) || fread(s, 1, (size_t)*len, f) != (size_t)*len) {
		perror(path);
		exit(1);
	}
	fclose(f);
	return s;
}

static CURL *handle(const char *url, const char *body, long len, struct curl_slist *headers)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	return easy;
}

int main(int argc, char **argv)
{
	struct curl_slist *headers = NULL;
	struct timespec from, to;
	long len, concurrency;
	char *body;

	if (argc < 5)
		return 64;
	count = atoi(argv[2]);
	concurrency = atol(argv[3]);
	body = read_body(argv[4], &len);
	epoll = epoll_create1(0);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, concurrency + 8);
	for (int i = 6; i < argc; i++)
		headers = curl_slist_append(headers, argv[i]);
	if (argc <= 6) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		headers = curl_slist_append(headers, "Expect:");
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < concurrency; i++)
		again(handle(argv[1], body, len, headers));
	if (argc > 5 && strcmp(argv[5], "poll") == 0)
		run_poll();
	else
		run_epoll();
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.6f\n", (double)(to.tv_sec - from.tv_sec) +
		(double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return failed ? 1 : 0;
}
