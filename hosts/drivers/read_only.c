/* QEMU opens the file of a guest's memory for writing, although it maps it copy-on-write and never writes to
   it. The file is a template's, shared by all its clones, and none of them may change it: here it is opened for
   reading only. Preloaded into QEMU; COWWEB_READ_ONLY names the file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int flags_for(const char *path, int flags)
{
    const char *kept = getenv("COWWEB_READ_ONLY");
    int writes = (flags & O_ACCMODE) == O_RDWR && !(flags & O_CREAT);
    return kept && path && writes && !strcmp(kept, path) ? (flags & ~O_ACCMODE) | O_RDONLY : flags;
}

int open64(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (!next)
        next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return next(path, flags_for(path, flags), mode);
}

int open(const char *path, int flags, ...) __attribute__((alias("open64")));

int __open64_2(const char *path, int flags)
{
    return open64(path, flags);
}

int __open_2(const char *path, int flags) __attribute__((alias("__open64_2")));
