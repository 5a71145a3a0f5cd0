/*
 * kinds.h - the kinds of targets, and which keys of a [pipeline] section each takes.
 *
 * Keys that none of them lists are every pipeline's. One that is listed means nothing to
 * a kind that does not list it, and is refused there. !key is needed, !a|b exactly one of
 * them, a|b at most one. What the kinds do is webhook-sender's (target.h).
 */
#ifndef KINDS_H
#define KINDS_H

#include <stdbool.h>
#include <stddef.h>

/* How a receiver is reached, of all that make HTTP requests. */
#define KIND_HTTP "headers header-file timeout connect-timeout ca-file tls-verify tls-min " \
	"tls-cert tls-key http2 proxy proxy-login-file deny-addresses allow-addresses "

#define KIND_LIST(X) \
	/* name, keys */ \
	X("webhook", KIND_HTTP "!url|url-file format template-file secret-file") \
	X("exec", "!command directory environment run-timeout") \
	X("jenkins", KIND_HTTP "!url !trigger job git-url username !token-file variables") \
	X("gitlab-pipeline", KIND_HTTP "url !project !token-file run-ref variables") \
	X("github-dispatch", KIND_HTTP "url !project !event-type|workflow !token-file|app-key-file " \
		"app-id installation-id run-ref variables") \
	X("gitea-dispatch", KIND_HTTP "!url !project !workflow !token-file run-ref variables") \
	X("woodpecker", KIND_HTTP "!url !project !token-file run-ref variables") \
	X("drone", KIND_HTTP "!url !project !token-file run-ref variables") \
	X("buildkite", KIND_HTTP "url !project !token-file run-ref variables") \
	X("circleci", KIND_HTTP "url !project !token-file run-ref variables") \
	X("azure-pipelines", KIND_HTTP "url !project !job !token-file run-ref variables") \
	X("tekton", KIND_HTTP "!url !project !job !token-file variables")

struct kind {
	const char *name, *keys;
};
extern const struct kind kinds[];		/* ends with name NULL */

const struct kind *kind_find(const char *name);	/* NULL */
bool kind_takes(const struct kind *k, const char *key);

/* The next word of keys: its keys, one or several. false: there is none. */
struct kind_word {
	const char *at, *end;		/* "a|b", without the ! */
	bool needed;
};
bool kind_next(const char **keys, struct kind_word *out);
/* The next of its keys; NULL. *len is how long it is. */
const char *kind_key(struct kind_word *w, size_t *len);

#endif
