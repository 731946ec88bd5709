"""The line to the server breaks; the call goes on and the session is resumed."""
import time

import browser  # finds tests/lib
import tap
from scene import SERVER, Scene, call, expect_video

_scene = []


def scene():
    if not _scene:
        _scene.append(Scene())
    return _scene[0]


CHROMIUM = (("chromium", "left"), ("chromium", "right"))


def expect_resumed(person, times=1):
    resumed = tap.wait_for(lambda: person.seen("reconnected"), 30, f"{person.name} to be back")
    assert [e["resumed"] for e in resumed] == [True] * times, resumed
    assert person.page.evaluate("turnoutRoom.state") == "connected"


def cut(**options):
    with call(scene(), *CHROMIUM, **options) as (ann, ben):
        expect_video(ann, ben)
        session = ann.page.evaluate("turnoutRoom.localParticipant.sid")
        scene().network.cut_tcp("left", scene().server.https[1])
        expect_resumed(ann)
        expect_video(ann, ben, timeout=10)
        assert ann.page.evaluate("turnoutRoom.localParticipant.sid") == session
        assert ben.seen("participantLeft") == [], "ben saw her leave"


tap.case("a reset websocket is resumed while media flows directly", cut, limit=120)


@tap.test(limit=150)
def a_dead_line_is_noticed_and_what_was_missed_comes_after():
    with call(scene(), *CHROMIUM) as (ann, ben):
        expect_video(ann, ben)
        port = scene().server.https[1]
        # Her packets to the server vanish; media to ben does not pass there.
        scene().network.nft("left", f"add rule inet t out ip daddr {SERVER} tcp dport {port} drop")
        scene().network.nft("left", f"add rule inet t in ip saddr {SERVER} tcp sport {port} drop")
        before = (ann.frames(), ben.frames())
        ben.page.evaluate("turnoutRoom.sendChat('while you were away')")
        time.sleep(4)
        assert ann.frames() > before[0] + 20 and ben.frames() > before[1] + 20, "media stopped"
        assert ann.seen("chat") == []
        scene().network.clear("left")
        scene().network.cut_tcp("left", port)
        expect_resumed(ann)
        said = tap.wait_for(lambda: ann.seen("chat"), 10, "the missed message")
        assert [e["text"] for e in said] == ["while you were away"], said
        expect_video(ann, ben, timeout=10)


@tap.test(limit=120)
def leaving_is_seen_by_the_other():
    with call(scene(), *CHROMIUM) as (ann, ben):
        expect_video(ann, ben)
        ann.page.evaluate("turnoutRoom.disconnect()")
        tap.wait_for(lambda: ben.seen("participantLeft"), 5, "ben to see her leave")


@tap.test
def the_daemon_ends_well_after_all_calls():
    scene().end()


tap.main()
