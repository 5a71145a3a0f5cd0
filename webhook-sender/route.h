/*
 * route.h - how the connection of an exchange is made: certificates, versions, the
 * proxy, and which addresses it may go to. Private to http.c, exchange.c and route.c,
 * the files that know libcurl.
 *
 * libcurl is told only what differs from the handle's last exchange. A connection is
 * kept for the same settings alone (libcurl compares them), addresses apart: those are
 * judged again each time (exchange_permits).
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "exchange.h"

/* What holds for every request: nothing of it comes from the environment. */
CURLcode route_fix(CURL *easy);
/* For one request. After the URL is set in it. */
CURLcode route_set(struct exchange *x, const struct request *r);

#endif
