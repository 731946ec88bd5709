"""What README promises: ./dev run, the printed URL in two tabs, and a call."""
import browser
import tap
from devrun import DevRun
from scene import Person, expect_video


@tap.test(limit=150)
def two_tabs_at_the_printed_url_see_each_other():
    with DevRun() as d, browser.Browser("chromium") as chromium:
        url, _ = d.wait_for_page()
        ann, ben = (Person(chromium, name, f"{url}r/newcomers") for name in ("ann", "ben"))
        expect_video(ann, ben)


@tap.test(limit=150)
def two_tabs_of_dev_run_see_each_other_through_the_relay():
    with DevRun() as d, browser.Browser("chromium") as chromium:
        url, _ = d.wait_for_page()
        ann, ben = (Person(chromium, name, f"{url}r/newcomers?transport=relay") for name in ("ann", "ben"))
        expect_video(ann, ben)
        assert ann.path()["localType"] == "relay"


tap.main()
