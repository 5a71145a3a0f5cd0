/*
 * approval.h - deliveries that waited too long for `refire approve`.
 */
#ifndef APPROVAL_H
#define APPROVAL_H

#include "sender.h"

/* They become FAILED, and the next of their lanes may go. */
int approval_expire(struct sender *s, struct err *e);

#endif
