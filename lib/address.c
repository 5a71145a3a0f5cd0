/* address.c - see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V4(...) { .v6 = false, .b = { __VA_ARGS__ } }
#define V6(...) { .v6 = true, .b = { __VA_ARGS__ } }

static const struct {
	struct address_block block;
	const char *what;
} built_in[] = {
	{ { V4(169, 254, 0, 0), 16 }, "link-local, where clouds keep a machine's credentials" },
	{ { V6(0xfe, 0x80), 10 }, "link-local" },
	{ { V6(0xfd, 0x00, 0x0e, 0xc2), 32 }, "Amazon EC2's metadata services" },
	{ { V6(0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54), 128 },
		"Google Cloud's metadata service" },
	{ { V6(0xfd, 0x00, 0x00, 0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xa9, 0xfe), 128 },
		"Oracle Cloud's metadata service" },
	{ { V6(0xfd, 0x00, 0x00, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42), 128 },
		"Scaleway's metadata service" },
	{ { V4(100, 100, 100, 200), 32 }, "Alibaba Cloud's metadata service" },
	{ { V4(168, 63, 129, 16), 32 }, "Azure's platform service" },
	{ { V4(192, 0, 0, 192), 32 }, "Oracle Cloud's metadata service" },
};

/* Where IPv6 addresses carry IPv4 ones; at: in which bytes. RFC 4291 2.5.5, 2765, 6052,
   8215 (of any prefix length, so at any of their places), 3056, 4380. */
static const struct carrier {
	struct address_block block;
	const char *name;
	unsigned char at[4];
	bool inverted;
} carriers[] = {
	{ { V6(0), 96 }, "v4-compatible", { 12, 13, 14, 15 }, false },
	{ { V6(0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 96 }, "v4-translated", { 12, 13, 14, 15 }, false },
	{ { V6(0, 0x64, 0xff, 0x9b), 96 }, "NAT64", { 12, 13, 14, 15 }, false },
	{ { V6(0, 0x64, 0xff, 0x9b, 0, 1), 48 }, "NAT64", { 6, 7, 9, 10 }, false },
	{ { V6(0, 0x64, 0xff, 0x9b, 0, 1), 48 }, "NAT64", { 7, 9, 10, 11 }, false },
	{ { V6(0, 0x64, 0xff, 0x9b, 0, 1), 48 }, "NAT64", { 9, 10, 11, 12 }, false },
	{ { V6(0, 0x64, 0xff, 0x9b, 0, 1), 48 }, "NAT64", { 12, 13, 14, 15 }, false },
	{ { V6(0x20, 0x02), 16 }, "6to4", { 2, 3, 4, 5 }, false },
	{ { V6(0x20, 0x01), 32 }, "Teredo", { 4, 5, 6, 7 }, false },
	{ { V6(0x20, 0x01), 32 }, "Teredo", { 12, 13, 14, 15 }, true },
};

/* ---- reading and writing ---- */

/* ::ffff:a.b.c.d is what the kernel reaches by IPv4. */
static void unmap(struct address *a)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->v6 && memcmp(a->b, mapped, sizeof mapped) == 0) {
		memmove(a->b, a->b + 12, 4);
		memset(a->b + 4, 0, 12);
		a->v6 = false;
	}
}

bool address_of(const struct sockaddr *sa, struct address *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*out = (struct address){ .v6 = sa->sa_family == AF_INET6 };
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		memcpy(out->b, &v4.sin_addr, 4);
		return true;
	}
	if (!out->v6)
		return false;
	memcpy(&v6, sa, sizeof v6);
	memcpy(out->b, &v6.sin6_addr, 16);
	unmap(out);
	return true;
}

bool address_parse(const char *text, struct address *out)
{
	char copy[ADDRESS_TEXT];
	size_t n = strlen(text), end;

	*out = (struct address){ .v6 = strchr(text, ':') != NULL };
	if (!out->v6)
		return inet_pton(AF_INET, text, out->b) == 1;
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	end = strcspn(text, "%");
	n = end < n ? end : n;
	if (n >= sizeof copy)
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (inet_pton(AF_INET6, copy, out->b) != 1)
		return false;
	unmap(out);
	return true;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT])
{
	if (!inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->b, out, ADDRESS_TEXT))
		snprintf(out, ADDRESS_TEXT, "?");
}

/* The same address with everything behind the prefix zero. */
static struct address masked(const struct address *a, unsigned bits)
{
	struct address out = *a;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			out.b[i] &= (unsigned char)(0xff00 >> keep);
	}
	return out;
}

/* 0 to max, without a sign or blanks; -1 */
static int parse_bits(const char *s, int max)
{
	size_t n = strspn(s, "0123456789");
	int v;

	if (n == 0 || n > 3 || s[n])
		return -1;
	v = atoi(s);
	return v <= max ? v : -1;
}

int address_block_parse(const char *text, struct address_block *out, struct err *e)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char copy[ADDRESS_TEXT] = "", shown[ADDRESS_TEXT];
	struct address first;
	int bits, width;

	if (n < sizeof copy) {
		memcpy(copy, text, n);
		copy[n] = '\0';
	}
	if (n >= sizeof copy || strpbrk(copy, "%[") || !address_parse(copy, &out->first))
		return err_set(e, ERR_CONFIG, "`%.60s` is no address: expected one such as 10.1.2.3 or "
			"fd00::1, or a network such as 10.0.0.0/8", text);
	width = strchr(copy, ':') ? 128 : 32;	/* as it was written */
	bits = slash ? parse_bits(slash + 1, width) : width;
	if (bits >= 0 && width == 128 && !out->first.v6)
		bits = bits < 96 ? -1 : bits - 96;
	if (bits < 0)
		return err_set(e, ERR_CONFIG, "`%.60s`: behind the / expected the bits of the network's "
			"prefix, at most %d", text, width);
	out->bits = (unsigned)bits;
	first = masked(&out->first, out->bits);
	address_text(&first, shown);
	if (memcmp(first.b, out->first.b, sizeof first.b) != 0)
		return err_set(e, ERR_CONFIG, "`%.60s` has bits behind its prefix: expected %s/%u, or one "
			"address", text, shown, out->bits);
	return 0;
}

bool address_in(const struct address_block *block, const struct address *a)
{
	struct address first;

	if (block->first.v6 != a->v6)
		return false;
	first = masked(a, block->bits);
	return memcmp(first.b, block->first.b, sizeof first.b) == 0;
}

/* ---- judging ---- */

static const struct address_block *find(const struct address_list *l, const struct address *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (address_in(&l->v[i], a))
			return &l->v[i];
	return NULL;
}

enum judgement { ALLOWED, REFUSED, NOT_NAMED };

static enum judgement refuse(const struct address *a, const struct address_block *block, const char *rule,
	const char *prefix, struct err *why)
{
	char shown[ADDRESS_TEXT], network[ADDRESS_TEXT];

	address_text(a, shown);
	address_text(&block->first, network);
	err_set(why, ERR_CONFIG, "%s%s lies in %s/%u, %s; where it is meant, `allow-addresses` names it",
		prefix, shown, network, block->bits, rule);
	return REFUSED;
}

/* By the rules alone, without what it may carry. */
static enum judgement judge(const struct address_rules *rules, const struct address *a,
	const char *prefix, struct err *why)
{
	static const char *const rule[ADDRESS_LEVELS] = {
		[ADDRESS_PIPELINE] = "which the pipeline's `deny-addresses` refuses",
		[ADDRESS_REFIRE] = "which `deny-addresses` in [refire] refuses",
	};
	char what[128];

	for (int level = 0; rules && level < ADDRESS_LEVELS; level++) {
		const struct address_block *block;

		if (find(&rules->allow[level], a))
			return ALLOWED;
		block = find(&rules->deny[level], a);
		if (block)
			return refuse(a, block, rule[level], prefix, why);
	}
	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
		if (address_in(&built_in[i].block, a)) {
			snprintf(what, sizeof what, "%s, which is always refused", built_in[i].what);
			return refuse(a, &built_in[i].block, what, prefix, why);
		}
	return NOT_NAMED;
}

static struct address carried(const struct address *a, const unsigned char at[4], bool inverted)
{
	struct address out = { .v6 = false };

	for (int i = 0; i < 4; i++)
		out.b[i] = (unsigned char)(inverted ? ~a->b[at[i]] : a->b[at[i]]);
	return out;
}

static bool carried_refused(const struct address_rules *rules, const struct address *a,
	const char *form, const unsigned char at[4], bool inverted, struct err *why)
{
	struct address v4 = carried(a, at, inverted);
	char shown[ADDRESS_TEXT], prefix[ADDRESS_TEXT + 64];

	address_text(a, shown);
	snprintf(prefix, sizeof prefix, "%s (%s) leads to an IPv4 address: ", shown, form);
	return judge(rules, &v4, prefix, why) == REFUSED;
}

/* An interface id 0:5efe:a.b.c.d or 200:5efe:a.b.c.d (RFC 5214, 6.1). */
static bool is_isatap(const struct address *a)
{
	return (a->b[8] & 0xfd) == 0 && a->b[9] == 0 && a->b[10] == 0x5e && a->b[11] == 0xfe;
}

bool address_refused(const struct address_rules *rules, const struct address *a, struct err *why)
{
	static const unsigned char last[4] = { 12, 13, 14, 15 };
	enum judgement j = judge(rules, a, "", why);

	if (j != NOT_NAMED || !a->v6)
		return j == REFUSED;
	for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
		const struct carrier *c = &carriers[i];

		if (address_in(&c->block, a) &&
		    carried_refused(rules, a, c->name, c->at, c->inverted, why))
			return true;
	}
	return is_isatap(a) && carried_refused(rules, a, "ISATAP", last, false, why);
}
