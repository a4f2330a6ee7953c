/* feeder.c: one request at a time: asked for, being made, made, taken. Everything two threads see is behind the lock,
 * or atomic. */
#include "feeder.h"

#include "message.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum state { IDLE, ASKED, MADE, QUITTING };

struct feeder {
    struct feeder_params params;
    vks_session *session; /* the thread's, from feeder_open to feeder_close */
    void *buffer;         /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int is_cancelled;
    atomic_uint thousandths; /* of the slice being made */

    enum state state;
    uint32_t slice;
    vks_embedding *made;
    int was_encoded;
    vks_status status;
    char error[512];
};

/* ---- the feeder's thread ---- */

static int report(void *user, double fraction, const char *stage)
{
    struct feeder *feeder = user;
    (void)stage;
    atomic_store(&feeder->thousandths, (unsigned)(1000 * fraction));
    return atomic_load(&feeder->is_cancelled);
}

static vks_status make(struct feeder *feeder, uint32_t slice, vks_embedding **out, int *was_encoded)
{
    const struct feeder_params *params = &feeder->params;
    vks_image image;
    vks_status status = params->image(params->user, slice, feeder->buffer, &image);
    return status ? status : shelf_embed(params->shelf, feeder->session, &image, out, was_encoded);
}

static void *work(void *user)
{
    struct feeder *feeder = user;
    pthread_mutex_lock(&feeder->lock);
    for (;;) {
        while (feeder->state != ASKED && feeder->state != QUITTING)
            pthread_cond_wait(&feeder->changed, &feeder->lock);
        if (feeder->state == QUITTING)
            break;
        uint32_t slice = feeder->slice;
        vks_embedding *made = NULL;
        int was_encoded = 0;
        pthread_mutex_unlock(&feeder->lock);
        vks_status status = make(feeder, slice, &made, &was_encoded);
        pthread_mutex_lock(&feeder->lock);
        feeder->status = status;
        feeder->made = made;
        feeder->was_encoded = was_encoded;
        if (status)
            snprintf(feeder->error, sizeof feeder->error, "%s", vks_last_error());
        feeder->state = feeder->state == QUITTING ? QUITTING : MADE;
        pthread_cond_broadcast(&feeder->changed);
    }
    pthread_mutex_unlock(&feeder->lock);
    return NULL;
}

/* Signals are for the thread that asks about them. */
static int start(struct feeder *feeder)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&feeder->thread, NULL, work, feeder);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* ---- the caller's ---- */

int feeder_open(const struct feeder_params *params, struct feeder **out)
{
    struct feeder *feeder = calloc(1, sizeof *feeder);
    *out = NULL;
    if (!feeder)
        return fail(NO_MEMORY, NULL, "no memory for the slices.");
    feeder->params = *params;
    feeder->buffer = malloc(params->buffer_bytes);
    pthread_mutex_init(&feeder->lock, NULL);
    pthread_cond_init(&feeder->changed, NULL);
    vks_session_params session = { .struct_size = sizeof session, .progress = report, .user = feeder };
    vks_status status = vks_session_create(params->model, &session, &feeder->session);
    int code = status ? fail_status(status, STAGE_RUN, NULL) : 0;
    if (!code && (!feeder->buffer || start(feeder)))
        code = fail(NO_MEMORY, NULL, "no memory, or no thread, for the slices.");
    if (!code) {
        *out = feeder;
        return 0;
    }
    vks_session_destroy(&feeder->session);
    pthread_cond_destroy(&feeder->changed);
    pthread_mutex_destroy(&feeder->lock);
    free(feeder->buffer);
    free(feeder);
    return code;
}

void feeder_close(struct feeder **feeder)
{
    struct feeder *dead = *feeder;
    if (!dead)
        return;
    *feeder = NULL;
    atomic_store(&dead->is_cancelled, 1);
    pthread_mutex_lock(&dead->lock);
    dead->state = QUITTING;
    pthread_cond_broadcast(&dead->changed);
    pthread_mutex_unlock(&dead->lock);
    pthread_join(dead->thread, NULL);
    vks_embedding_free(&dead->made);
    vks_session_destroy(&dead->session);
    pthread_cond_destroy(&dead->changed);
    pthread_mutex_destroy(&dead->lock);
    free(dead->buffer);
    free(dead);
}

/* Waits, behind the lock, until the thread is done with what it was asked for. */
static void wait_made(struct feeder *feeder, int is_watched)
{
    while (feeder->state == ASKED) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50 * 1000 * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&feeder->changed, &feeder->lock, &until);
        if (is_watched && feeder->params.watch(feeder->params.user, 1e-3 * atomic_load(&feeder->thousandths)))
            atomic_store(&feeder->is_cancelled, 1);
    }
}

static void ask(struct feeder *feeder, uint32_t slice)
{
    if (feeder->state != IDLE && feeder->slice == slice)
        return;
    if (feeder->state == ASKED)
        atomic_store(&feeder->is_cancelled, 1);
    wait_made(feeder, 0);
    vks_embedding_free(&feeder->made);
    atomic_store(&feeder->is_cancelled, 0);
    atomic_store(&feeder->thousandths, 0);
    feeder->slice = slice;
    feeder->state = ASKED;
    pthread_cond_broadcast(&feeder->changed);
}

void feeder_ahead(struct feeder *feeder, uint32_t slice)
{
    pthread_mutex_lock(&feeder->lock);
    ask(feeder, slice);
    pthread_mutex_unlock(&feeder->lock);
}

vks_status feeder_take(struct feeder *feeder, uint32_t slice, vks_embedding **out, int *was_encoded)
{
    pthread_mutex_lock(&feeder->lock);
    ask(feeder, slice);
    wait_made(feeder, 1);
    vks_status status = feeder->status;
    *out = feeder->made;
    *was_encoded = feeder->was_encoded;
    feeder->made = NULL;
    feeder->state = IDLE;
    pthread_mutex_unlock(&feeder->lock);
    return status;
}

const char *feeder_error(const struct feeder *feeder)
{
    return feeder->error;
}
