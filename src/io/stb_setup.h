/* stb_setup.h: how stb_image is configured, the same for its body and its one user: few formats, no files, no floats. */
#ifndef VKS_STB_SETUP_H
#define VKS_STB_SETUP_H

#include "base/mem.h"

#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_MAX_DIMENSIONS 32768
#define STBI_MALLOC(size) vkr_calloc(1, (size))
#define STBI_REALLOC(block, size) vkr_realloc((block), (size))
#define STBI_FREE(block) vkr_free(block)
#define STBI_ASSERT(condition) ((void)0)

#if defined(__has_include)
#  if __has_include(<stb/stb_image.h>)
#    define VKS_STB_IMAGE_H <stb/stb_image.h>
#  endif
#endif
#ifndef VKS_STB_IMAGE_H
#  define VKS_STB_IMAGE_H <stb_image.h>
#endif

#endif
