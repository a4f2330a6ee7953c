/* keep_loaded.c: nothing is unloaded, so that the leak checker knows whose memory it found. A Vulkan driver is unloaded with
 * its instance; Mesa leaves what it learnt about an AMD processor's caches (u_cpu_detect.c), and without the module neither its
 * globals nor its name are there to say so. Preloaded, for the sanitized tests alone. */
int dlclose(void *handle);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
