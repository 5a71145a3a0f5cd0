/* confirm.c - see confirm.h. */
#include "confirm.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

int confirm(const struct ask *a, const char *what, struct err *e)
{
	char line[16];

	if (a->yes)
		return 1;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return err_set(e, ERR_USAGE, "this would %s: say --yes", what);
	fprintf(stderr, "%s? [y/N] ", what);
	fflush(stderr);
	if (fgets(line, sizeof(line), stdin) && (!strcasecmp(line, "y\n") || !strcasecmp(line, "yes\n")))
		return 1;
	fputs("nothing was done\n", stderr);
	return 0;
}
