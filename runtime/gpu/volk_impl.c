/* volk_impl.c: volk's own code, compiled once. Define VKS_EXTERNAL_VOLK when the application links volk itself. */
#ifndef VKS_EXTERNAL_VOLK
#  define VOLK_IMPLEMENTATION
#endif
#if defined(__GNUC__)
#  pragma GCC diagnostic ignored "-Wconversion"
#  pragma GCC diagnostic ignored "-Wmissing-prototypes"
#  pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include <volk.h>

/* A translation unit must declare something when volk comes from outside. */
extern const int vkr_volk_is_here;
const int vkr_volk_is_here = 1;
