"""Gives any other notifier its text: what was decided about a model, or what went wrong."""

from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseNotifier

from taxiway.notifications.happenings import Event, happened

if TYPE_CHECKING:
    from airflow.sdk import Context

Markup = Literal["slack", "plain", "html"]


class DecisionNotifier(BaseNotifier):
    """Hands a notice to another notifier at once: which task, why it failed, and every verdict.

    It is for a task's callbacks: `on_failure_callback=DecisionNotifier(SlackWebhookNotifier(), field="text")`. It keeps
    nothing: what must not be lost goes through `NoticeNotifier`, to Slack or to any other notifier. The channel's
    `notify` is called, so what is told is never rendered as a template.

    :param to: the notifier of the channel.
    :param field: its attribute that holds the text.
    :param markup: what the channel reads; the words of others are escaped for it.
    :param event: what to look out for.
    """

    def __init__(
        self, to: BaseNotifier, *, field: str = "text", markup: Markup = "slack", event: Event = "failed"
    ) -> None:
        super().__init__()
        self.to = to
        self.field = field
        self.markup = markup
        self.event = event

    def render_template_fields(self, context: "Context", jinja_env: Any = None) -> None:
        """Renders nothing: there are no templates, and a DAG's callback may come without what renders them."""

    def notify(self, context: "Context") -> None:
        """Sends the text through the channel's notifier."""
        text = message(context, markup=self.markup, event=self.event)
        if text:
            setattr(self.to, self.field, text)
            self.to.notify(context)

    async def async_notify(self, context: "Context") -> None:
        """The same, in the triggerer."""
        text = message(context, markup=self.markup, event=self.event)
        if text:
            setattr(self.to, self.field, text)
            await self.to.async_notify(context)


def message(context: "Context", *, markup: Markup = "slack", event: Event = "failed") -> str:
    """The text, bounded and escaped; empty when there is nothing to tell."""
    from taxiway.core import blocks, plain

    notice = happened(context, event)
    if notice is None:
        return ""
    return {"slack": blocks.text, "plain": plain.text, "html": plain.html}[markup](notice)
