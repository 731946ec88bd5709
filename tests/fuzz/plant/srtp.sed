# file: src/proto/srtp/rtp.c
# A packet that does not authenticate makes state for its SSRC all the same.
s/rc = s->transform->open(s, &work);/rc = s->transform->open(s, \&work); if (rc < 0) { (void)remember(\&s->remote, stream, ssrc, index); }/
