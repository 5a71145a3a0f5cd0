/* crc32.h - CRC-32 (ISO-HDLC, as zlib's): against torn writes, not attackers.
   libc only: the hook uses it. Start with 0; feed the last result to go on. */
#ifndef CRC32_H
#define CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_add(uint32_t crc, const void *p, size_t n);

#endif
