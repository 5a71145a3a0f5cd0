/*
 * http.h against a real server on loopback that misbehaves by path, and against
 * openssl s_server for certificates. One thread a connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "http.h"
#include "tap.h"

/* ---- the server ---- */

static int server_fd, server_port;
static atomic_int connections, requests;

struct asked {
	char head[65536];
	size_t len;			/* of the head */
	char method[16], path[64];
	char *body;
	size_t body_len;
};

static bool say(int fd, const char *s)
{
	return send(fd, s, strlen(s), MSG_NOSIGNAL) == (ssize_t)strlen(s);
}

/* One request; false at the end of the connection. */
static bool ask_read(int fd, struct asked *q)
{
	size_t got = 0, want = 0;
	char *end = NULL, *cl;
	ssize_t n;

	while (!end) {
		n = read(fd, q->head + got, sizeof q->head - 1 - got);
		if (n <= 0)
			return false;
		got += (size_t)n;
		q->head[got] = '\0';
		if (q->head[0] == 0x16)		/* a TLS hello */
			return say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n") && false;
		end = strstr(q->head, "\r\n\r\n");
	}
	q->len = (size_t)(end - q->head) + 4;
	sscanf(q->head, "%15s %63s", q->method, q->path);
	cl = strstr(q->head, "Content-Length: ");
	if (cl && cl < end)
		want = strtoul(cl + 16, NULL, 10);
	q->body = calloc(1, want + 1);
	q->body_len = got - q->len < want ? got - q->len : want;
	memcpy(q->body, q->head + q->len, q->body_len);
	while (q->body_len < want) {
		n = read(fd, q->body + q->body_len, want - q->body_len);
		if (n <= 0)
			return false;
		q->body_len += (size_t)n;
	}
	q->head[q->len] = '\0';
	atomic_fetch_add(&requests, 1);
	return true;
}

static void say_reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void say_echo(int fd, const struct asked *q)
{
	struct buf b;
	char hex[65];

	digest_sha256_hex(q->body, q->body_len, hex);
	buf_init(&b, MIB);
	buf_fmt(&b, "HTTP/1.1 200 OK\r\nX-Body: %s\r\nX-Empty:\r\nX-Odd: a\x01z\r\n"
		"Content-Length: %zu\r\n\r\n%s", hex, q->len, q->head);
	say(fd, b.s);
	buf_release(&b);
}

/* Bytes without end, until the other side has had enough. */
static void say_on(int fd, const char *head, const char *more)
{
	if (say(fd, head))
		while (say(fd, more))
			continue;
}

/* Wait until the other side closes. */
static void hear_out(int fd)
{
	char c[256];

	while (read(fd, c, sizeof c) > 0)
		continue;
}

/* false: close the connection */
static bool serve(int fd, const struct asked *q)
{
	static char big[10 * MIB + 1];
	const char *p = q->path;

	if (strcmp(p, "/echo") == 0) {
		say_echo(fd, q);
		return true;
	}
	if (strncmp(p, "/status/", 8) == 0) {
		char text[128];

		snprintf(text, sizeof text, "HTTP/1.1 %.3s Word\r\nLocation: /echo\r\n"
			"Content-Length: 2\r\n\r\nhi", p + 8);
		return say(fd, text);
	}
	if (strcmp(p, "/interim") == 0)
		return say(fd, "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
			"Link: </x>\r\n\r\nHTTP/1.1 204 No Content\r\nX-Final: 1\r\n\r\n");
	if (strcmp(p, "/only-interim") == 0)
		say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	else if (strcmp(p, "/101") == 0)
		say(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
	else if (strcmp(p, "/reset") == 0)
		say_reset(fd);
	else if (strcmp(p, "/reset-mid") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
		say_reset(fd);
	} else if (strcmp(p, "/short") == 0)
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	else if (strcmp(p, "/slow") == 0)
		hear_out(fd);
	else if (strcmp(p, "/slow-body") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
		hear_out(fd);
	} else if (strcmp(p, "/big") == 0) {
		memset(big, 'b', sizeof big - 1);
		say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10485760\r\n\r\n");
		say(fd, big);
	} else if (strcmp(p, "/limit") == 0) {
		memset(big, 'b', LIMIT_ANSWER_READ);
		say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
			"Content-Length: 1048576\r\n\r\n");
		send(fd, big, LIMIT_ANSWER_READ, MSG_NOSIGNAL);
	} else if (strcmp(p, "/headers") == 0)
		say_on(fd, "HTTP/1.1 200 OK\r\n", "X-More: 0123456789012345678901234567890123456789\r\n");
	else if (strcmp(p, "/line") == 0)
		say_on(fd, "HTTP/1.1 200 OK\r\nX-Line: ", "0123456789012345678901234567890123456789");
	else if (strcmp(p, "/interims") == 0)
		say_on(fd, "", "HTTP/1.1 102 Processing\r\nX-Wait: 0123456789\r\n\r\n");
	else if (strcmp(p, "/garbage") == 0)
		say(fd, "220 smtp.example.org ESMTP\r\n");
	return false;		/* "/empty" and whatever else: closed without a word */
}

static void *serve_connection(void *arg)
{
	struct asked *q = calloc(1, sizeof *q);
	int fd = *(int *)arg;
	bool more = true;

	free(arg);
	while (more && ask_read(fd, q)) {
		more = serve(fd, q);
		free(q->body);
		q->body = NULL;
	}
	free(q->body);
	free(q);
	close(fd);
	return NULL;
}

static void *serve_all(void *arg)
{
	(void)arg;
	for (;;) {
		int *fd = malloc(sizeof *fd);
		pthread_t t;

		*fd = accept(server_fd, NULL, NULL);
		if (*fd < 0) {
			free(fd);
			return NULL;
		}
		atomic_fetch_add(&connections, 1);
		pthread_create(&t, NULL, serve_connection, fd);
		pthread_detach(t);
	}
}

static int listen_loopback(int *port, int backlog)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, backlog) ||
		getsockname(fd, (struct sockaddr *)&a, &n))
		exit(99);
	*port = ntohs(a.sin_port);
	return fd;
}

/* ---- asking ---- */

static struct http *h;
static struct arena arena;

static char *temporary(const char *name)
{
	const char *dir = getenv("TMPDIR");

	return arena_fmt(&arena, "%s/refire-%s-XXXXXX", dir ? dir : "/tmp", name);
}

static struct request request_to(const char *method, const char *url)
{
	return (struct request){ .method = method, .url = url, .headers.a = &arena,
		.body.fd = -1, .body.s = "{\"ref\":\"x\"}", .body.len = 11, .timeout_us = 60000000,
		.connect_timeout_us = 20000000, .ca_file = "", .tls_verify = true };
}

static const char *url_of(const char *path)
{
	return arena_fmt(&arena, "http://127.0.0.1:%d%s", server_port, path);
}

static struct answer exchange(const struct request *r)
{
	struct answer out = { .kind = ANSWER_COUNT };
	struct err e = { 0 };
	void *tag = NULL;
	int token;

	if (http_start(h, r, &token, &e)) {
		note("http_start: %s", e.text);
		return out;
	}
	while (!http_next(h, &arena, &tag, &out))
		if (http_wait(h, 10000, NULL, 0, &e))
			exit(98);
	ok(tag == &token, "the tag comes back");
	return out;
}

static struct answer post(const char *path)
{
	struct request r = request_to("POST", url_of(path));

	return exchange(&r);
}

/* ---- the tests ---- */

static void test_request(void)
{
	struct request r = request_to("POST", url_of("/echo"));
	struct answer a;
	char hex[65];

	headers_add(&r.headers, "Content-Type", "application/json");
	headers_add(&r.headers, "X-Nothing", "");
	headers_add(&r.headers, "User-Agent", "refire/test");
	a = exchange(&r);
	is_int(a.kind, ANSWER_GOT, "POST is answered");
	is_int(a.status, 200, "its status");
	ok(a.sent, "it left");
	ok(strncmp(a.body, "POST /echo HTTP/1.1\r\n", 21) == 0, "the request line");
	ok(strstr(a.body, "\r\nContent-Type: application/json\r\n") != NULL, "our header");
	ok(strstr(a.body, "\r\nX-Nothing:\r\n") != NULL, "a header without a value");
	ok(strstr(a.body, "\r\nContent-Length: 11\r\n") != NULL, "the length");
	ok(!strcasestr(a.body, "Expect:") && !strcasestr(a.body, "Transfer-Encoding"), "nothing more");
	digest_sha256_hex(r.body.s, r.body.len, hex);
	is_str(headers_get(&a.headers, "x-body"), hex, "the body arrived");
	is_str(headers_get(&a.headers, "X-Empty"), "", "an empty answer header");
	is_str(headers_get(&a.headers, "X-Odd"), "a?z", "control bytes in an answer are shown as ?");
	digest_sha256_hex(a.body, a.body_len, hex);
	is_str(a.body_sha256, hex, "the answer's digest");
	is_str(a.address, arena_fmt(&arena, "127.0.0.1:%d", server_port), "the address");
	ok(a.total_us > 0 && a.tls_us == 0, "times");
	r.method = "PUT";
	ok(strncmp(exchange(&r).body, "PUT /echo", 9) == 0, "another method with a body");
	r = request_to("GET", url_of("/echo"));
	a = exchange(&r);
	ok(strncmp(a.body, "GET /echo", 9) == 0 && !strstr(a.body, "Content-Length"), "GET has no body");
	r.method = "DELETE";
	r.body.len = 0;
	ok(strncmp(exchange(&r).body, "DELETE /echo", 12) == 0, "a handle is used again for another method");
	r = request_to("GET", url_of("/../a/./echo?x=1"));
	is_int(exchange(&r).kind, ANSWER_BROKEN, "dot segments are sent as they are");
}

static void test_file_body(void)
{
	size_t n = 3 * MIB + 7;
	char *name = temporary("http"), *bytes = malloc(n), hex[65];
	struct request r = request_to("POST", url_of("/echo"));
	int fd = mkstemp(name);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 31 >> 3);
	digest_sha256_hex(bytes, n, hex);
	if (write(fd, bytes, n) != (ssize_t)n)
		exit(97);
	unlink(name);
	r.body = (struct body){ .fd = fd, .len = n };
	for (int i = 0; i < 2; i++)
		is_str(headers_get(&(struct headers){ .v = exchange(&r).headers.v, .n = 1 }, "X-Body"), hex,
			"a body of 3 MiB from a file, time %d", i + 1);
	if (ftruncate(fd, 1000))
		exit(97);
	is_int(exchange(&r).kind, ANSWER_BROKEN, "a file that became shorter ends the exchange");
	close(fd);
	free(bytes);
}

/* What each misbehaviour becomes. */
static void test_kinds(void)
{
	static const struct {
		const char *path;
		enum answer_kind kind;
		int status;
	} cases[] = {
		{ "/status/200", ANSWER_GOT, 200 }, { "/status/299", ANSWER_GOT, 299 },
		{ "/status/301", ANSWER_GOT, 301 }, { "/status/307", ANSWER_GOT, 307 },
		{ "/status/410", ANSWER_GOT, 410 }, { "/status/500", ANSWER_GOT, 500 },
		{ "/status/999", ANSWER_GOT, 999 },
		{ "/interim", ANSWER_GOT, 204 }, { "/only-interim", ANSWER_BROKEN, 0 },
		{ "/101", ANSWER_BROKEN, 0 },
		{ "/reset", ANSWER_BROKEN, 0 }, { "/empty", ANSWER_BROKEN, 0 },
		{ "/reset-mid", ANSWER_BROKEN, 200 }, { "/short", ANSWER_BROKEN, 200 },
		{ "/garbage", ANSWER_BROKEN, 0 },
		{ "/headers", ANSWER_TOO_BIG, 200 }, { "/line", ANSWER_TOO_BIG, 200 },
		{ "/interims", ANSWER_TOO_BIG, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct answer a = post(cases[i].path);

		is_str(answer_code(a.kind), answer_code(cases[i].kind), "%s: kind", cases[i].path);
		is_int(a.status, cases[i].status, "%s: status", cases[i].path);
		ok(a.sent, "%s: it left", cases[i].path);
		ok(!*a.detail == (a.kind == ANSWER_GOT), "%s: detail '%s'", cases[i].path, a.detail);
	}
	ok(headers_get(&(struct headers){ .v = post("/interim").headers.v, .n = 1 }, "X-Final") != NULL,
		"the headers are those of the last block");
}

static void test_sizes(void)
{
	struct answer a = post("/big");

	is_int(a.kind, ANSWER_GOT, "10 MiB of answer: judged by the status");
	is_int(a.status, 200, "which is there");
	ok(a.body_cut, "reading stopped");
	is_int(a.body_total, LIMIT_ANSWER_READ, "at the limit");
	is_int(a.body_len, LIMIT_ANSWER_KEPT, "and less is kept");
	a = post("/limit");
	ok(a.kind == ANSWER_GOT && !a.body_cut, "an answer of exactly the limit is whole");
	is_str(a.body_sha256, post("/big").body_sha256, "the digest is of what was read");
}

static void test_not_sent(void)
{
	struct request r = request_to("POST", NULL);
	struct answer a;
	int port, fd;

	close(listen_loopback(&port, 1));
	r.url = arena_fmt(&arena, "http://127.0.0.1:%d/", port);
	a = exchange(&r);
	is_str(answer_code(a.kind), "ConnectionFailed", "nobody listens");
	ok(!a.sent && a.status == 0, "nothing left us");
	r.url = "http://does-not-exist.invalid/";
	a = exchange(&r);
	is_str(answer_code(a.kind), "NameNotResolved", "a name that is none");
	ok(!a.sent, "nothing left us");
	/* a full backlog: the handshake is never finished */
	fd = listen_loopback(&port, 0);
	r.url = arena_fmt(&arena, "http://127.0.0.1:%d/", port);
	r.connect_timeout_us = 100000;
	r.timeout_us = 300000;
	for (int i = 0; i < 4; i++)
		a = exchange(&r);
	ok((a.kind == ANSWER_CONNECT) == !a.sent, "connecting takes too long: %s", answer_code(a.kind));
	is_str(answer_code(a.kind), "ConnectionFailed", "its kind");
	close(fd);
}

static void test_timeouts(void)
{
	struct request r = request_to("POST", url_of("/slow"));
	int64_t began = clock_mono_us();
	struct answer a;

	r.timeout_us = 200000;
	a = exchange(&r);
	is_str(answer_code(a.kind), "ReceiverTimeout", "no answer in time");
	ok(a.sent && a.status == 0, "it left, and nothing came");
	r.url = url_of("/slow-body");
	a = exchange(&r);
	is_str(answer_code(a.kind), "ReceiverTimeout", "no whole answer in time");
	is_int(a.status, 200, "the status is kept");
	ok(clock_mono_us() - began < 3000000, "both ended by their own limit");
}

/* A kept connection that breaks without an answer is not asked a second time. */
static void test_keep_alive(void)
{
	int conns = atomic_load(&connections), asked;
	struct answer a;

	for (int i = 0; i < 20; i++)
		post("/echo");
	ok(atomic_load(&connections) - conns <= 1, "20 requests in turn go over one connection");
	asked = atomic_load(&requests);
	a = post("/empty");
	is_str(answer_code(a.kind), "ConnectionBroken", "one of them is closed without an answer");
	ok(a.sent, "it had left");
	is_int(atomic_load(&requests) - asked, 1, "and was not sent again behind our back");
	is_str(a.detail, "the kept connection was closed without an answer", "the detail says so");
}

static void test_many(void)
{
	enum { N = 300 };
	struct request r = request_to("POST", url_of("/echo"));
	int seen[N] = { 0 }, fds[2], got = 0;
	struct answer a;
	struct err e;
	void *tag;

	for (int i = 0; i < N; i++)
		if (http_start(h, &r, &seen[i], &e))
			exit(96);
	is_int(http_running(h), N, "%d are under way", N);
	while (http_running(h)) {
		http_wait(h, 5000, NULL, 0, &e);
		while (http_next(h, &arena, &tag, &a))
			got += a.status == 200 && ++*(int *)tag == 1;
	}
	is_int(got, N, "each is answered once");
	if (pipe(fds) || write(fds[1], "x", 1) != 1)
		exit(96);
	r.url = url_of("/slow");
	r.timeout_us = 300000;
	http_start(h, &r, NULL, &e);
	is_int(http_wait(h, -1, (int[]){ -1, fds[0] }, 2, &e), 0, "a readable descriptor ends the wait");
	ok(!http_next(h, &arena, &tag, &a), "while a transfer goes on");
	while (http_running(h) && !http_next(h, &arena, &tag, &a))
		http_wait(h, 5000, NULL, 0, &e);
	is_int(a.kind, ANSWER_TIMEOUT, "which ends by itself");
	close(fds[0]);
	close(fds[1]);
}

static void test_refused(void)
{
	static const char *const bad[] = { "", "ftp://127.0.0.1/", "file:///etc/passwd", "http://",
		"127.0.0.1:80/x", "http://a b/", "https://exa\nmple.org/", "gopher://127.0.0.1/" };
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		is_int(http_check_url(bad[i], &e), -1, "url '%s' is refused", bad[i]);
	is_int(http_check_url("https://user:pw@[::1]:8443/a?b=c", &e), 0, "a whole one is not");
	for (size_t i = 1; i < 4; i++) {
		struct request r = request_to("POST", bad[i]);
		struct answer a = exchange(&r);

		ok(!a.sent && (a.kind == ANSWER_REFUSED || a.kind == ANSWER_COUNT),
			"and '%s' never carried out", bad[i]);
	}
}

/* ---- addresses ---- */

static struct address_list one(const char *text)
{
	struct address_list l = { arena_alloc(&arena, sizeof *l.v), 1 };
	struct err e;

	if (address_block_parse(text, l.v, &e))
		exit(94);
	return l;
}

/* However a URL spells it, nothing is connected to. */
static void test_built_in_addresses(void)
{
	static const char *const spellings[] = { "169.254.169.254", "0xa9fea9fe", "2852039166",
		"0251.0376.0251.0376", "169.254.43518", "0xa9.0xfe.0xa9.0xfe", "[::ffff:169.254.169.254]",
		"[::ffff:a9fe:a9fe]", "[fe80::1]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
		"[fd00:ec2::254]", "[fe80::1%25lo]" };

	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		struct request r = request_to("POST", arena_fmt(&arena, "http://%s/latest/", spellings[i]));
		struct answer a;

		r.connect_timeout_us = 2000000;
		a = exchange(&r);
		is_str(answer_code(a.kind), "AddressRefused", "%s", spellings[i]);
		ok(!a.sent && strstr(a.detail, "allow-addresses") != NULL, "why: %s", a.detail);
		ok(a.connect_us == 0, "no connection was tried");
	}
}

static void test_denied_addresses(void)
{
	struct address_rules denied = { .deny = { one("127.0.0.0/8") } };
	struct address_rules allowed = { .deny = { one("127.0.0.0/8") }, .allow = { one("127.0.0.1") } };
	struct address_rules six = { .deny = { one("::1") } };
	struct request r = request_to("POST", url_of("/echo")), plain = r;
	int conns;

	is_int(exchange(&plain).status, 200, "without rules loopback is allowed, and kept");
	conns = atomic_load(&connections);
	r.addresses = &denied;
	is_str(answer_code(exchange(&r).kind), "AddressRefused",
		"a kept connection of another pipeline is not used past the rules");
	is_int(atomic_load(&connections), conns, "and none is made");
	is_str(answer_code(exchange(&r).kind), "AddressRefused", "nor is a new one made");
	is_int(atomic_load(&connections), conns, "no connection came");
	r.addresses = &allowed;
	is_int(exchange(&r).status, 200, "allow goes before deny");
	r.url = arena_fmt(&arena, "http://localhost:%d/echo", server_port);
	is_int(exchange(&r).status, 200, "by name as well");
	r.addresses = &six;
	is_int(exchange(&r).status, 200, "of a name's addresses, those not refused are used");
	r.addresses = &denied;
	is_str(answer_code(exchange(&r).kind), "AddressRefused", "a name that leads to a refused one");
	r.url = url_of("/echo");
	r.addresses = NULL;
	is_int(exchange(&r).status, 200, "the handle keeps no rule");
}

/* ---- certificates ---- */

static pid_t tls_pid;

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* openssl s_server on a port of the system's choice, which it prints. */
static int tls_server(const char *dir)
{
	char cert[256], key[256], line[256];
	int out[2], port = 0;
	FILE *f;

	snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	snprintf(key, sizeof key, "%s/key.pem", dir);
	if (pipe(out))
		return 0;
	tls_pid = fork();
	if (tls_pid == 0) {
		dup2(out[1], 1);
		dup2(open("/dev/null", O_RDWR), 0);
		dup2(0, 2);
		close(out[0]);
		execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert,
			"-key", key, "-www", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	while (!port && fgets(line, sizeof line, f))
		if (strncmp(line, "ACCEPT ", 7) == 0 && strrchr(line, ':'))
			port = atoi(strrchr(line, ':') + 1);
	fclose(f);
	return port;
}

/* Accepts in the kernel, and never answers. */
static int tls_silent(int *fd)
{
	int port;

	*fd = listen_loopback(&port, 8);
	return port;
}

static void test_tls(void)
{
	char *dir = temporary("tls"), *command;
	struct request r = request_to("GET", NULL);
	struct answer a;
	int port, fd;

	if (!mkdtemp(dir))
		exit(95);
	command = arena_fmt(&arena, "openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
		"-subj /CN=refire.test -addext subjectAltName=IP:127.0.0.1 "
		"-keyout %s/key.pem -out %s/cert.pem 2>%s/log", dir, dir, dir);
	is_int(run(command), 0, "a certificate is made");
	port = tls_server(dir);
	ok(port > 0, "openssl s_server listens");
	r.url = arena_fmt(&arena, "https://127.0.0.1:%d/", port);
	a = exchange(&r);
	is_str(answer_code(a.kind), "TlsVerificationFailed", "a certificate nobody vouches for");
	ok(!a.sent, "nothing left us");
	r.tls_verify = false;
	a = exchange(&r);
	is_int(a.status, 200, "tls-verify = no takes it");
	ok(a.tls_us > 0, "the handshake took time");
	r.tls_verify = true;
	is_str(answer_code(exchange(&r).kind), "TlsVerificationFailed", "but only where it is said");
	r.ca_file = arena_fmt(&arena, "%s/cert.pem", dir);
	is_int(exchange(&r).status, 200, "its own authority takes it");
	r.ca_file = arena_fmt(&arena, "%s/none.pem", dir);
	is_str(answer_code(exchange(&r).kind), "TlsVerificationFailed", "a ca-file that is not there");
	r.ca_file = "";
	is_str(answer_code(exchange(&r).kind), "TlsVerificationFailed", "and the system's again");
	r.url = arena_fmt(&arena, "https://127.0.0.1:%d/echo", server_port);
	is_str(answer_code(exchange(&r).kind), "TlsVerificationFailed", "a server that speaks no TLS");
	r.url = arena_fmt(&arena, "https://127.0.0.1:%d/", tls_silent(&fd));
	r.connect_timeout_us = 300000;
	a = exchange(&r);
	is_str(answer_code(a.kind), "ConnectionFailed", "a handshake that is not answered: %s", a.detail);
	ok(!a.sent, "nothing left us");
	close(fd);
	kill(tls_pid, SIGTERM);
	waitpid(tls_pid, NULL, 0);
	run(arena_fmt(&arena, "rm -rf %s", dir));
}

int main(void)
{
	struct request r;
	pthread_t server;
	struct err e;

	plan_none();
	arena_init(&arena);
	/* none of these may be used */
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("https_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	server_fd = listen_loopback(&server_port, 512);
	pthread_create(&server, NULL, serve_all, NULL);
	if (http_open(&h, 64, &e))
		return 99;
	test_request();
	test_file_body();
	test_kinds();
	test_sizes();
	test_not_sent();
	test_timeouts();
	test_keep_alive();
	test_many();
	test_refused();
	test_built_in_addresses();
	test_denied_addresses();
	test_tls();
	r = request_to("POST", url_of("/slow"));
	http_start(h, &r, NULL, &e);
	http_wait(h, 20, NULL, 0, &e);
	http_close(h);		/* ends what is under way */
	shutdown(server_fd, SHUT_RDWR);
	pthread_join(server, NULL);
	close(server_fd);
	arena_release(&arena);
	return tap_done();
}
