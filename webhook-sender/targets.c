/* targets.c - the table of kinds of receivers. Adding one: its file, and a line here. */
#include <string.h>

#include "target.h"

const struct target *const targets[] = {
	&target_webhook,
	NULL,
};

const struct target *target_find(const char *name)
{
	for (size_t i = 0; targets[i]; i++)
		if (strcmp(targets[i]->name, name) == 0)
			return targets[i];
	return NULL;
}
