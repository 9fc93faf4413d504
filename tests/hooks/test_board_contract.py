"""The boards keep their contract: Slack over HTTP, and the wall that other tests write on."""

import pytest

from contract.board import BoardContract
from hooks.wall import Wall
from slack_server import TOKEN
from taxiway.hooks.slack import SlackAccess, SlackChannel


class TestSlackChannel(BoardContract):
    @pytest.fixture
    def board(self, slack):
        return SlackChannel(SlackAccess("slack_test", TOKEN, base_url=f"{slack.url}api/", timeout_s=3), "#ml")


class TestWall(BoardContract):
    @pytest.fixture
    def board(self):
        return Wall()
