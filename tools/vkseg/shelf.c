/* shelf.c: files are written under another name and renamed, so two runs may share a folder. */
#include "shelf.h"

#include "message.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* FNV-1a (Fowler, Noll, Vo), 64 bits. */
static uint64_t mix(uint64_t hash, const char *text)
{
    for (const char *c = text ? text : ""; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

/* Another device or version may round differently, and the masks are to be those of a run without the folder. */
static void describe_rest(const struct run *run, const struct settings *settings, char out[17])
{
    uint64_t hash = 0xcbf29ce484222325u;
    const char *const parts[] = { run->info.family,
                                  settings->model_options,
                                  precision_name(settings->precision),
                                  run->device.uuid,
                                  run->device.name,
                                  run->device.driver,
                                  settings->tune,
                                  vks_version() };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = mix(hash, parts[i]);
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

int shelf_open(const char *folder, struct run *run, const struct settings *settings, struct shelf *out)
{
    struct stat found;
    *out = (struct shelf){ .folder = folder };
    if (!folder)
        return 0;
    if (!run->info.reusable)
        return fail(BAD_USAGE, "Leave it out.", "--embeddings: a %s model takes examples, and keeps no embeddings.",
                    run->info.family);
    if (strlen(folder) > PATH_SIZE - 128)
        return fail(BAD_USAGE, NULL, "--embeddings: the path is too long.");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fail(OUTPUT_REFUSED, "Name a folder; the one it lies in must exist.",
                    "--embeddings %s: the folder cannot be made (%s).", folder, strerror(errno));
    if (stat(folder, &found) != 0 || !S_ISDIR(found.st_mode))
        return fail(OUTPUT_REFUSED, "Name a folder.", "--embeddings %s: this is no folder.", folder);
    int code = *run->sha256 ? 0 : run_hash(run, settings);
    if (code)
        return code;
    memcpy(out->model_sha256, run->sha256, sizeof out->model_sha256);
    describe_rest(run, settings, out->rest);
    return 0;
}

static void path_of(const struct shelf *shelf, const char *image_sha256, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%.16s-%.32s-%s.safetensors", shelf->folder, shelf->model_sha256, image_sha256,
             shelf->rest);
}

vks_embedding *shelf_take(struct shelf *shelf, const char *image_sha256)
{
    char path[PATH_SIZE];
    vks_embedding *embedding = NULL;
    if (!shelf->folder)
        return NULL;
    path_of(shelf, image_sha256, path);
    vks_status status = vks_io_read_embedding(path, &embedding);
    if (status == VKS_ERR_NOT_FOUND)
        return NULL;
    if (status || strcmp(embedding->image_sha256, image_sha256) != 0 ||
        strcmp(embedding->model_sha256, shelf->model_sha256) != 0) {
        if (!*shelf->warning)
            snprintf(shelf->warning, sizeof shelf->warning, "%.300s is damaged or of something else, and is made again",
                     base_name(path));
        vks_embedding_free(&embedding);
        return NULL;
    }
    shelf->found++;
    return embedding;
}

void shelf_put(struct shelf *shelf, const vks_embedding *embedding)
{
    char path[PATH_SIZE];
    if (!shelf->folder || shelf->is_broken)
        return;
    path_of(shelf, embedding->image_sha256, path);
    vks_status status = vks_io_write_embedding(path, embedding, 1);
    shelf->added += !status;
    shelf->is_broken = status != VKS_OK;
    if (status)
        snprintf(shelf->warning, sizeof shelf->warning, "%.300s; nothing more is kept in this run", vks_last_error());
}

vks_status shelf_embed(struct shelf *shelf, vks_session *session, const vks_image *image, vks_embedding **out,
                       int *was_encoded)
{
    char sha256[65];
    *was_encoded = 0;
    *out = NULL;
    vks_status status = shelf->folder ? vks_image_sha256(image, sha256) : VKS_OK;
    if (!status && shelf->folder)
        *out = shelf_take(shelf, sha256);
    if (status || *out)
        return status;
    status = vks_session_set_image(session, image);
    *was_encoded = !status;
    if (!status)
        status = vks_session_get_embedding(session, out);
    if (!status)
        shelf_put(shelf, *out);
    return status;
}

void shelf_warn(struct shelf *shelf)
{
    if (*shelf->warning)
        note("warning: --embeddings: %s.", shelf->warning);
    shelf->warning[0] = '\0';
}
