/*
 * address.h - which addresses may be connected to. Pure: no DNS, no sockets.
 *
 * It judges what the kernel would really connect to, after DNS: an IPv6 address that
 * is an IPv4 one in disguise (v4-mapped) is that IPv4 address, and one that carries an
 * IPv4 address to a translator or tunnel (NAT64, 6to4, Teredo, ISATAP, v4-compatible)
 * is refused where that one would be. How a URL spells the address plays no part.
 *
 * The first that holds the address decides: the pipeline's allow, the pipeline's deny,
 * [refire]'s allow, [refire]'s deny, the built-in list (link-local, and where clouds
 * keep a machine's credentials). What none holds is allowed, loopback and private
 * networks with it: people's CI runs there.
 *
 *	if (address_of(sockaddr, &a) && address_refused(&rules, &a, &sentence))
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define ADDRESS_TEXT 64

struct sockaddr;

struct address {
	bool v6;
	unsigned char b[16];		/* network order; IPv4: the first four, zeros behind */
};

struct address_block {
	struct address first;
	unsigned bits;			/* of prefix: at most 32, IPv6: 128 */
};
struct address_list {
	struct address_block *v;
	size_t n;
};
enum address_level { ADDRESS_PIPELINE, ADDRESS_REFIRE, ADDRESS_LEVELS };
struct address_rules {
	struct address_list allow[ADDRESS_LEVELS], deny[ADDRESS_LEVELS];
};

/* false: neither IPv4 nor IPv6. */
bool address_of(const struct sockaddr *sa, struct address *out);
/* As inet_pton reads it, an IPv6 one also in [] and with %zone. */
bool address_parse(const char *text, struct address *out);
/* "10.0.0.0/8", "fd00::/8", or one address. ERR_CONFIG. */
int address_block_parse(const char *text, struct address_block *out, struct err *e);
void address_text(const struct address *a, char out[ADDRESS_TEXT]);
bool address_in(const struct address_block *block, const struct address *a);

/* Is it refused? The sentence in why (ERR_CONFIG) says by which rule, and the key that
   allows it. rules NULL: the built-in list alone. */
bool address_refused(const struct address_rules *rules, const struct address *a,
	struct err *why);

#endif
