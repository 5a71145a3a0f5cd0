/* formats.c - the table of dialects. Adding one: its file, and a line here. */
#include <string.h>

#include "format.h"

const struct format *const formats[] = {
	&format_generic,
	&format_github,
	&format_gitlab,
	&format_gitea,
	&format_standard,
	&format_cloudevents,
	&format_cloudevents_binary,
	&format_cdevents,
	&format_codecommit,
	&format_template,
	NULL,
};

const struct format *format_find(const char *name)
{
	for (size_t i = 0; formats[i]; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}
