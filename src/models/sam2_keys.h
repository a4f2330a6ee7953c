/* sam2_keys.h: names of SAM 2's tensors in files. Ours are those of the published checkpoints, but that prompt encoder
 * and mask decoder are called as in SAM, whose code they share. */
#ifndef VKS_SAM2_KEYS_H
#define VKS_SAM2_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* schema_key: published names; `user` is not used. */
bool sam2_key_published(const void *user, const char *name, uint32_t alternative, char *key, size_t size);

/* schema_key: names of the class Sam2VideoModel of the Hugging Face package transformers, where the point embeddings are
 * one tensor. */
bool sam2_key_transformers(const void *user, const char *name, uint32_t alternative, char *key, size_t size);

#endif
