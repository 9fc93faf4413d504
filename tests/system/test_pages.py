"""The pages in a real browser, in an Airflow as a new user has it, with the model that dags/01 trained there."""

import shutil
from urllib.parse import quote

import pytest

import samples
from system.newcomer import BASE, DAG, TASK, Newcomer
from taxiway.core.serving import Phase
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services
from ui import drifts, shelves

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("Chromium is not there. Run: apt-get install chromium", allow_module_level=True)
if shutil.which("uv") is None:
    pytest.skip("uv is not there. Run: pip install uv", allow_module_level=True)

MODEL = "flight-delay"
HOSTILE = '"><img src=x onerror=alert(1)><script>document.title="owned"</script>\u202e模型' + "x" * 260
PAGES = (
    "models",
    f"models/{MODEL}",
    f"models/{MODEL}/versions/1",
    f"models/{MODEL}/versions/1/card",
    f"models/{MODEL}/compare",
    "models?q=nothing-is-called-so",
    "models/hostile",
    "services",
    "services/delays",
    "drift",
    f"drift/{MODEL}/all",
    "data",
    "data/flights",
    "nowhere",
)
LOOKS = [("light", 1280), ("dark", 1280), ("light", 400), ("dark", 400)]


@pytest.fixture(scope="module")
def airflow_of_a_newcomer(tmp_path_factory):
    with Newcomer(tmp_path_factory.mktemp("newcomer")) as running:
        running.run = running.train()
        yield running


@pytest.fixture(scope="module")
def tower(airflow_of_a_newcomer):
    """The same with a service, an incident, and a model whose words are hostile, beside what the DAG left."""
    store = open_store(airflow_of_a_newcomer.store)
    live = Registry(store).resolve(MODEL)
    began = {"model": MODEL, "live": None, "candidate": live, "phase": Phase.STARTING}
    Services(store).serve(samples.service_state(1, **began), by=samples.author())
    Services(store).serve(samples.service_state(2, model=MODEL, live=live), by=samples.author())
    drifts.confirm(store, MODEL)
    shelves.register(store, "hostile", metrics={HOSTILE: 0.5})
    shelves.promote(store, 1, "hostile", who=HOSTILE, why=HOSTILE)
    return airflow_of_a_newcomer


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody signed in, with a window of some width, who notes whatever goes wrong."""

    def __init__(self, chromium, tower, scheme="light", width=1280):
        self.tower = tower
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.wrong, self.asked = [], []
        self.page.goto(f"{tower.url}/")
        self.page.get_by_label("Username").fill("admin")
        self.page.get_by_label("Password").first.fill(tower.password)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("link", name="Models").first.wait_for()
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path):
        """Opens a page, and again while the network changes under the browser, as pods and containers make it do."""
        for _ in range(10):
            self.wrong.clear()
            answer = self.page.goto(f"{self.tower.url}/{path}", wait_until="networkidle")
            if not any("ERR_NETWORK_CHANGED" in said for said in self.wrong):
                break
        return answer

    @property
    def frame(self):
        return self.page.frame_locator("iframe")


@pytest.fixture
def visit(chromium, tower):
    visitors = []

    def visiting(*look):
        visitors.append(Visitor(chromium, tower, *look))
        return visitors[-1]

    yield visiting
    for one in visitors:
        one.context.close()


def test_the_model_that_the_dag_trained_is_one_click_away(visit):
    somebody = visit()
    somebody.page.get_by_role("link", name="Models").first.click()
    somebody.frame.get_by_role("link", name=MODEL).click()
    somebody.frame.get_by_role("heading", name="Metrics over versions").wait_for()
    assert f"{BASE}/plugin/models{BASE}/taxiway/models/{MODEL}" in somebody.page.url
    somebody.page.reload()
    somebody.frame.get_by_role("heading", name=MODEL, exact=True).wait_for()
    assert somebody.wrong == []


def test_a_task_leads_to_its_model(visit, tower):
    path = f"/api/v2/dags/{DAG}/dagRuns/{quote(tower.run)}/taskInstances/{TASK}/links"
    link = tower.call("GET", path).json()["extra_links"]["Model"]
    somebody = visit()
    somebody.page.goto(tower.origin + link)
    somebody.frame.get_by_role("heading", name=MODEL, exact=True).wait_for()


def test_the_page_of_a_dag_has_a_tab_with_the_incident(visit):
    somebody = visit()
    somebody.open(f"dags/{DAG}")
    somebody.page.get_by_role("link", name="Drift").first.click()
    somebody.frame.get_by_role("heading", name=f"{MODEL}, population all").wait_for()
    assert somebody.wrong == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=str)
def test_every_page_reads_well(visit, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    somebody = visit(scheme, width)
    for path in PAGES:
        answer = somebody.open(f"taxiway/{path}")
        expected = 404 if path == "nowhere" else 200
        assert answer.status == expected, path
        assert len(answer.body()) < 500_000
        complaints = [] if expected == 200 else [said for said in somebody.wrong if "404" in said]
        assert [said for said in somebody.wrong if said not in complaints] == [], path
        assert somebody.page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways"
        found = Axe().run(somebody.page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
    assert [url for url in somebody.asked if not url.startswith((somebody.tower.origin, "data:"))] == []
    assert "owned" not in somebody.page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_in_the_frame_has_the_theme_of_the_airflow_around_it(visit, scheme):
    somebody = visit(scheme)
    somebody.open("plugin/models")
    somebody.frame.get_by_role("heading", name="Models", exact=True).wait_for()
    assert somebody.frame.locator("html").get_attribute("data-theme") == scheme


def test_everything_can_be_done_with_the_keyboard(visit):
    somebody = visit()
    somebody.open("taxiway/models")
    somebody.page.keyboard.press("Tab")
    assert somebody.page.locator(":focus").inner_text() == "Skip to the content"
    somebody.page.keyboard.press("Enter")
    assert somebody.page.evaluate("document.activeElement.id") == "main"
    somebody.page.get_by_label("Name").focus()
    somebody.page.keyboard.type("flight")
    somebody.page.keyboard.press("Enter")
    somebody.page.get_by_text("1 of 2 models").wait_for()


def test_a_person_acts_in_the_frame_with_a_reason(visit, tower):
    from taxiway.stores.journal import Journal

    somebody = visit()
    somebody.open(f"plugin/models{BASE}/taxiway/drift/{MODEL}/all")
    somebody.frame.get_by_text("Acknowledge", exact=True).first.click()
    somebody.frame.get_by_label("Reason").fill("The feed is being mended")
    somebody.frame.get_by_role("button", name="Acknowledge").click()
    somebody.frame.get_by_text("Incident 1 is in your hands.").wait_for()
    incident = Journal(open_store(tower.store), MODEL, "all").watched().incident
    assert incident.acknowledged_by == "admin"
    assert somebody.wrong == []


def test_the_evidence_is_downloaded_from_the_frame(visit):
    somebody = visit()
    somebody.open(f"plugin/models{BASE}/taxiway/models/{MODEL}/versions/1")
    with somebody.page.expect_download() as download:
        somebody.frame.get_by_role("link", name="Evidence pack (zip)").click()
    assert download.value.suggested_filename == f"{MODEL}-version-1-evidence.zip"


def test_words_that_want_to_be_code_stay_words(visit):
    somebody = visit()
    somebody.open("taxiway/models/hostile")
    assert HOSTILE[:40] in somebody.page.locator("main").inner_text()
    assert somebody.page.locator("main img, main script").count() == 0
