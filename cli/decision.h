/*
 * decision.h - a person's word on deliveries that wait for approval: `refire
 * approve` and `refire reject`.
 *
 * An approver who owns state-dir decides at once; another's word becomes a file in
 * the spool, and the sender judges it by the file's uid.
 */
#ifndef DECISION_H
#define DECISION_H

#include <stdbool.h>

/* All of main(). */
int decision_main(bool approve, int argc, char **argv);

#endif
