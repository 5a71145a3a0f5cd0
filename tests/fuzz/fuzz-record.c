/* Fuzz the form of a spool file: never a crash, and what is read can be written and
   is read back the same. The checksum is made right first, or nothing would pass it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_back(const struct record_in *in, size_t size)
{
	size_t cap = size + 64;
	char *mem = (char *)malloc(cap);
	struct record_out out;
	struct record_in again;
	struct err e;

	record_begin(&out, mem, cap);
	for (size_t i = 0; i < in->n; i++)
		record_field(&out, in->fields[i].name, in->fields[i].value, in->fields[i].len);
	record_end(&out);
	if (out.over || record_parse(mem, out.len, &again, &e) != RECORD_OK || again.n != in->n)
		abort();
	for (size_t i = 0; i < in->n; i++)
		if (strcmp(in->fields[i].name, again.fields[i].name) ||
		    in->fields[i].len != again.fields[i].len ||
		    memcmp(in->fields[i].value, again.fields[i].value, in->fields[i].len))
			abort();
	record_release(&again);
	free(mem);
}

static void read_one(char *text, size_t len)
{
	struct record_in in;
	struct err e;
	int bad = 0;

	if (record_parse(text, len, &in, &e) == RECORD_OK) {
		record_get_number(&in, "number", &bad);
		write_back(&in, len);
	}
	record_release(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)malloc(size + 16);

	memcpy(text, data, size);
	read_one(text, size);
	memcpy(text, data, size);
	snprintf(text + size, 16, "end %08x\n", crc32_add(0, data, size));
	read_one(text, size + 13);
	free(text);
	return 0;
}
