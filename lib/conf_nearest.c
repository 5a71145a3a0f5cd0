/* conf_nearest.c - the known word that is nearest to an unknown one: see conf.h. */
#include <string.h>

#include "conf.h"

#define WORD (LIMIT_CONF_NAME + 1)

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein, optimal string alignment: insert, delete, replace, swap. */
static int conf_distance(const char *a, int n, const char *b, int m)
{
	int rows[3][WORD];
	int *before = rows[0], *last = rows[1], *now = rows[2];

	for (int j = 0; j <= m; j++)
		last[j] = j;
	for (int i = 1; i <= n; i++) {
		int *spare = before;

		now[0] = i;
		for (int j = 1; j <= m; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
				last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

const char *conf_nearest(const char *word, const char *const *names)
{
	size_t n = strlen(word);
	int near = n > 6 ? (int)n / 3 : n > 2 ? 2 : 1;
	const char *found = NULL;

	if (n >= WORD)
		return NULL;
	for (; *names; names++) {
		size_t m = strlen(*names);
		int d = m < WORD ? conf_distance(word, (int)n, *names, (int)m) : WORD;

		if (d <= near && (!found || d < near)) {
			near = d;
			found = *names;
		}
	}
	return found;
}
