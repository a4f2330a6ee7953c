/* dicom_child.c: answers are a fixed record and then the array it announces. The parent believes no count beyond its limits,
 * and allocates nothing before it has one. */
#include "io/dicom_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_FRAMES = 100000, MOST_NAMES = 1 << 24 };     /* bytes of names */

struct answer { enum dicom_result result; char message[256]; };

/* ---- the child ---- */

static void give(int pipe, const void *data, size_t size)
{
    for (const char *at = data; size > 0;) {
        const ssize_t done = write(pipe, at, size < 1u << 20 ? size : 1u << 20);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(1);
        at += done;
        size -= (size_t)done;
    }
}

static void give_header(int pipe, const char *path)
{
    struct dicom_file file;
    struct answer answer = { DICOM_OK, "" };
    answer.result = dicom_read_header(path, &file, answer.message);
    const uint32_t frames = file.frames && answer.result == DICOM_OK ? file.frame_count : 0;
    file.frame_count = frames;
    give(pipe, &answer, sizeof answer);
    give(pipe, &file, sizeof file);
    give(pipe, file.frames, frames * sizeof *file.frames);
    dicom_file_free(&file);
}

static void give_pixels(int pipe, const char *path)
{
    struct dicom_pixels pixels;
    struct answer answer = { DICOM_OK, "" };
    answer.result = dicom_read_pixels(path, &pixels, answer.message);
    if (answer.result != DICOM_OK)
        pixels.size = 0;
    give(pipe, &answer, sizeof answer);
    give(pipe, &pixels, sizeof pixels);
    give(pipe, pixels.values, pixels.size);
    dicom_pixels_free(&pixels);
}

static void give_names(int pipe, const char *path)
{
    struct answer answer = { DICOM_OK, "" };
    char *names = NULL;
    size_t size = 0;
    answer.result = dicom_read_names(path, &names, &size, answer.message);
    give(pipe, &answer, sizeof answer);
    give(pipe, &size, sizeof size);
    give(pipe, names, size);
    free(names);
}

/* An assertion of GDCM's would print. */
static void run(int pipe, const char *const *paths, uint32_t count, enum dicom_work work)
{
    const struct rlimit none = { 0, 0 };
    const int nowhere = open("/dev/null", O_RDWR);
    setrlimit(RLIMIT_CORE, &none);
    if (nowhere >= 0) {
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP)
            signal(number, SIG_DFL);
    static void (*const works[])(int, const char *) = { give_header, give_pixels, give_names };
    for (uint32_t i = 0; i < count; i++)
        works[work](pipe, paths[i]);
    _exit(0);
}

/* ---- the parent ---- */

vks_status dicom_child_start(const char *const *paths, uint32_t count, enum dicom_work work, struct dicom_child *out)
{
    int ends[2];
    *out = (struct dicom_child){ .pid = 0 };
    VKS_REQUIRE(pipe(ends) == 0, VKS_ERR_HOST_MEMORY, "no pipe can be made: %s", strerror(errno));
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run(ends[1], paths, count, work);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return vks_fail(VKS_ERR_HOST_MEMORY, "no process can be started to read DICOM: %s", strerror(errno));
    }
    *out = (struct dicom_child){ (int)pid, ends[0] };
    return VKS_OK;
}

void dicom_child_end(struct dicom_child *child)
{
    if (child->pid <= 0)
        return;
    close(child->pipe);
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *child = (struct dicom_child){ .pid = 0 };
}

static bool get(struct dicom_child *child, void *out, size_t size)
{
    for (char *at = out; size > 0;) {
        const ssize_t done = read(child->pipe, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static enum dicom_result died(char message[256])
{
    snprintf(message, 256, "it is damaged, or written in a way that cannot be read");
    return DICOM_BROKEN;
}

static bool get_answer(struct dicom_child *child, struct answer *out, char message[256])
{
    if (!get(child, out, sizeof *out))
        return false;
    memcpy(message, out->message, sizeof out->message);
    message[255] = '\0';
    return true;
}

enum dicom_result dicom_child_header(struct dicom_child *child, struct dicom_file *out, char message[256])
{
    struct answer answer;
    memset(out, 0, sizeof *out);
    if (!get_answer(child, &answer, message) || !get(child, out, sizeof *out) || out->frame_count > MOST_FRAMES) {
        out->frames = NULL;
        return died(message);
    }
    out->frames = NULL;
    if (answer.result != DICOM_OK || !out->frame_count)
        return answer.result;
    out->frames = calloc(out->frame_count, sizeof *out->frames);
    if (!out->frames)
        return DICOM_MEMORY;
    if (get(child, out->frames, out->frame_count * sizeof *out->frames))
        return DICOM_OK;
    dicom_file_free(out);
    return died(message);
}

enum dicom_result dicom_child_pixels(struct dicom_child *child, struct dicom_pixels *out, char message[256])
{
    struct answer answer;
    memset(out, 0, sizeof *out);
    if (!get_answer(child, &answer, message) || !get(child, out, sizeof *out)) {
        out->values = NULL;
        return died(message);
    }
    out->values = NULL;
    if (answer.result != DICOM_OK)
        return answer.result;
    const bool is_sane = (out->bytes == 1 || out->bytes == 2) && (out->channels == 1 || out->channels == 3) && out->size > 0;
    out->values = is_sane ? malloc(out->size) : NULL;
    if (!out->values)
        return is_sane ? DICOM_MEMORY : died(message);
    if (get(child, out->values, out->size))
        return DICOM_OK;
    dicom_pixels_free(out);
    return died(message);
}

enum dicom_result dicom_child_names(struct dicom_child *child, char **names, size_t *size, char message[256])
{
    struct answer answer;
    *names = NULL;
    *size = 0;
    if (!get_answer(child, &answer, message) || !get(child, size, sizeof *size) || *size > MOST_NAMES)
        return *size = 0, died(message);
    if (answer.result != DICOM_OK || *size == 0)
        return answer.result == DICOM_OK ? died(message) : answer.result;
    *names = malloc(*size);
    if (!*names)
        return DICOM_MEMORY;
    if (get(child, *names, *size) && (*names)[*size - 1] == '\0')
        return DICOM_OK;
    free(*names);
    *names = NULL;
    *size = 0;
    return died(message);
}
