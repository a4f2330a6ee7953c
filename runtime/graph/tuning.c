/* tuning.c: two lists under one lock: the times, and the questions that were asked. A question's times are looked up when it
 * is new or a time was added; in between it answers at once. */
#include "graph/tuning.h"

#include "base/mem.h"
#include "base/thread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known {
    char call[VKR_CALL_NAME], kernel[VKR_KERNEL_NAME];
    double ms;
    bool is_old;                        /* read, not measured by this process */
};

struct vkr_tuning {
    struct vkr_mutex lock;
    struct known *times;
    struct vkr_question *questions;
    uint32_t time_count, time_capacity, question_count, question_capacity;
};

vks_status vkr_tuning_create(struct vkr_tuning **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "the times of kernels", (void **)out));
    vkr_mutex_init(&(*out)->lock);
    return VKS_OK;
}

void vkr_tuning_destroy(struct vkr_tuning **tuning)
{
    struct vkr_tuning *t = *tuning;
    *tuning = NULL;
    if (!t)
        return;
    vkr_mutex_destroy(&t->lock);
    vkr_free(t->times);
    vkr_free(t->questions);
    vkr_free(t);
}

/* ---- decision --------------------------------------------------------------------------------------------------- */

const char *vkr_reason_name(enum vkr_reason why)
{
    static const char *const names[] = { [VKR_BY_TABLE] = "table", [VKR_BY_SIZE] = "memory", [VKR_BY_TIMING] = "timed",
        [VKR_BY_CACHE] = "cached", [VKR_BY_FORCE] = "forced", [VKR_BY_SAFETY] = "safest" };
    return names[why];
}

uint32_t vkr_tuning_decide(const struct vkr_candidate *candidates, uint32_t count)
{
    uint32_t best = 0, top = 0;
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        if (candidates[i].ms == 0)
            return 0;
        top = candidates[i].tier > top ? candidates[i].tier : top;
    }
    for (uint32_t tier = 0; tier <= top; tier++) {
        uint32_t fastest = count;
        for (uint32_t i = 0; i < count; i++)
            if (candidates[i].tier == tier && candidates[i].ms > 0 && (fastest == count || candidates[i].ms < candidates[fastest].ms))
                fastest = i;
        if (fastest < count && (!found || candidates[fastest].ms < candidates[best].ms * (1 - VKR_TUNING_MARGIN))) {
            best = fastest;
            found = true;
        }
    }
    return best;
}

/* ---- times ------------------------------------------------------------------------------------------------------ */

static struct known *find_time(struct vkr_tuning *t, const char *call, const char *kernel)
{
    for (uint32_t i = 0; i < t->time_count; i++)
        if (strcmp(t->times[i].call, call) == 0 && strcmp(t->times[i].kernel, kernel) == 0)
            return &t->times[i];
    return NULL;
}

static void decide(struct vkr_tuning *t, struct vkr_question *q)
{
    bool is_whole = true, is_old = true;
    for (uint32_t i = 0; i < q->count; i++) {
        const struct known *known = find_time(t, q->call, q->candidates[i].kernel);
        q->candidates[i].ms = known ? known->ms : 0;
        is_whole = is_whole && known;
        is_old = is_old && known && known->is_old;
    }
    q->chosen = vkr_tuning_decide(q->candidates, q->count);
    q->why = is_whole ? is_old ? VKR_BY_CACHE : VKR_BY_TIMING : q->why == VKR_BY_SIZE ? VKR_BY_SIZE : VKR_BY_TABLE;
}

static struct vkr_question *find_question(struct vkr_tuning *t, const char *call)
{
    for (uint32_t i = 0; i < t->question_count; i++)
        if (strcmp(t->questions[i].call, call) == 0)
            return &t->questions[i];
    return NULL;
}

static vks_status add_time(struct vkr_tuning *t, const char *call, const char *kernel, double ms, bool is_old)
{
    struct known *known = find_time(t, call, kernel);
    if (known && is_old)
        return VKS_OK;
    if (!known) {
        VKS_TRY(VKR_GROW(t->times, t->time_capacity, t->time_count));
        known = &t->times[t->time_count++];
        snprintf(known->call, sizeof known->call, "%s", call);
        snprintf(known->kernel, sizeof known->kernel, "%s", kernel);
    }
    known->ms = ms;
    known->is_old = is_old;
    struct vkr_question *question = find_question(t, call);
    if (question)
        decide(t, question);
    return VKS_OK;
}

vks_status vkr_tuning_add(struct vkr_tuning *tuning, const char *call, const char *kernel, double ms)
{
    vkr_mutex_lock(&tuning->lock);
    vks_status status = add_time(tuning, call, kernel, ms, false);
    vkr_mutex_unlock(&tuning->lock);
    return status;
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

static bool same_candidates(const struct vkr_question *a, const struct vkr_question *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (strcmp(a->candidates[i].kernel, b->candidates[i].kernel) != 0)
            return false;
    return true;
}

static uint32_t ask(struct vkr_tuning *t, const struct vkr_question *question)
{
    struct vkr_question *kept = find_question(t, question->call);
    if (!kept) {
        if (VKR_GROW(t->questions, t->question_capacity, t->question_count) != VKS_OK)
            return 0;
        kept = &t->questions[t->question_count++];
        *kept = *question;
        kept->asked = 0;
        decide(t, kept);
    } else if (!same_candidates(kept, question)) {      /* another member of the shape class: other tiles come first */
        uint32_t asked = kept->asked;
        *kept = *question;
        kept->asked = asked;
        decide(t, kept);
    }
    kept->asked++;
    return kept->chosen;
}

uint32_t vkr_tuning_ask(struct vkr_tuning *tuning, struct vkr_question *question)
{
    vkr_mutex_lock(&tuning->lock);
    question->chosen = ask(tuning, question);
    const struct vkr_question *kept = find_question(tuning, question->call);
    if (kept)
        *question = *kept;
    vkr_mutex_unlock(&tuning->lock);
    return question->chosen;
}

bool vkr_tuning_question(struct vkr_tuning *tuning, uint32_t index, struct vkr_question *out)
{
    vkr_mutex_lock(&tuning->lock);
    bool is_there = index < tuning->question_count;
    if (is_there)
        *out = tuning->questions[index];
    vkr_mutex_unlock(&tuning->lock);
    return is_there;
}

uint32_t vkr_tuning_open(struct vkr_tuning *tuning)
{
    uint32_t count = 0;
    vkr_mutex_lock(&tuning->lock);
    for (uint32_t i = 0; i < tuning->question_count; i++)
        count += tuning->questions[i].why == VKR_BY_TABLE;
    vkr_mutex_unlock(&tuning->lock);
    return count;
}

/* The best of a question's times, 0 for none. */
static double best_ms(const struct vkr_question *q)
{
    double best = 0;
    for (uint32_t i = 0; i < q->count; i++)
        if (q->candidates[i].ms > 0 && (best <= 0 || q->candidates[i].ms < best))
            best = q->candidates[i].ms;
    return best;
}

/* Operations in a millisecond of the fastest call that was timed; 0: none was. */
static double best_rate(const struct vkr_tuning *t)
{
    double best = 0;
    for (uint32_t i = 0; i < t->question_count; i++) {
        double ms = best_ms(&t->questions[i]);
        if (ms > 0 && t->questions[i].flops / ms > best)
            best = t->questions[i].flops / ms;
    }
    return best;
}

static const struct vkr_question *next(const struct vkr_tuning *t, double left_ms)
{
    const struct vkr_question *best = NULL;
    double rate = best_rate(t);
    for (uint32_t i = 0; i < t->question_count && left_ms > 0; i++) {
        const struct vkr_question *q = &t->questions[i];
        double known = best_ms(q), expected = known > 0 ? known : rate > 0 ? q->flops / rate : 0;
        if (q->why != VKR_BY_TABLE || 2 * expected > left_ms)
            continue;
        if (!best || (rate > 0 ? q->flops * q->asked > best->flops * best->asked : q->flops < best->flops))
            best = q;
    }
    return best;
}

bool vkr_tuning_next(struct vkr_tuning *tuning, double left_ms, struct vkr_question *out)
{
    vkr_mutex_lock(&tuning->lock);
    const struct vkr_question *found = next(tuning, left_ms);
    if (found)
        *out = *found;
    vkr_mutex_unlock(&tuning->lock);
    return found != NULL;
}

void vkr_tuning_leave(struct vkr_tuning *tuning, const char *call)
{
    vkr_mutex_lock(&tuning->lock);
    struct vkr_question *question = find_question(tuning, call);
    if (question && question->why == VKR_BY_TABLE)
        question->why = VKR_BY_SIZE;
    vkr_mutex_unlock(&tuning->lock);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

enum { LINE_BYTES = VKR_CALL_NAME + VKR_KERNEL_NAME + 40 };

/* Cuts `line` at its tabs. Failures that a driver may not repeat are not kept: only times are. */
static vks_status read_line(struct vkr_tuning *t, char *line)
{
    char *kernel = strchr(line, '\t'), *number = kernel ? strchr(kernel + 1, '\t') : NULL, *end;
    if (!number)
        return VKS_OK;
    *kernel++ = *number++ = '\0';
    double ms = strtod(number, &end);
    if (end == number || *end != '\0' || !isfinite(ms) || ms <= 0 || !*line || !*kernel || strlen(line) >= VKR_CALL_NAME ||
        strlen(kernel) >= VKR_KERNEL_NAME)
        return VKS_OK;
    return add_time(t, line, kernel, ms, true);
}

vks_status vkr_tuning_read(struct vkr_tuning *tuning, const char *text)
{
    char line[LINE_BYTES];
    vks_status status = VKS_OK;
    vkr_mutex_lock(&tuning->lock);
    while (*text && status == VKS_OK) {
        size_t length = strcspn(text, "\n");
        if (length < sizeof line) {
            memcpy(line, text, length);
            line[length] = '\0';
            status = read_line(tuning, line);
        }
        text += length + (text[length] == '\n');
    }
    vkr_mutex_unlock(&tuning->lock);
    return status;
}

vks_status vkr_tuning_text(struct vkr_tuning *tuning, char **out)
{
    vkr_mutex_lock(&tuning->lock);
    vks_status status = vkr_alloc(tuning->time_count + 1, LINE_BYTES, "the times of kernels", (void **)out);
    char *at = *out;
    for (uint32_t i = 0; i < tuning->time_count && status == VKS_OK; i++)
        if (tuning->times[i].ms > 0)
            at += snprintf(at, LINE_BYTES, "%s\t%s\t%.6g\n", tuning->times[i].call, tuning->times[i].kernel, tuning->times[i].ms);
    vkr_mutex_unlock(&tuning->lock);
    return status;
}
