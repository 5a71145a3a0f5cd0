/* identity.c - see identity.h. */
#include <string.h>

#include "identity.h"
#include "match.h"

/* "scheme://user:password@host/path?query" without what may be secret. */
static const char *public_url(struct arena *a, const char *url)
{
	const char *host = strstr(url, "://"), *end, *at = NULL;

	if (!host)
		return "";
	host += 3;
	end = host + strcspn(host, "?#");
	for (const char *s = host; s < end && *s != '/'; s++)
		if (*s == '@')
			at = s;
	if (at)
		return arena_fmt(a, "%.*s%.*s", (int)(host - url), url, (int)(end - at - 1), at + 1);
	return arena_memdup(a, url, (size_t)(end - url));
}

const char *identity_clone_url(const struct payload *p)
{
	const struct repository *r = p->in->repository;
	const char *url = r && r->url && strncmp(r->url, "http", 4) == 0 ? public_url(p->a, r->url) : "";

	return *url ? url : p->base;
}

const char *identity_ssh_url(const struct payload *p)
{
	const struct repository *r = p->in->repository;

	return r && r->url && *r->url && strncmp(r->url, "http", 4) != 0 ? r->url : "";
}

const char *identity_owner(const struct payload *p)
{
	const char *slash = strrchr(p->in->name, '/');

	return slash ? arena_memdup(p->a, p->in->name, (size_t)(slash - p->in->name)) : "refire";
}

const char *identity_name(const struct payload *p)
{
	const char *slash = strrchr(p->in->name, '/');

	return slash ? slash + 1 : p->in->name;
}

const char *identity_default_branch(const struct payload *p)
{
	return ref_branch(p->in->enrichment->head_ref);
}

const char *identity_uri(const struct payload *p)
{
	struct buf b;
	const char *uri;

	buf_init(&b, 3 * (LIMIT_URL + 4 * LIMIT_PATH));
	payload_encode(&b, p->base, ":/?#[]@!$&'()*+,;=%");
	uri = arena_memdup(p->a, b.s, b.len);
	buf_release(&b);
	return uri;
}
