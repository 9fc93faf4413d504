"""The Slack channel against a Slack that answers over HTTP."""

import time
from types import SimpleNamespace

import pytest

import samples
import slack_server
from slack_server import BOT, HOOK, TOKEN, Fault
from taxiway.core.blocks import Mark, escalation, marked, message
from taxiway.core.delivery import AnswerLost, LeftAlone, Letter, MessageGone, Receipt
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.notices import Picture
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.hooks.slack import SlackAccess, SlackChannel, SlackWebhook, access, open_channel

MARK = Mark("incident.flight-delay.7-0123456789abcdef", "message", 1)
SENT = marked(message(samples.notice(), owner="U0123456789"), MARK)
PICTURE = Picture(digest=f"sha256:{samples.hexes('5')}", alt="dep_delay")


def channel(slack, name="#ml", token=TOKEN, timeout_s=3):
    return SlackChannel(SlackAccess("slack_test", token, base_url=f"{slack.url}api/", timeout_s=timeout_s), name)


def webhook(slack, secret=HOOK, timeout_s=3):
    return SlackWebhook(SlackAccess("hook_test", f"{slack.url}services/{secret}", webhook=True, timeout_s=timeout_s))


def connection(**changes):
    values = {"conn_id": "slack_test", "conn_type": "slack", "password": TOKEN, "host": None, "schema": None}
    return SimpleNamespace(**{**values, "extra_dejson": {}, **changes})


def test_a_message_is_one_call_with_what_was_made(slack):
    receipt = channel(slack).post(SENT)
    assert slack.methods() == ["chat.postMessage"]
    said = slack.calls[0].params
    assert said["channel"] == "#ml"
    assert said["text"] == SENT["text"]
    assert said["blocks"] == SENT["blocks"]
    assert said["metadata"] == {"event_type": "taxiway_notice", "event_payload": MARK._asdict()}
    assert (receipt.channel, receipt.ts) == ("C0123456789", slack.roots()[0]["ts"])


def test_an_edit_and_a_reply_go_to_the_message_by_its_id(slack):
    board = channel(slack)
    at = board.post(SENT)
    assert board.show(at, message(samples.notice(title="better")))
    board.post(escalation(samples.notice(), to="here", waited="4 h"), under=at, aloud=True)
    update, reply = slack.calls[1:]
    assert (update.method, update.params["channel"], update.params["ts"]) == ("chat.update", at.channel, at.ts)
    assert (reply.params["channel"], reply.params["thread_ts"]) == (at.channel, at.ts)
    assert len(slack.roots()) == 1
    assert slack.roots()[0]["text"] == "🔴 better"
    assert slack.replies(slack.roots()[0])[0]["subtype"] == "thread_broadcast"


def test_a_message_is_found_by_its_mark_with_and_without_its_metadata(slack):
    board = channel(slack)
    for number in range(700):
        slack.say("U0PERSON00", f"noise {number}")
    at = board.post(SENT)
    for number in range(700):
        slack.say("U0PERSON00", f"more noise {number}")
    for _ in range(2):
        found = board.find(lambda mark: mark == MARK, since=time.time())
        assert (found.ts, found.channel, found.part, found.number) == (at.ts, "C0123456789", "message", 1)
        slack.messages[at.ts].pop("metadata", None)
    assert board.find(lambda mark: mark.number == 2, since=time.time()) is None
    assert channel(slack, "C0123456789").find(lambda _: True, since=time.time()).ts == at.ts


def test_a_reply_is_found_in_its_thread(slack):
    board = channel(slack)
    at = board.post(SENT)
    reply = board.post(marked(message(samples.notice()), MARK._replace(part="told-2")), under=at)
    assert board.find(lambda mark: mark.part == "told-2", since=0.0, under=at).ts == reply.ts


def test_what_was_long_before_is_not_looked_at(slack):
    board = channel(slack)
    board.post(SENT)
    assert board.find(lambda _: True, since=time.time() + 400) is None


@pytest.mark.parametrize("answer", ["reaction", "reply", "reaction to a reply"])
def test_a_person_who_reacts_or_replies_is_heard(slack, answer):
    board = channel(slack)
    board.check()
    at = board.post(SENT)
    reply = board.post(SENT, under=at)
    slack.react(at.ts, BOT, "white_check_mark")
    assert not board.heard(at)
    if answer == "reply":
        slack.say("U0PERSON00", "I am on it", under=at.ts)
    else:
        slack.react(reply.ts if "reply" in answer else at.ts, "U0PERSON00")
    assert board.heard(at)


def test_a_picture_is_uploaded_in_three_steps_and_shown_when_slack_has_looked_at_it(slack):
    slack.processing = 2
    board = channel(slack)
    file = board.upload(b"\x89PNG...", name="chart.png", alt="dep_delay")
    assert slack.methods() == ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"]
    assert slack.files[file]["data"] == b"\x89PNG..."
    assert slack.calls[2].params.get("channel_id") is None
    board.post(message(samples.notice(picture=PICTURE), file=file))
    assert slack.methods()[3:] == ["chat.postMessage"] * 3
    assert slack.roots()[0]["blocks"][-2]["slack_file"] == {"id": file}


def test_a_picture_that_slack_never_shows_is_left_out(slack, monkeypatch):
    monkeypatch.setattr("taxiway.hooks.slack._PICTURE_S", 0.0)
    channel(slack).post(message(samples.notice(picture=PICTURE), file="F0000000000"))
    assert "image" not in [block["type"] for block in slack.roots()[0]["blocks"]]


def test_a_layout_that_slack_refuses_goes_as_plain_text(slack):
    slack.fail("chat.postMessage", Fault(error="invalid_blocks", details={"errors": ["new rule"]}))
    channel(slack).post(SENT)
    assert slack.roots()[0]["blocks"] == []
    assert slack.roots()[0]["text"] == SENT["text"]
    assert slack.roots()[0]["metadata"]


def test_a_short_rate_limit_is_slept_off_and_the_message_sent_once(slack):
    slack.fail("chat.postMessage", Fault(retry_after=1))
    began = time.monotonic()
    channel(slack).post(SENT)
    assert time.monotonic() - began >= 1.0
    assert slack.methods() == ["chat.postMessage"] * 2
    assert len(slack.roots()) == 1


def test_a_long_rate_limit_is_not_waited_for(slack):
    slack.fail("chat.postMessage", Fault(retry_after=3600))
    began = time.monotonic()
    with pytest.raises(LeftAlone) as caught:
        channel(slack).post(SENT)
    assert caught.value.wait_s == 3600.0
    assert time.monotonic() - began < 30
    assert slack.roots() == []


def test_what_may_have_been_sent_is_not_sent_again(slack):
    for fault in (Fault(drop="before"), Fault(drop="after"), Fault(status=503), Fault(late_s=3.0), Fault(drip_s=20.0)):
        slack.fail("chat.postMessage", fault)
        asked = len(slack.calls)
        with pytest.raises(AnswerLost):
            channel(slack, timeout_s=1).post(SENT)
        assert len(slack.calls) == asked + 1


def test_what_may_be_asked_twice_is(slack):
    board = channel(slack)
    at = board.post(SENT)
    slack.fail("chat.update", Fault(drop="after"))
    assert board.show(at, SENT)
    slack.fail("auth.test", Fault(status=503))
    board.check()
    assert slack.methods() == ["chat.postMessage", "chat.update", "chat.update", "auth.test", "auth.test"]


def test_a_slack_that_sends_a_byte_now_and_then_is_not_waited_for(slack):
    slack.fail("auth.test", Fault(drip_s=30.0))
    began = time.monotonic()
    with pytest.raises(AnswerLost, match="did not come"):
        channel(slack, timeout_s=1).check()
    assert time.monotonic() - began < 20


def test_nobody_listens(slack):
    own = SlackAccess("slack_test", TOKEN, base_url="http://127.0.0.1:9/api/", timeout_s=1)
    with pytest.raises(AnswerLost, match="Slack did not answer"):
        SlackChannel(own, "#ml").check()


WRONG = [
    ("wrong token", "does not know this token", "bot token of an installed app"),
    ("archived", "the channel is archived", "take it out of the archive"),
    ("no channel", "sees no such channel", "invite the app"),
    ("not invited", "is not in the channel", "/invite"),
    ("no scope", "lacks a scope", "install the app again"),
]


@pytest.mark.parametrize(("what", "said", "remedy"), WRONG, ids=[one[0] for one in WRONG])
def test_what_a_person_has_to_mend_is_said_with_the_remedy(slack, what, said, remedy):
    slack.channels["C0123456789"] |= {"is_archived": what == "archived", "is_member": what != "not invited"}
    slack.scopes -= {"chat:write"} if what == "no scope" else set()
    board = channel(slack, "#other" if what == "no channel" else "#ml", "xoxb-x" if what == "wrong token" else TOKEN)
    with pytest.raises(SpecError) as caught:
        board.post(SENT)
    assert said in str(caught.value)
    assert remedy in str(caught.value)
    assert "slack_test" in str(caught.value)
    assert "xoxb-" not in str(caught.value).replace("(xoxb-…)", "")


def test_the_scope_that_is_missing_is_named(slack):
    slack.scopes -= {"channels:history"}
    at = channel(slack).post(SENT)
    with pytest.raises(SpecError, match=r"Expected channels:history\. Got channels:read,chat:write"):
        channel(slack).heard(at)


def test_a_channel_by_its_name_is_looked_up_to_be_read(slack):
    channel(slack, "ml").find(lambda _: True, since=0.0)
    assert slack.methods() == ["conversations.list", "conversations.history"]
    with pytest.raises(SpecError, match="Expected groups:read"):
        channel(slack, "#nowhere").find(lambda _: True, since=0.0)
    slack.scopes |= {"groups:read"}
    with pytest.raises(SpecError, match="no such channel"):
        channel(slack, "#nowhere").find(lambda _: True, since=0.0)
    slack.channels["C0000000003"] = {"id": "C0000000003", "name": "own", "is_archived": False, "is_member": True}
    slack.channels["C0000000003"]["kind"] = "private_channel"
    assert channel(slack, "#own").find(lambda _: True, since=0.0) is None


def test_a_channel_that_is_too_long_to_read_is_given_up_by_the_clock(slack, monkeypatch):
    monkeypatch.setattr("taxiway.hooks.slack._READING_S", -1.0)
    for number in range(600):
        slack.say("U0PERSON00", f"noise {number}")
    with pytest.raises(BackendError, match="more to read than there was time"):
        channel(slack, "C0123456789").find(lambda _: True, since=0.0)


def test_a_message_that_was_deleted_is_gone(slack):
    board = channel(slack)
    at = board.post(SENT)
    board.remove(at)
    assert slack.roots() == []
    for call in (lambda: board.show(at, SENT), lambda: board.post(SENT, under=at), lambda: board.heard(at)):
        with pytest.raises(MessageGone):
            call()


def test_an_edit_that_the_settings_forbid_is_no_failure(slack):
    board = channel(slack)
    at = board.post(SENT)
    slack.fail("chat.update", Fault(error="edit_window_closed"))
    assert not board.show(at, SENT)


@pytest.mark.parametrize(("word", "error"), [("fatal_error", AnswerLost), ("a_new_word", BackendError)])
def test_any_other_word_of_slack_is_tried_again(slack, word, error):
    slack.fail("chat.postMessage", Fault(error=word))
    with pytest.raises(error) as caught:
        channel(slack).post(SENT)
    assert caught.value.retryable


def test_an_upload_that_fails_is_an_error_of_ours(slack):
    slack.fail("upload", Fault(status=500))
    with pytest.raises(AnswerLost):
        channel(slack).upload(b"x", name="x.png", alt="x")
    slack.fail("files.getUploadURLExternal", Fault(error="missing_scope", details={"needed": "files:write"}))
    with pytest.raises(SpecError, match="files:write"):
        channel(slack).upload(b"x", name="x.png", alt="x")


def letters(*states):
    to = SlackAlerts("#ml", owner="U0123456789")
    return tuple(Letter(notice=samples.notice(n, state=state), to=to) for n, state in enumerate(states, 1))


def test_a_webhook_sends_the_newest_letter_and_the_others_as_lines(slack):
    webhook(slack).check()
    webhook(slack).send(letters("suspected", "confirmed"), again=False)
    said = slack.posted_by_hook[0]
    texts = [block["text"]["text"] for block in said["blocks"] if "text" in block]
    assert "*confirmed*" in texts[1]
    assert "<@U0123456789>" in texts[1]
    assert texts[-1].startswith("🔴 *suspected*")
    assert slack.methods() == ["webhook"]


def test_a_webhook_says_when_it_may_repeat_itself(slack):
    webhook(slack).send(letters("confirmed"), again=True)
    assert "may have been sent before" in slack.posted_by_hook[0]["blocks"][-1]["text"]["text"]


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (Fault(retry_after=600), LeftAlone, "600 s"),
        (Fault(status=503), AnswerLost, "503"),
        (Fault(drop="after"), AnswerLost, "did not answer"),
        (Fault(status=410, error="channel_is_archived"), SpecError, "archived"),
        (Fault(status=403, error="action_prohibited"), SpecError, "restricted"),
        (Fault(status=400, error="invalid_payload"), BackendError, "invalid_payload"),
    ],
)
def test_what_goes_wrong_with_a_webhook_is_said_and_its_address_is_not(slack, fault, error, said):
    slack.fail("webhook", fault)
    with pytest.raises(error) as caught:
        webhook(slack).send(letters("confirmed"), again=False)
    assert said in str(caught.value)
    assert HOOK not in str(caught.value)


def test_a_webhook_that_was_removed_is_said(slack):
    with pytest.raises(SpecError, match="removed or disabled"):
        webhook(slack, "T0/B0/other").send(letters("confirmed"), again=False)


def test_a_connection_says_token_address_and_proxy():
    extra = {"extra__slack__proxy": "http://proxy:3128", "base_url": "https://slack.example/api/"}
    own = access(connection(extra_dejson=extra))
    assert own == SlackAccess("slack_test", TOKEN, False, "https://slack.example/api/", "http://proxy:3128", 8)
    assert TOKEN not in repr(own)
    assert access(connection()).base_url == "https://slack.com/api/"
    assert isinstance(open_channel(own, SlackAlerts("#ml")), SlackChannel)


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"password": "https://hooks.slack.com/services/T/B/x"}, "https://hooks.slack.com/services/T/B/x"),
        ({"password": "T/B/x"}, "https://hooks.slack.com/services/T/B/x"),
        ({"password": "/T/B/x", "host": "hooks.example", "schema": "http"}, "http://hooks.example/T/B/x"),
        ({"password": "T/B/x", "host": "https://hooks.example/s/"}, "https://hooks.example/s/T/B/x"),
    ],
)
def test_a_webhook_connection_says_its_address(changes, url):
    own = access(connection(conn_type="slackwebhook", **changes))
    assert (own.token, own.webhook) == (url, True)
    assert isinstance(open_channel(own, SlackAlerts("#ml")), SlackWebhook)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"conn_type": "http"}, "no connection to Slack"),
        ({"password": " "}, "no token"),
        ({"password": None}, "no token"),
    ],
)
def test_a_connection_that_is_none_to_slack_is_refused(changes, said):
    with pytest.raises(SpecError, match=said):
        access(connection(**changes))


def test_a_receipt_of_another_channel_is_used_as_it_is(slack):
    slack.channels["C0000000002"] = {"id": "C0000000002", "name": "other", "is_archived": False, "is_member": True}
    at = channel(slack, "#other").post(SENT)
    assert channel(slack, "#ml").show(Receipt(part="message", at=0.0, channel=at.channel, ts=at.ts), SENT)
    assert slack.calls[-1].params["channel"] == "C0000000002"


def test_one_message_a_second_and_channel_is_what_slack_takes():
    with slack_server.serving(per_second=1.0) as slack:
        board = channel(slack)
        board.post(SENT)
        board.post(SENT)
        assert slack.methods().count("chat.postMessage") == 3
        assert len(slack.roots()) == 2
