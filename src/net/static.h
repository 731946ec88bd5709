/* Serves a folder of files (the web app and the SDK) with validators, caching and security headers. */
#pragma once

#include "net/http.h"

struct static_site;

/* root is opened now and kept: later renames of the folder do not matter. -errno when it is no folder. */
int static_site_new(struct static_site **out, const char *root);
void static_site_free(struct static_site *site);

/* An http_handler for {"GET", "/{path*}", static_site_handle, site}; add it last. "/r/{room}" gives room.html, "/"
 * index.html; a folder gives its index.html; unknown names, names starting with a dot, and anything that
 * would leave the root (also by symbolic links) give 404. */
void static_site_handle(void *site, struct http_request *req);
