/* Files that only the server may read. */
#pragma once

/* Makes an empty file of mode 0600; made by root, it goes to the owner of its folder: the account the server
 * runs as. Returns its descriptor (read and write), or -errno; -EEXIST when it is there. */
int store_file_make(const char *path);
