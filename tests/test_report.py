"""The report: its numbers, and the page in a real browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from leosplit.cli import main
from leosplit.report import write_report
from leosplit.report.statistics import mean_interval, profiles
from leosplit.sweeps import Store
from leosplit.sweeps.study import Job
from leosplit.sweeps.worker import failed_row

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: install it to test the page")
HOSTILE = '"><img src=x onerror=document.title=1></script><script>document.title=2</script>&amp;{{ 7 * 7 }}'


def rows(count: int = 6):
    """Runs of two schemes with known gaps, one failure, and names that attack the page."""
    made = []
    for seed in range(count):
        job = Job(f"study {HOSTILE}", {"preset": "iridium", "volume_scale": 1.0 + seed % 2}, seed, "exact")
        base = replace(
            failed_row(job, "abc123", ""),
            instance=f"i{seed} {HOSTILE}",
            instance_sha256=f"h{seed}",
            termination="optimal",
            wall_s=1.0,
        )
        made.append(replace(base, objective_s=10.0 + seed, bound_s=10.0 + seed))
        slower = (10.0 + seed) * (1.1 + 0.1 * seed)
        made.append(replace(base, key=f"s{seed}", scheme=HOSTILE, termination="feasible", objective_s=slower))
    made.append(replace(made[0], key="f", scheme="own:fails", termination="error", objective_s=None, message=HOSTILE))
    return made


@pytest.fixture
def results(tmp_path):
    with Store(tmp_path / "r.db") as store:
        store.add(rows())
    return tmp_path / "r.db"


class Collector(HTMLParser):
    """Collects what a page could fetch, and the visible cells."""

    def __init__(self):
        super().__init__()
        self.fetched, self.tags = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset") and not (value or "").startswith("#"):
                self.fetched.append((tag, value))


def test_the_page_is_one_file_that_fetches_nothing(results, tmp_path):
    write_report(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    collector = Collector()
    collector.feed(page)
    assert collector.fetched == []
    assert collector.tags.count("script") == 1
    assert "img" not in collector.tags
    assert collector.tags.count("svg") >= 2
    assert not re.search(r"url\((?!#)", page)
    assert not re.search(r"@import", page)


def test_the_page_says_gaps_intervals_and_how_to_make_it_again(results, tmp_path, capsys):
    assert main(["report", str(results), "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    expected = mean_interval(np.array([0.1 + 0.1 * seed for seed in range(6)]))
    assert f"{100 * expected.mean:.3g} % [{100 * expected.low:.3g} %, {100 * expected.high:.3g} %], n = 6" in page
    assert "leosplit sweep STUDY.toml -o r.db" in page
    assert "runs at commit abc123" in page
    assert "seeds 0 to 5" in page
    assert "highspy" in page
    assert "optimum proven for 6" in page


def test_the_numbers_of_a_report_are_json(results, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(results), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "report.html").exists()
    assert document["runs"] == {"optimal": 6, "feasible": 6, "error": 1}
    assert (document["instances"], document["proven"], document["page"]) == (6, 6, None)
    slower, exact, failed = document["schemes"]
    assert (exact["scheme"], slower["scheme"], failed["scheme"]) == ("exact", HOSTILE, "own:fails")
    assert exact["gap_to_optimum"]["mean"] == 0
    assert slower["gap_to_optimum"]["mean"] == pytest.approx(0.35)
    assert slower["worst_gap_to_optimum"] == pytest.approx(0.6)
    assert slower["gap_to_bound"] is None
    assert (failed["undecided"], failed["mean_delay_s"]) == (1, None)
    assert document["failed"] == [{"scheme": "own:fails", "reason": HOSTILE, "runs": 1}]
    assert document["made_with"][0]["commit"] == "abc123"
    assert main(["report", str(results), "--json", "-o", "page.html"]) == 0
    assert json.loads(capsys.readouterr().out) == document | {"page": "page.html"}
    assert (tmp_path / "page.html").stat().st_size > 10_000


@browser
def test_the_page_loads_sorts_and_escapes_in_a_browser(results, tmp_path):
    write_report(results, tmp_path / "report.html")
    found = in_browser(tmp_path / "report.html", tmp_path)
    assert found["errors"] == []
    assert found["resources"] == 0
    assert found["title"] == "leosplit report: study " + HOSTILE
    assert found["images"] == 0
    column = found["sorted"]
    numbers = [float(value) for value in column["first"]]
    assert len(numbers) == 13
    assert numbers == sorted(numbers)
    assert [float(value) for value in column["second"]] == sorted(numbers, reverse=True)
    assert (column["aria_first"], column["aria_second"]) == ("ascending", "descending")
    assert found["focus"] == "BUTTON"
    assert found["wide"] is False
    assert HOSTILE in found["texts"]


@browser
def test_the_page_follows_dark_and_light(results, tmp_path):
    write_report(results, tmp_path / "report.html")
    light = in_browser(tmp_path / "report.html", tmp_path, "--blink-settings=preferredColorScheme=1")
    dark = in_browser(tmp_path / "report.html", tmp_path, "--blink-settings=preferredColorScheme=0")
    assert light["paper"] == "rgb(255, 255, 255)"
    assert dark["paper"] == "rgb(20, 23, 28)"
    assert dark["ink"] == dark["drawing"] != light["drawing"]


FIRST = """<script>
window.__errors = [];
window.addEventListener("error", (event) => window.__errors.push(String(event.message)), true);
document.addEventListener("securitypolicyviolation", (event) => window.__errors.push(event.violatedDirective));
</script>"""
LAST = """<script>
const table = document.querySelector("#runs table");
const column = Array.from(table.tHead.rows[0].cells).findIndex((cell) => cell.innerText.trim().startsWith("delay"));
const button = table.tHead.rows[0].cells[column].querySelector("button");
const values = () => Array.from(table.tBodies[0].rows, (row) => row.cells[column].dataset.value);
const aria = () => table.tHead.rows[0].cells[column].getAttribute("aria-sort");
button.focus();
const focus = document.activeElement.tagName;
button.click(); const first = values(), aria_first = aria();
button.click(); const second = values(), aria_second = aria();
const style = getComputedStyle(document.body);
const found = {
  errors: window.__errors, title: document.title, images: document.images.length, focus,
  resources: performance.getEntriesByType("resource").length,
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  sorted: { first, second, aria_first, aria_second },
  texts: Array.from(document.querySelectorAll("td"), (cell) => cell.innerText),
  paper: style.backgroundColor, ink: style.color,
  drawing: getComputedStyle(document.querySelector("svg text")).fill,
};
const box = document.createElement("textarea");
box.id = "found"; box.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
document.body.append(box);
</script>"""


def in_browser(page, tmp_path, *options):
    """Open a page in headless Chromium at the width of a phone and return what a script finds in it."""
    import base64

    text = page.read_text().replace("<head>", f"<head>{FIRST}", 1).replace("</body>", f"{LAST}</body>", 1)
    (tmp_path / "probe.html").write_text(text)
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    words += ["--window-size=500,900", *options, "--dump-dom", (tmp_path / "probe.html").as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=True)
    match = re.search(r'<textarea id="found">([^<]*)</textarea>', done.stdout)
    assert match, done.stderr[-2000:]
    return json.loads(base64.b64decode(match.group(1)))


def test_bootstrap_interval_covers_and_repeats():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        interval = mean_interval(rng.exponential(size=40))
        inside += interval.low <= 1.0 <= interval.high
    assert 0.88 <= inside / 200 <= 0.99
    values = rng.exponential(size=30)
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(np.array([np.nan])) is None
    assert mean_interval(np.array([2.0, np.nan])).count == 1


def test_profiles_divide_by_the_best_on_each_instance():
    frame = pd.DataFrame(
        {
            "instance_sha256": ["a", "a", "b", "b", ""],
            "objective": ["mean"] * 5,
            "scheme": ["x", "y", "x", "y", "x"],
            "objective_s": [1.0, 2.0, 6.0, None, 1.0],
        }
    )
    found = profiles(frame)
    assert found["x"].tolist() == [1.0, 1.0]
    assert found["y"].tolist() == [2.0, np.inf]


def test_an_empty_or_missing_results_file_is_bad_input(tmp_path, capsys):
    with Store(tmp_path / "r.db"):
        pass
    for name, message in (("r.db", "holds no run"), ("missing.db", "no such results file")):
        assert main(["report", str(tmp_path / name), "-o", str(tmp_path / "report.html")]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
