# A resumed session is still thrown out when the window of its last drop ends.
# file: src/signal/rooms.c
/^int rooms_resume/,/^}/s/wheel_cancel(.*expiry.timer);//
