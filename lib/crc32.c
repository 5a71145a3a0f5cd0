/* crc32.c - CRC-32 ISO-HDLC, reflected polynomial 0xEDB88320, eight bytes a step
   ("slicing by 8"); the tables are made on first use. */
#include "crc32.h"

#include <string.h>

static uint32_t table[8][256];

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
		table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			table[t][i] = table[0][table[t - 1][i] & 255] ^ (table[t - 1][i] >> 8);
}

uint32_t crc32_add(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *s = p;

	if (!table[0][1])
		make_tables();
	crc = ~crc;
	for (; n >= 8; n -= 8, s += 8) {
		uint32_t lo = crc ^ ((uint32_t)s[0] | (uint32_t)s[1] << 8 |
			(uint32_t)s[2] << 16 | (uint32_t)s[3] << 24);

		crc = table[7][lo & 255] ^ table[6][lo >> 8 & 255] ^
			table[5][lo >> 16 & 255] ^ table[4][lo >> 24] ^
			table[3][s[4]] ^ table[2][s[5]] ^ table[1][s[6]] ^ table[0][s[7]];
	}
	for (; n; n--, s++)
		crc = table[0][(crc ^ *s) & 255] ^ (crc >> 8);
	return ~crc;
}
