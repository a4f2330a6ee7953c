/* sha256_blocks.h: SHA-256 of whole blocks of 64 bytes, in C and by the instructions x86 processors have for it. Private to
 * sha256*.c and their test. */
#ifndef VKS_SHA256_BLOCKS_H
#define VKS_SHA256_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t sha256_rounds[64];

void sha256_portable(uint32_t state[8], const unsigned char *data, size_t blocks);

/* False where this build or this processor lacks the instructions: sha256_x86 must not be called then. */
bool sha256_x86_runs(void);
void sha256_x86(uint32_t state[8], const unsigned char *data, size_t blocks);

#endif
