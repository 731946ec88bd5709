/* For data_sctp.c: how libusrsctp and its sockets are set up. */
#pragma once

struct socket;

/* Of all associations to come. */
void data_socket_choose_extensions(void);
/* Limits and behaviour of one socket. Negative when libusrsctp refuses. */
int data_socket_prepare(struct socket *so);
