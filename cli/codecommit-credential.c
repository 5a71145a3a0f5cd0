/*
 * codecommit-credential.c - `refire codecommit-credential`: a git credential helper
 * (gitcredentials(7)) for CodeCommit over https, from AWS credentials, without the AWS
 * CLI. It stores nothing: the password is a signature that is good for 15 minutes.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "args.h"
#include "aws/client.h"
#include "clock.h"
#include "log.h"
#include "words.h"

#define GOOD_S (15 * 60)
#define ASKED_MAX (64 * KIB)

enum { OPT_PROFILE, OPT_ROLE, OPT_CONFIG, OPT_HELP };
static const struct args_option options[] = {
	[OPT_PROFILE] = { "profile", 0, "NAME", "credentials of this profile of ~/.aws/config" },
	[OPT_ROLE] = { "role", 0, "ARN", "take on this role with them" },
	[OPT_CONFIG] = ARGS_OPTION_CONFIG_UNUSED,
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[--profile NAME] [--role ARN] get", NULL };
static const struct args_usage usage = { "refire codecommit-credential", synopsis,
	"A git credential helper for AWS CodeCommit: git asks it for user name and password.\n"
	"Set it for CodeCommit alone, with the path, which is signed:\n\n"
	"  git config --global credential.https://git-codecommit.REGION.amazonaws.com.helper \\\n"
	"      '!refire codecommit-credential'\n"
	"  git config --global credential.https://git-codecommit.REGION.amazonaws.com.useHttpPath true",
	options,
	"git also says `store` and `erase`: there is nothing to do then.\n"
	"Exit status: 0 done, 64 usage, 75 try again later, 77 not permitted, 78 configuration.\n" };

struct asked {
	const char *protocol, *host, *path;
};

static int read_args(int argc, char **argv, const char **profile, const char **role, bool *help,
	const char **verb, struct err *e)
{
	struct args a;
	int k;

	args_init(&a, &usage, argc, argv);
	while ((k = args_next(&a, e)) >= 0) {
		if (k == OPT_PROFILE)
			*profile = a.value;
		else if (k == OPT_ROLE)
			*role = a.value;
		else if (k == OPT_HELP)
			*help = true;
	}
	if (k == ARGS_BAD)
		return -1;
	*verb = a.nrest ? a.rest[0] : "";
	return *help || a.nrest == 1 ? 0 : args_refuse(&usage, e, "expected get, store or erase");
}

/* git's lines, key=value, up to an empty one. */
static void read_asked(struct arena *a, struct asked *out)
{
	struct { const char *key, **value; } keys[] = { { "protocol=", &out->protocol },
		{ "host=", &out->host }, { "path=", &out->path } };
	char line[ASKED_MAX];

	*out = (struct asked){ "", "", "" };
	while (fgets(line, sizeof line, stdin) && *line != '\n') {
		line[strcspn(line, "\r\n")] = '\0';
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if (strncmp(line, keys[i].key, strlen(keys[i].key)) == 0)
				*keys[i].value = arena_strdup(a, line + strlen(keys[i].key));
	}
}

static int check_asked(const struct asked *q, struct err *e)
{
	if (strcmp(q->protocol, "https") != 0)
		return err_set(e, ERR_USAGE, "git asks for protocol `%.40s`; CodeCommit's is https", q->protocol);
	if (!*q->path)
		return err_set(e, ERR_CONFIG, "git does not say which repository, and the path is signed: git config "
			"--global credential.https://%.200s.useHttpPath true", q->host);
	return 0;
}

/* The region is the host's: STS of the same is asked, where a role is. */
static const char *region_of(struct arena *a, const char *host)
{
	const char *dot = strchr(host, '.');

	return dot ? arena_memdup(a, dot + 1, strcspn(dot + 1, ".")) : "";
}

static int answer(const struct asked *q, const char *profile, const char *role, struct arena *a,
	struct err *e)
{
	const struct aws_keys *keys;
	const char *user, *password;
	struct aws_place place;
	struct client *c;
	int64_t now = clock_wall_us();
	int failed;

	client_place(&place, profile, region_of(a, q->host), "us-east-1", a);
	place.role = role;
	if (check_asked(q, e) || client_open(&c, &place, "", "refire/" REFIRE_VERSION, e))
		return -1;
	keys = client_keys(c, e);
	failed = !keys || sigv4_codecommit(q->host, q->path, keys, now, a, &user, &password, e);
	if (!failed)
		printf("username=%s\npassword=%s\npassword_expiry_utc=%lld\n", user, password,
			(long long)now / US_PER_S + GOOD_S);
	client_close(c);
	return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
	const char *profile = "", *role = "", *verb = "";
	bool help = false;
	struct asked q;
	struct arena a;
	struct err e;
	int failed;

	log_init("refire-codecommit-credential", false);
	if (read_args(argc, argv, &profile, &role, &help, &verb, &e))
		return log_exit(&e);
	if (help)
		return words_help(&usage);
	arena_init(&a);
	a.secret = true;
	read_asked(&a, &q);
	failed = strcmp(verb, "get") == 0 && answer(&q, profile, role, &a, &e);
	arena_release(&a);
	return failed ? log_exit(&e) : 0;
}
