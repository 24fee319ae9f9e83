"""The explorer: what the page shows, which requests it answers, and that it works in a browser."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Thread
from time import sleep

import numpy as np
import pytest
from astroclip_small import astroclip, complaint, save, words, write_pairs
from playwright.sync_api import expect, sync_playwright

from astroclip.data.readers.open import open_source
from astroclip.inference.bank import Bank
from astroclip.inference.embedding_files import Embeddings, write
from astroclip.inference.explore import Explorer, principal_plane, server

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.usefixtures("here")
NASTY = "<img src=x onerror=alert(1)>"


def many(count, name="m.parquet"):
    random = np.random.default_rng(0)
    vectors = {n: random.normal(size=(count, 16)).astype("f4") for n in ("image_z", "spectrum_z")}
    where = np.stack([random.uniform(0, 360, count), random.uniform(-80, 80, count)], 1)
    labels = {"redshift": random.uniform(0, 1, count).astype("f4"), NASTY: np.zeros(count, "f4")}
    labels["redshift"][1] = np.nan
    ids = [NASTY if n == 3 else f"s{n}" for n in range(count)]
    write(name, [Embeddings(ids, labels, where, vectors)], {})
    return Bank(name)


@contextmanager
def served(explorer):
    serving = server(explorer, 0)
    thread = Thread(target=serving.serve_forever)
    thread.start()
    try:
        yield serving.server_address[1]
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


def ask(port, path, method="GET", **headers):
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def test_neighbors_are_those_of_a_plain_sort_from_both_sides(here):
    bank = many(500)
    with served(Explorer(bank)) as port:
        found = json.loads(ask(port, "/galaxy?row=7")[1])
    units = {
        n: v / np.linalg.norm(v, axis=1, keepdims=True) for n, v in bank.whole().vectors.items()
    }
    assert found["galaxy"]["id"] == "s7"
    assert found["galaxy"]["position"] == pytest.approx(bank.positions[7].tolist())
    assert {(each["of"], each["kind"]) for each in found["near"]} == {
        (of, kind) for of in ("image", "spectrum") for kind in ("image", "spectrum")
    }
    for each in found["near"]:
        cosine = units[f"{each['kind']}_z"] @ units[f"{each['of']}_z"][7]
        order = [row for row in np.argsort(-cosine) if each["of"] != each["kind"] or row != 7]
        assert [near["row"] for near in each["galaxies"]] == order[:8]


def test_requests_at_once_are_answered_one_after_another(here):
    class Slow(Explorer):
        inside, most = 0, 0

        def galaxy(self, row):
            self.inside += 1
            self.most = max(self.most, self.inside)
            sleep(0.02)
            self.inside -= 1
            return super().galaxy(row)

    explorer = Slow(many(50))
    with served(explorer) as port, ThreadPoolExecutor(4) as pool:
        answers = [*pool.map(lambda row: ask(port, f"/galaxy?row={row}"), range(12))]
    assert [json.loads(said)["galaxy"]["id"] for _, said, _ in answers][:3] == ["s0", "s1", "s2"]
    assert explorer.most == 1  # an open parquet file read by two threads ends the process


def test_a_galaxy_is_found_by_id_number_and_position_and_never_as_a_file(here):
    bank = many(50)
    ra, dec = bank.positions[9]
    np.save("secret.npy", np.ones(3))
    with served(Explorer(bank)) as port:
        for word, row in (("s5", 5), ("12", 12), (f"{ra:.7f},{dec:.7f}", 9)):
            assert json.loads(ask(port, f"/find?word={word}")[1]) == {"row": row}
        status, said, _ = ask(port, "/find?word=secret.npy")
    assert status == 404
    assert b"is no id" in said


@pytest.mark.parametrize(
    "path", ["/../explore.py", "/explore.py", "/image/99999", "/image/-1", "/galaxy",
             "/galaxy?row=x", "/galaxy?row=50", "/label?name=no", "/find", "/image/3",
             "/%2e%2e/etc/passwd"],
)  # fmt: skip
def test_other_requests_are_not_answered(here, path):
    with served(Explorer(many(50))) as port:
        assert ask(port, path)[0] == 404
        assert ask(port, "/about")[0] == 200


def test_other_hosts_and_methods_are_refused_and_no_script_comes_from_elsewhere(here):
    with served(Explorer(many(50))) as port:
        assert ask(port, "/about", Host="evil.example")[0] == 403  # DNS rebinding
        assert ask(port, "/about", Host=f"evil.example:{port}")[0] == 403
        assert ask(port, "/about", "POST")[0] == 501
        for path in ("/", "/explore.js", "/explore.css", "/galaxy?row=3"):
            status, content, headers = ask(port, path)
            assert status == 200
            assert headers["Content-Security-Policy"].startswith("default-src 'self';")
            assert b"://" not in content


def test_pictures_come_from_the_files(here):
    save(here)
    pairs = write_pairs(here / "own")
    astroclip("embed", here, *words(pairs), "--out", "e.npz")
    with served(Explorer(Bank("e.npz"), open_source(pairs))) as port:
        assert ask(port, "/image/2")[1].startswith(b"\x89PNG")
        assert b"<svg" in ask(port, "/spectrum/2")[1]


def test_the_map_is_the_plane_of_the_largest_variance():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(4000, 6)).astype("f4") * [0.1, 5, 0.1, 2, 0.1, 0.1] + 7
    plane = principal_plane(vectors.astype("f4"))
    for axis, column in enumerate((1, 3)):
        assert abs(np.corrcoef(plane[:, axis], vectors[:, column])[0, 1]) > 0.99
    assert np.abs(plane).max() <= 1.05 + 1e-6


def test_what_cannot_be_shown_is_named(here, capsys):
    assert "nowhere.npz: no such file" in complaint(capsys, "explore", "nowhere.npz")
    vectors = {"spectrum_h": np.ones((3, 2), "f4")}
    write("h.npz", [Embeddings(["a", "b", "c"], {}, None, vectors)], {})
    assert "no image_z and no spectrum_z" in complaint(capsys, "explore", "h.npz")
    with served(Explorer(many(5))) as port:
        line = complaint(capsys, "explore", "m.parquet", "--port", port, "--browse", "false")
    assert f"port: {port}: " in line


@pytest.mark.process
@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
def test_a_hundred_thousand_galaxies_are_explored_in_a_browser(here):
    bank, complaints = many(100_000), []
    with served(Explorer(bank)) as port, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = chromium.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(f"http://127.0.0.1:{port}/")
        said, title = page.locator("#said"), page.locator("#galaxy h2")
        expect(said).to_have_text("100000 galaxies")
        lit = "map.getContext('2d').getImageData(0, 0, 900, 900).data.filter(v => v).length"
        assert page.evaluate(lit) > 50_000
        page.fill("#word", "s777")
        page.keyboard.press("Enter")
        expect(title).to_have_text("s777")
        assert page.locator(".near").count() == 4
        assert page.locator(".near button").count() == 32
        page.locator(".near button").first.click()
        expect(title).not_to_have_text("s777")
        page.locator("#map").click(position={"x": 300, "y": 300})
        page.fill("#word", NASTY)
        page.keyboard.press("Enter")
        expect(title).to_have_text(NASTY)
        page.fill("#word", "nobody")
        page.keyboard.press("Enter")
        expect(said).to_contain_text("is no id")
        chromium.close()
    assert [each for each in complaints if "404" not in each] == []
