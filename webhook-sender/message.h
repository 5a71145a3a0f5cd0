/*
 * message.h - what goes to the far side and what comes back, as data.
 *
 * format.render makes messages, format.sign adds the headers of one attempt,
 * target.next turns them into requests, http.h carries one out, and policy.h
 * judges the answer. Strings live in the attempt's arena.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "limits.h"
#include "mem.h"

struct header {
	const char *name, *value;
	bool hidden;			/* its value is never shown */
};
struct headers {
	struct header *v;
	size_t n, cap;
	struct arena *a;
};
/* Refuses (returns -1) a name that is not a token or a value with a byte below
   0x20 but TAB, or 0x7f: nothing from outside may begin a new header. */
int headers_add(struct headers *h, const char *name, const char *value);
/* The same, for a value that is never shown. */
int headers_add_hidden(struct headers *h, const char *name, const char *value);
const char *headers_get(const struct headers *h, const char *name);	/* any case; NULL */

/* Bytes in memory, or a file that can be read again from its start. */
struct body {
	const char *s;			/* memory, when fd < 0 */
	int fd;
	size_t len;
	char sha256[65];		/* hex */
};

struct message {
	const char *event;		/* the dialect's name of it: "push", "create" */
	const char *content_type;
	const char *id;			/* that the dialect signs; NULL where it signs none */
	struct headers headers;		/* those that do not depend on the attempt */
	struct body body;
};

struct request {
	const char *method, *url;
	struct headers headers;
	struct body body;
	const char *secret;		/* id of the one that signed it, "" or NULL none; see secret_lines.h */
	bool previous;			/* it is not the newest: that was refused */
	int64_t timeout_us, connect_timeout_us;
	const char *ca_file;		/* "" system */
	/* "" or NULL: none */
	const char *tls_cert, *tls_key;	/* PEM files; without a key that of the certificate's */
	const char *proxy, *proxy_login;	/* URL; user:password */
	bool tls_13;			/* no older version */
	bool http_1;			/* no HTTP/2 */
	bool look;			/* say in cert_until_us how long the certificates last */
	bool tls_verify;
	const struct address_rules *addresses;	/* NULL: only what is always refused is */
};

#define ANSWER_LIST(X) \
	/* name, errorCode, sentence */ \
	X(GOT, "", "answered") \
	X(RESOLVE, "NameNotResolved", "the host name could not be resolved") \
	X(FORBIDDEN, "AddressRefused", "the receiver's address may not be connected to") \
	X(CONNECT, "ConnectionFailed", "the connection was refused or could not be made") \
	X(TLS, "TlsVerificationFailed", "the TLS handshake or the certificate's check failed") \
	X(TIMEOUT, "ReceiverTimeout", "no complete answer within the time limit") \
	X(BROKEN, "ConnectionBroken", "the connection broke before the answer was complete") \
	X(TOO_BIG, "AnswerTooLarge", "the answer's headers exceeded the limit") \
	X(REFUSED, "RequestRefused", "the request could not be made from the configuration")

enum answer_kind {
#define X(name, code, text) ANSWER_##name,
	ANSWER_LIST(X)
#undef X
	ANSWER_COUNT
};
const char *answer_code(enum answer_kind k);
const char *answer_text(enum answer_kind k);

struct answer {
	enum answer_kind kind;
	int status;			/* HTTP status, 0 when none came */
	bool sent;			/* something of the request may have left us */
	struct headers headers;		/* of the last header block */
	const char *body;		/* first LIMIT_ANSWER_KEPT bytes */
	size_t body_len, body_total;	/* total read, at most LIMIT_ANSWER_READ */
	bool body_cut;			/* reading stopped at the limit */
	char body_sha256[65];		/* of what was read */
	char address[64];		/* "127.0.0.1:9000" */
	const char *detail;		/* libcurl's own words on failure, or "" */
	int64_t cert_until_us;		/* 0: not asked, or none was shown */
	int64_t dns_us, connect_us, tls_us, total_us;
};

enum outcome {
	OUTCOME_OK,
	OUTCOME_RETRY,			/* by the schedule */
	OUTCOME_REJECTED,		/* other 4xx: a few tries, then FAILED */
	OUTCOME_FAIL,			/* at once */
	OUTCOME_HOLD,			/* a person must look at it */
	OUTCOME_GONE,			/* a person must look at the pipeline: 410 */
};
struct verdict {
	enum outcome outcome;
	int http_status;
	const char *code;		/* errorCode, "" when OK */
	const char *text;		/* a sentence, "" when OK */
	int64_t not_before_us;		/* Retry-After as a wait, 0 none */
	bool unknown;			/* the request may have arrived */
};

#endif
