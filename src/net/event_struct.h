/* libevent's struct event, to be embedded. Its header and base/list.h both define LIST_ENTRY. */
#pragma once

#pragma push_macro("LIST_ENTRY")
#undef LIST_ENTRY
#include <event2/event.h>
#include <event2/event_struct.h>
#pragma pop_macro("LIST_ENTRY")
