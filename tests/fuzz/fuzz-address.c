/* Fuzz addresses: the first line is a network, the second an address. What is read is
   written so that it reads the same; a network holds its first address; what a rule
   says of an IPv4 address it says of its v4-mapped form; an allowed one is allowed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct address_block *b)
{
	char text[ADDRESS_TEXT], whole[ADDRESS_TEXT + 8];
	struct address_block again;
	struct err e;

	address_text(&b->first, text);
	snprintf(whole, sizeof whole, "%s/%u", text, b->bits);
	if (address_block_parse(whole, &again, &e) || again.bits != b->bits ||
		memcmp(&again.first, &b->first, sizeof b->first) != 0 || !address_in(b, &b->first))
		abort();
}

static void same_mapped(const struct address_rules *r, const struct address *a)
{
	char text[ADDRESS_TEXT], mapped[ADDRESS_TEXT + 8];
	struct address again;
	struct err e = { .text = "" };
	bool refused = address_refused(r, a, &e);

	if (refused != (*e.text != '\0'))
		abort();
	address_text(a, text);
	snprintf(mapped, sizeof mapped, "%s%s", a->v6 ? "" : "::ffff:", text);
	if (!address_parse(mapped, &again) || memcmp(&again, a, sizeof again) != 0 ||
		address_refused(r, &again, &e) != refused)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)malloc(size + 1), *second;
	struct address_rules r = { 0 };
	struct address_block b;
	struct address a;
	struct err e = { .text = "" };

	memcpy(text, data, size);
	text[size] = '\0';
	second = strchr(text, '\n');
	if (second)
		*second++ = '\0';
	if (address_block_parse(text, &b, &e)) {
		if (!*e.text)
			abort();
	} else {
		same_again(&b);
		r.deny[ADDRESS_PIPELINE] = (struct address_list){ &b, 1 };
	}
	if (second && address_parse(second, &a)) {
		same_mapped(&r, &a);
		r.allow[ADDRESS_PIPELINE] = r.deny[ADDRESS_PIPELINE];
		if (r.allow[ADDRESS_PIPELINE].n && address_in(&b, &a) && address_refused(&r, &a, &e))
			abort();
	}
	free(text);
	return 0;
}
