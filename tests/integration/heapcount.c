/* Preloaded into a program under test: keeps the number of heap bytes in use in the file that HEAPCOUNT names. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

static _Atomic int64_t before_main;
static _Atomic int64_t *_Atomic in_use = &before_main;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("HEAPCOUNT");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof *in_use) < 0) {
        return;
    }
    void *shared = mmap(NULL, sizeof *in_use, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) {
        atomic_store((_Atomic int64_t *)shared, atomic_load(&before_main));
        atomic_store(&in_use, shared);
    }
    close(fd);
}

static void *add(void *p) {
    atomic_fetch_add(atomic_load(&in_use), (int64_t)malloc_usable_size(p));
    return p;
}

static void subtract(void *p) { atomic_fetch_sub(atomic_load(&in_use), (int64_t)malloc_usable_size(p)); }

void *malloc(size_t n) { return add(__libc_malloc(n)); }

void *calloc(size_t count, size_t n) { return add(__libc_calloc(count, n)); }

void *realloc(void *p, size_t n) {
    subtract(p);
    void *q = __libc_realloc(p, n);
    return add(!q && n > 0 ? p : q) && q ? q : NULL;
}

void *memalign(size_t alignment, size_t n) { return add(__libc_memalign(alignment, n)); }

void *aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }

int posix_memalign(void **out, size_t alignment, size_t n) {
    *out = memalign(alignment, n);
    return *out ? 0 : ENOMEM;
}

void free(void *p) {
    subtract(p);
    __libc_free(p);
}
