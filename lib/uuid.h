/*
 * uuid.h - RFC 9562 identifiers as 36 lower-case characters and a NUL.
 * libc only: the hook uses version 7.
 */
#ifndef UUID_H
#define UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_SIZE 37

/* Version 7: Unix milliseconds of wall_us, then 74 random bits (getrandom). */
int uuid_v7(int64_t wall_us, char out[UUID_SIZE]);
/* Version 8 of the first 16 bytes of a digest. */
void uuid_v8(const unsigned char digest[16], char out[UUID_SIZE]);
bool uuid_valid(const char *s);

#endif
