"""Users of the database, whose keys each worker looks up: by name and by hash."""
import peers  # finds tests/lib
import stun
import tap
from turnoutd import Turnout

HORSE = ("carol", "correct horse")


def client(t, credentials=HORSE, **options):
    return stun.TurnClient(t.udp, credentials, **options)


def challenged(t):
    """The nonce of a fresh challenge."""
    with client(t, None) as c:
        return c.allocate().attributes[stun.NONCE]


@tap.test
def anonymity_is_offered_while_the_database_has_users():
    with Turnout() as t:
        assert not stun.offers_anonymity(challenged(t)), "nobody has a hash"
        t.ctl("user", "add", *HORSE)
        tap.wait_for(lambda: stun.offers_anonymity(challenged(t)), 5, "the anonymity bit")
        t.ctl("user", "del", "carol")
        tap.wait_for(lambda: not stun.offers_anonymity(challenged(t)), 5, "the bit to go")
    with Turnout() as t:
        t.ctl("user", "add", *HORSE)
        t.stop()
        t.start()
        assert stun.offers_anonymity(challenged(t)), "from the first challenge after a restart on"


@tap.test
def a_user_named_by_a_hash_relays_and_is_shown_by_name():
    with Turnout(relay=peers.LOOPBACK_PEERS) as t, peers.EchoPeer() as echo:
        t.ctl("user", "add", *HORSE)
        clients = [client(t, hashed=True) for _ in range(8)]  # of both workers
        for c in clients:
            assert c.allocate().ok and c.bind_channel(stun.CHANNEL_FIRST, echo.host, echo.port).ok
            c.send_channel(stun.CHANNEL_FIRST, b"hello")
            assert c.receive()[2] == b"hello"
            assert c.refresh().ok
        rows = t.ctl_json("sessions", "list")
        assert {r["user"] for r in rows} == {"carol"} and {r["worker"] for r in rows} == {0, 1}, rows
        t.expect_log('"allocation created".*user=carol|allocation created.*user=carol')
        for c in clients:
            assert c.refresh(0).ok
            c.close()


@tap.test
def an_unknown_hash_and_a_wrong_password_get_401():
    with Turnout() as t:
        t.ctl("user", "add", *HORSE)
        for who in (("carol", "wrong horse"), ("mallory", "correct horse")):
            with client(t, who, hashed=True) as c:
                assert c.allocate().error == 401, who
        t.expect_log("reason=unknown-user.*user=userhash:")


@tap.test
def a_hash_that_becomes_known_is_found_within_seconds():
    with Turnout() as t:
        with client(t, hashed=True) as c:
            assert c.allocate().error == 401  # and remembered as unknown
        t.ctl("user", "add", *HORSE)

        def known():
            with client(t, hashed=True) as c:
                return c.allocate().ok

        tap.wait_for(known, 5, "the user by its hash")
        t.ctl("user", "del", "carol")
        tap.wait_for(lambda: not known(), 5, "the user to be forgotten")


@tap.test
def a_shared_secret_client_told_to_hash_may_send_its_name_after_all():
    with Turnout() as t:
        t.ctl("user", "add", *HORSE)
        tap.wait_for(lambda: stun.offers_anonymity(challenged(t)), 5, "the anonymity bit")
        with client(t, t.credentials(), hashed=True) as c:
            refused = c.allocate()
            assert refused.error == 401 and not stun.offers_anonymity(refused.attributes[stun.NONCE])
            c.hashed, c.nonce = False, refused.attributes[stun.NONCE]
            assert c.allocate().ok


tap.main()
