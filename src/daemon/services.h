/* What the configuration means for each service; used at start and at reload. */
#pragma once

#include "auth/quota.h"
#include "net/http_server.h"
#include "net/tls.h"
#include "proto/turn/server.h"

struct config;
struct daemon;

/* All borrow from config. */
struct http_policy daemon_http_policy(const struct config *config);
struct tls_options daemon_tls_options(const struct config *config);
struct auth_quota_limits daemon_quota_limits(const struct config *config);
/* Quotas of single realms; texts are borrowed. How many. */
size_t daemon_quota_realms(const struct config *config, struct auth_quota_realm out[AUTH_QUOTA_REALMS_MAX]);
int daemon_configure_log(const struct config *config);
struct turn_quota daemon_turn_quota(struct daemon *d);
