/* The bounds of the signaling protocol, as turnout-protocol(7) states them. Bytes unless said otherwise. */
#pragma once

enum {
    SIGNAL_MESSAGE_MAX = 256 * 1024,
    SIGNAL_JOIN_MAX = 24 * 1024,
    SIGNAL_DEPTH_MAX = 16, /* nested arrays and objects of a message */
    SIGNAL_TRACKS_MAX = 16,
    SIGNAL_TRACK_ID_MAX = 64,
    SIGNAL_TRACK_NAME_MAX = 128,
    SIGNAL_SIZE_MAX = 16384,      /* pixels of a side */
    SIGNAL_CHAT_CHARS_MAX = 4000, /* code points */
    SIGNAL_CHAT_BYTES_MAX = 4 * SIGNAL_CHAT_CHARS_MAX,
    SIGNAL_CHAT_TO_MAX = 64,
    SIGNAL_PEER_DATA_MAX = 64 * 1024,
    SIGNAL_PEER_TYPE_MAX = 32,
    SIGNAL_CLIENT_MAX = 128,
    SIGNAL_HISTORY_EVENTS = 256,
    SIGNAL_HISTORY_BYTES = 256 * 1024,
    SIGNAL_JOIN_SECONDS = 10,
    SIGNAL_JOIN_ATTEMPTS = 3,
    SIGNAL_RATE = 100, /* messages per second and connection */
    SIGNAL_BURST = 200,
    SIGNAL_LAG_HIGH = 128 * 1024, /* waiting unread: events are held back */
    SIGNAL_LAG_LOW = 32 * 1024,   /* below: they follow */
    SIGNAL_LAG_SECONDS = 10,      /* held back for longer: closed */
    SIGNAL_MESH_CAPACITY = 8,     /* participants of a room whose media goes from peer to peer */
    SIGNAL_ROOMS_MAX = 65536,
    SIGNAL_LINKS_MAX = 65536, /* connections */
    SIGNAL_BANS_MAX = 1024,
    SIGNAL_BAN_SECONDS_MAX = 30 * 24 * 3600,
};

enum { SID_SIZE = 2 + 12 + 1, RESUME_KEY_SIZE = 32 + 1 };
