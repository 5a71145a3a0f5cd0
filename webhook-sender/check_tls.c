/* check_tls.c - a pipeline's certificate and key, and how long certificates last. See
   check.h. */
#include "check.h"

#include "clock.h"
#include "fs.h"
#include "pem.h"

#define SOON_US (INT64_C(14) * 24 * 3600 * US_PER_S)

void check_until(struct check *c, const char *pipeline, const char *what, int64_t until_us)
{
	char when[CLOCK_ISO_SIZE], in[CLOCK_ISO_SIZE];
	int64_t now = clock_wall_us();

	if (!until_us || until_us > now + SOON_US)
		return;
	check_add(c, until_us <= now ? CHECK_FAIL : CHECK_WARN, "pipeline", pipeline,
		"%s %s %s, at %s", what, until_us <= now ? "ended" : "ends",
		clock_relative(until_us, now, in), clock_iso(until_us, when));
}

void check_tls(struct check *c, const struct pipeline *p)
{
	const char *key = *p->tls_key ? p->tls_key : p->tls_cert;
	int64_t until = 0;
	struct err e;

	if (!*p->tls_cert)
		return;
	if (fs_check_private(key, true, &e) || pem_pair(p->tls_cert, key, &until, &e))
		check_add(c, CHECK_FAIL, "pipeline", p->name, "%s: %s", *p->tls_key ? "tls-key" : "tls-cert",
			e.text);
	check_until(c, p->name, "tls-cert: the certificate", until);
}
