/* Preloaded into turnutils_uclient, which takes DTLS 1.0 or 1.2 by chance: 1.2 always. */
#include <openssl/ssl.h>

const SSL_METHOD *DTLSv1_client_method(void) { return DTLS_client_method(); }
