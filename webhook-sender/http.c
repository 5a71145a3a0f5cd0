/*
 * http.c - see http.h. libcurl's socket interface over epoll; exchange.c does
 * what concerns one request.
 *
 * Handles are pooled with their buffers, so that a warm exchange costs no
 * allocation of ours, and a kept connection stays registered between exchanges,
 * so that it costs no epoll_ctl either.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "exchange.h"

#define EVENTS 256
#define FDS 15			/* descriptors a caller may wait for */

/* What epoll was told about a descriptor. */
struct watch {
	bool ours;		/* a connection: opened and closed through us */
	uint32_t told, wanted;	/* EPOLLIN | EPOLLOUT; told may lag behind an idle one */
};

struct http {
	CURLM *multi;
	int epoll;
	int64_t timer_us;		/* monotonic; -1 none */
	size_t running;
	struct exchange *free, *done, **done_end;
	struct exchange *all;		/* by older */
	struct watch *watches;		/* by descriptor */
	size_t nwatches;
};

/* ---- descriptors ---- */

static struct watch *watch_of(struct http *h, int fd)
{
	size_t had = h->nwatches;

	if ((size_t)fd >= had) {
		h->watches = mem_grow(h->watches, &h->nwatches, (size_t)fd + 1, sizeof *h->watches);
		memset(h->watches + had, 0, (h->nwatches - had) * sizeof *h->watches);
	}
	return &h->watches[fd];
}

static void watch_tell(struct http *h, int fd, struct watch *w)
{
	struct epoll_event ev = { .events = w->wanted, .data.fd = fd };
	int op = !w->wanted ? EPOLL_CTL_DEL : w->told ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (w->told == w->wanted)
		return;
	if (epoll_ctl(h->epoll, op, fd, &ev) == 0 || op == EPOLL_CTL_DEL)
		w->told = w->wanted;
}

/* CURLMOPT_SOCKETFUNCTION */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct http *h = arg;
	struct watch *w = watch_of(h, fd);

	(void)easy;
	(void)unused;
	w->wanted = what == CURL_POLL_IN ? EPOLLIN : what == CURL_POLL_OUT ? EPOLLOUT :
		what == CURL_POLL_INOUT ? EPOLLIN | EPOLLOUT : 0;
	if (w->wanted || !w->ours)
		watch_tell(h, fd, w);
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: names are resolved, this is the address itself. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct exchange *x = arg;
	struct address to;
	int fd;

	(void)purpose;
	if (!address_of(&a->addr, &to) || !exchange_permits(x, &to))
		return CURL_SOCKET_BAD;
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	x->opened++;
	*watch_of(x->h, fd) = (struct watch){ .ours = true };
	return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
	*watch_of(arg, fd) = (struct watch){ 0 };	/* epoll forgets it by itself */
	return close(fd);
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	h->timer_us = timeout_ms < 0 ? -1 : clock_mono_us() + timeout_ms * 1000;
	return 0;
}

/* ---- the engine ---- */

int http_open(struct http **out, size_t concurrency, struct err *e)
{
	struct http *h = mem_alloc(sizeof *h);

	h->timer_us = -1;
	h->done_end = &h->done;
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll < 0) {
		free(h);
		return err_sys(e, "cannot make an epoll descriptor");
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->multi = curl_multi_init())) {
		close(h->epoll);
		free(h);
		return err_set(e, ERR_OS, "libcurl cannot be initialized");
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)(concurrency + 8));
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	for (struct exchange *x = h->all, *older; x; x = older) {
		older = x->older;
		if (x->running)
			curl_multi_remove_handle(h->multi, x->easy);
		exchange_free(x);
	}
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	close(h->epoll);
	free(h->watches);
	free(h);
}

size_t http_running(const struct http *h)
{
	return h->running;
}

/* A pooled one, or a new one. */
static struct exchange *http_take(struct http *h)
{
	struct exchange *x = h->free;

	if (x) {
		h->free = x->next;
		return x;
	}
	x = exchange_new(h);
	if (!x)
		return NULL;
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(x->easy, CURLOPT_CLOSESOCKETDATA, h);
	x->older = h->all;
	h->all = x;
	return x;
}

static void http_give(struct http *h, struct exchange *x)
{
	x->next = h->free;
	h->free = x;
}

int http_start(struct http *h, const struct request *r, void *tag, struct err *e)
{
	struct exchange *x = http_take(h);
	CURLcode code;

	if (!x)
		return err_set(e, ERR_OS, "libcurl cannot make a handle: is it older than 7.85?");
	code = exchange_set(x, r);
	if (code == CURLE_OK && curl_multi_add_handle(h->multi, x->easy) != CURLM_OK)
		code = CURLE_FAILED_INIT;
	if (code != CURLE_OK) {
		http_give(h, x);
		return err_set(e, code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT ?
			ERR_TEMP : ERR_CONFIG, "libcurl refuses the request: %s",
			curl_easy_strerror(code));
	}
	x->tag = tag;
	x->running = true;
	h->running++;
	return 0;
}

/* What libcurl says is over goes into h->done. */
static void http_collect(struct http *h)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		CURL *easy = m->easy_handle;
		CURLcode result = m->data.result;
		struct exchange *x = NULL;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
		curl_multi_remove_handle(h->multi, easy);
		x->result = result;
		x->running = false;
		x->next = NULL;
		*h->done_end = x;
		h->done_end = &x->next;
	}
}

static void http_events(struct http *h, const struct epoll_event *ev, int n)
{
	int running;

	for (int i = 0; i < n; i++) {
		struct watch *w = watch_of(h, ev[i].data.fd);
		int bits = (ev[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			(ev[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			(ev[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

		if (w->wanted)
			curl_multi_socket_action(h->multi, ev[i].data.fd, bits, &running);
		else
			watch_tell(h, ev[i].data.fd, w);	/* an idle one stirs: let go */
	}
}

static void http_timer(struct http *h)
{
	int running;

	if (h->timer_us >= 0 && h->timer_us <= clock_mono_us()) {
		h->timer_us = -1;
		curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

static int wait_ms(const struct http *h, int64_t until_us)
{
	int64_t to = h->timer_us >= 0 && (until_us < 0 || h->timer_us < until_us) ?
		h->timer_us : until_us, left;

	if (to < 0)
		return -1;
	left = (to - clock_mono_us() + 999) / 1000;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

int http_wait(struct http *h, int timeout_ms, const int *fds, size_t nfds, struct err *e)
{
	int64_t until = timeout_ms < 0 ? -1 : clock_mono_us() + (int64_t)timeout_ms * 1000;
	struct pollfd p[FDS + 1] = { { .fd = h->epoll, .events = POLLIN } };
	struct epoll_event ev[EVENTS];
	bool stirred = false;

	if (nfds > FDS)
		return err_set(e, ERR_BUG, "http_wait: %zu descriptors, at most %d", nfds, FDS);
	for (size_t i = 0; i < nfds; i++)
		p[i + 1] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	for (;;) {
		int n;

		http_timer(h);
		n = epoll_wait(h->epoll, ev, EVENTS, 0);
		if (n > 0)
			http_events(h, ev, n);
		http_collect(h);
		if (h->done || stirred || n < 0)
			break;
		if (n > 0)
			continue;
		if (until >= 0 && clock_mono_us() >= until)
			break;
		n = poll(p, nfds + 1, wait_ms(h, until));
		if (n < 0)
			return errno == EINTR ? 0 : err_sys(e, "poll");
		for (size_t i = 1; i <= nfds; i++)
			stirred = stirred || p[i].revents;
	}
	return 0;
}

void *http_ended(const struct http *h)
{
	return h->done ? h->done->tag : NULL;
}

bool http_next(struct http *h, struct arena *a, void **tag, struct answer *out)
{
	struct exchange *x = h->done;

	if (!x)
		return false;
	h->done = x->next;
	if (!h->done)
		h->done_end = &h->done;
	exchange_answer(x, a, out);
	*tag = x->tag;
	http_give(h, x);
	h->running--;
	return true;
}

int http_check_url(const char *url, struct err *e)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL;
	bool good;

	if (!u)
		return err_set(e, ERR_TEMP, "out of memory judging a URL; it is tried again");
	good = strlen(url) <= LIMIT_URL && !url[strcspn(url, " \t\r\n\v\f\x7f")] &&
		curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host &&
		(strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(u);
	return good ? 0 : err_set(e, ERR_CONFIG, "it must be a whole http:// or https:// address");
}
