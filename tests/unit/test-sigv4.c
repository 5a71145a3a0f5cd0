/*
 * test-sigv4.c - the signer against AWS's published examples, against the test suite
 * of vectors where that is present ($REFIRE_DATA, else ../shared/data), and on its own
 * tables.
 *
 * `test-sigv4 --sign` reads requests, one a line of TAB-separated fields, and prints
 * what it signed as JSON: e2e/test_sigv4.py compares that with botocore.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/sigv4.h"
#include "clock.h"
#include "digest.h"
#include "fs.h"
#include "json.h"
#include "tap.h"

static const struct aws_keys docs_keys = { "AKIAIOSFODNN7EXAMPLE",
	"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "" };

static int64_t at(const char *iso)
{
	int64_t us = 0;

	clock_parse(iso, 0, &us);
	return us;
}

static bool ends(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

/* ---- "Authenticating Requests" of the S3 API reference ---- */

static void test_published(void)
{
	static const struct sigv4_header range[] = { { "Range", "bytes=0-9" } };
	static const struct sigv4_header put[] = { { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
		{ "x-amz-storage-class", "REDUCED_REDUNDANCY" } };
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	static const struct {
		const char *method, *url, *sha256;
		const struct sigv4_header *v;
		size_t n;
		const char *signature;
	} cases[] = {
		{ "GET", "https://examplebucket.s3.amazonaws.com/test.txt", EMPTY, range, 1,
		  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
		{ "PUT", "https://examplebucket.s3.amazonaws.com/test$file.text",
		  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", put, 2,
		  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
		{ "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", EMPTY, NULL, 0,
		  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
		{ "GET", "https://examplebucket.s3.amazonaws.com?prefix=J&max-keys=2", EMPTY, NULL, 0,
		  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sigv4 r = { cases[i].method, cases[i].url, cases[i].v, cases[i].n,
			cases[i].sha256, "us-east-1", "s3", &docs_keys, at("2013-05-24") };
		struct sigv4_signed s;
		struct arena a;
		struct err e;

		arena_init(&a);
		is_int(sigv4_sign(&r, &a, &s, &e), 0, "%s", r.url);
		ok(ends(s.authorization, cases[i].signature), "the published signature");
		arena_release(&a);
	}
}

static void test_presigned(void)
{
	struct sigv4 r = { "GET", "https://examplebucket.s3.amazonaws.com/test.txt", NULL, 0,
		SIGV4_UNSIGNED, "us-east-1", "s3", &docs_keys, at("2013-05-24") };
	struct arena a;
	struct err e;
	const char *url;

	arena_init(&a);
	url = sigv4_presign(&r, 86400, &a, &e);
	ok(url && ends(url, "&X-Amz-Signature="
		"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
		"the published presigned URL");
	ok(url && strncmp(url, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm="
		"AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524", 129) == 0,
		"its parameters are sorted and encoded");
	arena_release(&a);
}

/* ---- how a request reads to the service ---- */

static void test_canonical(void)
{
	static const struct sigv4_header mixed[] = { { "X-Amz-Meta-Ref-Name", " a  b " },
		{ "x-amz-meta-ref", "c" }, { "User-Agent", "x" }, { "Expect", "" },
		{ "X-AMZ-META-REF", "d" } };
	static const struct {
		const char *what, *service, *url, *want;
	} cases[] = {
		{ "an ARN in a path is encoded twice", "lambda",
		  "https://h/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST",
		  "/2015-03-31/functions/arn%253Aaws%253Alambda/invocations\nQualifier=%24LATEST\n" },
		{ "a raw colon once", "lambda", "https://h/a:b?Qualifier=$LATEST",
		  "/a%3Ab\nQualifier=%24LATEST\n" },
		{ "parameters are sorted, upper case first", "x", "https://h/?b=2&a=1&B=3&a=0&v",
		  "/\nB=3&a=0&a=1&b=2&v=\n" },
		{ "a parameter's own = and + are data", "x", "https://h/?a=b=c+d&e=%2b", "/\na=b%3Dc%2Bd&e=%2B\n" },
		{ "S3 takes a path once", "s3", "https://h/a%20b/%c3%a9=+//../x", "/a%20b/%C3%A9%3D%2B//../x\n\n" },
		{ "others normalise it", "x", "https://h/a/./b//../c/", "/a/c/\n\n" },
		{ "a path out of the root stays there", "x", "https://h/../../a", "/a\n\n" },
		{ "a broken escape is data", "s3", "https://h/%4?x=%", "/%254\nx=%25\n" },
		{ "no path is /", "s3", "https://h", "/\n\n" },
	};
	struct arena a;
	struct buf b;
	struct err e;

	arena_init(&a);
	buf_init(&b, 64 * KIB);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sigv4 r = { "GET", cases[i].url, NULL, 0, EMPTY, "r", cases[i].service, &docs_keys, 0 };

		buf_clear(&b);
		sigv4_canonical(&r, &a, &b, &e);
		ok(strncmp(b.s + 4, cases[i].want, strlen(cases[i].want)) == 0, "%s", cases[i].what);
		if (strncmp(b.s + 4, cases[i].want, strlen(cases[i].want)) != 0)
			note("%s", b.s);
	}
	buf_clear(&b);
	sigv4_canonical(&(struct sigv4){ "PUT", "https://H:8443/", mixed, 5, EMPTY, "r", "s3", &docs_keys, 0 },
		&a, &b, &e);
	ok(strstr(b.s, "\nx-amz-meta-ref:c,d\nx-amz-meta-ref-name:a b\n") != NULL,
		"names that begin alike are sorted by name; repeated ones joined; blanks squeezed");
	ok(strstr(b.s, "host:H:8443\n") && !strstr(b.s, "user-agent") && !strstr(b.s, "expect"),
		"the port is the host's; what changes on the way is not signed");
	buf_release(&b);
	arena_release(&a);
}

static void test_refused(void)
{
	static const char *const urls[] = { "ftp://h/", "https:///x", "", "https://u@/" };

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct sigv4 r = { "GET", urls[i], NULL, 0, EMPTY, "r", "s3", &docs_keys, 0 };
		struct sigv4_signed s;
		struct arena a;
		struct err e;

		arena_init(&a);
		is_int(sigv4_sign(&r, &a, &s, &e), -1, "`%s` is refused", urls[i]);
		arena_release(&a);
	}
}

static void test_codecommit(void)
{
	struct aws_keys session = { "AKID", "secret", "tok/en" };
	const char *user, *password;
	struct arena a;
	struct err e;

	arena_init(&a);
	is_int(sigv4_codecommit("git-codecommit.eu-west-1.amazonaws.com:443", "v1/repos/web", &docs_keys,
		at("2015-08-30T12:36:00Z"), &a, &user, &password, &e), 0, "a password");
	is_str(user, "AKIAIOSFODNN7EXAMPLE", "the user is the access key");
	ok(strlen(password) == 16 + 64 && strncmp(password, "20150830T123600Z", 16) == 0,
		"the password is the time and 64 digits");
	is_int(sigv4_codecommit("git-codecommit-fips.cn-north-1.amazonaws.com.cn", "/v1/repos/web", &session,
		0, &a, &user, &password, &e), 0, "fips, China");
	is_str(user, "AKID%tok/en", "a session's token belongs to the user");
	is_int(sigv4_codecommit("git.example.org", "x", &docs_keys, 0, &a, &user, &password, &e), -1,
		"another host is refused");
	is_int(sigv4_codecommit("git-codecommit.evil.org", "x", &docs_keys, 0, &a, &user, &password, &e), -1,
		"and one that only begins so");
	arena_release(&a);
}

/* ---- the test suite ---- */

struct vector {
	struct arena a;
	char *method, *target, *body, *host, *token;
	struct sigv4_header v[16];
	size_t n;
};

static char *read_text(struct arena *a, const char *path)
{
	char *s, *copy;
	size_t n;

	if (fs_read_path(path, 64 * KIB, &s, &n, NULL, NULL))
		return NULL;
	copy = arena_memdup(a, s, n);
	free(s);
	return copy;
}

static void vector_header(struct vector *v, char *line)
{
	char *value = strchr(line, ':');

	if (*line == ' ' || *line == '\t') {		/* of the header before */
		v->v[v->n - 1].value = arena_fmt(&v->a, "%s %s", v->v[v->n - 1].value, line);
		return;
	}
	*value++ = '\0';
	if (strcasecmp(line, "host") == 0)
		v->host = value;
	else if (strcasecmp(line, "x-amz-date") != 0 && strcasecmp(line, "x-amz-security-token") != 0)
		v->v[v->n++] = (struct sigv4_header){ line, value };
}

static void vector_parse(struct vector *v, char *text)
{
	char *end, *line = strsep(&text, "\n"), *last = strrchr(line, ' ');

	for (end = text; end && *end != '\n'; end = strchr(end, '\n') ? strchr(end, '\n') + 1 : NULL)
		;
	v->body = end ? end + 1 : arena_strdup(&v->a, "");
	if (end)
		*end = '\0';
	*last = '\0';
	v->method = strsep(&line, " ");
	v->target = line;
	while (text && *text)
		vector_header(v, strsep(&text, "\n"));
}

static int vector_check(const char *dir, const char *name)
{
	static const struct aws_keys plain = { "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "" };
	struct aws_keys keys = plain;
	struct vector v = { .token = NULL };
	char *text, *want, sha[65];
	struct sigv4_signed s;
	struct buf b;
	struct err e;
	struct sigv4 r;

	arena_init(&v.a);
	text = read_text(&v.a, arena_fmt(&v.a, "%s/%s.req", dir, name));
	if (!text) {
		arena_release(&v.a);
		return 0;
	}
	vector_parse(&v, text);
	/* a token is the session's where it is signed; one vector adds it when all is */
	want = read_text(&v.a, arena_fmt(&v.a, "%s/%s.creq", dir, name));
	v.token = want ? strstr(want, "\nx-amz-security-token:") : NULL;
	keys.token = v.token ? arena_memdup(&v.a, v.token + 22, strcspn(v.token + 22, "\n")) : "";
	digest_sha256_hex(v.body, strlen(v.body), sha);
	r = (struct sigv4){ v.method, arena_fmt(&v.a, "https://%s%s", v.host, v.target), v.v, v.n, sha,
		"us-east-1", "service", &keys, at("2015-08-30T12:36:00Z") };
	buf_init(&b, 64 * KIB);
	if (want && !sigv4_canonical(&r, &v.a, &b, &e))
		is_str(b.s, want, "%s: the canonical request", name);
	want = read_text(&v.a, arena_fmt(&v.a, "%s/%s.authz", dir, name));
	if (want && ok(!sigv4_sign(&r, &v.a, &s, &e), "%s is signed", name))
		is_str(s.authorization, want, "%s: the header", name);
	buf_release(&b);
	arena_release(&v.a);
	return 1;
}

static int vectors_in(const char *dir)
{
	struct dirent *d;
	DIR *open = opendir(dir);
	const char *name = strrchr(dir, '/') + 1;
	struct arena a;
	int n;

	if (!open)
		return 0;
	arena_init(&a);
	n = vector_check(dir, name);
	while ((d = readdir(open)) != NULL)
		if (*d->d_name != '.' && !strchr(d->d_name, '.'))
			n += vectors_in(arena_fmt(&a, "%s/%s", dir, d->d_name));
	closedir(open);
	arena_release(&a);
	return n;
}

static void test_vectors(void)
{
	const char *data = getenv("REFIRE_DATA");
	struct arena a;
	int n;

	arena_init(&a);
	n = vectors_in(arena_fmt(&a, "%s/sigv4", data ? data : "../shared/data"));
	if (n == 0)
		note("the test suite of vectors is not here: AWS's published examples alone");
	else
		ok(n >= 30, "%d vectors", n);
	arena_release(&a);
}

/* ---- for the comparison with botocore ---- */

static void print_signed(struct arena *a, struct sigv4 *r)
{
	struct sigv4_signed s;
	struct json j;
	struct buf b;
	struct err e;

	buf_init(&b, 64 * KIB);
	json_init(&j, &b);
	json_object(&j);
	if (sigv4_sign(r, a, &s, &e)) {
		json_kv(&j, "error", e.text);
	} else {
		json_kv(&j, "Authorization", s.authorization);
		json_kv(&j, "X-Amz-Date", s.date);
		json_kv(&j, "X-Amz-Security-Token", s.token);
		json_kv(&j, "X-Amz-Content-SHA256", s.sha256);
		if (strcmp(r->service, "s3") == 0)
			r->sha256 = SIGV4_UNSIGNED;
		json_kv(&j, "presigned", sigv4_presign(r, 900, a, &e));
	}
	json_end(&j);
	puts(b.s);
	buf_release(&b);
}

/* date method url service region sha256 access secret token [name:value]... */
static int sign_lines(void)
{
	char *line = NULL, *value;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		struct sigv4_header v[16];
		char *f[32] = { NULL }, *s = line;
		struct aws_keys keys;
		struct arena a;
		size_t n = 0, k = 0;

		line[strcspn(line, "\n")] = '\0';
		while (s && n < 31)
			f[n++] = strsep(&s, "\t");
		if (n < 9)
			return 64;
		for (size_t i = 9; i < n && k < 16; i++) {
			value = strchr(f[i], ':');
			*value++ = '\0';
			v[k++] = (struct sigv4_header){ f[i], value };
		}
		keys = (struct aws_keys){ f[6], f[7], f[8] };
		arena_init(&a);
		print_signed(&a, &(struct sigv4){ f[1], f[2], v, k, f[5], f[4], f[3], &keys, at(f[0]) });
		fflush(stdout);
		arena_release(&a);
	}
	free(line);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--sign") == 0)
		return sign_lines();
	plan_none();
	test_published();
	test_presigned();
	test_canonical();
	test_refused();
	test_codecommit();
	test_vectors();
	return tap_done();
}
