/*
 * check.h - `refire check`: what its parts share. Each part looks at one kind of
 * thing and adds findings to the report; check.c prints them as they come.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "spool.h"
#include "table.h"

enum check_level { CHECK_OK, CHECK_WARN, CHECK_FAIL, CHECK_LEVELS };

struct check {
	const struct config *config;
	struct spool_paths paths;
	struct screen screen;
	bool json;
	int64_t count[CHECK_LEVELS];
};

/* One finding: "ok    pipeline web-deploy   the secret is private". */
void check_add(struct check *c, enum check_level level, const char *subject, const char *name,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

void check_files(struct check *c);		/* check_files.c: state-dir, spool, disk, secrets */
void check_repositories(struct check *c);	/* check_repositories.c */
void check_pipelines(struct check *c);		/* check_pipelines.c */
/* check_secrets.c: one file of a pipeline. */
void check_secrets(struct check *c, const char *pipeline, const char *key, const char *path);
/* check_tls.c: its certificate and key; a certificate that ends within 14 days. */
void check_tls(struct check *c, const struct pipeline *p);
void check_until(struct check *c, const char *pipeline, const char *what, int64_t until_us);
void check_online(struct check *c);		/* check_online.c: resolve, connect, TLS, HEAD */

#endif
