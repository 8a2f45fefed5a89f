"""`rota calendar`."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from rota import Cron, Job, Queue
from rota.cli.heat_map import fold, heat_map, level, ranges
from rota.cli.heat_svg import heat_svg
from rota.forecast import Forecast, forecast

NOW = datetime(2026, 11, 21, 15, 0, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
JOBS = """
work, slow = Queue(name="work"), Queue(name="slow")
berlin = Cron("0 9 * * MON-FRI", time_zone="Europe/Berlin")
tick = Job(name="tick", handler="b:c", target=work, schedule=Every(timedelta(minutes=5)))
report = Job(name="report", handler="b:c", target=slow, schedule=berlin, lock=Lock())
drift = Job(name="drift", handler="b:c", target=work, schedule=Every(timedelta(minutes=7)))
mail = Job(name="mail", handler="b:c", target=work)
off = Job(name="off", handler="b:c", target=work, schedule=Cron("0 9 * * *"), enabled=False)
post = Job(name="post", handler="b:c", target=Endpoint(name="web"), schedule=Cron("30 8 * * *"))
manifest = Manifest(name="shop", jobs=[tick, report, drift, mail, off, post])
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def declared(application, declare, monkeypatch):
    monkeypatch.setattr("rota.cli.calendar.now", lambda: NOW)
    declare(JOBS)


def test_the_week_to_come_its_busiest_minutes_and_its_price(declared, run):
    code, out, _ = run("calendar")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "shop: 2,028 starts, Sat 2026-11-21 15:00 to Sat 2026-11-28 15:00 UTC"
    assert lines[2].startswith("   :00  :05")
    assert lines[3] == "00 " + "▓····" * 12 + " 84"
    assert lines[11] == "08 █····" + "▓····" * 5 + "█····" + "▓····" * 5 + " 96"
    assert "  08:00  2 at once, 12 in all: tick, report" in lines
    assert "drift: counts from the deploy, so it is not in the map" in lines
    rows = {line.split()[0]: line.split()[1:] for line in lines[lines.index("") :] if "  " in line.strip()}
    assert rows["tick"] == ["rule", "8,760", "0.03", "2.86"]
    assert rows["drift"] == ["schedule", "6,257", "0.02", "3.86"]
    assert rows["report"][:2] == ["schedule", "22"]
    assert rows["mail"] == ["enqueued", "1.20"]
    assert rows["off"][:2] == ["rule", "0"]
    assert rows["polling"] == ["2", "queues", "0.11"]
    assert "1 worker process, asking each queue 180 times an hour" in lines[-1]
    assert "each job fired alone, though Rota(together=...) may have one rule for several" in lines[-1]
    assert "post: endpoint: not counted but reckoned from docs/http.md; without the Lambda's time and polls" in lines
    assert "mail: enqueued: how often is not known, and not in the sum" in lines


def test_one_job_is_told_on_its_own_clocks(declared, run):
    _, out, _ = run("calendar", "report", "--from", "2026-11-23", "--to", "2026-11-25")
    assert out.splitlines()[0] == "report: 2 starts, Mon 2026-11-23 00:00 to Wed 2026-11-25 00:00 Europe/Berlin"
    assert "  09:00  1 at once, 2 in all: report\n" in out
    _, out, _ = run("calendar", "report", "--zone", "UTC", "--days", "3")
    assert "  08:00  1 at once, 2 in all: report\n" in out


def test_for_machines(declared, run):
    _, out, _ = run("calendar", "--days", "1", "--json", "--processes", "3", "--schedules-with", "scheduler")
    read = json.loads(out)
    assert (read["from"], read["to"], read["zone"]) == ("2026-11-21T15:00:00Z", "2026-11-22T15:00:00Z", "UTC")
    assert read["starts"] == sum(minute["starts"] for minute in read["minutes"]) == 289
    assert {"minute": "08:30", "starts": 2, "at_once": 2, "jobs": ["post", "tick"]} in read["minutes"]
    assert read["not_in_the_map"] == ["drift"]
    cost = read["cost"]
    jobs = {each["job"]: each for each in cost["jobs"]}
    assert {name: each["by"] for name, each in jobs.items()} == {
        "tick": "schedule",
        "report": "schedule",
        "drift": "schedule",
        "post": "schedule",
        "off": "schedule",
        "mail": "enqueued",
    }
    assert jobs["tick"]["dollars_a_month"] == pytest.approx(8760 * jobs["tick"]["dollars_a_million"] / 1e6)
    assert cost["polling"] == {"queues": 2, "processes": 3, "dollars_a_month": pytest.approx(6 * 0.05256)}
    assert cost["dollars_a_month"] == pytest.approx(
        sum(each["dollars_a_month"] or 0 for each in cost["jobs"]) + 6 * 0.05256
    )


def test_dearer_jobs_come_first_and_the_rest_is_one_line(declared, run):
    _, out, _ = run("calendar", "-n", "1")
    assert "\ntick " in out
    assert "\n5 more " in out
    assert "\ndrift  " not in out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--to", "2026-11-20"], "--to 2026-11-20 is not after 2026-11-21T15:00:00Z"),
        (["--to", "2028-11-20"], "more than 400 days after"),
        (["--to", "2026-12-01", "--days", "3"], "give one"),
        (["--zone", "Mars/Base"], "'Mars/Base' is not an IANA name"),
        (["--svg", "nowhere/a.svg"], "--svg nowhere/a.svg cannot be written: No such file or directory"),
        (["--schedules-with", "cron"], "'rules', 'scheduler'"),
    ],
)
def test_what_cannot_be_shown_is_said(declared, run, given, said):
    code, _, err = run("calendar", *given)
    assert code == 2
    assert said in " ".join(err.replace("│", "").split())


def test_a_picture_is_written(declared, run):
    code, out, _ = run("calendar", "--svg", "week.svg")
    assert code == 0
    assert out.endswith("the heat map is in week.svg\n")
    root = ET.parse("week.svg").getroot()
    cells = [rect for rect in root.iter(f"{SVG}rect") if rect.get("rx") and rect.find(f"{SVG}title") is not None]
    said = {rect.find(f"{SVG}title").text.split("\n")[0]: rect for rect in cells}
    assert len(said) == 12 * 24
    assert said["08:00: 12 starts, 2 at once"].find(f"{SVG}title").text.endswith("\ntick, report")


def test_a_manifest_without_schedules_has_a_price_list_alone(declare, run):
    declare('manifest = Manifest(name="shop", jobs=[Job(name="a", handler="b:c", target=Queue(name="q"))])')
    code, out, _ = run("calendar")
    assert code == 0
    assert out.startswith("shop: 0 starts, ")
    assert "the busiest" not in out
    assert Path("jobs.py").exists()


# The map itself


def found(*expressions: str) -> Forecast:
    jobs = [
        Job(name=f"a{number}", handler="b:c", target=Queue(name="q"), schedule=Cron(expression))
        for number, expression in enumerate(expressions)
    ]
    return forecast(jobs, start=NOW.replace(second=0), end=NOW.replace(second=0) + WEEK)


@pytest.mark.parametrize("width", [1, 20, 40, 79, 80, 120, 160, 400])
def test_no_line_is_wider_than_the_terminal_that_has_room_for_an_hour(width):
    lines = [line.plain for line in heat_map(found("*/5 * * * *", "0 0 * * *"), width=width)]
    assert len(lines) == 26
    assert all(len(line) <= max(width, 20) for line in lines[:25])
    assert sum(int(line.split()[-1].replace(",", "")) for line in lines[1:25]) == 7 * 289


def test_it_can_be_read_without_colours_and_in_ascii():
    lines = [line.plain for line in heat_map(found("0 2 * * *", *["30 2 * * *"] * 16), width=80, plain=True)]
    assert lines[3] == "02 -" + "." * 29 + "#" + "." * 29 + " 119"
    assert lines[-1] == "   -- 1-7  ++ 8-28  ** 29-63  ## 64-112  starts a minute"
    assert all(line.isascii() for line in lines)


def test_shades_and_their_ranges_agree():
    for most in (1, 2, 3, 5, 7, 16, 100, 12345):
        told = ranges(most)
        assert told[0][1] == 1
        assert told[-1][2] == most
        for shade, low, high in told:
            assert {level(low, most), level(high, most)} == {shade}
        assert [low for _, low, _ in told[1:]] == [high + 1 for _, _, high in told[:-1]]
    assert level(0, 5) == 0


def test_folded_minutes_are_added_up():
    assert fold({0: 1, 4: 2, 5: 3, 1439: 4}, 5) == {0: 3, 1: 3, 287: 4}


def test_a_terminal_shows_it_in_colours(monkeypatch):
    console = Console(force_terminal=True, color_system="standard", width=80, legacy_windows=False)
    with console.capture() as shown:
        console.print(next(line for line in heat_map(found("0 0 * * *"), width=80) if line.plain.startswith("00")))
    assert "\x1b[1;31m█" in shown.get()


def test_names_are_escaped_in_the_picture():
    from dataclasses import replace

    cell = replace(found("0 2 * * *").cells[120], _parts=((("<&\"'>\x07",), 7),))
    root = ET.fromstring(heat_svg(replace(found("0 2 * * *"), cells={120: cell}), "a <b> & c"))
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles == ["a <b> & c", "02:00: 7 starts, 1 at once\n<&\"'>"]
    assert len([rect for rect in root.iter(f"{SVG}rect") if rect.get("rx")]) == 24 * 60 + 4  # and the legend


def test_a_tooltip_names_ten_jobs_and_counts_the_others():
    root = ET.fromstring(heat_svg(found(*["0 2 * * *"] * 13), "many"))
    tooltip = [title.text for title in root.iter(f"{SVG}title")][1]
    assert tooltip.startswith("02:00: 91 starts, 13 at once\na0, a1, ")
    assert tooltip.endswith(" and 3 more")
