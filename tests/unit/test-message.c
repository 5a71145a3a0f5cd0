/* message.h: headers that cannot begin another header, and the answer tables. */
#include <stdlib.h>

#include "message.h"
#include "tap.h"

static void test_headers(struct arena *a)
{
	struct headers h = { .a = a };

	is_int(headers_add(&h, "X-One", "1"), 0, "a plain header");
	is_int(headers_add(&h, "X-Two", "a\tb \xc3\xa9"), 0, "TAB and bytes above 0x7f may stand in a value");
	is_int(headers_add(&h, "X-Empty", ""), 0, "an empty value");
	is_str(headers_get(&h, "x-ONE"), "1", "names are found in any case");
	is_str(headers_get(&h, "X-Empty"), "", "an empty value is not a missing one");
	ok(headers_get(&h, "X-Three") == NULL, "what is not there is NULL");
	for (int i = 0; i < 100; i++)
		headers_add(&h, "X-Many", "v");
	is_int(h.n, 103, "the list grows");
	is_str(h.v[0].value, "1", "and keeps what it had");
}

static void test_hostile(struct arena *a)
{
	static const char *const names[] = { "", "a b", "a:", "a\r\nb", "\xc3\xa9", "a\"b", "(a)" };
	struct headers h = { .a = a };
	char value[3] = "a?", *big = malloc(LIMIT_HEADER + 2);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		is_int(headers_add(&h, names[i], "v"), -1, "name '%s' is refused", names[i]);
	for (int c = 1; c < 256; c++) {
		bool want = c == '\t' || (c >= 0x20 && c != 0x7f);

		value[1] = (char)c;
		is_int(headers_add(&h, "X", value), want ? 0 : -1, "byte 0x%02x in a value", c);
	}
	memset(big, 'x', LIMIT_HEADER + 1);
	big[LIMIT_HEADER + 1] = '\0';
	is_int(headers_add(&h, "X", big), -1, "a line over LIMIT_HEADER is refused");
	free(big);
}

int main(void)
{
	struct arena a;

	plan_none();
	arena_init(&a);
	test_headers(&a);
	test_hostile(&a);
	for (int k = 0; k < ANSWER_COUNT; k++)
		ok(*answer_text((enum answer_kind)k) && (k == ANSWER_GOT) == !*answer_code((enum answer_kind)k),
			"answer kind %d has its sentence, and a code unless it was answered", k);
	arena_release(&a);
	return tap_done();
}
