"""The playground in a real browser: asking anew, editing, copying, temporary chats, long talks and fast streams."""

import re

import pytest
from playwright.sync_api import Page, expect

from projects.models import Conversation, Exchange, Message
from tests.cast import connect
from tests.model_server import Answer, Failure

pytestmark = pytest.mark.django_db(transaction=True)
CODE = "say: Look:\n\n```python\nprint('open')\n```\n\nThat is **all**."


def open_assistant(page: Page, path: str = "") -> None:
    page.goto(f"/playground/assistant/{path}")


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your question", exact=True).fill(text)
    page.get_by_role("button", name="Ask", exact=True).click()


def answered(page: Page, count: int) -> None:
    """Until so many answers are complete."""
    expect(page.locator(".answer:not(.running) .meta:not(:empty)")).to_have_count(count)


def opened(page: Page):
    """The menu that is open."""
    return page.locator(".manage:popover-open")


def questions(page: Page) -> list[str]:
    return page.locator(".question .said").all_text_contents()


def test_the_last_answer_is_given_anew(cast, sign_in, model_server):
    connect(cast, model_server)
    model_server.will(Answer("First try."), Answer("Second try."), Answer("Third try."))
    page = sign_in("marco")
    open_assistant(page)
    ask(page, "Tell me")
    answered(page, 1)
    page.get_by_role("button", name="Answer anew").click()
    expect(page.locator(".answer")).to_contain_text("Second try.")
    answered(page, 1)
    page.reload()
    expect(page.locator(".answer")).to_have_count(1)
    page.get_by_role("button", name="Answer anew").click()
    expect(page.locator(".answer")).to_contain_text("Third try.")
    answered(page, 1)
    assert questions(page) == ["Tell me"]
    assert [m.content for m in Message.objects.all()] == ["Tell me", "Third try."]


def test_a_question_is_edited_in_its_place_and_what_followed_gives_way(cast, sign_in):
    page = sign_in("marco")
    open_assistant(page)
    for number, text in enumerate(("say: one", "say: two", "say: three"), 1):
        ask(page, text)
        answered(page, number)
    page.get_by_role("link", name="Edit").or_(page.get_by_role("button", name="Edit")).nth(
        1
    ).click()
    field = page.get_by_label("Your question, anew")
    expect(field).to_have_value("say: two")
    expect(field).to_be_focused()
    field.press("Escape")
    expect(field).to_have_count(0)
    assert questions(page) == ["say: one", "say: two", "say: three"]
    page.locator("[data-edit]").nth(1).click()
    field.fill("say: better")
    page.get_by_role("button", name="Ask anew").click()
    answered(page, 2)
    assert questions(page) == ["say: one", "say: better"]
    page.reload()
    assert questions(page) == ["say: one", "say: better"]


def test_what_was_to_be_replaced_comes_back_when_the_question_is_refused(
    cast, sign_in, model_server
):
    connect(cast, model_server)
    page = sign_in("marco")
    open_assistant(page)
    ask(page, "first")
    answered(page, 1)
    model_server.will(*[Failure(500)] * 4)
    page.locator("[data-edit]").first.click()
    page.get_by_label("Your question, anew").fill("better")
    page.get_by_role("button", name="Ask anew").click()
    expect(page.get_by_role("alert")).to_contain_text("req_")
    expect(page.get_by_label("Your question, anew")).to_have_value("better")
    expect(page.locator(".answer").first).to_contain_text("Hello from the model server.")
    page.reload()
    assert questions(page) == ["first"]


def test_escape_stops_and_the_stopped_question_can_be_edited(cast, sign_in, complaints):
    complaints.expected.add(404)  # asked again before the stopped answer was written down
    page = sign_in("marco")
    open_assistant(page)
    ask(page, "slow: 50 words: 400")
    expect(page.locator(".answer")).to_contain_text("the gate is open")
    page.keyboard.press("Escape")
    expect(page.locator(".answer")).to_contain_text("Stopped before it was complete")
    page.locator("[data-edit]").first.click()
    page.get_by_label("Your question, anew").fill("say: short")
    page.get_by_role("button", name="Ask anew").click()
    answered(page, 1)
    page.reload()
    assert questions(page) == ["say: short"]
    expect(page.locator(".answer .said")).to_have_text("short")


def test_answers_and_code_are_copied(cast, sign_in):
    page = sign_in("marco", permissions=["clipboard-read", "clipboard-write"])
    open_assistant(page)
    ask(page, CODE)
    answered(page, 1)
    for _reloaded in (False, True):
        page.locator("[data-copy-code]").click()
        expect(page.locator("[data-copy-code]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "print('open')"
        page.locator("[data-copy-answer]").click()
        expect(page.locator("[data-copy-answer]")).to_contain_text("Copied")
        plain = page.evaluate("navigator.clipboard.readText()")
        assert re.sub(r"\s+", " ", plain) == "Look: print('open') That is all."
        html = page.evaluate(
            "navigator.clipboard.read().then(([item]) => item.getType('text/html')).then((blob) => blob.text())"
        )
        assert "<strong>all</strong>" in html
        assert "button" not in html
        page.reload()


def test_a_temporary_chat_goes_on_and_leaves_nothing(cast, sign_in, model_server):
    connect(cast, model_server)
    model_server.will(Answer("I am one."), Answer("Two it is."), Answer("Still two."))
    page = sign_in("marco")
    open_assistant(page)
    page.get_by_role("link", name="Temporary chat").click()
    ask(page, "who are you?")
    answered(page, 1)
    ask(page, "and now?")
    answered(page, 2)
    page.get_by_role("button", name="Answer anew").click()
    expect(page.locator(".answer").last).to_contain_text("Still two.")
    heard = [m["content"] for m in model_server.requests[-1]["messages"]]
    assert heard == ["who are you?", "I am one.", "and now?"]
    expect(page).to_have_url(re.compile(r"/temporary/$"))
    expect(page.locator("[data-thread-list]")).to_contain_text("Your conversations appear here")
    page.reload()
    expect(page.locator(".turn")).to_have_count(0)
    assert not Conversation.objects.exists()
    assert Exchange.objects.count() == 3


def test_conversations_are_searched_renamed_and_deleted_in_the_list(cast, sign_in):
    for title in ("Budget of spring", "Holiday plans", "Budget of autumn"):
        cast.assistant.conversations.create(user=cast.marco, title=title)
    page = sign_in("marco")
    open_assistant(page)
    page.get_by_label("Search the titles").fill("budget")
    page.keyboard.press("Enter")
    expect(page.locator("[data-thread-list] li")).to_have_count(2)
    page.get_by_role("button", name="Rename or delete: Budget of spring").click()
    title = opened(page).get_by_label("Title")
    expect(title).to_be_focused()
    title.fill("Costs")
    title.press("Enter")
    page.get_by_role("button", name="Rename or delete: Costs").click()
    expect(opened(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(opened(page)).to_have_count(0)
    page.get_by_role("button", name="Rename or delete: Holiday plans").click()
    opened(page).get_by_role("button", name="Delete conversation").click()
    expect(page.locator("[data-thread-list] li")).to_have_count(2)
    assert sorted(row.title for row in Conversation.objects.all()) == ["Budget of autumn", "Costs"]


def test_a_new_conversation_appears_in_the_list_with_its_deeds(cast, sign_in):
    page = sign_in("marco")
    open_assistant(page)
    ask(page, "say: hello")
    answered(page, 1)
    page.get_by_role("button", name="Rename or delete: say: hello").click()
    opened(page).get_by_label("Title").fill("Greeting")
    opened(page).get_by_role("button", name="Rename").click()
    expect(page.get_by_role("link", name="Greeting")).to_have_attribute("aria-current", "page")


def test_without_javascript_one_edits_asks_anew_renames_and_searches(cast, sign_in):
    page = sign_in("marco", java_script_enabled=False)
    open_assistant(page)
    ask(page, "say: one")
    ask(page, "say: two")
    page.get_by_role("button", name="Answer anew").click()
    expect(page.locator(".answer")).to_have_count(2)
    page.get_by_role("link", name="Edit").first.click()
    page.get_by_label("Your question, anew").fill("say: better")
    page.get_by_role("button", name="Ask anew").click()
    assert questions(page) == ["say: better"]
    page.get_by_role("button", name="Rename or delete: say: one").click()
    opened(page).get_by_label("Title").fill("Mine")
    opened(page).get_by_role("button", name="Rename").click()
    page.get_by_label("Search the titles").fill("min")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Mine")).to_be_visible()


def test_without_javascript_a_temporary_chat_goes_on(cast, sign_in):
    page = sign_in("marco", java_script_enabled=False)
    open_assistant(page, "temporary/")
    ask(page, "say: one")
    ask(page, "say: two")
    expect(page.locator(".answer .said")).to_have_text(["one", "two"])
    assert not Conversation.objects.exists()


def test_a_conversation_of_500_messages_opens_and_goes_on(cast, sign_in):
    talk = cast.assistant.conversations.create(user=cast.marco, title="long")
    Message.objects.bulk_create(
        Message(
            conversation=talk,
            role="user" if number % 2 == 0 else "assistant",
            content=f"Message {number}. " + "And some more words. " * 30,
        )
        for number in range(500)
    )
    page = sign_in("marco")
    open_assistant(page, f"{talk.uid}/")
    expect(page.locator(".turn")).to_have_count(500)
    expect(page.locator(".question").last).to_be_in_viewport()
    # What is far away is not laid out: it costs nothing while one types and reads.
    skipped = page.evaluate(
        "[...document.querySelectorAll('.turn > .said')]"
        ".filter((said) => !said.checkVisibility({ contentVisibilityAuto: true })).length"
    )
    assert skipped > 450
    ask(page, "say: The 501st.")
    expect(page.locator(".answer").last.locator(".said")).to_have_text("The 501st.")
    expect(page.locator(".question").last).to_be_in_viewport()


WATCH = """
() => {
  window.seen = { frames: 0, writes: [] };
  const tick = () => { window.seen.frames += 1; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  new MutationObserver((changes) => {
    if (changes.some(({ target }) => target.parentElement?.closest(".streaming"))) {
      window.seen.writes.push(window.seen.frames);
    }
  }).observe(document.querySelector("[data-turns]"), { subtree: true, characterData: true });
}
"""


def test_a_stream_of_100_words_a_second_writes_once_a_frame_and_moves_nothing(
    cast, sign_in, model_server
):
    connect(cast, model_server)
    words = [f"word{number} " for number in range(400)]
    words[200] += "\n\n"
    model_server.will(Answer("".join(words), pieces=words, pause_s=0.01))
    page = sign_in("marco", viewport={"width": 1000, "height": 600})
    open_assistant(page)
    page.evaluate(WATCH)
    ask(page, "Say many words")
    expect(page.locator(".answer")).to_contain_text("word20")
    place = page.locator(".question").bounding_box()
    answered(page, 1)
    assert page.locator(".question").bounding_box() == place
    writes = page.evaluate("window.seen.writes")
    # Never two in one frame; only the end itself may fall into that of the last words.
    assert len(writes) - len(set(writes)) <= 1
    assert len(writes) > 20  # it streamed
    text = page.locator(".answer .said").text_content()
    assert text.split() == [word.strip() for word in words]
    expect(page.locator(".answer .said p")).to_have_count(2)


LISTEN = """
() => {
  window.heard = [];
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) window.heard.push(node.textContent);
  }).observe(document.querySelector("[data-aloud]"), { childList: true });
}
"""


def test_a_screen_reader_hears_whole_sentences(cast, sign_in, model_server):
    connect(cast, model_server)
    sentences = ["The gate is open.", "It costs 3.50 dollars!", "Is that all?", "Yes, for now"]
    text = " ".join(sentences)
    model_server.will(Answer(text, pieces=list(text), pause_s=0.001))
    page = sign_in("marco")
    open_assistant(page)
    region = page.locator("[data-aloud]")
    expect(region).to_have_attribute("aria-live", "polite")
    page.evaluate(LISTEN)
    ask(page, "Speak")
    answered(page, 1)
    heard = page.evaluate("window.heard")
    assert heard.pop() == "The answer is complete."
    assert " ".join(heard) == text
    assert heard.pop().endswith(sentences[-1])
    assert all(part[-1] in ".!?" for part in heard)


def test_the_keyboard_is_enough(cast, sign_in):
    """From the top of the page to an answer, its reason, and the next question; the focus is always seen."""
    page = sign_in("marco")
    open_assistant(page)
    expect(page.get_by_label("Your question", exact=True)).to_be_focused()
    expect(page.locator("[data-hint]")).to_be_visible()  # the script is there
    page.keyboard.type("say: write to marco@example.com")
    page.keyboard.press("Enter")
    answered(page, 1)
    expect(page.get_by_label("Your question", exact=True)).to_be_focused()
    for _step in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('.guard summary')"):
            break
    style = "(({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])"
    assert page.evaluate(f"{style}(getComputedStyle(document.activeElement))") == ["solid", "2px"]
    page.keyboard.press("Enter")
    expect(page.locator("[data-found]")).to_be_visible()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Assistant", exact=True)).to_be_focused()


def test_with_reduced_motion_nothing_moves(cast, sign_in):
    page = sign_in("marco", reduced_motion="reduce")
    for path in ("/", "/playground/assistant/"):
        page.goto(path)
        moving = page.evaluate(
            "[...document.querySelectorAll('*')].flatMap((node) => {"
            " const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(node);"
            " return [transitionDuration, animationDuration].join().split(/, ?/)"
            "   .filter((time) => parseFloat(time) > 0).concat(scrollBehavior === 'smooth' ? ['smooth'] : []);"
            "})"
        )
        assert moving == []
