/* sam_keys.h: names of SAM's tensors in files. Our names are those of the published checkpoints. */
#ifndef VKS_SAM_KEYS_H
#define VKS_SAM_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* schema_key: published names; `user` is not used. */
bool sam_key_published(const void *user, const char *name, uint32_t alternative, char *key, size_t size);

/* schema_key: names of the class SamModel of the Hugging Face package transformers. */
bool sam_key_transformers(const void *user, const char *name, uint32_t alternative, char *key, size_t size);

#endif
