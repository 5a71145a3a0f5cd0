/*
 * artifact.c - `refire artifact`: a commit's tree as a zip, the same bytes for the same
 * commit. The sender runs it for pipelines that name an artifact; a person to look at it.
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "fs.h"
#include "json.h"
#include "log.h"
#include "tree_zip.h"
#include "words.h"

#define LEAST_PART (5 * MIB)

enum { OPT_OUTPUT, OPT_ABOUT, OPT_PART, OPT_LIMIT, OPT_JSON, OPT_CONFIG, OPT_HELP };
static const struct args_option options[] = {
	[OPT_OUTPUT] = { "output", 'o', "FILE", "where it is written; required" },
	[OPT_ABOUT] = { "about", 0, "FILE", "write what --json prints there, when all is done" },
	[OPT_PART] = { "part", 0, "BYTES", "also say the SHA-256 of each part of that size, 5 MiB or more" },
	[OPT_LIMIT] = { "limit", 0, "BYTES", "fail when it becomes larger" },
	[OPT_JSON] = ARGS_OPTION_JSON,
	[OPT_CONFIG] = ARGS_OPTION_CONFIG_UNUSED,
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "--output FILE [--json] REPOSITORY COMMIT", NULL };
static const struct args_usage usage = { "refire artifact", synopsis,
	"Write the tree of a commit as a zip: what `git archive` would put in, without a folder\n"
	"around it, and always the same bytes for the same commit. REPOSITORY is a path.", options,
	"Pipelines with `artifact` in their section have it made and put by the sender.\n"
	"Exit status: 0 done, 1 this commit cannot be put into a zip, 64 usage, 75 try again later.\n" };

struct choices {
	const char *output, *about, *repository, *commit;
	long long part, limit;
	bool json, help;
};

static int read_args(int argc, char **argv, struct choices *c, struct err *e)
{
	struct args a;
	int k, failed = 0;

	args_init(&a, &usage, argc, argv);
	while (!failed && (k = args_next(&a, e)) >= 0) {
		if (k == OPT_OUTPUT)
			c->output = a.value;
		else if (k == OPT_ABOUT)
			c->about = a.value;
		else if (k == OPT_PART)
			failed = args_number(&a, "part", LEAST_PART, &c->part, e);
		else if (k == OPT_LIMIT)
			failed = args_number(&a, "limit", 1, &c->limit, e);
		else if (k == OPT_JSON)
			c->json = true;
		else if (k == OPT_HELP)
			c->help = true;
	}
	if (failed || k == ARGS_BAD)
		return -1;
	if (c->help)
		return 0;
	if (!c->output)
		return args_refuse(&usage, e, "--output says where it is written");
	if (a.nrest != 2)
		return args_refuse(&usage, e, "expected a repository and a commit");
	c->repository = a.rest[0];
	c->commit = a.rest[1];
	return 0;
}

static void describe(struct buf *b, const char *commit, const struct zip_made *m, int64_t files)
{
	struct json j;

	json_init(&j, b);
	json_object(&j);
	json_kv(&j, "commit", commit);
	json_kv_int(&j, "files", files);
	json_kv_int(&j, "bytes", m->bytes);
	json_kv(&j, "sha256", m->sha256);
	json_key(&j, "parts");
	json_array(&j);
	for (size_t i = 0; i < m->nparts; i++)
		json_str(&j, m->parts[i]);
	json_end(&j);
	json_end(&j);
	buf_chr(b, '\n');
}

static int tell(const struct choices *c, const char *commit, const struct zip_made *m, int64_t files,
	struct err *e)
{
	struct buf b;
	int failed;

	buf_init(&b, 64 * KIB);
	describe(&b, commit, m, files);
	failed = c->about && fs_replace(c->about, 0600, b.s, b.len, e);
	if (!failed && c->json)
		fputs(b.s, stdout);
	else if (!failed)
		printf("%s: %lld files of commit %s, %lld bytes, SHA-256 %s\n", c->output, (long long)files,
			commit, (long long)m->bytes, m->sha256);
	buf_release(&b);
	return failed ? -1 : 0;
}

static int write_zip(const struct choices *c, const struct tree_zip *t, struct err *e)
{
	static struct zip_made made;
	int64_t files;
	struct zip *z;

	if (zip_open(&z, c->output, t->time_s, c->part, c->limit, e))
		return -1;
	if (tree_zip_write(t, z, &files, e)) {
		zip_drop(z);
		return -1;
	}
	if (files == 0) {
		zip_drop(z);
		return err_set(e, ERR_DATA, "commit %s has no files to put into a zip: its tree is empty, or "
			"export-ignore leaves nothing of it", t->commit);
	}
	if (zip_close(z, &made, e))
		return -1;
	return tell(c, t->commit, &made, files, e);
}

/* A few MiB of the packs at once, however large they are. */
static void bound_memory(void)
{
	git_libgit2_init();
	/* git does not hash again what it reads from packs for an archive either */
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)(2 * MIB));
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)(24 * MIB));
	git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(8 * MIB));
}

static int run(const struct choices *c, struct err *e)
{
	struct repo *r = NULL;
	struct tree_zip t;
	struct arena a;
	int failed;

	setenv("TZ", "UTC", 1);
	tzset();
	bound_memory();
	arena_init(&a);
	failed = repo_open(c->repository, &r, e) || tree_zip_look(r, c->commit, &a, &t, e) ||
		write_zip(c, &t, e);
	repo_close(r);
	arena_release(&a);
	return failed;
}

int main(int argc, char **argv)
{
	struct choices c = { .part = 0 };
	struct err e;

	log_init("refire-artifact", false);
	if (read_args(argc, argv, &c, &e))
		return log_exit(&e);
	if (c.help)
		return words_help(&usage);
	umask(077);
	return run(&c, &e) ? log_exit(&e) : 0;
}
