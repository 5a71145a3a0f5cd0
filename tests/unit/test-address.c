/* address.h: what is read, what lies where, and what is refused by which rule. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "address.h"
#include "mem.h"
#include "tap.h"

static struct arena arena;
static struct err e;

/* ---- reading ---- */

static void test_blocks(void)
{
	static const struct {
		const char *text, *first;	/* NULL: refused */
		unsigned bits;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0", 8 }, { "10.1.2.3", "10.1.2.3", 32 },
		{ "0.0.0.0/0", "0.0.0.0", 0 }, { "255.255.255.255/32", "255.255.255.255", 32 },
		{ "fd00::/8", "fd00::", 8 }, { "::/0", "::", 0 }, { "::1", "::1", 128 },
		{ "FE80::/10", "fe80::", 10 },
		{ "::ffff:10.0.0.0/104", "10.0.0.0", 8 }, { "::ffff:10.1.2.3", "10.1.2.3", 32 },
		{ "10.0.0.1/8", NULL, 0 }, { "10.0.0.0/33", NULL, 0 }, { "fd00::/129", NULL, 0 },
		{ "10.0.0.0/", NULL, 0 }, { "10.0.0.0/-1", NULL, 0 }, { "10.0.0.0/+8", NULL, 0 },
		{ "10.0.0.0/8/8", NULL, 0 }, { "10.0.0.0/ 8", NULL, 0 }, { "10.0.0.0/0008", NULL, 0 },
		{ "::ffff:0.0.0.0/95", NULL, 0 }, { "10.0.0", NULL, 0 }, { "010.0.0.1", NULL, 0 },
		{ "0x0a000001", NULL, 0 }, { "167772161", NULL, 0 }, { "localhost", NULL, 0 },
		{ "", NULL, 0 }, { "/8", NULL, 0 }, { "fe80::1%eth0", NULL, 0 }, { "[::1]", NULL, 0 },
		{ "fd00::1/64", NULL, 0 },
		{ "1111111111111111111111111111111111111111111111111111111111111111111", NULL, 0 },
	};
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address_block b;
		int got = address_block_parse(cases[i].text, &b, &e);

		is_int(got, cases[i].first ? 0 : -1, "`%s` is %s", cases[i].text,
			cases[i].first ? "a network" : "refused");
		if (got) {
			ok(strstr(e.text, "`") && e.code == ERR_CONFIG, "it says so: %s", e.text);
			continue;
		}
		address_text(&b.first, text);
		is_str(text, cases[i].first, "its first address");
		is_int(b.bits, cases[i].bits, "its prefix");
		ok(address_in(&b, &b.first), "which lies in it");
	}
	ok(address_block_parse("10.1.2.3/8", &(struct address_block){ .bits = 0 }, &e) &&
		strstr(e.text, "10.0.0.0/8") != NULL, "a slip of the prefix: %s", e.text);
}

/* Every bit of an address is told apart by a prefix that reaches it, by no shorter one. */
static void test_prefixes(void)
{
	int bad = 0;

	for (int v6 = 0; v6 < 2; v6++)
		for (unsigned bit = 0; bit < (v6 ? 128u : 32u); bit++)
			for (unsigned bits = 0; bits <= (v6 ? 128u : 32u); bits++) {
				struct address_block b = { .first.v6 = v6, .bits = bits };
				struct address a = { .v6 = v6 };

				a.b[bit / 8] = (unsigned char)(0x80 >> bit % 8);
				bad += address_in(&b, &a) != (bits <= bit);
			}
	is_int(bad, 0, "prefixes of every length");
}

static void test_sockaddr(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010203) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr other = { .sa_family = AF_UNIX };
	char text[ADDRESS_TEXT];
	struct address a;

	ok(address_of((struct sockaddr *)&v4, &a) && !a.v6, "IPv4");
	address_text(&a, text);
	is_str(text, "10.1.2.3", "its text");
	inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr);
	ok(address_of((struct sockaddr *)&v6, &a) && a.v6, "IPv6");
	inet_pton(AF_INET6, "::ffff:169.254.169.254", &v6.sin6_addr);
	ok(address_of((struct sockaddr *)&v6, &a) && !a.v6, "v4-mapped is IPv4");
	ok(!address_of(&other, &a), "a Unix socket is neither");
	ok(address_parse("[fe80::1%eth0]", &a) && a.v6, "as URLs and libcurl write it");
}

/* ---- judging ---- */

static struct address_list list_of(const char *text)
{
	struct address_list l = { arena_alloc(&arena, 8 * sizeof *l.v), 0 };
	char *copy = arena_strdup(&arena, text), *save = NULL;

	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
		if (address_block_parse(s, &l.v[l.n++], &e))
			ok(false, "%s: %s", s, e.text);
	return l;
}

/* What is refused without any configuration, and what is not. */
static void test_built_in(void)
{
	static const struct {
		const char *address, *word;	/* in the sentence; NULL: allowed */
	} cases[] = {
		{ "169.254.169.254", "169.254.0.0/16" }, { "169.254.0.0", "link-local" },
		{ "169.254.255.255", "link-local" }, { "169.253.255.255", NULL }, { "169.255.0.0", NULL },
		{ "169.254.170.2", "link-local" }, { "168.63.129.16", "Azure" }, { "168.63.129.17", NULL },
		{ "100.100.100.200", "Alibaba" }, { "100.64.0.1", NULL }, { "192.0.0.192", "Oracle" },
		{ "fe80::1", "fe80::/10" }, { "febf::1", "link-local" }, { "fec0::1", NULL },
		{ "fd00:ec2::254", "Amazon" }, { "fd00:ec2::23", "Amazon" }, { "fd00:ec3::254", NULL },
		{ "fd20:ce::254", "Google" }, { "fd20:ce::255", NULL },
		{ "fd00:c1::a9fe:a9fe", "Oracle" }, { "fd00:42::42", "Scaleway" },
		/* people's CI */
		{ "127.0.0.1", NULL }, { "10.0.0.1", NULL }, { "172.16.0.1", NULL }, { "::1", NULL },
		{ "192.168.1.1", NULL }, { "100.127.0.1", NULL }, { "fd12:3456::1", NULL },
		{ "192.0.2.1", NULL }, { "8.8.8.8", NULL }, { "2001:db8::1", NULL }, { "::", NULL },
		/* IPv4 in IPv6 */
		{ "::ffff:169.254.169.254", "169.254.169.254 lies" }, { "::ffff:10.0.0.1", NULL },
		{ "::169.254.169.254", "(v4-compatible)" },
		{ "::ffff:0:169.254.169.254", "(v4-translated)" },
		{ "64:ff9b::169.254.169.254", "(NAT64)" }, { "64:ff9b::8.8.8.8", NULL },
		{ "64:ff9b:1::169.254.169.254", "(NAT64)" },
		{ "64:ff9b:1:a9fe:a9:fe00::", "(NAT64)" },		/* a prefix of 48 bits */
		{ "64:ff9b:1:00a9:fe:a9fe::", "(NAT64)" },		/* 56 */
		{ "64:ff9b:1:0:a9:fea9:fe00:0", "(NAT64)" },		/* 64 */
		{ "2002:a9fe:a9fe::1", "(6to4)" }, { "2002:808:808::1", NULL },
		{ "2001:0:a9fe:a9fe::1", "(Teredo)" },
		{ "2001:0:4136:e378:8000:63bf:5601:5601", "(Teredo)" },	/* the client, inverted */
		{ "2001:0:4136:e378:8000:63bf:3fff:fdd2", NULL },
		{ "2001:db8::5efe:169.254.169.254", "(ISATAP)" },
		{ "2001:db8::200:5efe:169.254.169.254", "(ISATAP)" }, { "2001:db8::5efe:8.8.8.8", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address a;
		bool refused;

		if (!ok(address_parse(cases[i].address, &a), "%s", cases[i].address))
			continue;
		refused = address_refused(NULL, &a, &e);
		is_int(refused, cases[i].word != NULL, "%s is %s", cases[i].address,
			cases[i].word ? "refused" : "allowed");
		if (refused && cases[i].word && !ok(strstr(e.text, cases[i].word) &&
			strstr(e.text, "`allow-addresses`"), "why, and what allows it"))
			note("%s", e.text);
	}
}

/* Which list decides. */
static void test_lists(void)
{
	static const struct {
		const char *allow, *deny, *refire_allow, *refire_deny, *address, *word;
	} cases[] = {
		{ "", "10.0.0.0/8", "", "", "10.1.2.3", "the pipeline's `deny-addresses`" },
		{ "", "10.0.0.0/8", "", "", "11.1.2.3", NULL },
		{ "", "", "", "10.0.0.0/8", "10.1.2.3", "`deny-addresses` in [refire]" },
		{ "10.1.2.3", "10.0.0.0/8", "", "", "10.1.2.3", NULL },
		{ "10.1.2.3", "10.0.0.0/8", "", "", "10.1.2.4", "deny-addresses" },
		{ "", "10.0.0.0/8", "10.1.2.3", "", "10.1.2.3", "the pipeline's" },
		{ "", "", "10.1.2.3", "10.0.0.0/8", "10.1.2.3", NULL },
		{ "10.1.2.3", "", "", "10.0.0.0/8", "10.1.2.3", NULL },
		{ "169.254.170.2", "", "", "", "169.254.170.2", NULL },
		{ "", "", "169.254.0.0/16", "", "169.254.169.254", NULL },
		{ "169.254.170.2", "", "", "", "169.254.169.254", "always refused" },
		{ "", "0.0.0.0/0 ::/0", "", "", "8.8.8.8", "0.0.0.0/0" },
		{ "", "0.0.0.0/0 ::/0", "", "", "2001:db8::1", "::/0" },
		{ "", "::/0", "", "", "127.0.0.1", NULL },
		{ "", "0.0.0.0/0", "", "", "fd00::1", NULL },
		{ "", "0.0.0.0/0", "", "", "::ffff:8.8.8.8", "0.0.0.0/0" },
		{ "", "127.0.0.0/8", "", "", "64:ff9b::127.0.0.1", "(NAT64)" },
		{ "64:ff9b::/96", "127.0.0.0/8", "", "", "64:ff9b::127.0.0.1", NULL },
		{ "127.0.0.0/8", "", "", "127.0.0.0/8", "64:ff9b::127.0.0.1", NULL },
		{ "", "::ffff:10.0.0.0/104", "", "", "10.1.2.3", "10.0.0.0/8" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address_rules r = {
			.allow = { list_of(cases[i].allow), list_of(cases[i].refire_allow) },
			.deny = { list_of(cases[i].deny), list_of(cases[i].refire_deny) } };
		struct address a;
		bool refused = address_parse(cases[i].address, &a) && address_refused(&r, &a, &e);

		is_int(refused, cases[i].word != NULL, "allow %s, deny %s; [refire] allow %s, deny %s: %s",
			cases[i].allow, cases[i].deny, cases[i].refire_allow, cases[i].refire_deny,
			cases[i].address);
		if (refused && cases[i].word && !ok(strstr(e.text, cases[i].word) != NULL, "why"))
			note("%s", e.text);
	}
}

int main(void)
{
	plan_none();
	arena_init(&arena);
	test_blocks();
	test_prefixes();
	test_sockaddr();
	test_built_in();
	test_lists();
	arena_release(&arena);
	return tap_done();
}
