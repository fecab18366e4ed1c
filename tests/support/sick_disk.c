/* A disk that falls ill while a program runs, put between it and the C library.

   SICK_FOLDER names the folder that lies on the disk, SICK_CONTROL a file: while it is there, its
   first word says what is wrong: read-only, write-error, sync-error, full. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NEW = 1, WRITE = 2, SYNC = 4 }; /* what is asked for */

static int on_disk(const char *path) {
  const char *folder = getenv("SICK_FOLDER");
  return folder && strncmp(path, folder, strlen(folder)) == 0;
}

/* The errno that the call shall fail with, 0: it is let through. */
static int illness(int asked) {
  const char *control = getenv("SICK_CONTROL");
  char word[32] = "";
  int fd = control ? syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  ssize_t size = syscall(SYS_read, fd, word, sizeof word - 1);
  syscall(SYS_close, fd);
  if (size <= 0) return 0;
  if (!strncmp(word, "read-only", 9)) return EROFS;
  if (!strncmp(word, "write-error", 11)) return asked & NEW ? 0 : EIO;
  if (!strncmp(word, "sync-error", 10)) return asked & SYNC ? EIO : 0;
  if (!strncmp(word, "full", 4)) return asked & SYNC ? 0 : ENOSPC;
  return 0;
}

static int ill_fd(int fd, int asked) {
  char link[64], path[4096];
  int before = errno, found = illness(asked);
  errno = before;
  if (!found) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  errno = before;
  if (size <= 0) return 0;
  path[size] = 0;
  return on_disk(path) ? found : 0;
}

static int ill_path(const char *path, int asked) {
  int before = errno, found = on_disk(path) ? illness(asked) : 0;
  errno = before;
  return found;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(found) do { int why = (found); if (why) { errno = why; return -1; } } while (0)

#define OPEN(name)                                                            \
  int name(const char *path, int flags, ...) {                                \
    va_list more; va_start(more, flags);                                      \
    mode_t mode = va_arg(more, int); va_end(more);                            \
    if (flags & (O_CREAT | O_WRONLY | O_RDWR)) {                              \
      int asked = NEW;                                                        \
      if (access(path, F_OK) != 0 || illness(asked) == EROFS) FAIL(ill_path(path, asked)); \
    }                                                                         \
    return REAL(name)(path, flags, mode);                                     \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                          \
  int name(int at, const char *path, int flags, ...) {                        \
    va_list more; va_start(more, flags);                                      \
    mode_t mode = va_arg(more, int); va_end(more);                            \
    if (flags & (O_CREAT | O_WRONLY | O_RDWR)) {                              \
      if (access(path, F_OK) != 0 || illness(NEW) == EROFS) FAIL(ill_path(path, NEW)); \
    }                                                                         \
    return REAL(name)(at, path, flags, mode);                                 \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
  FAIL(ill_fd(fd, WRITE));
  return REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  FAIL(ill_fd(fd, WRITE));
  return REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  FAIL(ill_fd(fd, WRITE));
  return REAL(pwrite64)(fd, data, size, at);
}
#define WRITEV(name)                                                          \
  ssize_t name(int fd, const struct iovec *pieces, int count, off_t at) {     \
    FAIL(ill_fd(fd, WRITE));                                                  \
    return REAL(name)(fd, pieces, count, at);                                 \
  }
WRITEV(pwritev)
WRITEV(pwritev64)

#define WRITEV2(name)                                                         \
  ssize_t name(int fd, const struct iovec *pieces, int count, off_t at, int flags) { \
    FAIL(ill_fd(fd, WRITE));                                                  \
    return REAL(name)(fd, pieces, count, at, flags);                          \
  }
WRITEV2(pwritev2)
WRITEV2(pwritev64v2)

int ftruncate64(int fd, off64_t size) {
  FAIL(ill_fd(fd, WRITE));
  return REAL(ftruncate64)(fd, size);
}
int fsync(int fd) {
  FAIL(ill_fd(fd, SYNC));
  return REAL(fsync)(fd);
}
int fdatasync(int fd) {
  FAIL(ill_fd(fd, SYNC));
  return REAL(fdatasync)(fd);
}
int rename(const char *from, const char *to) {
  FAIL(ill_path(to, WRITE));
  return REAL(rename)(from, to);
}
int mkdir(const char *path, mode_t mode) {
  FAIL(ill_path(path, WRITE));
  return REAL(mkdir)(path, mode);
}
