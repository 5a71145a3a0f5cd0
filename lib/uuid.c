/* uuid.c - RFC 9562 versions 7 and 8; libc only. */
#include "uuid.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void format(const unsigned char b[16], char out[UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[b[i] >> 4];
		*out++ = digits[b[i] & 15];
	}
	*out = 0;
}

static void stamp(unsigned char b[16], unsigned version)
{
	b[6] = (unsigned char)((b[6] & 0x0f) | version << 4);
	b[8] = (b[8] & 0x3f) | 0x80;
}

static int random_bytes(void *p, size_t n)
{
	for (int tries = 0; tries < 16; tries++) {
		if (getrandom(p, n, 0) == (ssize_t)n)
			return 0;
		if (errno != EINTR)
			return -1;
	}
	return -1;
}

int uuid_v7(int64_t wall_us, char out[UUID_SIZE])
{
	uint64_t ms = (uint64_t)(wall_us / 1000);
	unsigned char b[16];

	if (random_bytes(b + 6, 10))
		return -1;
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	stamp(b, 7);
	format(b, out);
	return 0;
}

void uuid_v8(const unsigned char digest[16], char out[UUID_SIZE])
{
	unsigned char b[16];

	memcpy(b, digest, sizeof(b));
	stamp(b, 8);
	format(b, out);
}

bool uuid_valid(const char *s)
{
	for (int i = 0; i < UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !s[i] || !strchr("0123456789abcdef", s[i]))
			return false;
	}
	return !s[UUID_SIZE - 1];
}
