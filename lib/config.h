/*
 * config.h - the configuration as the programs use it.
 *
 * config_load finds the file (--config, $REFIRE_CONFIG, /etc/refire/refire.conf,
 * ~/.config/refire/refire.conf), reads it whole or not at all, and owns all of
 * it in one arena: a reload makes a new struct config and swaps. The post-receive
 * hook never reads it.
 *
 * Strings that are not set are "", lists empty.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "err.h"
#include "mem.h"
#include "settings.h"

enum pipeline_mode { MODE_QUEUED, MODE_SUPERSEDED, MODE_PARALLEL };
enum approval { APPROVAL_NONE, APPROVAL_REQUIRED };
enum pipeline_on { ON_PUSH = 1, ON_TAG = 2, ON_DELETE = 4 };	/* bits, order of on_choices */
enum tls_min { TLS_MIN_12, TLS_MIN_13 };
enum credential_source { CREDENTIALS_GIT, CREDENTIALS_NONE };
enum trigger { TRIGGER_NOTIFY, TRIGGER_BUILD, TRIGGER_GENERIC };
enum baseline { BASELINE_SILENT, BASELINE_FIRE };

struct repository {
	const char *name;	/* ends in * when root is set, and only then */
	const char *path;	/* local git directory */
	const char *root;	/* directory of repositories */
	const char *url;	/* polled */
	const char *real;	/* path or root with symbolic links resolved when it was read;
				   "" where it was not there */
	const char *ssh_key, *known_hosts, *token_file, *username, *ca_file, *tls_cert, *tls_key;
	int credentials;	/* enum credential_source */
	bool mirror;		/* of a url: its objects are kept here (mirror.h) */
	int64_t mirror_timeout_us;
	int64_t poll_interval_us;
	int64_t poll_timeout_us;
	int baseline;		/* enum baseline */
	const char *web_url;	/* for people, in payloads; may be "" */
	const char *file;
	int line;
};

struct pipeline {
	const char *name;
	struct list repository;	/* names or globs over names */
	unsigned on;		/* enum pipeline_on bits; 0: derived from branches/tags */
	struct list branches, branches_exclude, tags, tags_exclude, paths, paths_exclude;
	int mode;		/* enum pipeline_mode */
	int approval;		/* enum approval */
	struct list approvers;	/* Unix user names; empty: the [refire] section's */
	int64_t approval_timeout_us;
	const char *target;	/* name of a struct target */
	/* of its kind of target: kinds.h says which */
	const char *url, *url_file, *format, *template_file, *secret_file, *ca_file;
	struct list headers;	/* "Name: value" */
	const char *header_file;	/* the same, a line each */
	int64_t timeout_us, connect_timeout_us;
	bool tls_verify;
	const char *tls_cert, *tls_key;
	int tls_min;		/* enum tls_min */
	bool http2;
	const char *proxy, *proxy_login_file;	/* what holds for it: [refire]'s put in; "" none */
	struct address_list deny_addresses, allow_addresses;
	struct address_rules addresses;	/* made of these and [refire]'s */
	struct list command, environment;	/* argv; NAME=value */
	struct list variables;	/* NAME=value */
	const char *project, *job, *workflow, *event_type, *run_ref, *git_url, *username;
	const char *token_file, *app_id, *app_key_file, *installation_id;
	int trigger;		/* enum trigger */
	const char *directory;
	int64_t run_timeout_us;
	int64_t concurrency;	/* attempts in flight at once; 0: see share.h */
	int64_t spacing_us;	/* rate: from one attempt to the next, on average; 0 none */
	struct backoff retry_schedule;
	int64_t give_up_us;	/* 0: the [refire] section's */
	int64_t rejected_tries;	/* of an answer that refuses, 4xx */
	int64_t breaker_failures;	/* in a row, until it is only probed; 0: never */
	bool enabled;
	const char *file;
	int line;
};

struct config {
	struct arena arena;
	size_t holders;		/* besides its owner: see config_hold */
	const char *path;	/* the file that was read, absolute */
	struct conf_file source;
	/* [refire] */
	const char *state_dir;
	const char *include;	/* handled by conf.c; in the table for the manual */
	int64_t queue_keep_us;	/* what is settled stays in the queue for so long */
	const char *account_id, *region;
	bool trail_seal;	/* by the hour */
	const char *trail_bucket;
	struct list trail_witness;	/* "syslog", absolute paths */
	struct list operators;	/* Unix user names that may retry, drop, fire */
	struct list approvers;	/* Unix user names, of pipelines without their own */
	const char *pushers;	/* Unix group that may drop changes; "" none */
	int64_t concurrency;	/* attempts in flight at once */
	int64_t give_up_us;	/* 5 days */
	int64_t watch_interval_us;	/* resident poller: reconcile every */
	const char *proxy, *proxy_login_file;
	int64_t polls_per_host;	/* at once */
	struct address_list deny_addresses, allow_addresses;
	const char *user_agent;
	struct repository *repositories;
	size_t nrepositories;
	const struct repository **by_name;	/* in byte order of name, to look up */
	struct pipeline *pipelines;
	size_t npipelines;
};

/* path NULL: search. The caller config_free()s. The code is ERR_CONFIG unless the
   file cannot be read. No configuration anywhere is ERR_CONFIG and says where it
   looked. state_dir defaults to ${XDG_STATE_HOME:-~/.local/state}/refire when the
   file is the user's own, searched for or named. */
int config_load(const char *path, struct config **out, struct err *e);
int config_parse_text(const char *label, const char *text, struct config **out, struct err *e);
/* A reload swaps configurations while attempts still read the old one: each holder
   config_free()s, and the last one frees. */
struct config *config_hold(struct config *c);
/* For a person who mends a file: every error that can be told apart, not the first
   alone. Returns how many; 0: config_load takes it. */
int config_survey(const char *path, void (*each)(const struct err *e, void *arg), void *arg);
void config_free(struct config *c);

const struct pipeline *config_pipeline(const struct config *c, const char *name);

/* May this Unix user approve the pipeline's deliveries? */
bool config_approves(const struct config *c, const struct pipeline *p, const char *user);

/* The configured repository for a name: an exact section, or one with a `root`
   whose pattern matches. NULL when there is none. */
const struct repository *config_repository(const struct config *c, const char *name);
/* The name and section of the repository at an absolute git directory (symbolic
   links resolved by the caller). name is LIMIT_PATH bytes. NULL when none. A
   trailing /.git and .git are not part of a name made from `root`. */
const struct repository *config_repository_at(const struct config *c, const char *git_dir,
	char *name);
/* The git directory of a named repository: path, or below root. 0, or -1 when it
   has none (polled only). out is LIMIT_PATH bytes. */
int config_git_dir(const struct config *c, const char *name, char *out);

/* The tests on values that need more than one key: called by config_load. The
   first error names file, line and key. (config_check.c) */
int config_check(const struct config *c, struct err *e);
/* config_kind.c: its part for the target of a pipeline. */
int config_check_kind(const struct config *c, const struct pipeline *p, struct err *e);
/* An error at a key of a section, or at the section where the key is not given: ERR_CONFIG
   with file and line. */
int config_fail(const struct config *c, enum setting_section s, const char *name, const char *key,
	struct err *e, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* A name that is safe as part of a path: relative, no "..", no empty part, no
   control byte, no pattern character or comma, less than 100 bytes. */
bool config_name_ok(const char *name);
/* A further header, "Name: value". The sentence names it without its value. */
int config_header_check(const char *header, struct err *e);

/* The i-th of the keys that name a file of secrets: the key, and the path as given, "".
   NULL: there are no more. */
const char *config_secret_file(const struct pipeline *p, size_t i, const char **path);

/* Does this pipeline watch that repository name? */
bool pipeline_watches(const struct pipeline *p, const char *repository);

#endif
