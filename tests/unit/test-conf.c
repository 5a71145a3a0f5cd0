/* test-conf.c - the strict reader: what it accepts, and what each refusal says. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "conf.h"
#include "fs.h"
#include "limits.h"
#include "tap.h"

/* Items as text: "section/name/key=value@line|". */
static void show(const struct conf_file *f, struct buf *b)
{
	for (size_t i = 0; i < f->n; i++)
		buf_fmt(b, "%s/%s/%s=%s@%d|", f->items[i].section, f->items[i].name,
			f->items[i].key, f->items[i].value, f->items[i].line);
}

static const struct {
	const char *what, *text, *want;
} good[] = {
	{ "nothing", "", "" },
	{ "blank lines and comments", "\n  \n; a\n# b\n\t; c\n", "" },
	{ "a section alone", "[refire]\n", "refire//=@1|" },
	{ "no newline at the end", "[a]\nk = v", "a//=@1|a//k=v@2|" },
	{ "a named section", "[pipeline web deploy]\nk=v\n",
	  "pipeline/web deploy/=@1|pipeline/web deploy/k=v@2|" },
	{ "blanks in a header", "[  pipeline \t x  ]  ; note\n", "pipeline/x/=@1|" },
	{ "blanks around key and value", "[a]\nk \t =  v w  \n", "a//=@1|a//k=v w@2|" },
	{ "an empty value", "[a]\nk =\n", "a//=@1|a//k=@2|" },
	{ "an empty value with a comment", "[a]\nk = ; c\n", "a//=@1|a//k=@2|" },
	{ "= in a value", "[a]\nk = a=b=c\n", "a//=@1|a//k=a=b=c@2|" },
	{ "a comment after a value", "[a]\nk = v ; c\n", "a//=@1|a//k=v@2|" },
	{ "; without a blank is no comment", "[a]\nk = a;b\n", "a//=@1|a//k=a;b@2|" },
	{ "\\; after a blank", "[a]\nk = a \\; b ; c\n", "a//=@1|a//k=a ; b@2|" },
	{ "other backslashes stay", "[a]\nk = \\* \\\\ \\\n", "a//=@1|a//k=\\* \\\\ \\@2|" },
	{ "# in a value", "[a]\nk = a #b\n", "a//=@1|a//k=a #b@2|" },
	{ "a colon in a value", "[a]\nk = http://x/?a=1;b\n", "a//=@1|a//k=http://x/?a=1;b@2|" },
	{ "continuation", "[a]\nk = a,\n\tb, ; c\n  d\nl = e\n", "a//=@1|a//k=a, b, d@2|a//l=e@5|" },
	{ "continuation of an empty value", "[a]\nk =\n a\n", "a//=@1|a//k=a@2|" },
	{ "a comment between", "[a]\nk = a\n  # c\n  b\n", "a//=@1|a//k=a b@2|" },
	{ "a continuation that begins with [ and has =", "[a]\nk = a\n [ab]x\n A: b=c\n",
	  "a//=@1|a//k=a [ab]x A: b=c@2|" },
	{ "CRLF", "[a]\r\nk = v\r\n\r\n", "a//=@1|a//k=v@2|" },
	{ "a byte order mark", "\xef\xbb\xbf[a]\nk=v\n", "a//=@1|a//k=v@2|" },
	{ "bytes that are not UTF-8", "[a]\nk=\xff\xfe\n", "a//=@1|a//k=\xff\xfe@2|" },
	{ "two sections, keys alike", "[a x]\nk=1\n[a y]\nk=2\n",
	  "a/x/=@1|a/x/k=1@2|a/y/=@3|a/y/k=2@4|" },
	{ "a key named as inih's own marks", "[a]\nsection-begins = 7\n",
	  "a//=@1|a//section-begins=7@2|" },
	{ "; and ] in names", "[a b;c]\nk=v\n", "a/b;c/=@1|a/b;c/k=v@2|" },
};

static const struct {
	const char *what, *text, *want;
} bad[] = {
	{ "key before a section", "k = v\n", "t:1: `k` stands before the first [section]" },
	{ "no =", "[a]\nkey\n", "t:2: expected `key = value` or [section]; there is no =" },
	{ "no key", "[a]\n= v\n", "t:2: `` is no key: letters, digits and - only" },
	{ "a key with blanks", "[a]\nmy key = v\n",
	  "t:2: `my key` is no key: letters, digits and - only" },
	{ "a colon for =", "[a]\nk: v=w\n", "t:2: `k: v` is no key: letters, digits and - only" },
	{ "open section", "[a\n", "t:1: a section is written [word] or [word name]; the closing ] "
	  "is missing" },
	{ "text after a section", "[a] b\n", "t:1: a section is written [word] or [word name]; the "
	  "closing ] is missing" },
	{ "empty section", "[ ]\n", "t:1: the section has no name" },
	{ "[ in a section", "[a [b]\n", "t:1: a section's name cannot have [ or ] in it" },
	{ "a key twice", "[a]\nk=1\nl=2\nk=3\n",
	  "t:4: `k` is given twice in this section; the first is in line 2" },
	{ "a section twice", "[a x]\n[b]\n[a  x]\n",
	  "t:3: section [a x] is there already, at t:1; put its keys together" },
	{ "indented key first", "[a]\n  k = v\n", "t:2: an indented line goes on the value above "
	  "it, and there is none; begin keys at the start of the line" },
	{ "indented key after another", "[a]\nk = v\n  paths = w\n", "t:3: `paths` is indented, "
	  "so it would go on the value above; begin it at the start of the line" },
	{ "indented section", "[a]\nk = v\n [b x]\n", "t:3: `[b x]` is indented, so it would go on "
	  "the value above; begin it at the start of the line" },
	{ "indented after a blank line", "[a]\nk = v\n \n  w\n", "t:4: an indented line goes on the "
	  "value above it, and there is none; begin keys at the start of the line" },
	{ "a control byte", "[a]\nk = \x1b[31m\n", "t:2: control byte 0x1b in column 5" },
	{ "a CR inside a line", "[a]\nk = a\rb\n", "t:2: control byte 0x0d in column 6" },
	{ "DEL", "[a\x7f]\n", "t:1: control byte 0x7f in column 3" },
	{ "an include", "[refire]\ninclude = x\n", "t:2: include needs a file to be relative to" },
};

static void test_good(void)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err e = { .code = ERR_NONE, .text = "" };
		struct conf_file f;
		struct arena a;
		struct buf b;

		arena_init(&a);
		buf_init(&b, MIB);
		is_int(conf_read_text(&a, "t", good[i].text, strlen(good[i].text), &f, &e), 0,
			"%s is accepted", good[i].what);
		is_str(e.text, "", "%s: no error", good[i].what);
		show(&f, &b);
		is_str(b.s, good[i].want, "%s is read", good[i].what);
		buf_release(&b);
		arena_release(&a);
	}
}

static void refuses(const char *text, size_t n, const char *want, const char *what)
{
	struct err e = { .code = ERR_NONE, .text = "" };
	struct conf_file f;
	struct arena a;

	arena_init(&a);
	is_int(conf_read_text(&a, "t", text, n, &f, &e), -1, "%s is refused", what);
	is_int(e.code, ERR_CONFIG, "%s: the code", what);
	is_str(e.text, want, "%s: the sentence", what);
	arena_release(&a);
}

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refuses(bad[i].text, strlen(bad[i].text), bad[i].want, bad[i].what);
	refuses("[a]\nk=\0v\n", 9, "t:2: a NUL byte: this is not a text file", "NUL");
	refuses("[\0a]\n", 5, "t:1: a NUL byte: this is not a text file", "NUL in a section");
}

/* before, n times c, after. */
static void fill(struct buf *b, const char *before, char c, size_t n, const char *after)
{
	buf_clear(b);
	buf_str(b, before);
	for (size_t i = 0; i < n; i++)
		buf_chr(b, c);
	buf_str(b, after);
}

static void reads_long(const struct buf *text, size_t want, const char *what)
{
	struct err e = { .code = ERR_NONE, .text = "" };
	struct conf_file f;
	struct arena a;

	arena_init(&a);
	if (is_int(conf_read_text(&a, "t", text->s, text->len, &f, &e), 0, "%s: %s", what, e.text))
		is_int(strlen(f.items[f.n - 1].value), want, "%s is whole", what);
	arena_release(&a);
}

static void test_long(void)
{
	static const size_t lengths[] = { 190, 198, 199, 200, 201, 500, 8192, LIMIT_CONF_VALUE };
	struct buf b;

	buf_init(&b, MIB);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		fill(&b, "[a]\nk = ", 'x', lengths[i], " ; c\n");
		reads_long(&b, lengths[i], "a long value");
	}
	fill(&b, "[a]\nk = ", 'x', LIMIT_CONF_VALUE + 1, "\n");
	refuses(b.s, b.len, "t:2: the value is longer than 16384 bytes", "a value too long");
	fill(&b, "[a]\nk = y\n ", 'x', LIMIT_CONF_VALUE, "\n");
	refuses(b.s, b.len, "t:2: the value is longer than 16384 bytes", "continued too long");
	fill(&b, "[a ", 'n', LIMIT_CONF_NAME, "]\nk = v\n");
	reads_long(&b, 1, "a section name at its limit");
	fill(&b, "[a ", 'n', LIMIT_CONF_NAME + 1, "]\n");
	refuses(b.s, b.len, "t:1: the section's name is longer than 128 bytes", "a long name");
	fill(&b, "[a]\n", 'k', 48, " = v\n");
	reads_long(&b, 1, "a key at its limit");
	fill(&b, "[a]\n", 'k', 49, " = v\n");
	refuses(b.s, b.len, "t:2: the key is longer than 48 bytes", "a long key");
	fill(&b, "; ", '#', 100000, "\n[a]\nk = v");
	reads_long(&b, 1, "a long comment");
	buf_clear(&b);
	buf_str(&b, "[a]\n");
	for (int i = 0; i <= 256; i++)
		buf_fmt(&b, "k%d = v\n", i);
	refuses(b.s, b.len, "t:258: more than 256 keys in one section", "very many keys");
	buf_release(&b);
}

/* Two names of the same first 50 bytes are two. */
static void test_long_names_differ(void)
{
	struct err e = { .text = "" };
	struct conf_file f;
	struct arena a;
	struct buf b;

	buf_init(&b, MIB);
	arena_init(&a);
	for (int i = 0; i < 2; i++)
		buf_fmt(&b, "[pipeline %060d-%d]\nk=%d\n", 0, i, i);
	is_int(conf_read_text(&a, "t", b.s, b.len, &f, &e), 0, "long names: %s", e.text);
	is_int(f.n, 4, "both sections are there");
	arena_release(&a);
	buf_release(&b);
}

/* ---- files ---- */

static char dir[] = "/tmp/test-conf-XXXXXX";

static const char *in_dir(struct arena *a, const char *name)
{
	return arena_fmt(a, "%s/%s", dir, name);
}

static void put(struct arena *a, const char *name, const char *text)
{
	struct err e;

	if (fs_replace(in_dir(a, name), 0644, text, strlen(text), &e))
		ok(false, "write %s: %s", name, e.text);
}

static void read_file(struct arena *a, const char *name, const char *want)
{
	struct err e = { .text = "" };
	struct conf_file f;
	struct buf b;

	buf_init(&b, MIB);
	is_int(conf_read(a, in_dir(a, name), &f, &e), 0, "%s: %s", name, e.text);
	show(&f, &b);
	is_str(b.s, want, "%s with its includes", name);
	buf_release(&b);
}

/* The sentence without our temporary directory's name. */
static void read_fails(struct arena *a, const char *name, const char *want)
{
	struct err e = { .text = "" };
	struct conf_file f;
	struct buf b;
	const char *s;

	buf_init(&b, MIB);
	is_int(conf_read(a, in_dir(a, name), &f, &e), -1, "%s is refused", name);
	for (s = e.text; *s;)
		if (strncmp(s, dir, strlen(dir)) == 0) {
			buf_str(&b, "DIR");
			s += strlen(dir);
		} else {
			buf_chr(&b, *s++);
		}
	is_str(b.s, want, "%s: the sentence", name);
	buf_release(&b);
}

static void test_includes(struct arena *a)
{
	put(a, "main", "[refire]\na = 1\ninclude = conf.d/*.conf\nb = 2\n[z]\n");
	put(a, "conf.d/20.conf", "[y]\nk = 20\n");
	put(a, "conf.d/10.conf", "[x]\nk = 10\n");
	put(a, "conf.d/.hidden.conf", "[x]\n");
	put(a, "conf.d/other", "[x]\n");
	read_file(a, "main", "refire//=@1|refire//a=1@2|refire//include=conf.d/*.conf@3|"
		"x//=@1|x//k=10@2|y//=@1|y//k=20@2|refire//b=2@4|z//=@5|");
	put(a, "none", "[refire]\ninclude = nothing.d/*.conf\n");
	read_file(a, "none", "refire//=@1|refire//include=nothing.d/*.conf@2|");
	put(a, "missing", "[refire]\ninclude = nothing\n");
	read_fails(a, "missing", "DIR/missing:2: cannot read the configuration DIR/nothing: "
		"No such file or directory");
	put(a, "wild", "[refire]\ninclude = */x\n");
	read_fails(a, "wild", "DIR/wild:2: include names files: only its last part may be a "
		"pattern, as in conf.d/*.conf");
	put(a, "itself", "[refire]\ninclude = itself2\n");
	put(a, "itself2", "[refire2]\n[refire]\n");
	read_fails(a, "itself", "DIR/itself2:2: section [refire] is there already, at "
		"DIR/itself:1; put its keys together");
	put(a, "loop", "[refire]\ninclude = loop\n");
	read_fails(a, "loop", "DIR/loop:2: DIR/loop includes itself");
	put(a, "twice", "[refire]\ninclude = sub\n[k]\n");
	put(a, "sub", "\n[k]\n");
	read_fails(a, "twice", "DIR/twice:3: section [k] is there already, at DIR/sub:2; put its "
		"keys together");
	put(a, "inner", "[refire]\ninclude = broken\n");
	put(a, "broken", "\n\nx\n");
	read_fails(a, "inner", "DIR/broken:3: expected `key = value` or [section]; there is no =");
}

static void test_permissions(struct arena *a)
{
	put(a, "open", "[refire]\n");
	put(a, "opens", "[refire]\ninclude = open\n");
	ok(chmod(in_dir(a, "open"), 0664) == 0, "chmod");
	read_fails(a, "open", arena_strdup(a, "others can write DIR/open: run `chmod go-w DIR/open`"));
	read_fails(a, "opens", "DIR/opens:2: others can write DIR/open: run `chmod go-w DIR/open`");
	read_fails(a, "conf.d", "DIR/conf.d is not a regular file");
	read_fails(a, "gone", "cannot read the configuration DIR/gone: No such file or directory");
}

static void test_files(void)
{
	static const char *const names[] = { "main", "conf.d/20.conf", "conf.d/10.conf",
		"conf.d/.hidden.conf", "conf.d/other", "none", "missing", "wild", "itself",
		"itself2", "loop", "twice", "sub", "inner", "broken", "open", "opens" };
	struct arena a;

	arena_init(&a);
	ok(mkdtemp(dir) != NULL, "a temporary directory");
	ok(mkdir(in_dir(&a, "conf.d"), 0755) == 0, "conf.d");
	test_includes(&a);
	test_permissions(&a);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(in_dir(&a, names[i]));
	rmdir(in_dir(&a, "conf.d"));
	ok(rmdir(dir) == 0, "nothing else is left behind");
	arena_release(&a);
}

static void test_nearest(void)
{
	static const char *const names[] = { "branches", "branches-exclude", "tags", "on", "url",
		"url-file", NULL };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "brnaches", "branches" }, { "branchs", "branches" }, { "Branches", "branches" },
		{ "tag", "tags" }, { "no", "on" }, { "xy", NULL }, { "urls", "url" },
		{ "branch-excludes", "branches-exclude" }, { "urlfile", "url-file" },
		{ "colour", NULL }, { "", NULL }, { "url", "url" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(conf_nearest(cases[i].word, names), cases[i].want, "nearest to `%s`",
			cases[i].word);
}

int main(void)
{
	plan_none();
	test_good();
	test_bad();
	test_long();
	test_long_names_differ();
	test_files();
	test_nearest();
	return tap_done();
}
