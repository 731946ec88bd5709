#include "ctl/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line without its newline. */
static int read_line(char *out, size_t size) {
    if (!fgets(out, (int)size, stdin)) {
        fprintf(stderr, "turnoutctl: no password was given.\n");
        return -EINVAL;
    }
    size_t len = strcspn(out, "\n");
    if (!out[len] && len + 1 == size) {
        fprintf(stderr, "turnoutctl: the password is too long.\n");
        return -EINVAL;
    }
    out[len] = '\0';
    return len > 0 ? 0 : (fprintf(stderr, "turnoutctl: the password is empty.\n"), -EINVAL);
}

static int ask(char *out, size_t size, const char *prompt) {
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) < 0) {
        return -EIO;
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    fflush(stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    int rc = read_line(out, size);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return rc;
}

int ctl_secret_read(char *out, size_t size, const char *prompt) {
    char again[512];
    if (!isatty(STDIN_FILENO)) {
        return read_line(out, size);
    }
    int rc = ask(out, size, prompt);
    if (rc == 0) {
        rc = ask(again, sizeof again, "Once more");
    }
    if (rc == 0 && strcmp(out, again) != 0) {
        fprintf(stderr, "turnoutctl: the two are not the same.\n");
        rc = -EINVAL;
    }
    explicit_bzero(again, sizeof again);
    return rc;
}
