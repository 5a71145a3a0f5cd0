/*
 * replay.c - feeds files to one fuzz target, once each: what fuzzing found once
 * stays found. `make test` links it with every fuzz-NAME.c and runs it over
 * corpus/NAME/; without a file it tries the empty input.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as long as the input, so that a byte read beyond it is seen. */
static int replay(const char *path)
{
	static uint8_t text[FILE_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (!f) {
		perror(path);
		return -1;
	}
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	data = malloc(n ? n : 1);
	if (!data)
		return -1;
	for (size_t i = 0; i < n; i++)
		data[i] = text[i];
	printf("# %s: %zu bytes\n", path, n);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = LLVMFuzzerTestOneInput((const uint8_t *)"", 0) != 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]) != 0;
	return failed;
}
