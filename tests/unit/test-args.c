/* Options from a table: what is read, what is refused, what --help says. */
#include <string.h>

#include "args.h"
#include "tap.h"

enum { OPT_STATE, OPT_ALL, OPT_COUNT, OPT_HELP };
static const struct args_option options[] = {
	[OPT_STATE] = { "state", 0, "STATE", "only deliveries in this state, or in one of several "
		"states that are separated by commas" },
	[OPT_ALL] = { "all", 'a', NULL, "everything" },
	[OPT_COUNT] = { "count", 'n', "N", "how many" },
	[OPT_HELP] = ARGS_OPTION_HELP,
	{ NULL, 0, NULL, NULL },
};
static const char *const synopsis[] = { "[list] [OPTION...]", "show ID", NULL };
static const struct args_usage usage = {
	.program = "refire test", .synopsis = synopsis, .summary = "Tests.", .options = options,
};

static const struct {
	const char *line;		/* words, separated by | */
	const char *want;		/* options as name=value, then operands, or ! and the error */
} cases[] = {
	{ "", "" },
	{ "list", "list" },
	{ "--state|FAILED|list", "state=FAILED list" },
	{ "--state=FAILED", "state=FAILED" },
	{ "--state=", "state=" },
	{ "--state=a=b", "state=a=b" },
	{ "list|--all|x|-n|3|y", "all count=3 list x y" },
	{ "-a", "all" },
	{ "--|--all|-n", "--all -n" },
	{ "-", "-" },
	{ "a||b", "a  b" },
	{ "--all=yes", "!--all takes no value (see `refire test --help`)" },
	{ "--state", "!--state needs a value: --state STATE (see `refire test --help`)" },
	{ "--stat|x", "!unknown option --stat; did you mean --state? (see `refire test --help`)" },
	{ "--al", "!unknown option --al; did you mean --all? (see `refire test --help`)" },
	{ "-x", "!unknown option -x (see `refire test --help`)" },
	{ "-n3", "!unknown option -n3 (see `refire test --help`)" },
	{ "--qqqqqqqqqqqq", "!unknown option --qqqqqqqqqqqq (see `refire test --help`)" },
	{ "--state|--all", "state=--all" },
};

static int split(char *line, char **argv)
{
	int argc = 0;

	argv[argc++] = line + strlen(line);	/* the program's name */
	while (*line) {
		char *end = line + strcspn(line, "|");

		argv[argc++] = line;
		line = *end ? end + 1 : end;
		*end = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static void read_one(const char *words, struct buf *got)
{
	char line[256], *argv[32];
	struct args a;
	struct err e;
	int k;

	snprintf(line, sizeof line, "%s", words);
	args_init(&a, &usage, split(line, argv), argv);
	while ((k = args_next(&a, &e)) >= 0) {
		buf_fmt(got, "%s%s", got->len ? " " : "", options[k].name);
		if (options[k].value)
			buf_fmt(got, "=%s", a.value);
	}
	for (int i = 0; k == ARGS_END && i < a.nrest; i++)
		buf_fmt(got, "%s%s", got->len || i ? " " : "", a.rest[i]);
	if (k == ARGS_BAD) {
		buf_clear(got);
		buf_fmt(got, "!%s", e.text);
		is_int(e.code, ERR_USAGE, "%s is a usage error", words);
	}
}

static void test_read(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf got;

		buf_init(&got, 4096);
		read_one(cases[i].line, &got);
		is_str(got.s, cases[i].want, "words: %s", cases[i].line);
		buf_release(&got);
	}
}

static void test_help(void)
{
	struct buf b;
	size_t widest = 0;

	buf_init(&b, 65536);
	args_help(&usage, &b);
	ok(strstr(b.s, "Usage: refire test [list] [OPTION...]\n       refire test show ID\n"),
		"the synopsis is there");
	ok(strstr(b.s, "\n  -a, --all               everything\n"), "options are aligned");
	for (const char *p = b.s; *p; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") > widest)
			widest = strcspn(p, "\n");
	ok(widest > 60 && widest < 80, "help is wrapped: %zu columns", widest);
	buf_release(&b);
}

static void test_values(void)
{
	static const struct {
		const char *text;
		int bool_rc, number_rc;
		bool yes;
		long long number;
	} v[] = {
		{ "true", 0, -1, true, 0 }, { "no", 0, -1, false, 0 }, { "OFF", 0, -1, false, 0 },
		{ "1", 0, 0, true, 1 }, { "maybe", -1, -1, false, 0 }, { "", -1, -1, false, 0 },
		{ "12", -1, 0, false, 12 }, { "-1", -1, -1, false, 0 }, { "7x", -1, -1, false, 0 },
		{ "99999999999999999999", -1, -1, false, 0 },
	};
	struct args a = { .usage = &usage };
	struct err e;

	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		bool yes = false;
		long long number = 0;

		a.value = v[i].text;
		is_int(args_bool(&a, "all", &yes, &e), v[i].bool_rc, "`%s` as a boolean", v[i].text);
		is_int(yes, v[i].yes, "`%s` is", v[i].text);
		is_int(args_number(&a, "count", 0, &number, &e), v[i].number_rc, "`%s` as a number",
			v[i].text);
		is_int(number, v[i].number, "`%s` counts", v[i].text);
	}
}

int main(void)
{
	plan_none();
	test_read();
	test_help();
	test_values();
	return tap_done();
}
