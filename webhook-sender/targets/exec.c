/*
 * exec.c - a program on this machine as the pipeline: one step, its exit status the
 * verdict (policy_judge_end).
 *
 * It gets the change as JSON on its standard input, as format = generic has it, and what
 * is asked for most in its environment. Arguments are a list and no shell is between, so
 * that a branch's name cannot become a command; nor an option, where the argument as it is
 * configured is none.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expand.h"
#include "match.h"
#include "policy.h"
#include "target.h"

#define PATH_DIRS "/usr/local/bin:/usr/bin:/bin"	/* as proc.c has it */

/* ---- arguments ---- */

static int refuse(const struct attempt *t, struct step *out, const char *arg, const char *why)
{
	out->kind = STEP_SETTLED;
	out->verdict = (struct verdict){ .outcome = OUTCOME_FAIL, .code = "CommandRefused",
		.text = arena_fmt(t->arena, "`%s` in `command` or `environment`: with this delivery's "
			"values %s", arg, why) };
	return 1;
}

/* 0, 1 settled, -1 */
static int fill_in(const struct attempt *t, const struct list *from, const char **to,
	struct step *out, struct err *e)
{
	struct buf b;
	int result = 0;

	buf_init(&b, LIMIT_CONF_VALUE);
	for (size_t i = 0; i < from->n && result == 0; i++) {
		buf_clear(&b);
		if (expand(&b, from->v[i], t->input, false, t->arena, e))
			result = -1;
		else if (b.over)
			result = refuse(t, out, from->v[i], "it becomes too long");
		else if (*b.s == '-' && *from->v[i] != '-')
			result = refuse(t, out, from->v[i], "it would be read as an option");
		to[i] = arena_memdup(t->arena, b.s, b.len);
	}
	buf_release(&b);
	return result;
}

/* ---- environment ---- */

struct variables {
	const struct attempt *t;
	const char **v;
	size_t n;
};

static void set(struct variables *e, const char *name, const char *value)
{
	e->v[e->n++] = arena_fmt(e->t->arena, "REFIRE_%s=%s", name, value ? value : "");
}

static const char *event(const struct render_input *in)
{
	return oid_is_zero(in->after) ? "deleted" : oid_is_zero(in->before) ? "created" : "updated";
}

static const char *git_dir(const struct attempt *t)
{
	char *dir = arena_alloc(t->arena, LIMIT_PATH);

	return config_git_dir(t->config, t->input->name, dir) ? "" : dir;
}

static void set_words(struct variables *e)
{
	static const char *const words[][2] = {
		{ "PIPELINE", "pipeline" }, { "REPOSITORY", "repository" }, { "REF", "ref" },
		{ "BRANCH", "branch" }, { "TAG", "tag" }, { "COMMIT", "commit" },
		{ "BEFORE", "before" }, { "ACTOR", "actor" }, { "CHANGE", "change" },
		{ "DELIVERY", "delivery" },
	};
	const struct render_input *in = e->t->input;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		set(e, words[i][0], expand_word(in, words[i][1], strlen(words[i][1])));
	set(e, "EVENT", event(in));
	set(e, "GIT_DIR", git_dir(e->t));
	set(e, "ATTEMPT", arena_fmt(e->t->arena, "%lld", (long long)e->t->attempt));
}

static bool is_name(const char *s, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	for (size_t i = 0; i < n; i++)
		if (!memchr(letters, s[i], sizeof(letters) - 1))
			return false;
	return n > 0 && (*s < '0' || *s > '9');
}

/* What the pusher said, under names of its own: no PATH, no LD_PRELOAD can be among it. */
static int set_pushed(struct variables *e, struct err *err)
{
	struct detail read;
	const struct detail *d = e->t->input->detail;

	if (!d && detail_decode(e->t->arena, e->t->input->change->detail, &read, err))
		return -1;
	d = d ? d : &read;
	e->v = arena_alloc(e->t->arena, (32 + d->nvars + e->t->pipeline->environment.n) *
		sizeof(*e->v));
	for (size_t i = 0; i < d->nvars; i++)
		if (is_name(d->vars[i].name, strlen(d->vars[i].name)))
			set(e, arena_fmt(e->t->arena, "VAR_%s", d->vars[i].name), d->vars[i].value);
	return 0;
}

static int make_env(const struct attempt *t, struct step *out, struct err *err)
{
	struct variables e = { .t = t };

	if (set_pushed(&e, err))
		return -1;
	set_words(&e);
	out->program.env = e.v;
	return fill_in(t, &t->pipeline->environment, e.v + e.n, out, err);
}

/* ---- the step ---- */

static int make_program(const struct attempt *t, struct step *out, struct err *e)
{
	const struct pipeline *p = t->pipeline;
	const char **argv = arena_alloc(t->arena, (p->command.n + 1) * sizeof(*argv));
	struct message *m;
	size_t n;
	int made;

	out->kind = STEP_PROGRAM;
	out->program = (struct program){ .argv = argv, .timeout_us = p->run_timeout_us,
		.directory = *p->directory ? p->directory : "/" };
	made = fill_in(t, &p->command, argv, out, e);
	if (made == 0)
		made = make_env(t, out, e);
	if (made)
		return made < 0 ? -1 : 0;
	if (format_generic.render(t->input, t->arena, &m, &n, e))
		return -1;
	out->program.in = m->body.s;
	out->program.in_len = m->body.len;
	return 0;
}

static int next(const struct attempt *t, struct step *out, struct err *e)
{
	if (!t->ended)
		return make_program(t, out, e);
	out->kind = STEP_SETTLED;
	out->verdict = policy_judge_end(t->ended, t->arena);
	return 0;
}

/* ---- rules and check ---- */

static int environment_rule(const char *entry, struct err *e)
{
	size_t n = strcspn(entry, "=");

	if (!entry[n] || !is_name(entry, n))
		return err_set(e, ERR_CONFIG, "`environment`: `%.100s` is not NAME=value", entry);
	if (strncmp(entry, "REFIRE_", 7) == 0)
		return err_set(e, ERR_CONFIG, "`environment`: refire sets REFIRE_ variables itself");
	return expand_check(entry + n, e) ? err_wrap(e, "`environment`") : 0;
}

static int rule(const struct pipeline *p, const char **key, struct err *e)
{
	const char *program = p->command.v[0];

	*key = "command";
	if (strchr(program, '{'))
		return err_set(e, ERR_CONFIG, "`command`: the program itself has no placeholder: whoever "
			"pushes would choose what runs");
	if (*program == '-' || (*program != '/' && strchr(program, '/')))
		return err_set(e, ERR_CONFIG, "`command`: the program is an absolute path, or a name that "
			"is looked up in " PATH_DIRS);
	for (size_t i = 1; i < p->command.n; i++)
		if (expand_check(p->command.v[i], e))
			return err_wrap(e, "`command`");
	*key = "environment";
	for (size_t i = 0; i < p->environment.n; i++)
		if (environment_rule(p->environment.v[i], e))
			return -1;
	return 0;
}

static bool runs(const char *dir, size_t n, const char *name)
{
	char path[LIMIT_PATH];
	struct stat st;

	if (n + strlen(name) + 2 > sizeof(path))
		return false;
	memcpy(path, dir, n);
	path[n] = '/';
	strcpy(path + n + 1, name);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int check(const struct pipeline *p, struct err *e)
{
	const char *program = p->command.v[0], *dirs = PATH_DIRS;
	struct stat st;
	bool found = *program == '/' && runs("", 0, program + 1);

	for (size_t n; *program != '/' && *dirs && !found; dirs += n + (dirs[n] == ':')) {
		n = strcspn(dirs, ":");
		found = runs(dirs, n, program);
	}
	if (!found)
		return err_set(e, ERR_CONFIG, "command: %s is not a program that this account may run%s",
			program, *program == '/' ? "" : " in " PATH_DIRS);
	if (*p->directory && (stat(p->directory, &st) || !S_ISDIR(st.st_mode)))
		return err_set(e, ERR_CONFIG, "directory: %s is not there, or is no directory",
			p->directory);
	return 0;
}

extern const struct target target_exec;
const struct target target_exec = {
	.name = "exec",
	.rule = rule,
	.check = check,
	.next = next,
};
