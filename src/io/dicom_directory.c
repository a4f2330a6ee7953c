/* dicom_directory.c: DICOMDIR, the list of files on a disc. It names what lies beside it or below it, and nothing else is
 * opened: every name is made of the characters that the standard allows (PS3.10 section 8.5), so that none leads away. */
#include "io/dicom_child.h"
#include "io/dicom_series.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Components between backslashes. Writers exceed the standard's 8 characters and 8 components, and use lower case. */
static bool is_plain(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t components = 0;
    for (const char *at = name;; at++) {
        const size_t length = strspn(at, letters);
        at += length;
        if (length == 0 || length > 32 || ++components > 16)
            return false;
        if (*at != '\\')
            return !*at;
    }
}

/* FOLDER/A/B for DICOMDIR in FOLDER and A\B in it. */
static vks_status add_name(struct dicom_folder *folder, const char *directory, const char *name)
{
    const char *slash = strrchr(directory, '/');
    const size_t length = slash ? (size_t)(slash - directory) + 1 : 0, size = length + strlen(name) + 1;
    char *path;
    struct stat found;
    VKS_REQUIRE(is_plain(name), VKS_ERR_CORRUPT, "%s names a file in a way that is not allowed, so it is not opened", directory);
    VKS_TRY(vkr_alloc(1, size, "a path", (void **)&path));
    memcpy(path, directory, length);
    memcpy(path + length, name, strlen(name) + 1);
    for (char *at = path + length; *at; at++)
        *at = *at == '\\' ? '/' : *at;
    vks_status status = stat(path, &found) == 0 && S_ISREG(found.st_mode)
                            ? dicom_add_path(folder, path)
                            : vks_fail(VKS_ERR_CORRUPT, "%s names %s, which is not there; copy the whole disc", directory, path);
    vkr_free(path);
    return status;
}

static vks_status read_names(struct dicom_child *child, const char *path, struct dicom_folder *folder)
{
    char message[256], *names = NULL;
    size_t size = 0;
    const enum dicom_result result = dicom_child_names(child, &names, &size, message);
    VKS_REQUIRE(result != DICOM_MEMORY, VKS_ERR_HOST_MEMORY, "%s: %s", path, message);
    VKS_REQUIRE(result == DICOM_OK, VKS_ERR_CORRUPT, "%s: %s", path, message);
    vks_status status = VKS_OK;
    for (size_t at = 0; status == VKS_OK && at < size; at += strlen(names + at) + 1)
        status = add_name(folder, path, names + at);
    free(names);
    return status;
}

vks_status dicom_add_directory(const char *path, struct dicom_folder *folder)
{
    struct dicom_child child = { .pid = 0 };
    VKS_TRY(dicom_child_start(&path, 1, DICOM_WORK_NAMES, &child));
    const vks_status status = read_names(&child, path, folder);
    dicom_child_end(&child);
    return status;
}

/* The class of what a file holds stands in the few elements before the data: (0002,0002) UI. */
bool dicom_is_directory(const char *path)
{
    static const char mark[] = "\x02\x00\x02\x00UI", class[] = "1.2.840.10008.1.3.10";
    unsigned char head[512];
    const size_t got = dicom_read_head(path, head, sizeof head);
    for (size_t at = DICOM_HEAD; at + 8 + sizeof class - 1 <= got; at++)
        if (memcmp(head + at, mark, 6) == 0)
            return memcmp(head + at + 8, class, sizeof class - 1) == 0;
    return false;
}
