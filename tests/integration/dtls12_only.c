/* Preloaded into turnutils_uclient, which takes DTLS 1.0 or 1.2 and TLS 1.0 or newer by chance: what is not outdated always.
 * With -M it frees a session and goes on using it: sessions live for ever. */
#include <openssl/ssl.h>

const SSL_METHOD *DTLSv1_client_method(void) { return DTLS_client_method(); }
const SSL_METHOD *TLSv1_client_method(void) { return TLS_client_method(); }
const SSL_METHOD *TLSv1_1_client_method(void) { return TLS_client_method(); }
void SSL_free(SSL *ssl) { (void)ssl; }
