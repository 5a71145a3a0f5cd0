/* config.c - see config.h. Finding, reading and looking up; what a value may be
   beside its type is in config_check.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "glob.h"
#include "limits.h"

#define SYSTEM_FILE "/etc/refire/refire.conf"

/* ---- where it is ---- */

/* ${variable:-$HOME/below}/refire, as the XDG base directory specification has
   it: a relative value does not count. NULL: HOME is not known either. */
static const char *xdg_dir(struct arena *a, const char *variable, const char *below)
{
	const char *v = getenv(variable), *home = getenv("HOME");

	if (v && *v == '/')
		return arena_fmt(a, "%s/refire", v);
	return home && *home == '/' ? arena_fmt(a, "%s/%s/refire", home, below) : NULL;
}

static const char *user_file(struct arena *a)
{
	const char *dir = xdg_dir(a, "XDG_CONFIG_HOME", ".config");

	return dir ? arena_fmt(a, "%s/refire.conf", dir) : NULL;
}

static const char *real_path(struct arena *a, const char *path)
{
	char *real = realpath(path, NULL);
	const char *out = arena_strdup(a, real);	/* NULL gives "" */

	free(real);
	return out;
}

/* Is there anything at path, even if we may not look at it? */
static bool is_there(const char *path)
{
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static int find_file(struct arena *a, const char *given, const char **out, struct err *e)
{
	const char *named = getenv("REFIRE_CONFIG"), *user = user_file(a);

	if (given || (named && *named))
		*out = given ? given : named;
	else if (is_there(SYSTEM_FILE))
		*out = SYSTEM_FILE;
	else if (user && is_there(user))
		*out = user;
	else
		return err_set(e, ERR_CONFIG, "no configuration: looked for %s%s%s; write one, or "
			"name it with --config FILE or REFIRE_CONFIG", SYSTEM_FILE,
			user ? " and " : "", user ? user : "");
	return 0;
}

/* A user's own file gets a state directory of that user, whether it was found or
   named: a hook's sender is started with its name. */
static void default_state_dir(struct config *c)
{
	const char *user = user_file(&c->arena), *state;

	for (size_t i = 0; i < c->source.n; i++)
		if (strcmp(c->source.items[i].key, "state-dir") == 0)
			return;
	if (!user || strcmp(real_path(&c->arena, user), c->path) != 0)
		return;
	state = xdg_dir(&c->arena, "XDG_STATE_HOME", ".local/state");
	if (state)
		c->state_dir = state;
}

/* ---- sections ---- */

static int section_kind(const struct conf_item *item, struct err *e)
{
	const char *names[SECTION_COUNT + 1] = { NULL }, *near;
	int kind = -1;

	for (int s = 0; s < SECTION_COUNT; s++) {
		names[s] = settings_section_name((enum setting_section)s);
		if (strcmp(names[s], item->section) == 0)
			kind = s;
	}
	if (kind < 0 && (near = conf_nearest(item->section, names)) != NULL)
		return err_set(e, ERR_CONFIG, "%s:%d: unknown section [%s]; did you mean [%s]?",
			item->file, item->line, item->section, near);
	if (kind < 0)
		return err_set(e, ERR_CONFIG, "%s:%d: unknown section [%s]; there are [refire], "
			"[repository NAME] and [pipeline NAME]", item->file, item->line,
			item->section);
	if (kind == SECTION_REFIRE && *item->name)
		return err_set(e, ERR_CONFIG, "%s:%d: [refire] takes no name", item->file,
			item->line);
	if (kind != SECTION_REFIRE && !*item->name)
		return err_set(e, ERR_CONFIG, "%s:%d: [%s] needs a name, as in [%s web]",
			item->file, item->line, item->section, item->section);
	return kind;
}

static void *begin_repository(struct config *c, const struct conf_item *item)
{
	struct repository *r = &c->repositories[c->nrepositories++];

	settings_defaults(SECTION_REPOSITORY, &c->arena, r);
	r->name = item->name;
	r->file = item->file;
	r->line = item->line;
	r->real = "";
	return r;
}

static void *begin_pipeline(struct config *c, const struct conf_item *item)
{
	struct pipeline *p = &c->pipelines[c->npipelines++];

	settings_defaults(SECTION_PIPELINE, &c->arena, p);
	p->name = item->name;
	p->file = item->file;
	p->line = item->line;
	return p;
}

/* The object an item's section sets. Sections come in one piece, but an include
   in [refire] puts others between its keys. */
static void *section_object(struct config *c, const struct conf_item *item, int kind)
{
	if (kind == SECTION_REFIRE)
		return c;
	if (!*item->key)
		return kind == SECTION_REPOSITORY ? begin_repository(c, item) :
			begin_pipeline(c, item);
	return kind == SECTION_REPOSITORY ? (void *)&c->repositories[c->nrepositories - 1] :
		(void *)&c->pipelines[c->npipelines - 1];
}

/* Room for as many as there are sections. */
static void make_room(struct config *c)
{
	size_t n[SECTION_COUNT] = { 0 };

	for (size_t i = 0; i < c->source.n; i++) {
		int kind = *c->source.items[i].key ? -1 : section_kind(&c->source.items[i], NULL);

		if (kind >= 0)
			n[kind]++;
	}
	c->repositories = (struct repository *)arena_alloc(&c->arena,
		n[SECTION_REPOSITORY] * sizeof *c->repositories);
	c->by_name = (const struct repository **)arena_alloc(&c->arena,
		n[SECTION_REPOSITORY] * sizeof *c->by_name);
	c->pipelines = (struct pipeline *)arena_alloc(&c->arena,
		n[SECTION_PIPELINE] * sizeof *c->pipelines);
}

static int apply_items(struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->source.n; i++) {
		const struct conf_item *item = &c->source.items[i];
		int kind = section_kind(item, e);
		void *object;

		if (kind < 0)
			return -1;
		object = section_object(c, item, kind);
		if (*item->key && settings_apply((enum setting_section)kind, &c->arena, item,
				object, e))
			return -1;
	}
	return 0;
}

/* ---- places ---- */

/* One / between parts, none at the end, no "." parts: so that text compares. */
static const char *tidy_path(struct arena *a, const char *path)
{
	char *out = arena_strdup(a, path), *to = out;

	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");

		if (n > 0 && !(n == 1 && *s == '.')) {
			if (*path == '/' || to > out)
				*to++ = '/';
			to = (char *)memmove(to, s, n) + n;
		}
		s += n;
		s += *s == '/';
	}
	if (to == out && *path == '/')
		*to++ = '/';
	*to = '\0';
	return out;
}

static void resolve_places(struct config *c)
{
	c->state_dir = tidy_path(&c->arena, c->state_dir);
	for (size_t i = 0; i < c->nrepositories; i++) {
		struct repository *r = &c->repositories[i];

		r->path = tidy_path(&c->arena, r->path);
		r->root = tidy_path(&c->arena, r->root);
		if (*r->path || *r->root)
			r->real = real_path(&c->arena, *r->path ? r->path : r->root);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct repository *const *x = (const struct repository *const *)a;
	const struct repository *const *y = (const struct repository *const *)b;

	return strcmp((*x)->name, (*y)->name);
}

static void index_names(struct config *c)
{
	for (size_t i = 0; i < c->nrepositories; i++)
		c->by_name[i] = &c->repositories[i];
	qsort(c->by_name, c->nrepositories, sizeof *c->by_name, compare_names);
}

/* A pipeline's own proxy, or the one of all. */
static void join_proxies(struct config *c)
{
	for (size_t i = 0; i < c->npipelines; i++) {
		struct pipeline *p = &c->pipelines[i];

		if (strcmp(p->proxy, "none") == 0) {
			p->proxy = p->proxy_login_file = "";
		} else if (!*p->proxy) {
			p->proxy = c->proxy;
			if (!*p->proxy_login_file)
				p->proxy_login_file = c->proxy_login_file;
		}
	}
}

/* Which of them goes first: see address.h. */
static void join_addresses(struct config *c)
{
	for (size_t i = 0; i < c->npipelines; i++) {
		struct pipeline *p = &c->pipelines[i];

		p->addresses = (struct address_rules){
			.allow = { [ADDRESS_PIPELINE] = p->allow_addresses,
				[ADDRESS_REFIRE] = c->allow_addresses },
			.deny = { [ADDRESS_PIPELINE] = p->deny_addresses,
				[ADDRESS_REFIRE] = c->deny_addresses } };
	}
}

/* ---- load and free ---- */

static int config_build(struct config *c, struct err *e)
{
	settings_defaults(SECTION_REFIRE, &c->arena, c);
	make_room(c);
	if (apply_items(c, e))
		return -1;
	default_state_dir(c);
	resolve_places(c);
	index_names(c);
	join_addresses(c);
	join_proxies(c);
	return config_check(c, e);
}

static struct config *config_new(void)
{
	struct config *c = (struct config *)mem_alloc(sizeof *c);

	arena_init(&c->arena);
	return c;
}

static int config_end(struct config *c, int failed, struct config **out)
{
	*out = failed ? NULL : c;
	if (failed)
		config_free(c);
	return failed;
}

int config_load(const char *path, struct config **out, struct err *e)
{
	struct config *c = config_new();
	int failed = find_file(&c->arena, path, &path, e) ||
		conf_read(&c->arena, path, &c->source, e) ? -1 : 0;

	if (failed && e->code == ERR_NOENT)
		e->code = ERR_CONFIG;
	if (!failed) {
		c->path = c->source.files[0];
		failed = config_build(c, e);
	}
	return config_end(c, failed, out);
}

/* Every item by itself; the tests on several keys only where each alone is right. */
static int survey_items(struct config *c, void (*each)(const struct err *, void *), void *arg)
{
	struct err e;
	int n = 0;

	settings_defaults(SECTION_REFIRE, &c->arena, c);
	make_room(c);
	for (size_t i = 0; i < c->source.n; i++) {
		const struct conf_item *item = &c->source.items[i];
		int kind = section_kind(item, &e);
		void *object = kind < 0 ? NULL : section_object(c, item, kind);
		bool wrong = kind < 0 ? !*item->key : *item->key &&
			settings_apply((enum setting_section)kind, &c->arena, item, object, &e);

		if (wrong) {
			each(&e, arg);
			n++;
		}
	}
	return n;
}

int config_survey(const char *path, void (*each)(const struct err *e, void *arg), void *arg)
{
	struct config *c = config_new(), *whole;
	struct err e;
	int n = 0;

	if (find_file(&c->arena, path, &path, &e) || conf_read(&c->arena, path, &c->source, &e)) {
		each(&e, arg);
		n = 1;
	} else {
		n = survey_items(c, each, arg);
		if (n == 0 && config_load(path, &whole, &e)) {
			each(&e, arg);
			n = 1;
		} else if (n == 0) {
			config_free(whole);
		}
	}
	config_free(c);
	return n;
}

int config_parse_text(const char *label, const char *text, struct config **out, struct err *e)
{
	struct config *c = config_new();
	int failed;

	c->path = arena_strdup(&c->arena, label);
	failed = conf_read_text(&c->arena, label, text, strlen(text), &c->source, e);
	if (!failed)
		failed = config_build(c, e);
	return config_end(c, failed, out);
}

struct config *config_hold(struct config *c)
{
	c->holders++;
	return c;
}

void config_free(struct config *c)
{
	struct arena a;

	if (!c || c->holders--)
		return;
	a = c->arena;
	free(c);
	arena_release(&a);
}

/* ---- looking up ---- */

const char *config_secret_file(const struct pipeline *p, size_t i, const char **path)
{
	const struct { const char *key, *path; } files[] = {
		{ "secret-file", p->secret_file }, { "url-file", p->url_file },
		{ "header-file", p->header_file }, { "proxy-login-file", p->proxy_login_file },
		{ "token-file", p->token_file },
	};

	if (i >= sizeof(files) / sizeof(*files))
		return NULL;
	*path = files[i].path;
	return files[i].key;
}

const struct pipeline *config_pipeline(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->npipelines; i++)
		if (strcmp(c->pipelines[i].name, name) == 0)
			return &c->pipelines[i];
	return NULL;
}

bool pipeline_watches(const struct pipeline *p, const char *repository)
{
	for (size_t i = 0; i < p->repository.n; i++)
		if (glob_match(p->repository.v[i], repository))
			return true;
	return false;
}

bool config_approves(const struct config *c, const struct pipeline *p, const char *user)
{
	const struct list *l = p->approvers.n ? &p->approvers : &c->approvers;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], user))
			return true;
	return false;
}

/* The length of a section's name before its *. */
static size_t prefix_len(const struct repository *r)
{
	return strlen(r->name) - 1;
}

/* Of the sections with a root, the one whose prefix is the longest of name's. */
static const struct repository *find_root(const struct config *c, const char *name)
{
	const struct repository *found = NULL;

	for (size_t i = 0; i < c->nrepositories; i++) {
		const struct repository *r = &c->repositories[i];

		if (*r->root && strncmp(r->name, name, prefix_len(r)) == 0 &&
		    name[prefix_len(r)] && (!found || prefix_len(r) > prefix_len(found)))
			found = r;
	}
	return found;
}

const struct repository *config_repository(const struct config *c, const char *name)
{
	struct repository wanted = { .name = name };
	const struct repository *key = &wanted;
	const struct repository **found = (const struct repository **)bsearch(&key, c->by_name,
		c->nrepositories, sizeof *c->by_name, compare_names);

	if (found && !*(*found)->root)
		return *found;
	return config_name_ok(name) ? find_root(c, name) : NULL;
}

static bool has_suffix(const char *s, size_t n, const char *suffix)
{
	size_t m = strlen(suffix);

	return n > m && memcmp(s + n - m, suffix, m) == 0;
}

/* Is git_dir the directory, or its .git? */
static bool is_at(const char *dir, const char *git_dir)
{
	size_t n = strlen(dir);

	return n > 0 && strncmp(git_dir, dir, n) == 0 &&
		(git_dir[n] == '\0' || strcmp(git_dir + n, "/.git") == 0);
}

/* The part of git_dir below dir, or NULL. */
static const char *below(const char *dir, const char *git_dir)
{
	size_t n = strlen(dir);

	if (n == 0 || strncmp(git_dir, dir, n) != 0)
		return NULL;
	if (dir[n - 1] == '/')		/* the root directory itself */
		return git_dir + n;
	return git_dir[n] == '/' ? git_dir + n + 1 : NULL;
}

/* Section "team/" and a star, and a/b.git, make team/a/b. false: no name we accept. */
static bool name_below(const struct repository *r, const char *rest, char *name)
{
	size_t n = strlen(rest), prefix = prefix_len(r);

	if (has_suffix(rest, n, "/.git"))
		n -= 5;
	else if (has_suffix(rest, n, ".git"))
		n -= 4;
	if (prefix + n >= LIMIT_PATH)
		return false;
	memcpy(name, r->name, prefix);
	memcpy(name + prefix, rest, n);
	name[prefix + n] = '\0';
	return config_name_ok(name);
}

/* Longer than the root found before? */
static bool root_nearer(const struct repository *r, const char *rest, const char *best)
{
	return *r->root && rest && *rest && (!best || strlen(rest) < strlen(best));
}

const struct repository *config_repository_at(const struct config *c, const char *git_dir,
	char *name)
{
	const struct repository *found = NULL;
	const char *best = NULL;

	for (size_t i = 0; i < c->nrepositories; i++) {
		const struct repository *r = &c->repositories[i];
		const char *rest;

		if (*r->path && (is_at(r->path, git_dir) || is_at(r->real, git_dir))) {
			strcpy(name, r->name);
			return r;
		}
		rest = below(r->root, git_dir);
		if (!rest)
			rest = below(*r->root ? r->real : "", git_dir);
		if (root_nearer(r, rest, best)) {
			best = rest;
			found = r;
		}
	}
	return found && name_below(found, best, name) ? found : NULL;
}

static bool is_git_dir(const char *dir)
{
	char head[LIMIT_PATH + 8];

	strcpy(stpcpy(head, dir), "/HEAD");
	return access(head, F_OK) == 0;
}

/* The first of base + each ending that is a git directory; else the first. */
static int choose_dir(const char *base, size_t n, const char *const *endings, char *out)
{
	if (n + sizeof "/.git" > LIMIT_PATH)
		return -1;
	for (size_t i = 0; endings[i]; i++) {
		memcpy(out, base, n);
		strcpy(out + n, endings[i]);
		if (is_git_dir(out))
			return 0;
	}
	strcpy(out + n, endings[0]);
	return 0;
}

int config_git_dir(const struct config *c, const char *name, char *out)
{
	static const char *const at_path[] = { "", "/.git", NULL };
	static const char *const below_root[] = { ".git", "/.git", "", NULL };
	const struct repository *r = config_repository(c, name);
	char base[2 * LIMIT_PATH];
	size_t n;

	if (!r || strlen(r->root) >= LIMIT_PATH || strlen(r->path) >= LIMIT_PATH)
		return -1;
	if (*r->path)
		return choose_dir(r->path, strlen(r->path), at_path, out);
	if (!*r->root)
		return -1;
	n = (size_t)(stpcpy(stpcpy(stpcpy(base, r->root), "/"), name + prefix_len(r)) - base);
	return choose_dir(base, n, below_root, out);
}
