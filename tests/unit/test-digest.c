/* test-digest.c - published vectors: FIPS 180-4, RFC 2202, RFC 4231, RFC 4648. */
#include <string.h>

#include "digest.h"
#include "limits.h"
#include "tap.h"

static void is_hex(const unsigned char *p, size_t n, const char *want, const char *what)
{
	struct buf b;

	buf_init(&b, KIB);
	buf_hex(&b, p, n);
	is_str(b.s, want, "%s", what);
	buf_release(&b);
}

static void test_sha256(void)
{
	unsigned char raw[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	digest_sha256("abc", 3, raw);
	is_hex(raw, sizeof raw, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"SHA-256 of abc");
	digest_sha256_hex("", 0, hex);
	is_str(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"SHA-256 of nothing, in hex");
	digest_sha256_hex(NULL, 0, hex);
	is_str(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"the same of no memory");
}

static void test_hmac(void)
{
	static const char data[] = "what do ya want for nothing?";
	unsigned char raw[SHA256_SIZE], key[131];

	digest_hmac_sha256("Jefe", 4, data, strlen(data), raw);
	is_hex(raw, SHA256_SIZE, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"RFC 4231, case 2");
	memset(key, 0xaa, sizeof key);
	digest_hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
		54, raw);
	is_hex(raw, SHA256_SIZE, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		"RFC 4231, case 6: a key longer than a block");
	digest_hmac_sha256("", 0, "", 0, raw);
	is_hex(raw, SHA256_SIZE, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
		"an empty key and message");
	digest_hmac_sha1("Jefe", 4, data, strlen(data), raw);
	is_hex(raw, SHA1_SIZE, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", "RFC 2202, case 2");
}

static void test_base64(void)
{
	static const char *const cases[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};
	struct buf b;

	buf_init(&b, KIB);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&b);
		digest_base64(&b, cases[i][0], strlen(cases[i][0]));
		is_str(b.s, cases[i][1], "RFC 4648, case %zu", i);
	}
	buf_release(&b);
}

static void pieces(const char *const *v, unsigned char out[SHA256_SIZE])
{
	struct digest_pieces d;

	digest_pieces_init(&d);
	for (; *v; v++)
		digest_pieces_add(&d, *v);
	digest_pieces_end(&d, out);
}

static void test_pieces(void)
{
	unsigned char a[SHA256_SIZE], b[SHA256_SIZE];

	pieces((const char *const[]){ "ab", "c", NULL }, a);
	pieces((const char *const[]){ "a", "bc", NULL }, b);
	ok(!digest_equal(a, b, sizeof a), "where a piece ends counts");
	pieces((const char *const[]){ "abc", "", NULL }, a);
	pieces((const char *const[]){ "abc", NULL }, b);
	ok(!digest_equal(a, b, sizeof a), "an empty piece counts");
	pieces((const char *const[]){ "ab", "c", NULL }, a);
	pieces((const char *const[]){ "ab", "c", NULL }, b);
	ok(digest_equal(a, b, sizeof a), "the same pieces, the same digest");
	/* sha256 of 0000000000000002 "ab" 0000000000000001 "c": ids must never change */
	is_hex(a, sizeof a, "601d5476e2ccfe2c87a2bba7a322659734a05749d5b5aa781f513e4912db0d5f",
		"a digest of pieces is what it was");
}

int main(void)
{
	plan_none();
	test_sha256();
	test_hmac();
	test_base64();
	test_pieces();
	ok(digest_equal("abc", "abd", 2) && !digest_equal("abc", "abd", 3), "digest_equal");
	ok(digest_equal("", "x", 0), "nothing equals nothing");
	return tap_done();
}
