/* Runs a fuzz target over files without libFuzzer: each file whole, and each of its prefixes. Prints TAP.
 * Without arguments: the seeds in tests/fuzz/corpus/NAME, where the program is fuzz_NAME. The input lies in a
 * heap block of just its size, so that a sanitizer sees the first byte read beyond it. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 1 << 20, PREFIX_BYTES_MAX = 512, PATH_BYTES_MAX = 4096 };

static unsigned tests;
static bool failed;

static void run_input(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        abort();
    }
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void report(bool ok, const char *what) {
    tests++;
    failed = failed || !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", tests, what);
    fflush(stdout);
}

static void replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(FILE_BYTES_MAX);
    if (!f || !data) {
        printf("# %s: %s\n", path, strerror(errno));
        report(false, path);
    } else {
        size_t size = fread(data, 1, FILE_BYTES_MAX, f);
        for (size_t n = 0; n < size && n < PREFIX_BYTES_MAX; n++) {
            run_input(data, n);
        }
        run_input(data, size);
        report(true, path);
    }
    if (f) {
        fclose(f);
    }
    free(data);
}

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void replay_path(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        replay_file(path);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, not_hidden, alphasort);
    for (int i = 0; i < count; i++) {
        char file[PATH_BYTES_MAX];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        replay_file(file);
        free(entries[i]);
    }
    free(entries);
    if (count <= 0) {
        report(false, path); /* a target without seeds proves nothing */
    }
}

int main(int argc, char **argv) {
    char seeds[PATH_BYTES_MAX];
    const char *top = getenv("top_srcdir");
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];

    if (argc < 2 && strncmp(program, "fuzz_", 5) == 0) {
        snprintf(seeds, sizeof seeds, "%s/tests/fuzz/corpus/%s", top ? top : ".", program + 5);
        replay_path(seeds);
    }
    for (int i = 1; i < argc; i++) {
        replay_path(argv[i]);
    }
    printf("1..%u\n", tests);
    return failed;
}
