/* test-uuid.c - RFC 9562: the shape, the time inside, and a vector. */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "uuid.h"

static void test_v7(void)
{
	char a[UUID_SIZE], b[UUID_SIZE];

	is_int(uuid_v7(INT64_C(0x017f22e279b0) * 1000, a), 0, "version 7");
	ok(uuid_valid(a), "it is valid: %s", a);
	ok(strncmp(a, "017f22e2-79b0-7", 15) == 0, "it begins with the milliseconds: %s", a);
	ok(strchr("89ab", a[19]) != NULL, "its variant");
	uuid_v7(INT64_C(0x017f22e279b0) * 1000, b);
	ok(strcmp(a, b) != 0, "two of one time differ");
	uuid_v7(INT64_C(0x017f22e279b1) * 1000, b);
	ok(strcmp(a, b) < 0, "a later one sorts after it");
}

static int compare(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

static void test_unique(void)
{
	enum { MANY = 20000 };
	char (*v)[UUID_SIZE] = (char (*)[UUID_SIZE])calloc(MANY, UUID_SIZE);
	int same = 0;

	for (int i = 0; i < MANY; i++)
		uuid_v7(1000, v[i]);
	qsort(v, MANY, UUID_SIZE, compare);
	for (int i = 1; i < MANY; i++)
		same += strcmp(v[i], v[i - 1]) == 0;
	is_int(same, 0, "%d of one millisecond, all different", MANY);
	free(v);
}

static void test_v8(void)
{
	/* RFC 9562, B.2: SHA-256 of the DNS name space and www.example.com */
	static const unsigned char digest[16] = { 0x5c, 0x14, 0x6b, 0x14, 0x3c, 0x52, 0x4a, 0xfd,
		0x93, 0x8a, 0x37, 0x5d, 0x0d, 0xf1, 0xfb, 0xf6 };
	unsigned char ones[16];
	char out[UUID_SIZE];

	uuid_v8(digest, out);
	is_str(out, "5c146b14-3c52-8afd-938a-375d0df1fbf6", "version 8, the RFC's example");
	memset(ones, 0xff, sizeof ones);
	uuid_v8(ones, out);
	is_str(out, "ffffffff-ffff-8fff-bfff-ffffffffffff", "only version and variant are set");
}

static void test_valid(void)
{
	static const char *const bad[] = { "", "017f22e2", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398ff", "017F22E2-79b0-7cc3-98c4-dc0c0c07398f",
		"017f22e2x79b0-7cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"../../..-etc-pass-wd00-000000000000", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398f}" };

	ok(uuid_valid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), "a good one");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!uuid_valid(bad[i]), "`%s` is none", bad[i]);
}

int main(void)
{
	plan_none();
	test_v7();
	test_unique();
	test_v8();
	test_valid();
	return tap_done();
}
