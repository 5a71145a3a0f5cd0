/*
 * settings.c - prints the settings table, one setting a line, fields separated by
 * tabs: section, key, type, default, least, greatest, choices. tests/checks/settings
 * compares conf/refire.conf and refire.conf(5) with it.
 */
#include <stdio.h>

#include "settings.h"

/* In the largest unit that shows it whole, as a person would write it. */
static void print_time(int64_t us)
{
	static const struct { const char *name; int64_t us; } units[] = {
		{ "d", INT64_C(86400000000) }, { "h", INT64_C(3600000000) },
		{ "m", INT64_C(60000000) }, { "s", 1000000 }, { "ms", 1000 },
	};
	size_t i = 0;

	while (us % units[i].us && i + 1 < sizeof(units) / sizeof(*units))
		i++;
	printf("%lld%s", (long long)(us / units[i].us), units[i].name);
}

static void print_bound(const struct setting *t, int64_t v)
{
	putchar('\t');
	if (t->type == SETTING_TIME || t->type == SETTING_TIMES)
		print_time(v);
	else if (t->type == SETTING_INT)
		printf("%lld", (long long)v);
}

int main(void)
{
	for (const struct setting *t = settings; t->name; t++) {
		printf("%s\t%s\t%s\t%s", settings_section_name(t->section), t->name,
			settings_type_name(t->type), t->def ? t->def : "");
		print_bound(t, t->min);
		print_bound(t, t->max);
		putchar('\t');
		for (int i = 0; t->choices && t->choices[i]; i++)
			printf("%s%s", i ? ", " : "", t->choices[i]);
		putchar('\n');
	}
	return 0;
}
