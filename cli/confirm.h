/*
 * confirm.h - a command that touches many asks first: on a terminal by a question,
 * elsewhere by wanting --yes.
 */
#ifndef CONFIRM_H
#define CONFIRM_H

#include "ask.h"

/* what: "drop 12 deliveries". 1 go on, 0 the person said no (that is told), -1 with
   ERR_USAGE where nobody can be asked. */
int confirm(const struct ask *a, const char *what, struct err *e);

#endif
