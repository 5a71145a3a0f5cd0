/*
 * aws_plan.h - where keys come from, decided from what is configured. Pure: the environment
 * and the texts of the shared files in, a plan out; login.h carries it out.
 *
 * The order is that of AWS's own tools: the environment (unless a profile is named);
 * the profile's role, over its source; a web identity; the profile's keys in the
 * credentials file; its credential_process; its keys in the config file; the container's
 * endpoint; the machine's metadata service. Sign-in by a browser (SSO, login) is left to
 * credential_process. The first that is configured is used: when it fails, the next is
 * not tried, for other keys could be somebody else's.
 */
#ifndef AWS_PLAN_H
#define AWS_PLAN_H

#include "aws/service.h"
#include "aws/sigv4.h"

#define PLAN_ROLES 8

struct aws_place {
	const char *profile;		/* "" : AWS_PROFILE's, else default */
	const char *role, *external_id;	/* ARN of a role to take on in the end; "" none */
	const char *session;		/* name of that session */
	const char *region;		/* whose STS is asked */
	const char *home;		/* of the account, for ~ */
	struct aws_env env;
};

enum plan_base { PLAN_KEYS, PLAN_PROCESS, PLAN_WEB, PLAN_CONTAINER, PLAN_MACHINE };

struct plan_role {
	const char *arn, *external_id, *session;
	int64_t seconds;		/* of the session; 0: the service's own */
};

struct aws_plan {
	enum plan_base base;
	const char *from;		/* for a person: "the environment" */
	struct aws_keys keys;		/* KEYS */
	const char *const *argv;	/* PROCESS */
	const char *token_file;		/* WEB; CONTAINER: "" or of its authorization */
	struct plan_role web;		/* WEB */
	const char *url;		/* CONTAINER: whole; MACHINE: without a path */
	const char *authorization;	/* CONTAINER: "" none */
	struct plan_role roles[PLAN_ROLES];	/* to be taken on, first to last */
	size_t nroles;
};

/* The files' texts, parsed. ERR_CONFIG: it names what is wrong. All strings in a. */
struct aws_files {
	struct profiles config, credentials;
};
int aws_plan_make(const struct aws_place *p, const struct aws_files *f, struct arena *a,
	struct aws_plan *out, struct err *e);
/* Read them: AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, else below home. Those that are
   not there are empty. */
int aws_files_read(const struct aws_place *p, struct arena *a, struct aws_files *out, struct err *e);
/* The profile in use: named, AWS_PROFILE's, "default". */
const char *aws_plan_profile(const struct aws_place *p);

/* A command line in its words: blanks, '...', "...", \x. No shell. In a; NULL: a quote is open. */
const char *const *aws_plan_words(struct arena *a, const char *line);

#endif
