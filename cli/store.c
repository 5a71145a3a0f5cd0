/* store.c - see store.h. */
#include "store.h"

#include <errno.h>
#include <unistd.h>

int store_open(const struct session *s, enum queue_open mode, struct queue **out,
	struct err *e)
{
	*out = NULL;
	if (s->who == SESSION_NEW)
		return 0;
	if (s->who == SESSION_OTHER)
		return session_refuse(s, "queue", e);
	if (access(s->paths.queue, F_OK) != 0 && errno == ENOENT)
		return 0;
	if (queue_open(s->paths.queue, mode, out, e) == 0)
		return 0;
	return mode == QUEUE_READ && e->code == ERR_NOENT ? 0 : -1;
}
