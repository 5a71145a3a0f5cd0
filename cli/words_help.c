/* words_help.c - how a command begins and ends for a person: see words.h. Apart from the
   rest, which knows refs and with them the configuration. */
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "log.h"

int words_help(const struct args_usage *u)
{
	struct buf b;

	buf_init(&b, 64 * KIB);
	args_help(u, &b);
	fputs(b.s, stdout);
	buf_release(&b);
	return 0;
}

int words_end(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_warn("the output could not be written: %s", strerror(errno));
	return ERR_TEMP;
}
