/* sha256.h: SHA-256 (FIPS 180-4). */
#ifndef VKS_SHA256_H
#define VKS_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t length;            /* bytes so far */
    unsigned char block[64];    /* the unfinished one */
};

void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t size);
void sha256_end(struct sha256 *sha, char hex[65]);

#endif
