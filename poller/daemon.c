/* daemon.c - a look over git://, git's own daemon (gitprotocol-pack(5)). */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "look.h"
#include "talk.h"

#define PIECE (16 * KIB)
#define STOP_LOOK_MS 200

struct line {
	int fd;
	int64_t deadline_us;		/* monotonic */
	const struct look *look;
};

/* Wait until fd is ready: 0, or -1 with e (too late, or the program is to end). */
static int wait_for(const struct line *n, short events, struct err *e)
{
	struct pollfd p = { .fd = n->fd, .events = events };

	for (;;) {
		int64_t left_ms = (n->deadline_us - clock_mono_us()) / 1000;

		if (left_ms <= 0)
			return err_set(e, ERR_TEMP, "no answer within %lld s",
				(long long)(n->look->timeout_us / 1000000));
		if (n->look->stop && atomic_load(n->look->stop))
			return err_set(e, ERR_TEMP, "interrupted");
		if (poll(&p, 1, left_ms < STOP_LOOK_MS ? (int)left_ms : STOP_LOOK_MS) > 0)
			return 0;
	}
}

static int connect_one(struct line *n, const struct addrinfo *ai, struct err *e)
{
	socklen_t len = sizeof(int);
	int failed = 0;

	n->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
		ai->ai_protocol);
	if (n->fd < 0)
		return err_sys(e, "cannot make a socket");
	if (!connect(n->fd, ai->ai_addr, ai->ai_addrlen))
		return 0;
	if (errno != EINPROGRESS)
		return err_sys(e, "cannot connect");
	if (wait_for(n, POLLOUT, e))
		return -1;
	getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &failed, &len);
	errno = failed;
	return failed ? err_sys(e, "cannot connect") : 0;
}

static int dial(struct line *n, const struct remote *r, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list;
	int failed = getaddrinfo(r->host, *r->port ? r->port : "9418", &hints, &list);

	if (failed)
		return err_set(e, ERR_TEMP, "cannot find the host: %s", gai_strerror(failed));
	failed = -1;
	for (const struct addrinfo *ai = list; ai && failed; ai = ai->ai_next) {
		failed = connect_one(n, ai, e);
		if (failed && n->fd >= 0) {
			close(n->fd);
			n->fd = -1;
		}
	}
	freeaddrinfo(list);
	return failed;
}

static int say_all(const struct line *n, const struct buf *b, struct err *e)
{
	for (size_t at = 0; at < b->len; ) {
		ssize_t w = send(n->fd, b->s + at, b->len - at, MSG_NOSIGNAL);

		if (w < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(e, "cannot send");
		if (w > 0)
			at += (size_t)w;
		else if (wait_for(n, POLLOUT, e))
			return -1;
	}
	return 0;
}

/* "git-upload-pack PATH NUL host=HOST NUL NUL version=2 NUL" */
static void request(struct buf *b, const struct remote *r)
{
	struct buf line;

	buf_init(&line, LIMIT_PKT_LINE - 4);
	buf_fmt(&line, "git-upload-pack %s", r->path);
	buf_chr(&line, 0);
	buf_fmt(&line, strchr(r->host, ':') ? "host=[%s]" : "host=%s", r->host);
	if (*r->port)
		buf_fmt(&line, ":%s", r->port);
	buf_add(&line, "\0\0version=2", 12);
	pkt_bytes(b, line.s, line.len);
	buf_release(&line);
}

/* One piece heard and answered: 0 go on, 1 the end, -1. */
static int converse(const struct line *n, struct talk *t, struct buf *say, struct err *e)
{
	char piece[PIECE];
	ssize_t got;
	int r;

	if (wait_for(n, POLLIN, e))
		return -1;
	got = recv(n->fd, piece, sizeof(piece), 0);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : err_sys(e, "cannot receive");
	if (got == 0)
		return 1;
	buf_clear(say);
	r = talk_hear(t, piece, (size_t)got, say, e);
	if (r < 0 || say_all(n, say, e))
		return -1;
	return r;
}

static int listen_to(struct look *l, struct talk *t, struct buf *say)
{
	struct line n = { .fd = -1, .look = l,
		.deadline_us = clock_mono_us() + l->timeout_us };
	int r = dial(&n, &l->remote, &l->err);

	if (!r) {
		request(say, &l->remote);
		r = say_all(&n, say, &l->err);
	}
	while (!r)
		r = converse(&n, t, say, &l->err);
	if (n.fd >= 0)
		close(n.fd);
	return r < 0 ? -1 : talk_refs(t, &l->refs, &l->err);
}

void look_daemon(struct look *l)
{
	struct talk t;
	struct buf say;

	buf_init(&say, MIB);
	talk_init(&t, &l->arena, &l->asked);
	l->failed = listen_to(l, &t, &say);
	l->sum = t.advert.sum;
	if (l->failed)
		err_wrap(&l->err, "%s", l->remote.shown);
	talk_release(&t);
	buf_release(&say);
}
