/* thread.h: a mutex, on pthreads or Win32. Nothing else of threads is needed: work runs on the device. */
#ifndef VKR_THREAD_H
#define VKR_THREAD_H

#if defined(_WIN32)
#  include <windows.h>
struct vkr_mutex { SRWLOCK lock; };
static inline void vkr_mutex_init(struct vkr_mutex *m) { InitializeSRWLock(&m->lock); }
static inline void vkr_mutex_destroy(struct vkr_mutex *m) { (void)m; }
static inline void vkr_mutex_lock(struct vkr_mutex *m) { AcquireSRWLockExclusive(&m->lock); }
static inline void vkr_mutex_unlock(struct vkr_mutex *m) { ReleaseSRWLockExclusive(&m->lock); }
#else
#  include <pthread.h>
struct vkr_mutex { pthread_mutex_t lock; };
static inline void vkr_mutex_init(struct vkr_mutex *m) { pthread_mutex_init(&m->lock, NULL); }
static inline void vkr_mutex_destroy(struct vkr_mutex *m) { pthread_mutex_destroy(&m->lock); }
static inline void vkr_mutex_lock(struct vkr_mutex *m) { pthread_mutex_lock(&m->lock); }
static inline void vkr_mutex_unlock(struct vkr_mutex *m) { pthread_mutex_unlock(&m->lock); }
#endif

#endif
