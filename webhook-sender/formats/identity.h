/*
 * identity.h - what the services' dialects call a repository: owner and name, and
 * where it is cloned from. Honest: what the configuration does not say is not invented.
 * Strings live in the payload's arena.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "payload.h"

/* The parts of "team/web": what is before the last slash owns it; "refire" where there
   is none. */
const char *identity_owner(const struct payload *p);
const char *identity_name(const struct payload *p);
/* The address to clone from over HTTP, where the configuration names one, without user and
   query; else the web address. */
const char *identity_clone_url(const struct payload *p);
/* "" where none is configured. */
const char *identity_ssh_url(const struct payload *p);
/* The branch HEAD names; "" unknown. */
const char *identity_default_branch(const struct payload *p);
/* The web address as a URI: ASCII alone (RFC 3986). */
const char *identity_uri(const struct payload *p);

#endif
